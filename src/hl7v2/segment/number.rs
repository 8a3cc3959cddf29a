//! Numbers that somebody gave: an identifier as an element, and as that by which a resource is recognized.

use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Draft, Identifier, Identity};
use crate::hl7v2::message::Part;
use serde_json::{Value, json};

const TYPES: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";

/// An identifier with a system and a value.
#[derive(Debug, Clone)]
pub struct Number {
    pub element: Value,
    pub key: Identifier,
}

/// Returns an EI with its type of table 0203.
///
/// An EI without an authority is only unique within what its sender numbers so: `kind` says what that is, and keeps the numbers of
/// one sender's orders apart from those of its documents.
pub fn number(ctx: &Ctx, part: Part, of_type: &str, kind: &str) -> Option<Number> {
    let mut element = datatype::entity_identifier(ctx, part)?;
    let value = element["value"].as_str()?.to_string();
    let system = match element["system"].as_str() {
        Some(system) => system.to_string(),
        None => own_system(ctx, kind),
    };
    element["system"] = json!(system);
    if !of_type.is_empty() && element["type"].is_null() {
        element["type"] = json!({"coding": [{"system": TYPES, "code": of_type}]});
    }
    Some(Number { element, key: Identifier { system, value } })
}

/// Returns an identifier that we make of what a message says of a thing that nobody numbered. The same thing gets the same.
pub fn synthetic(ctx: &Ctx, kind: &str, value: String) -> Number {
    let system = format!("{}/sid/hl7v2-{kind}", ctx.rules.canonical_base.trim_end_matches('/'));
    let element = json!({"system": system, "value": value});
    Number { element, key: Identifier { system, value } }
}

/// Returns the system of numbers of the sender that name no authority.
fn own_system(ctx: &Ctx, kind: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let facility: String = ctx.facility().chars().map(plain).collect();
    let facility = if facility.is_empty() { "unknown".to_string() } else { facility };
    format!("urn:x-v2:{facility}:{kind}")
}

/// Gives a draft its numbers, and recognizes it by them.
pub fn identify(draft: &mut Draft, numbers: Vec<Number>) {
    for number in &numbers {
        draft.push("identifier", number.element.clone());
    }
    let mut keys = Vec::new();
    for number in numbers {
        if !keys.contains(&number.key) {
            keys.push(number.key);
        }
    }
    if !keys.is_empty() {
        draft.identity = Identity::Identifiers(keys);
    }
}
