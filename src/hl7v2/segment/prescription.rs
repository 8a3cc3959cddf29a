//! ORC with RXO or RXE → MedicationRequest.
//!
//! v2-to-FHIR, segment map RXO\[MedicationRequest\]; RXE has none. What was asked for (RXO) is the original order, what the
//! pharmacy made of it (RXE) the filler's order, which is based on the other. They have the same numbers, so it is the intent
//! that tells them apart.

use super::number::{self, Number};
use super::obx::set_list;
use super::order_number::Numbers;
use super::tq1::{self, Timing};
use super::{dosage, medication, note, orc, participation};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{
    self, coded, organization,
    quantity::{self, Unit},
    text,
};
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity, search_value};
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// Where a segment has what: numbers of its fields, zero for what it has not.
struct Fields {
    intent: &'static str,
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
    intent: "original-order",
    medication: medication::Fields { code: 1, form: 5, strength: 18, volume: 25, ..medication::NONE },
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
    intent: "filler-order",
    medication: medication::Fields { code: 2, form: 6, strength: 25, volume: 33, ..medication::NONE },
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
    let fields = if own.segment.name == "RXE" { &RXE } else { &RXO };
    let mut draft = Draft::new("MedicationRequest", own.segment.at());
    draft.set("subject", patient.reference()).set("encounter", encounter.map(Handle::reference));
    if group.segment.name == "ORC" {
        order(ctx, group.segment, &mut draft);
    }
    draft.set("intent", fields.intent).default("status", "active");
    let components: Vec<&Node> = own.all("RXC").collect();
    medication::fill(ctx, own.segment, fields.medication, &components, &mut draft);
    let timings = timings(ctx, group, own, fields);
    draft.set("priority", timings.iter().find_map(|timing| timing.priority.clone()));
    let routes: Vec<&Node> = own.all("RXR").collect();
    let mut dosages = dosage::dosages(ctx, own.segment, fields.dosage, &routes, timings);
    dosages.extend(dosage::limits(ctx, own));
    set_list(&mut draft, "dosageInstruction", dosages);
    requester(ctx, group.segment, own.segment, fields, &mut draft);
    authored_and_reasons(ctx, own.segment, fields, &mut draft);
    let told = own.segment.field(fields.pharmacist).repetitions().filter_map(coded::words).map(note::text);
    // Without an ORC the group is the segment itself.
    let nodes = [group, own].into_iter().take(if group.segment.name == "ORC" { 2 } else { 1 });
    let notes = told.chain(nodes.flat_map(|node| note::annotations(ctx, node))).collect();
    set_list(&mut draft, "note", notes);
    dispense(ctx, own.segment, fields, &mut draft);
    identify(ctx, group.segment, own.segment, fields, patient, &mut draft);
    ctx.add(draft)
}

/// What ORC says of it.
fn order(ctx: &Ctx, orc: Segment, draft: &mut Draft) {
    if let Some(status) = status(ctx, orc) {
        draft.set("status", status);
        draft.set("statusReason", orc.field(16).said().and_then(|part| datatype::codeable_concept(ctx, part, None)));
    }
    if let Some(time) = orc.field(9).said().and_then(|part| datatype::date_time(ctx, part)) {
        // ORC-9 is when this was said; that is when it was ordered only where it is new.
        match ["NW", "RO", "XX"].iter().any(|code| orc.field(1).is(code)) {
            true => draft.set("authoredOn", time),
            false => draft.default("authoredOn", time),
        };
    }
    // Who entered it, else who acted (ORC-19).
    let recorder = [10, 19].into_iter().find_map(|n| orc.field(n).said());
    draft.set("recorder", recorder.and_then(|part| datatype::practitioner(ctx, part)));
    // An EI until v2.8.1, an EIP since: then the placer's number is within the first component.
    let group = orc.field(4).said().map(|part| if part.part(1).len() > 1 { part.part(1) } else { part });
    let group = group.and_then(|part| number::number(ctx, part, "PGN", "placer-group"));
    draft.set("groupIdentifier", group.map(|group| group.element));
}

/// Returns what ORC says of the status: ORC-5, else what ORC-1 asks for; nothing where neither says anything of it.
fn status(ctx: &Ctx, orc: Segment) -> Option<String> {
    datatype::code(ctx, orc.field(5), "HL70038/medication")
        .or_else(|| datatype::code(ctx, orc.field(1), "HL70119/medication"))
}

