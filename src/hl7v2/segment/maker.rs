//! Manufacturers and pharmacies, named by a code → Organization.
//!
//! v2-to-FHIR, data type map CWE\[Organization\].

use super::words;
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Draft, Identifier, Identity, Update};
use crate::hl7v2::message::Part;
use serde_json::{Value, json};

/// Returns a reference to the Organization of a CWE: by its code where a system says whose that is, else by its name alone.
pub fn organization(ctx: &Ctx, part: Part) -> Option<Value> {
    let name = words::words(part)?;
    let coding = datatype::coding(ctx, part, None).unwrap_or_default();
    let (Some(system), Some(code)) = (coding["system"].as_str(), coding["code"].as_str()) else {
        return Some(json!({"display": name}));
    };
    let mut draft = Draft::new("Organization", part.at);
    draft.push("identifier", json!({"system": system, "value": code})).set("name", name.clone());
    draft.identity = Identity::Identifiers(vec![Identifier { system: system.to_string(), value: code.to_string() }]);
    draft.update = Update::Keep;
    let mut reference = ctx.add_once(draft).reference();
    reference["display"] = json!(name);
    Some(reference)
}
