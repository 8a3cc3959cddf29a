//! What the Consents of one patient say together.
//!
//! R4 <https://hl7.org/fhir/R4/consent.html>: a nested provision is an exception to the one around it, so the deepest that covers a
//! resource decides, and among siblings a refusal. An exception of the same type widens the outer one, as in IHE Privacy Consent on
//! FHIR: it takes over what it does not say anew. Between Consents a refusal wins, but against a later permit that the same people gave
//! to this very asker.

use super::aspect::Question;
use super::listed::Region;
use super::provision::{Kind, Provision};
use super::{Asker, Rule, Verdict};
use crate::fhir::{Instant, ResourceType};
use crate::search::{Expr, Registry};
use std::sync::Arc;

/// Returns what the rules of one patient say about resources of type `t`.
pub fn verdict(registry: &Registry, rules: &[Arc<Rule>], asker: &Asker, t: ResourceType) -> Verdict {
    let question = Question { registry, asker, t };
    let said: Vec<Said> = rules.iter().map(|rule| said(question, rule, &|expr| expr)).collect();
    let denies = Expr::or((0..said.len()).map(|i| unbeaten(rules, &said, i)));
    let permits = if denies == Expr::All { Expr::None } else { Expr::or(said.into_iter().map(|said| said.permit)) };
    Verdict { permits, denies }
}

/// Returns the next moment at which the rules may say something else, by a period that begins or ends.
pub fn changes_at(rules: &[Arc<Rule>], now: Instant) -> Option<Instant> {
    fn walk(provision: &Provision, now: i64) -> Option<i64> {
        let own = [provision.in_force.from, provision.in_force.until].into_iter().flatten().filter(|at| *at > now);
        own.chain(provision.exceptions.iter().filter_map(|exception| walk(exception, now))).min()
    }
    rules.iter().filter_map(|rule| walk(rule.top.as_ref()?, now.0)).min().map(Instant)
}

/// What one rule says.
pub struct Said<'a> {
    pub permit: Expr,
    /// Those of the permitted that the asker is permitted by name.
    named: Expr,
    pub deny: Expr,
    /// The deepest provision that permits or denies anything.
    pub permit_by: Option<&'a Provision>,
    pub deny_by: Option<&'a Provision>,
    /// What the provision covers, with exceptions of its type.
    reach: Region,
}

/// Makes of a condition another one, or the answer to it.
pub type Settle<'s> = &'s dyn Fn(Expr) -> Expr;

/// Returns what one rule says of resources, its conditions settled.
pub fn said<'a>(question: Question, rule: &'a Rule, settle: Settle) -> Said<'a> {
    let mut said = match &rule.top {
        Some(top) => decide(question, top, &Region::all(), settle),
        None => nothing(),
    };
    if !rule.can_permit {
        (said.permit, said.named) = (Expr::None, Expr::None);
    }
    said
}

fn nothing<'a>() -> Said<'a> {
    let (permit, named, deny) = (Expr::None, Expr::None, Expr::None);
    Said { permit, named, deny, permit_by: None, deny_by: None, reach: Region::none() }
}

fn decide<'a>(question: Question, provision: &'a Provision, outer: &Region, settle: Settle) -> Said<'a> {
    if outer.is_none() || !provision.in_force.holds(question.asker.now.0) {
        return nothing();
    }
    let covered = question.covered(&provision.elements, provision.kind);
    let is_certain = covered.under == covered.over;
    let under = settle(covered.under);
    let over = if is_certain { under.clone() } else { settle(covered.over) };
    let own = outer.clone().and(Region { under, over });
    let (same, other): (Vec<_>, Vec<_>) =
        provision.exceptions.iter().partition(|exception| exception.kind == provision.kind);
    let same: Vec<Said> = same.into_iter().map(|exception| decide(question, exception, outer, settle)).collect();
    let reach = same.iter().fold(own.clone(), |reach, said| reach.or(said.reach.clone()));
    let other: Vec<Said> = other.into_iter().map(|exception| decide(question, exception, &reach, settle)).collect();
    let each = || other.iter().chain(&same);
    let permitted = Expr::or(each().map(|said| said.permit.clone()));
    let denied = Expr::or(each().map(|said| said.deny.clone()));
    let named = Expr::or(each().map(|said| said.named.clone()));
    let (permit_by, deny_by) = (each().find_map(|said| said.permit_by), each().find_map(|said| said.deny_by));
    let not_denied = |expr: Expr| if expr == Expr::None { expr } else { Expr::and([expr, Expr::not(denied.clone())]) };
    let said = match provision.kind {
        Kind::Permit => {
            let own_name = if question.is_named(&provision.elements) { own.under.clone() } else { Expr::None };
            Said {
                permit: not_denied(Expr::or([own.under.clone(), permitted])),
                named: not_denied(Expr::or([own_name, named])),
                permit_by: permit_by.or((own.under != Expr::None).then_some(provision)),
                deny: denied,
                deny_by,
                reach,
            }
        }
        Kind::Deny => Said {
            deny: Expr::or([Expr::and([own.over.clone(), Expr::not(permitted.clone())]), denied.clone()]),
            deny_by: deny_by.or((own.over != Expr::None).then_some(provision)),
            permit: not_denied(permitted),
            named: not_denied(named),
            permit_by,
            reach,
        },
    };
    Said {
        permit_by: said.permit_by.filter(|_| said.permit != Expr::None),
        deny_by: said.deny_by.filter(|_| said.deny != Expr::None),
        ..said
    }
}

/// Returns what the rule at `i` denies when the others are heard.
pub fn unbeaten(rules: &[Arc<Rule>], said: &[Said], i: usize) -> Expr {
    let deny = &said[i].deny;
    if *deny == Expr::None {
        return Expr::None;
    }
    let later = (0..rules.len()).filter(|j| said[*j].named != Expr::None && beats(&rules[*j], &rules[i]));
    let beaten = Expr::or(later.map(|j| said[j].named.clone()));
    Expr::and([deny.clone(), Expr::not(beaten)])
}

/// Returns whether a permit of one rule is heard against a refusal of the other: the same people agreed, for the same custodians,
/// surely later.
fn beats(permit: &Rule, deny: &Rule) -> bool {
    let is_later = match (&permit.date_time, &deny.date_time) {
        (Some(permit), Some(deny)) => permit.lo > deny.hi,
        _ => false,
    };
    is_later
        && permit.patient == deny.patient
        && permit.performers == deny.performers
        && permit.organizations == deny.organizations
}