/// Who asked for it: ORC-12, else who is named beside the medicine, for the house of ORC-21.
fn requester(ctx: &Ctx, group: Segment, own: Segment, fields: &Fields, draft: &mut Draft) {
    let orc = Some(group).filter(|group| group.name == "ORC");
    let person = orc.and_then(|orc| orc.field(12).said()).or_else(|| own.field(fields.prescriber).said());
    let person = person.and_then(|part| datatype::practitioner(ctx, part));
    draft.set("requester", participation::role(ctx, person, orc.and_then(|orc| orc::house(ctx, orc))));
}

/// When and why it was asked for, and whether something else may be given.
fn authored_and_reasons(ctx: &Ctx, own: Segment, fields: &Fields, draft: &mut Draft) {
    draft.set("authoredOn", own.field(fields.ordered).said().and_then(|part| datatype::date_time(ctx, part)));
    let reasons = own.field(fields.indication).repetitions();
    let reasons = reasons.filter_map(|part| datatype::codeable_concept(ctx, part, None)).collect();
    set_list(draft, "reasonCode", reasons);
    let allowed = own.field(fields.substitution).said();
    let allowed = allowed.and_then(|part| datatype::codeable_concept(ctx, part, Some(fields.substitution_table)));
    draft.set("substitution", allowed.map(|allowed| json!({"allowedCodeableConcept": allowed})));
}

/// Its own TQ1 count, else those of the order; else what older versions say in RXE-1 and ORC-7.
fn timings(ctx: &Ctx, group: &Node, own: &Node, fields: &Fields) -> Vec<Timing> {
    let mut nodes = [own, group].into_iter().map(|node| node.all("TQ1").collect::<Vec<_>>());
    if let Some(tq1) = nodes.find(|found| !found.is_empty()) {
        return tq1.into_iter().map(|node| tq1::of_tq1(ctx, node.segment)).collect();
    }
    let of_order = if group.segment.name == "ORC" { 7 } else { 0 };
    let mut fields = [own.segment.field(fields.timing), group.segment.field(of_order)].into_iter();
    let old = fields.find(|field| field.said().is_some());
    old.into_iter().flat_map(|field| field.repetitions()).map(|part| tq1::of_tq(ctx, part)).collect()
}

fn dispense(ctx: &Ctx, own: Segment, fields: &Fields, draft: &mut Draft) {
    let units = own.field(fields.quantity + 1).first();
    let first = quantity::simple_of(ctx, own.field(fields.first_fill), units);
    let days = text::decimal(ctx, own.field(fields.interval).first());
    let pharmacy = own.field(fields.pharmacy).said();
    let members = [
        ("initialFill", first.map(|quantity| json!({"quantity": quantity}))),
        ("dispenseInterval", days.map(|days| Unit::ucum("d", "days").quantity(days, None))),
        ("numberOfRepeatsAllowed", text::integer(ctx, own.field(fields.refills), 0)),
        ("quantity", quantity::simple_of(ctx, own.field(fields.quantity), units)),
        ("performer", pharmacy.and_then(|part| organization::organization_of_code(ctx, part))),
    ];
    let said = members.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?)));
    let dispense: Map<String, Value> = said.collect();
    if !dispense.is_empty() {
        draft.set("dispenseRequest", Value::Object(dispense));
    }
}

/// Returns the number of a prescription (RXE-15, RXD-7), which pharmacies use again for what belongs together.
pub fn number_of(ctx: &Ctx, segment: Segment, field: usize) -> Option<Number> {
    number::number(ctx, segment.field(field).said()?, "", "prescription")
}

