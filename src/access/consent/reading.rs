//! Codings, concepts and references of a Consent, as its readers want them.
//!
//! R4 <https://hl7.org/fhir/R4/datatypes.html#Coding>, <https://hl7.org/fhir/R4/references.html#literal>.

use crate::fhir::reference::Literal;
use crate::fhir::{ResourceId, ResourceType};
use serde_json::Value;

/// Returns system and code; none without a code.
pub fn coding(coding: &Value) -> Option<(Option<&str>, &str)> {
    let code = coding.get("code")?.as_str().filter(|code| !code.is_empty())?;
    match coding.get("system") {
        None => Some((None, code)),
        Some(system) => Some((Some(system.as_str()?), code)),
    }
}

/// Returns the codings of a concept.
pub fn codings(concept: &Value) -> &[Value] {
    concept.get("coding").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns whether a concept has a code, in whatever system.
pub fn has_code(concept: Option<&Value>, code: &str) -> bool {
    concept.is_some_and(|concept| codings(concept).iter().any(|one| coding(one).is_some_and(|(_, c)| c == code)))
}

/// Returns the reader of a concept: what is understood of its codings, which mean the same; none if nothing is.
pub fn of_codings<T>(read: impl Fn(Option<&str>, &str) -> Option<T>) -> impl Fn(&Value) -> Option<Vec<T>> {
    move |concept| {
        let known: Vec<T> = codings(concept)
            .iter()
            .filter_map(|one| {
                let (system, code) = coding(one)?;
                read(system, code)
            })
            .collect();
        (!known.is_empty()).then_some(known)
    }
}

/// Returns what a Reference leads to: `Type/id` for a resource of this server, otherwise its URL; never a version. None for what
/// is contained, identified by other means or no reference.
pub fn reference(reference: &Value, base_url: &str) -> Option<Box<str>> {
    let text = reference.get("reference")?.as_str()?;
    let literal = Literal::parse(text)?;
    let path = format!("{}/{}", literal.resource_type, literal.id);
    let is_here = literal.base.is_empty() || literal.base == base_url.trim_end_matches('/');
    Some(if is_here { path.into() } else { format!("{}/{path}", literal.base).into() })
}

/// Returns type and id of a reference to a resource of this server.
pub fn local(reference: &str) -> Option<(ResourceType, ResourceId)> {
    let literal = Literal::parse(reference).filter(|literal| literal.base.is_empty())?;
    Some((literal.resource_type, ResourceId::parse(literal.id)?))
}
