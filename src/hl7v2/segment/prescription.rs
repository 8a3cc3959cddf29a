//! ORC with RXO or RXE → MedicationRequest.
//!
//! v2-to-FHIR, segment map RXO\[MedicationRequest\]; RXE has none. What the pharmacy encoded (RXE) is the prescription; what was
//! asked for (RXO) is it where nothing was encoded.

use super::dosage;
use super::medication;
use super::number::{self, Number};
use super::status;
use super::timing::{self, Timing};
use super::{amount, maker, words};
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Draft, Handle, Identity, search_value};
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Map, Value, json};

/// Where a segment has what: numbers of its fields, zero for what it has not.
struct Fields {
    medication: medication::Fields,
    dosage: dosage::Fields,
    timing: usize,
    substitution: usize,
    substitution_table: &'static str,
    /// How much is dispensed, before its units.
    quantity: usize,
    refills: usize,
    prescriber: usize,
    /// What the pharmacy is told.
    pharmacist: usize,
    prescription: usize,
    indication: usize,
    interval: usize,
    ordered: usize,
    first_fill: usize,
    pharmacy: usize,
}

const RXO: Fields = Fields {
    medication: medication::Fields {
        code: 1,
        form: 5,
        strength: 18,
        volume: 25,
        lot: 0,
        expires: 0,
        maker: 0,
        other_code: 0,
    },
    dosage: dosage::Fields { amount: 2, instructions: 7, daily: 23, rate: 21 },
    timing: 0,
    substitution: 9,
    substitution_table: "HL70161",
    quantity: 11,
    refills: 13,
    prescriber: 14,
    pharmacist: 6,
    prescription: 0,
    indication: 20,
    interval: 28,
    ordered: 0,
    first_fill: 0,
    pharmacy: 32,
};

const RXE: Fields = Fields {
    medication: medication::Fields {
        code: 2,
        form: 6,
        strength: 25,
        volume: 33,
        lot: 0,
        expires: 0,
        maker: 0,
        other_code: 0,
    },
    dosage: dosage::Fields { amount: 3, instructions: 7, daily: 19, rate: 23 },
    timing: 1,
    substitution: 9,
    substitution_table: "HL70167",
    quantity: 10,
    refills: 12,
    prescriber: 13,
    pharmacist: 21,
    prescription: 15,
    indication: 27,
    interval: 0,
    ordered: 32,
    first_fill: 39,
    pharmacy: 40,
};

/// Adds the MedicationRequest of an RXO or RXE. `group` is the ORC above it, or the segment itself where there is none.
pub fn request(ctx: &Ctx, group: &Node, own: &Node, patient: Handle, encounter: Option<Handle>) -> Handle {
    let is_encoded = own.segment.name == "RXE";
    let fields = if is_encoded { &RXE } else { &RXO };
    let mut draft = Draft::new("MedicationRequest", own.segment.at());
    draft.set("subject", patient.reference());
    if let Some(encounter) = encounter {
        draft.set("encounter", encounter.reference());
    }
    if group.segment.name == "ORC" {
        order(ctx, group.segment, &mut draft);
    }
    draft.default("status", "active");
    match is_encoded {
        true => draft.default("intent", "order"),
        false => draft.set("intent", "original-order"),
    };
    let components: Vec<&Node> = own.all("RXC").collect();
    medication::fill(ctx, own.segment, fields.medication, &components, &mut draft);
    let timings = timings(ctx, group, own, fields);
    if let Some(priority) = timings.iter().find_map(|timing| timing.priority.clone()) {
        draft.set("priority", priority);
    }
    let routes: Vec<&Node> = own.all("RXR").collect();
    let dosages = dosage::dosages(ctx, own.segment, fields.dosage, &routes, timings);
    if !dosages.is_empty() {
        draft.set("dosageInstruction", dosages);
    }
    people_and_reasons(ctx, own.segment, fields, &mut draft);
    let notes = words::all(own.segment, fields.pharmacist).into_iter();
    for note in notes.chain([group, own].into_iter().flat_map(words::notes)) {
        draft.push("note", json!({"text": note}));
    }
    dispense(ctx, own.segment, fields, &mut draft);
    identify(ctx, group.segment, own.segment, fields, patient, &mut draft);
    ctx.add(draft)
}

/// What ORC says of it.
fn order(ctx: &Ctx, orc: Segment, draft: &mut Draft) {
    if let Some(status) = status::prescription(orc) {
        draft.set("status", status);
        if let Some(reason) = orc.field(16).said().and_then(|part| datatype::codeable_concept(ctx, part, None)) {
            draft.set("statusReason", reason);
        }
    }
    if let Some(time) = orc.field(9).said().and_then(|part| datatype::date_time(ctx, part)) {
        // ORC-9 is when this was said; that is when it was ordered only where it is new.
        match ["NW", "RO", "XX"].iter().any(|code| orc.field(1).is(code)) {
            true => draft.set("authoredOn", time),
            false => draft.default("authoredOn", time),
        };
    }
    for (field, name) in [(12, "requester"), (10, "recorder")] {
        let person = orc.field(field);
        if let Some(person) = person.said().and_then(|part| datatype::practitioner(ctx, part)) {
            draft.set(name, person);
        }
    }
    // An EI until v2.8.1, an EIP since: then the placer's number is within the first component.
    let group = orc.field(4).said().map(|part| if part.part(1).len() > 1 { part.part(1) } else { part });
    if let Some(group) = group.and_then(|part| number::number(ctx, part, "PGN", "placer-group")) {
        draft.set("groupIdentifier", group.element);
    }
}

