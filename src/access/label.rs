//! Security labels: how confidential a resource may be to be open.
//!
//! R4 <https://hl7.org/fhir/R4/security-labels.html>. A resource without a label is normal.

use crate::fhir::ResourceType;
use crate::search::column::{Rank, Role};
use crate::search::expr::Term;
use crate::search::key::Form;
use crate::search::{Expr, Registry};

pub const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

/// Returns whether a resource may have a label. What has one has this name in its text.
pub fn is_labelled(content: &[u8]) -> bool {
    memchr::memmem::find(content, b"\"security\"").is_some()
}

/// How confidential something is; the order of v3-Confidentiality above normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidentiality {
    Normal,
    Restricted,
    VeryRestricted,
}

impl Confidentiality {
    /// Returns the level of a code of the table of roles.
    pub fn parse(code: &str) -> Option<Confidentiality> {
        match code {
            "N" => Some(Confidentiality::Normal),
            "R" => Some(Confidentiality::Restricted),
            "V" => Some(Confidentiality::VeryRestricted),
            _ => None,
        }
    }
}

/// Returns the condition that a resource is no more confidential than this.
pub fn at_most(registry: &Registry, t: ResourceType, limit: Confidentiality) -> Expr {
    let above: &[&str] = match limit {
        Confidentiality::Normal => &["R", "V"],
        Confidentiality::Restricted => &["V"],
        Confidentiality::VeryRestricted => return Expr::All,
    };
    let index = registry.of(t);
    let column = index.param("_security").and_then(|param| param.columns.first());
    // Where labels cannot be asked for, nothing can be said to be open.
    let Some(column) = column.map(|use_| &index.columns[usize::from(use_.index)]) else { return Expr::None };
    let key = |code: &&str| registry.keyer.term(column.key, Form::SystemCode, CONFIDENTIALITY, code);
    let keys = above.iter().map(key).collect();
    Expr::not(Expr::Term(Term { keys, rank: Rank::Flag, exclusive: None, role: Some(Role::Label) }))
}
