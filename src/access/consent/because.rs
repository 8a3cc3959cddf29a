//! Why a resource is open or closed: the Consent and the provision that decided, in words.
//!
//! For `Consent/$explain` and for the audit. The same walk as [`super::verdict`], with every condition answered for one resource.

use super::aspect::Question;
use super::provision::Kind;
use super::verdict::{Said, said, unbeaten};
use super::{Asker, Rule};
use crate::fhir::ResourceType;
use crate::search::{Expr, Registry};
use std::sync::Arc;

/// What Consents decide of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Permit,
    Deny,
    /// No Consent says anything: what is implied holds.
    Silent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub decision: Decision,
    /// The ids of the Consents that decide alike.
    pub consents: Vec<Box<str>>,
    /// Where the first of them says so: `provision.provision[1]`, `policyRule`.
    pub path: Option<Box<str>>,
    pub text: String,
}

/// Returns what the rules of one patient say of one resource of type `t`. `matches` tells whether a condition holds for it; only
/// conditions that are decided on one resource are asked.
pub fn because(
    registry: &Registry,
    rules: &[Arc<Rule>],
    asker: &Asker,
    t: ResourceType,
    matches: &dyn Fn(&Expr) -> bool,
) -> Reason {
    let question = Question { registry, asker, t };
    let answer = |expr: Expr| match expr {
        Expr::All | Expr::None => expr,
        other if matches(&other) => Expr::All,
        _ => Expr::None,
    };
    let all: Vec<Said> = rules.iter().map(|rule| said(question, rule, &answer)).collect();
    let denying: Vec<usize> = (0..all.len()).filter(|i| unbeaten(rules, &all, *i) != Expr::None).collect();
    let permitting: Vec<usize> = (0..all.len()).filter(|i| all[*i].permit != Expr::None).collect();
    let (decision, who) = match (denying.is_empty(), permitting.is_empty()) {
        (false, _) => (Decision::Deny, denying),
        (true, false) => (Decision::Permit, permitting),
        (true, true) => (Decision::Silent, Vec::new()),
    };
    let Some(first) = who.first() else {
        let text = match rules.len() {
            0 => "the patient has no active Consent here".to_string(),
            n => format!("none of the patient's {n} active Consents covers this resource for this asker and purpose"),
        };
        return Reason { decision, consents: Vec::new(), path: None, text };
    };
    let by = if decision == Decision::Deny { all[*first].deny_by } else { all[*first].permit_by };
    let word = if decision == Decision::Deny { "denies" } else { "permits" };
    let mut text = format!("Consent/{} {word} it", rules[*first].id);
    if let Some(by) = by {
        let kind = if by.kind == Kind::Deny { "deny" } else { "permit" };
        text.push_str(&format!(" by {} ({kind})", by.path));
    }
    if who.len() > 1 {
        text.push_str(&format!(", and so do {} others", who.len() - 1));
    }
    if decision == Decision::Deny && !rules[*first].notes.is_empty() {
        text.push_str(&format!("; not understood, and so taken at its strictest: {}", rules[*first].notes.join("; ")));
    }
    let consents = who.iter().map(|i| rules[*i].id.clone()).collect();
    Reason { decision, consents, path: by.map(|by| by.path.clone()), text }
}