/// Who asked for it and why, where ORC does not say it.
fn people_and_reasons(ctx: &Ctx, own: Segment, fields: &Fields, draft: &mut Draft) {
    if let (false, Some(person)) = (draft.resource.contains_key("requester"), own.field(fields.prescriber).said()) {
        draft.set("requester", datatype::practitioner(ctx, person).unwrap_or_default());
    }
    if let Some(time) = own.field(fields.ordered).said() {
        draft.set("authoredOn", datatype::date_time(ctx, time).unwrap_or_default());
    }
    for indication in own.field(fields.indication).repetitions() {
        if let Some(concept) = datatype::codeable_concept(ctx, indication, None) {
            draft.push("reasonCode", concept);
        }
    }
    let allowed = own.field(fields.substitution).said();
    if let Some(allowed) =
        allowed.and_then(|part| datatype::codeable_concept(ctx, part, Some(fields.substitution_table)))
    {
        draft.set("substitution", json!({"allowedCodeableConcept": allowed}));
    }
}

/// The own TQ1 count, else those of the order; else what older versions say in RXE-1 and ORC-7.
fn timings(ctx: &Ctx, group: &Node, own: &Node, fields: &Fields) -> Vec<Timing> {
    let segments = [own, group].into_iter().map(|node| node.all("TQ1").collect::<Vec<_>>());
    if let Some(tq1) = segments.into_iter().find(|found| !found.is_empty()) {
        return tq1.into_iter().map(|node| timing::of_tq1(ctx, node.segment)).collect();
    }
    let is_order = group.segment.name == "ORC";
    let parts = [(own.segment, fields.timing), (group.segment, if is_order { 7 } else { 0 })];
    let old = parts.into_iter().map(|(segment, n)| segment.field(n)).find(|part| part.said().is_some());
    old.into_iter().flat_map(|part| part.repetitions()).map(|part| timing::of_tq(ctx, part)).collect()
}

fn dispense(ctx: &Ctx, own: Segment, fields: &Fields, draft: &mut Draft) {
    let mut dispense = Map::new();
    let units = own.field(fields.quantity + 1).first();
    let quantity = |at: usize| {
        if at > 0 { amount::quantity(ctx, own.field(at), units) } else { None }
    };
    if let Some(quantity) = quantity(fields.first_fill) {
        dispense.insert("initialFill".into(), json!({"quantity": quantity}));
    }
    let interval = own.field(fields.interval);
    if let Some(days) = amount::decimal(ctx, interval) {
        let mut interval = amount::one("d");
        interval["value"] = json!(days);
        dispense.insert("dispenseInterval".into(), interval);
    }
    if let Some(refills) = amount::whole(ctx, own.field(fields.refills)) {
        dispense.insert("numberOfRepeatsAllowed".into(), json!(refills));
    }
    if let Some(quantity) = quantity(fields.quantity) {
        dispense.insert("quantity".into(), quantity);
    }
    let pharmacy = own.field(fields.pharmacy);
    if let Some(pharmacy) = pharmacy.said().and_then(|part| maker::organization(ctx, part)) {
        dispense.insert("performer".into(), pharmacy);
    }
    if !dispense.is_empty() {
        draft.set("dispenseRequest", Value::Object(dispense));
    }
}

/// Returns the numbers of an order: the placer's and the filler's.
pub fn numbers(ctx: &Ctx, orc: Segment) -> Vec<Number> {
    if orc.name != "ORC" {
        return Vec::new();
    }
    let number = |field, of_type, kind| number::number(ctx, orc.field(field).said()?, of_type, kind);
    [number(2, "PLAC", "placer-order"), number(3, "FILL", "filler-order")].into_iter().flatten().collect()
}

/// Returns the number of a prescription (RXE-15, RXD-7), which pharmacies use again for what belongs together.
pub fn prescription_number(ctx: &Ctx, segment: Segment, field: usize) -> Option<Number> {
    number::number(ctx, segment.field(field).said()?, "", "prescription")
}

fn identify(ctx: &Ctx, orc: Segment, own: Segment, fields: &Fields, patient: Handle, draft: &mut Draft) {
    let orders = numbers(ctx, orc);
    let prescription = prescription_number(ctx, own, fields.prescription);
    let is_ordered = !orders.is_empty();
    number::identify(draft, orders);
    if let Some(prescription) = prescription {
        if is_ordered {
            draft.push("identifier", prescription.element);
        } else {
            number::identify(draft, vec![prescription]);
        }
    }
    if draft.identity != Identity::New {
        return;
    }
    let code =
        draft.resource.get("medicationCodeableConcept").map(|concept| concept["coding"][0].clone()).unwrap_or_default();
    let time = draft.resource.get("authoredOn").and_then(Value::as_str);
    match (code["system"].as_str(), code["code"].as_str(), time) {
        (Some(system), Some(code), Some(time)) => {
            let [system, code, time] = [system, code, time].map(search_value);
            let search = format!("patient={{{}}}&code={system}|{code}&authoredon={time}", patient.0);
            draft.identity = Identity::Search(search);
        }
        _ => {
            ctx.warn(Code::RequiredField, orc.field(2).at, "an order without a number is a new one each time it comes")
        }
    }
}
