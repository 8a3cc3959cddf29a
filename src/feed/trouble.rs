//! What the server refuses, in the words of an acknowledgement: the segment that it comes from and the element.

use super::plan::Plan;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceId;
use crate::hl7v2::draft::Drafts;
use crate::hl7v2::{Code, Place, Problem};

/// What a message that could not be taken over comes to.
#[derive(Debug)]
pub enum Trouble {
    /// It is at fault, or what it wants cannot be.
    Problems(Vec<Problem>),
    /// Its identifiers are those of several Patients: somebody has to say who is meant.
    Several(Problem, Vec<ResourceId>),
    /// We are: it stays, and is tried again.
    Later(&'static str),
}

pub const AWAY: &str = "the server cannot take it over at the moment; the message is kept, and may be sent again";
const MET: &str = "others changed the same resources all the time; the message is kept, and may be sent again";
const FAILED: &str = "the server failed; the message is kept and will be tried again";

/// Returns whether what is there has changed since it was looked at: then it is looked at again.
pub fn is_overtaken(fault: &Fault) -> bool {
    matches!(fault.kind(), Kind::Conflict | Kind::Stale | Kind::MultipleMatches | Kind::Duplicate)
}

/// Returns what a fault comes to. `slots` are those of the entries, where it is one of a transaction.
pub fn of(fault: &Fault, plan: &Plan, slots: &[usize], drafts: &Drafts) -> Trouble {
    match fault.kind() {
        Kind::Unavailable | Kind::Timeout | Kind::Throttled => return Trouble::Later(AWAY),
        Kind::Internal => {
            tracing::error!(?fault, "failed to take over a message");
            return Trouble::Later(FAILED);
        }
        _ if is_overtaken(fault) => return Trouble::Later(MET),
        _ => {}
    }
    let problem = |issue: &crate::fault::Issue| {
        let (entry, element) = issue.expression.as_deref().map_or((None, ""), parts);
        let slot = entry.and_then(|n| slots.get(n)).and_then(|at| plan.slots.get(*at));
        let place = slot.and_then(|slot| drafts.get(*slot.drafts.first()?)).map(|draft| draft.at);
        let text = match slot {
            Some(slot) if element.is_empty() => format!("{}: {}", slot.resource_type, issue.diagnostics),
            Some(slot) => format!("{}.{element}: {}", slot.resource_type, issue.diagnostics),
            None => issue.diagnostics.clone(),
        };
        Problem::error(code(issue.kind), place.unwrap_or(Place::segment("MSH", 1)), text)
    };
    Trouble::Problems(fault.issues().iter().map(problem).collect())
}

fn code(kind: Kind) -> Code {
    match kind {
        Kind::Required => Code::RequiredField,
        Kind::Value | Kind::Structure | Kind::Malformed => Code::DataType,
        Kind::Code => Code::TableValue,
        Kind::TooLarge | Kind::TooCostly => Code::TooLong,
        _ => Code::Other,
    }
}

/// Returns which entry is meant by `Bundle.entry[3].resource.birthDate`, and the element of it.
fn parts(expression: &str) -> (Option<usize>, &str) {
    let Some(rest) = expression.strip_prefix("Bundle.entry[") else { return (None, expression) };
    let Some((number, rest)) = rest.split_once(']') else { return (None, expression) };
    let rest = rest.strip_prefix(".resource").unwrap_or("");
    (number.parse().ok(), rest.trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_of_an_expression_is_found() {
        for (text, want) in [
            ("Bundle.entry[3].resource.birthDate", (Some(3), "birthDate")),
            ("Bundle.entry[12].resource", (Some(12), "")),
            ("Bundle.entry[0].request.url", (Some(0), "")),
            ("Bundle.entry", (None, "Bundle.entry")),
            ("Patient.name", (None, "Patient.name")),
        ] {
            assert_eq!(parts(text), want, "{text}");
        }
    }
}
