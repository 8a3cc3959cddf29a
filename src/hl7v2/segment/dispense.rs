//! RXD → MedicationDispense.
//!
//! The v2-to-FHIR guide has no map of RDS; HL7 v2.8 4A.4.5 is what this follows.

use super::medication::{self, Fields};
use super::obx::{self, set_list};
use super::order_number::Numbers;
use super::{dosage, identity, note, number, prescription};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded, place, quantity};
use crate::hl7v2::draft::{Draft, Handle};
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Map, Value, json};

const FIELDS: Fields =
    Fields { code: 2, other_code: 25, form: 6, strength: 16, volume: 28, lot: 18, expires: 19, maker: 20 };

/// Adds the MedicationDispense of an RXD. `request` is the prescription that the message repeats.
pub fn dispense(
    ctx: &Ctx,
    group: &Node,
    rxd: &Node,
    (patient, encounter): (Handle, Option<Handle>),
    request: Option<Handle>,
) -> Handle {
    let own = rxd.segment;
    let mut draft = Draft::new("MedicationDispense", own.at());
    draft.set("status", status(group.segment)).set("subject", patient.reference());
    draft.set("context", encounter.map(Handle::reference));
    let components: Vec<&Node> = rxd.all("RXC").collect();
    medication::fill(ctx, own, FIELDS, &components, &mut draft);
    draft.set("whenHandedOver", own.field(3).said().and_then(|part| datatype::date_time(ctx, part)));
    draft.set("quantity", quantity::simple_of(ctx, own.field(4), own.field(5).first()));
    let numbers = Numbers::read(ctx, Some(group.segment).filter(|orc| orc.name == "ORC"), None);
    let prescription = prescription::number_of(ctx, own, 7);
    let known = prescription.as_ref().map(|number| number.element.clone());
    let known = known.or_else(|| numbers.all().next().map(|number| number.element.clone()));
    let authorizing = request.map(Handle::reference);
    set_list(&mut draft, "authorizingPrescription", authorizing.or_else(|| known.map(by_number)).into_iter().collect());
    draft.set("location", own.field(30).said().and_then(|part| place::location_of_code(ctx, part)));
    let people = own.field(10).repetitions().filter_map(|part| datatype::practitioner(ctx, part));
    set_list(&mut draft, "performer", people.map(|actor| json!({"actor": actor})).collect());
    draft.set("type", own.field(33).said().and_then(|part| datatype::codeable_concept(ctx, part, Some("HL70484"))));
    draft.set("substitution", substitution(ctx, own));
    let words = [9, 15].into_iter().flat_map(|n| own.field(n).repetitions()).filter_map(coded::words);
    let notes = words.map(note::text).chain(note::annotations(ctx, rxd)).collect();
    set_list(&mut draft, "note", notes);
    dosages(ctx, rxd, &mut draft);
    // The counter of RXD-1 begins with 1 for each order; so the order's number and the counter are what it is known by.
    let order = numbers.filler.or(numbers.placer).map(|number| number.id).or(prescription.map(|number| number.key));
    let count = own.field(1).text().or_else(|| own.field(3).text());
    match order.zip(count) {
        Some((order, count)) => {
            // Numbers that several medicines share are told apart by the medicine.
            let code = obx::key_of(own.field(2));
            let value = format!("{}|{}|{code}|{count}", order.system, order.value);
            number::identify(&mut draft, vec![number::synthetic(ctx, "dispense", value)]);
        }
        None => {
            let text = "what was dispensed without a number of its order is new each time it comes";
            ctx.warn(Code::RequiredField, own.at().field(1), text);
        }
    }
    ctx.add(draft)
}

/// Adds what a charge says was dispensed (FT1-29): where it says how much (43) or by which prescription (42). One that is taken back
/// says nothing of that.
pub fn charged(ctx: &Ctx, ft1: Segment, patient: Handle, encounter: Option<Handle>) -> Option<Handle> {
    let code = ft1.field(29).said()?;
    let is_credit = ["CD", "CR"].iter().any(|code| ft1.field(6).is(code));
    if is_credit || [42, 43].iter().all(|n| ft1.field(*n).said().is_none()) {
        return None;
    }
    let mut draft = Draft::new("MedicationDispense", ft1.at());
    draft.set("status", "unknown").set("subject", patient.reference());
    draft.set("context", encounter.map(Handle::reference));
    draft.set("medicationCodeableConcept", datatype::codeable_concept(ctx, code, None));
    draft.set("quantity", ft1.field(43).said().and_then(|part| quantity::simple(ctx, part)));
    let prescription = identity::number(ctx, ft1.field(42).first(), Some(ctx.local("prescription")));
    set_list(&mut draft, "authorizingPrescription", prescription.map(|it| by_number(it.element)).into_iter().collect());
    let number = identity::number(ctx, ft1.field(2).first(), identity::local_system(ctx, "charge"));
    let words = [ft1.field(29), ft1.field(4)].map(obx::key_of).join("|");
    match number.map(|number| number.identifier) {
        Some(charge) => {
            let value = format!("charge|{}|{}", charge.system, charge.value);
            number::identify(&mut draft, vec![number::synthetic(ctx, "dispense", value)]);
        }
        None => {
            number::identify_within(&mut draft, patient, number::synthetic(ctx, "dispense", format!("charge|{words}")))
        }
    }
    Some(ctx.add_once(draft))
}

/// A prescription of which the number is known alone.
fn by_number(number: Value) -> Value {
    json!({"type": "MedicationRequest", "identifier": number})
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
    let was = match &*field.text()? {
        "G" | "T" | "3" | "5" => true,
        "N" | "0" | "1" | "2" | "4" | "7" | "8" => false,
        _ => {
            ctx.warn(Code::TableValue, field.at, "this is no code of table 0167");
            return None;
        }
    };
    let kind = datatype::codeable_concept(ctx, field.first(), Some("HL70167"))?;
    Some(json!({"wasSubstituted": was, "type": kind}))
}

fn dosages(ctx: &Ctx, rxd: &Node, draft: &mut Draft) {
    let mut dosage = Map::new();
    if let Some(most) = dosage::most_a_day(ctx, rxd.segment, 12) {
        dosage.insert("maxDosePerPeriod".into(), most);
    }
    if let Some(rxr) = rxd.one("RXR") {
        dosage::route(ctx, rxr.segment, &mut dosage);
    }
    let own = Some(Value::Object(dosage)).filter(|dosage| *dosage != json!({}));
    set_list(draft, "dosageInstruction", own.into_iter().chain(dosage::limits(ctx, rxd)).collect());
}
