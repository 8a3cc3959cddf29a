//! Filters of a value set: which concepts of a code system have a property.
//!
//! R4 <https://hl7.org/fhir/R4/codesystem.html#filters>, <https://hl7.org/fhir/R4/valueset-filter-operator.html>.

use super::Lack;
use super::system::{Concept, System, text};
use regex::{Regex, RegexBuilder};
use serde_json::Value;
use std::collections::BTreeSet;

/// Longest expression and how large it may become, in bytes.
const REGEX_BYTES_MAX: usize = 1_000;
const REGEX_SIZE_MAX: usize = 1 << 20;

/// Returns the codes of the concepts that a filter leaves.
pub fn codes(system: &System, filter: &Value) -> Result<BTreeSet<Box<str>>, Lack> {
    let (property, op, value) = (text(filter, "property"), text(filter, "op"), text(filter, "value"));
    let on_code = matches!(property, "concept" | "code");
    match op {
        "is-a" | "descendent-of" | "is-not-a" | "generalizes" if !on_code => {
            Err(unclear(system, property, op, "is for the property 'concept' alone"))
        }
        "is-a" => system.below(value),
        "generalizes" => system.above(value),
        "descendent-of" => {
            let mut below = system.below(value)?;
            below.remove(value);
            Ok(below)
        }
        "is-not-a" => {
            let below = system.below(value)?;
            Ok(matching(system, |concept| !below.contains(&concept.code)))
        }
        "=" | "in" | "not-in" | "regex" | "exists" => {
            if !on_code && !matches!(property, "display" | "parent" | "child") && !system.has_property(property) {
                return Err(unclear(system, property, op, "names a property that the code system does not have"));
            }
            by_property(system, property, op, value)
        }
        _ => Err(unclear(system, property, op, "has an operator that is not answered here")),
    }
}

fn by_property(system: &System, property: &str, op: &str, value: &str) -> Result<BTreeSet<Box<str>>, Lack> {
    let any = |concept: &Concept, test: &dyn Fn(&str) -> bool| match property {
        "concept" | "code" => test(&concept.code),
        "display" => !concept.display.is_empty() && test(&concept.display),
        "parent" => system.parents(concept).any(test),
        "child" => system.children(concept).any(test),
        _ => concept.properties.iter().any(|(name, own)| **name == *property && test(own)),
    };
    let listed: BTreeSet<&str> = value.split(',').map(str::trim).collect();
    Ok(match op {
        "=" => matching(system, |concept| any(concept, &|own| own == value)),
        "in" => matching(system, |concept| any(concept, &|own| listed.contains(own))),
        "not-in" => matching(system, |concept| !any(concept, &|own| listed.contains(own))),
        "exists" => {
            let wanted = match value {
                "true" => true,
                "false" => false,
                _ => return Err(unclear(system, property, op, "wants true or false")),
            };
            matching(system, |concept| any(concept, &|_| true) == wanted)
        }
        _ => {
            let regex = whole(value).ok_or_else(|| {
                unclear(system, property, op, "has an expression that cannot be read or is too large")
            })?;
            matching(system, |concept| any(concept, &|own| regex.is_match(own)))
        }
    })
}

fn matching(system: &System, test: impl Fn(&Concept) -> bool) -> BTreeSet<Box<str>> {
    system.concepts().iter().filter(|concept| test(concept)).map(|concept| concept.code.clone()).collect()
}

/// Returns an expression that the whole text must match.
fn whole(pattern: &str) -> Option<Regex> {
    if pattern.len() > REGEX_BYTES_MAX {
        return None;
    }
    RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(REGEX_SIZE_MAX).build().ok()
}

fn unclear(system: &System, property: &str, op: &str, reason: &str) -> Lack {
    Lack::Unclear(format!("a filter '{property} {op}' on code system {} {reason}", system.url))
}
