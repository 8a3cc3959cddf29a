//! Numbers that somebody gave: an identifier as an element, and as that by which a resource is recognized.

use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::datatype::identifier::{Authority, TYPE_SYSTEM};
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity, search_value};
use crate::hl7v2::message::Part;
use serde_json::{Value, json};

/// An identifier with a system and a value.
#[derive(Debug, Clone)]
pub struct Number {
    pub element: Value,
    pub key: Identifier,
}

/// Returns an EI of a type of table 0203 (none where it is empty).
///
/// An EI without an authority is only unique within what its sender numbers so: `kind` keeps the numbers of
/// prescriptions apart from those of orders.
pub fn number(ctx: &Ctx, part: Part, of_type: &str, kind: &str) -> Option<Number> {
    let mut element = datatype::entity_identifier(ctx, part)?;
    if !kind.is_empty() && !Authority::from(part, 2).is_there() {
        element["system"] = json!(ctx.local(kind));
    }
    if !of_type.is_empty() {
        element["type"] = json!({"coding": [{"system": TYPE_SYSTEM, "code": of_type}]});
    }
    let key =
        Identifier { system: element["system"].as_str()?.to_string(), value: element["value"].as_str()?.to_string() };
    Some(Number { element, key })
}

/// Returns an identifier that we make of what a message says of a thing that nobody numbered. The same thing gets the
/// same.
pub fn synthetic(ctx: &Ctx, kind: &str, value: String) -> Number {
    let system = format!("{}/sid/hl7v2-{kind}", ctx.rules.canonical_base.trim_end_matches('/'));
    let element = json!({"system": system, "value": value});
    Number { element, key: Identifier { system, value } }
}

/// Gives a draft its numbers, and recognizes it by them.
pub fn identify(draft: &mut Draft, numbers: Vec<Number>) {
    let mut keys: Vec<Identifier> = Vec::new();
    for number in numbers {
        draft.push("identifier", number.element);
        if !keys.contains(&number.key) {
            keys.push(number.key);
        }
    }
    if !keys.is_empty() {
        draft.identity = Identity::Identifiers(keys);
    }
}

/// Recognizes a draft by a number of ours that nothing else of this patient has.
pub fn identify_within(draft: &mut Draft, patient: Handle, number: Number) {
    let token = format!("{}|{}", search_value(&number.key.system), search_value(&number.key.value));
    draft.push("identifier", number.element);
    draft.identity = Identity::Search(format!("patient={{{}}}&identifier={token}", patient.0));
}