/// Its placer and filler number; those that several medicines of the message share with what tells them apart. Else the
/// number of the prescription; else patient, medicine and time.
fn identify(ctx: &Ctx, orc: Segment, own: Segment, fields: &Fields, patient: Handle, draft: &mut Draft) {
    let (mut keys, shared) = numbers(ctx, orc, draft);
    let prescription = number_of(ctx, own, fields.prescription);
    if let Some(number) = &prescription {
        draft.push("identifier", number.element.clone());
    }
    let code = super::obx::key_of(own.field(fields.medication.code));
    if keys.is_empty() {
        if let Some(id) = shared {
            let value = format!("{}|{}|{code}", id.system, id.value);
            return number::identify(draft, vec![number::synthetic(ctx, fields.intent, value)]);
        }
        keys.extend(prescription.map(|number| number.key));
    }
    if !keys.is_empty() {
        draft.identity = known_by(&keys, fields.intent, patient);
        return;
    }
    let time = draft.resource.get("authoredOn").or(draft.defaults.get("authoredOn")).and_then(Value::as_str);
    if time.is_none() {
        let text = "an order without a number is taken for the last one of its kind";
        ctx.warn(Code::RequiredField, orc.at().field(2), text);
    }
    let number = number::synthetic(ctx, fields.intent, format!("{code}|{}", time.unwrap_or_default()));
    number::identify_within(draft, patient, number);
}

/// Gives a draft the numbers of its order; returns those that are its own, and else one that it shares with other medicines.
fn numbers(ctx: &Ctx, orc: Segment, draft: &mut Draft) -> (Vec<Identifier>, Option<Identifier>) {
    let numbers = Numbers::read(ctx, Some(orc).filter(|orc| orc.name == "ORC"), None);
    let (mut keys, mut shared) = (Vec::new(), None);
    for (n, number) in [(2, numbers.placer), (3, numbers.filler)] {
        let Some(number) = number else { continue };
        if !is_shared(ctx, orc, n) {
            draft.push("identifier", number.element);
            keys.push(number.id);
        } else if shared.is_none() {
            // As a number of its own it would find several.
            draft.resource.entry("groupIdentifier").or_insert(number.element);
            shared = Some(number.id);
        }
    }
    (keys, shared)
}

/// By one of the numbers, and by who says it: who asks for it or who makes it.
fn known_by(numbers: &[Identifier], intent: &str, patient: Handle) -> Identity {
    let token = |number: &Identifier| format!("{}|{}", search_value(&number.system), search_value(&number.value));
    let tokens: Vec<String> = numbers.iter().map(token).collect();
    Identity::Search(format!("patient={{{}}}&intent={intent}&identifier={}", patient.0, tokens.join(",")))
}

/// What ends or halts an order does so for what was asked for and for what the pharmacy made of it. Where the message tells of one of them
/// alone, `told`, the other gets the same status, if it is there.
pub fn end_other(ctx: &Ctx, orc: Segment, told: &str, patient: Handle) {
    let is_released = orc.field(1).is("RL");
    let Some(status) = status(ctx, orc).filter(|status| status != "active" || is_released) else { return };
    let fields = if told == "RXE" { &RXO } else { &RXE };
    let mut draft = Draft::new("MedicationRequest", orc.at());
    draft.set("subject", patient.reference()).set("intent", fields.intent).set("status", status);
    draft.default("medicationCodeableConcept", medication::not_said());
    draft.only_if_there = true;
    let (keys, _) = numbers(ctx, orc, &mut draft);
    if !keys.is_empty() {
        draft.identity = known_by(&keys, fields.intent, patient);
        ctx.add(draft);
    }
}

/// Returns whether orders of other medicines in this message have the same ORC-2 or ORC-3.
fn is_shared(ctx: &Ctx, orc: Segment, n: usize) -> bool {
    ctx.keys.of_medicines(|| shared(ctx)).contains(&(n, orc.field(n).raw().trim().to_string()))
}

/// Returns the numbers that orders of several medicines have: fields of ORC, and what stands there.
fn shared(ctx: &Ctx) -> HashSet<(usize, String)> {
    // What the pharmacy encoded takes the place of what was asked for.
    let mut orders: Vec<([&str; 2], &str)> = Vec::new();
    for segment in ctx.message.segments() {
        let fields = match segment.name {
            "ORC" => {
                orders.push(([2, 3].map(|n| segment.field(n).raw().trim()), ""));
                continue;
            }
            "RXO" => &RXO,
            "RXE" => &RXE,
            _ => continue,
        };
        if let Some((_, code)) = orders.last_mut() {
            *code = segment.field(fields.medication.code).part(1).raw().trim();
        }
    }
    let (mut codes, mut shared) = (HashMap::new(), HashSet::new());
    for (numbers, code) in orders {
        for (n, number) in [2, 3].into_iter().zip(numbers) {
            if *codes.entry((n, number)).or_insert(code) != code {
                shared.insert((n, number.to_string()));
            }
        }
    }
    shared
}
