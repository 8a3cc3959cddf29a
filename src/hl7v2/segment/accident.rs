//! ACC → Observation: an accident, what happened and what it brought about.
//!
//! The guide has no map for it. HL7 v2.8 6.5.9.

use super::clinical::{keyed, known_by};
use super::{note, participation};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded::concept};
use crate::hl7v2::draft::{Draft, Handle};
use crate::hl7v2::message::Segment;
use serde_json::{Value, json};

/// LOINC: what is told of how somebody was hurt.
const INCIDENT: (&str, &str) = ("11374-6", "Injury incident description Narrative");

/// Codes about an accident: the field, what it says, and the table of its codes.
const CODES: [(usize, &str, &str); 5] = [
    (2, "Accident code", "HL70050"),
    (4, "Auto accident state", "HL70347"),
    (5, "Accident job related", "HL70136"),
    (6, "Accident death", "HL70136"),
    (10, "Police notified", "HL70136"),
];

/// Adds the Observation of an accident; none where nothing is said of it.
pub fn accident(ctx: &Ctx, acc: Segment, patient: Handle, encounter: Option<Handle>) {
    if (1..=acc.last()).all(|n| !acc.field(n).is_there()) {
        return;
    }
    let mut draft = Draft::new("Observation", acc.at());
    draft.set("status", "final").set("subject", patient.reference());
    draft.set("encounter", encounter.map(Handle::reference));
    draft.set("code", concept("http://loinc.org", INCIDENT.0, Some(INCIDENT.1)));
    let when = acc.field(1);
    draft.set("effectiveDateTime", when.said().and_then(|when| datatype::date_time(ctx, when)));
    draft.set("valueString", acc.field(8).whole());
    for (n, name, table) in CODES {
        let code = acc.field(n).said().and_then(|code| datatype::codeable_concept(ctx, code, Some(table)));
        if let Some(code) = code {
            draft.push("component", json!({"code": {"text": name}, "valueCodeableConcept": code}));
        }
    }
    for who in participation::people(ctx, acc.field(7)) {
        draft.push("performer", who);
    }
    if let Some(place) = place(ctx, acc) {
        let url = "http://hl7.org/fhir/StructureDefinition/event-location";
        draft.push("extension", json!({"url": url, "valueReference": {"display": place}}));
    }
    for (n, label) in [(9, "Brought in by: "), (12, "Degree of patient liability: ")] {
        if let Some(text) = acc.field(n).whole() {
            draft.push("note", note::text(format!("{label}{text}")));
        }
    }
    if !known_by(ctx, acc.field(13), "accident", patient, &mut draft) {
        let words = [1, 8].map(|n| acc.field(n).text().unwrap_or_default());
        keyed(ctx, (patient, None), "accident", words.join("#").trim_matches('#'), &mut draft);
    }
    ctx.add_once(draft);
}

/// Returns in words where it happened: ACC-3 and the address of ACC-11. It is no place that anybody numbers.
fn place(ctx: &Ctx, acc: Segment) -> Option<String> {
    let address = acc.field(11).said().and_then(|address| datatype::address(ctx, address));
    let mut words: Vec<String> = acc.field(3).whole().into_iter().collect();
    if let Some(address) = address {
        let lines = address["line"].as_array().into_iter().flatten();
        let rest = ["city", "state", "postalCode", "country"].map(|name| &address[name]);
        words.extend(lines.chain(rest).filter_map(Value::as_str).map(String::from));
    }
    (!words.is_empty()).then(|| words.join(", "))
}
