//! RXD → MedicationDispense.
//!
//! The v2-to-FHIR guide has no map of RDS; HL7 v2.8 4A.4.3 is what this follows.

use super::dosage;
use super::medication::{self, Fields};
use super::number;
use super::prescription;
use super::{amount, words};
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Draft, Handle};
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Map, Value, json};

const FIELDS: Fields =
    Fields { code: 2, form: 6, strength: 16, volume: 28, lot: 18, expires: 19, maker: 20, other_code: 25 };

/// Adds the MedicationDispense of an RXD. `request` is the prescription that the message repeats.
pub fn dispense(
    ctx: &Ctx,
    group: &Node,
    rxd: &Node,
    patient: Handle,
    encounter: Option<Handle>,
    request: Option<Handle>,
) -> Handle {
    let own = rxd.segment;
    let mut draft = Draft::new("MedicationDispense", own.at());
    draft.set("status", status(group.segment)).set("subject", patient.reference());
    if let Some(encounter) = encounter {
        draft.set("context", encounter.reference());
    }
    let components: Vec<&Node> = rxd.all("RXC").collect();
    medication::fill(ctx, own, FIELDS, &components, &mut draft);
    if let Some(time) = own.field(3).said().and_then(|part| datatype::date_time(ctx, part)) {
        draft.set("whenHandedOver", time);
    }
    draft.set("quantity", amount::quantity(ctx, own.field(4), own.field(5).first()).unwrap_or_default());
    let prescription = prescription::prescription_number(ctx, own, 7);
    let authorizing = match (request, &prescription) {
        (Some(request), _) => Some(request.reference()),
        (None, Some(number)) => Some(json!({"type": "MedicationRequest", "identifier": number.element})),
        (None, None) => prescription::numbers(ctx, group.segment)
            .into_iter()
            .next()
            .map(|number| json!({"type": "MedicationRequest", "identifier": number.element})),
    };
    if let Some(authorizing) = authorizing {
        draft.set("authorizingPrescription", json!([authorizing]));
    }
    for person in own.field(10).repetitions() {
        if let Some(actor) = datatype::practitioner(ctx, person) {
            draft.push("performer", json!({"actor": actor}));
        }
    }
    if let Some(kind) = own.field(33).said() {
        draft.set("type", datatype::codeable_concept(ctx, kind, Some("HL70484")).unwrap_or_default());
    }
    if let Some(substitution) = substitution(ctx, own) {
        draft.set("substitution", substitution);
    }
    let notes = words::all(own, 9).into_iter().chain(words::all(own, 15)).chain(words::notes(rxd));
    for note in notes {
        draft.push("note", json!({"text": note}));
    }
    dosages(ctx, rxd, &mut draft);
    identify(ctx, group.segment, own, prescription, &mut draft);
    ctx.add(draft)
}

/// A message that something was dispensed says so; unless the order takes it back.
fn status(orc: Segment) -> &'static str {
    let is = |field: usize, codes: &[&str]| orc.name == "ORC" && codes.iter().any(|code| orc.field(field).is(code));
    match () {
        () if is(5, &["ER"]) => "entered-in-error",
        () if is(5, &["CA"]) || is(1, &["CA", "CR", "OC"]) => "cancelled",
        () if is(1, &["DC", "DR", "OD"]) => "stopped",
        () => "completed",
    }
}

/// RXD-11, table 0167: whether something else was dispensed than was ordered.
fn substitution(ctx: &Ctx, rxd: Segment) -> Option<Value> {
    let field = rxd.field(11);
    let code = field.text()?;
    let was = match &*code {
        "G" | "T" | "3" | "5" => true,
        "N" | "0" | "1" | "2" | "4" | "7" | "8" => false,
        _ => {
            ctx.warn(Code::TableValue, field.at, "this is no code of table 0167");
            return None;
        }
    };
    let mut substitution = json!({"wasSubstituted": was});
    if let Some(kind) = datatype::codeable_concept(ctx, field.first(), Some("HL70167")) {
        substitution["type"] = kind;
    }
    Some(substitution)
}

fn dosages(ctx: &Ctx, rxd: &Node, draft: &mut Draft) {
    let mut dosage = Map::new();
    let daily = rxd.segment.field(12);
    if let Some(numerator) = amount::composite(ctx, daily.first()) {
        let ratio = json!({"numerator": numerator, "denominator": amount::one("d")});
        dosage.insert("maxDosePerPeriod".into(), ratio);
    }
    if let Some(rxr) = rxd.one("RXR") {
        dosage::route(ctx, rxr.segment, &mut dosage);
    }
    if !dosage.is_empty() {
        draft.set("dosageInstruction", json!([dosage]));
    }
}

/// The counter of RXD-1 begins with 1 for each order; so the order's number and the counter are what it is known by.
fn identify(ctx: &Ctx, orc: Segment, rxd: Segment, prescription: Option<number::Number>, draft: &mut Draft) {
    let order = prescription::numbers(ctx, orc).pop().or(prescription);
    let count = rxd.field(1).text().or_else(|| rxd.field(3).text());
    let Some((order, count)) = order.zip(count) else {
        let text = "what was dispensed without a number of its order is new each time it comes";
        ctx.warn(Code::RequiredField, rxd.field(1).at, text);
        return;
    };
    let value = format!("{}|{}|{count}", order.key.system, order.key.value);
    number::identify(draft, vec![number::synthetic(ctx, "dispense", value)]);
}
