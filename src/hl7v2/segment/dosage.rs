//! How it is taken: RXO or RXE with their RXR and TQ1 → Dosage.
//!
//! v2-to-FHIR, segment maps RXO\[MedicationRequest\], RXR\[MedicationRequest\] and TQ1\[MedicationRequest\]. There is one Dosage for
//! each TQ1.

use super::amount;
use super::timing::Timing;
use super::words;
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Map, Value, json};

/// Where a segment has what: numbers of its fields, zero for what it has not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fields {
    /// The least; the most is the field after it, and its units the one after that.
    pub amount: usize,
    /// What the patient is told.
    pub instructions: usize,
    /// A day's dose.
    pub daily: usize,
    /// The rate, before its units.
    pub rate: usize,
}

/// Returns `dosageInstruction`.
pub fn dosages(ctx: &Ctx, segment: Segment, fields: Fields, routes: &[&Node], timings: Vec<Timing>) -> Vec<Value> {
    let count = timings.len();
    let timings = if timings.is_empty() { vec![Timing::default()] } else { timings };
    let dosages = timings.into_iter().enumerate().map(|(n, timing)| {
        let mut dosage = Map::new();
        if count > 1 {
            dosage.insert("sequence".into(), json!(n + 1));
        }
        one(ctx, segment, fields, timing, &mut dosage);
        if let Some(rxr) = routes.first() {
            route(ctx, rxr.segment, &mut dosage);
        }
        dosage
    });
    let dosages = dosages.filter(|dosage| dosage.keys().any(|key| key != "sequence")).map(Value::Object).collect();
    for other in routes.iter().skip(1) {
        ctx.warn(Code::Other, other.segment.at(), "of several routes the first is taken over");
    }
    dosages
}

fn one(ctx: &Ctx, segment: Segment, fields: Fields, timing: Timing, dosage: &mut Map<String, Value>) {
    let instructions = words::all(segment, fields.instructions).join("\n");
    // What people read is what the pharmacist was told; else what the patient is.
    let text = timing.text.or_else(|| Some(instructions.clone()).filter(|text| !text.is_empty()));
    if let Some(text) = text {
        dosage.insert("text".into(), json!(text));
    }
    if let Some(condition) = &timing.condition {
        dosage.insert("additionalInstruction".into(), json!([{"text": condition}]));
    }
    if !instructions.is_empty() {
        dosage.insert("patientInstruction".into(), json!(instructions));
    }
    if !timing.timing.is_null() {
        dosage.insert("timing".into(), timing.timing);
    }
    if timing.as_needed {
        dosage.insert("asNeededBoolean".into(), json!(true));
    }
    if let Some(dose) = dose_and_rate(ctx, segment, fields, timing.dose) {
        dosage.insert("doseAndRate".into(), json!([dose]));
    }
    let daily = segment.field(fields.daily);
    if let Some(numerator) = amount::composite(ctx, daily.first()) {
        let ratio = json!({"numerator": numerator, "denominator": amount::one("d")});
        dosage.insert("maxDosePerPeriod".into(), ratio);
    }
}

/// The amount is the least one; where nothing is said of the most it is what is given.
fn dose_and_rate(ctx: &Ctx, segment: Segment, fields: Fields, timed: Option<Value>) -> Option<Value> {
    let units = segment.field(fields.amount + 2).first();
    let quantity = |at: usize| {
        if fields.amount > 0 { amount::quantity(ctx, segment.field(at), units) } else { None }
    };
    let (least, most) = (quantity(fields.amount), quantity(fields.amount + 1));
    let is_there = least.is_some() || most.is_some() || timed.is_some();
    let mut dose = match (least, most) {
        (Some(least), Some(most)) if least != most => json!({"doseRange": {"low": least, "high": most}}),
        (Some(least), _) => json!({"doseQuantity": least}),
        (None, Some(most)) => json!({"doseRange": {"high": most}}),
        (None, None) => timed.map_or_else(|| json!({}), |dose| json!({"doseQuantity": dose})),
    };
    let rate = segment.field(fields.rate);
    if let Some(rate) = amount::quantity(ctx, rate, segment.field(fields.rate + 1).first()) {
        dose["rateQuantity"] = rate;
    } else if !is_there {
        return None;
    }
    let ordered = json!({"system": "http://terminology.hl7.org/CodeSystem/dose-rate-type", "code": "ordered"});
    dose["type"] = json!({"coding": [ordered]});
    Some(dose)
}

/// RXR.
pub fn route(ctx: &Ctx, rxr: Segment, dosage: &mut Map<String, Value>) {
    for (field, name, table) in [(1, "route", "HL70162"), (2, "site", "HL70550"), (4, "method", "HL70165")] {
        let part = rxr.field(field).said();
        if let Some(concept) = part.and_then(|part| datatype::codeable_concept(ctx, part, Some(table))) {
            dosage.insert(name.into(), concept);
        }
    }
    let instruction = rxr.field(5).said().and_then(|part| datatype::codeable_concept(ctx, part, Some("HL70294")));
    let list = dosage.entry("additionalInstruction").or_insert_with(|| json!([]));
    if let (Some(instruction), Some(list)) = (instruction, list.as_array_mut()) {
        list.push(instruction);
    }
    if list.as_array().is_some_and(Vec::is_empty) {
        dosage.remove("additionalInstruction");
    }
}
