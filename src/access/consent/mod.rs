//! What the Consents of a patient allow and refuse.
//!
//! R4 <https://hl7.org/fhir/R4/consent.html>, IHE Privacy Consent on FHIR. Pure: a [`Rule`] is one version of a Consent, compiled;
//! [`verdict`] says under which conditions on a resource the rules of one patient permit or deny it to an [`Asker`]. The conditions
//! are expressions of search, so that one decision is SQL for searches and a check of single resources.

mod aspect;
mod because;
pub mod class;
pub mod code;
mod index;
mod label;
mod listed;
mod provision;
pub mod purpose;
mod reading;
mod rule;
#[cfg(test)]
mod tests;
mod verdict;

pub use because::{Decision, Reason, because};
pub use rule::Rule;
pub use verdict::{changes_at, verdict};

use crate::fhir::Instant;
use crate::search::Expr;
use std::sync::Arc;

/// What holds for patients of whom no Consent says anything about the asker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Implied {
    /// Those who care for the patient may, for treatment; others may not.
    #[default]
    Treatment,
    /// Whoever's role and scopes allow it.
    Permit,
    /// Nobody.
    Deny,
}

impl Implied {
    pub fn parse(name: &str) -> Option<Implied> {
        match name {
            "treatment" => Some(Implied::Treatment),
            "permit" => Some(Implied::Permit),
            "deny" => Some(Implied::Deny),
            _ => None,
        }
    }
}

/// What is done with the data: http://terminology.hl7.org/CodeSystem/consentaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    Access,
    Collect,
    Correct,
    Disclose,
    Use,
}

/// Who asks, as Consents know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The person, what the person belongs to, and the client as a Device: `Practitioner/1`, `Organization/2`, `Device/app`. Sorted.
    pub actors: Arc<[Box<str>]>,
    /// A code of v3-ActReason: `TREAT`, `BTG`.
    pub purpose: Box<str>,
    pub action: Action,
    pub now: Instant,
}

impl Asker {
    pub fn is(&self, actor: &str) -> bool {
        self.actors.binary_search_by(|own| (**own).cmp(actor)).is_ok()
    }
}

/// Conditions on a resource of one type and one patient. What meets neither is left to what is implied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub permits: Expr,
    pub denies: Expr,
}
