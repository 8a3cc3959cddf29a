//! How it is taken: RXO or RXE with their RXR and TQ1 → Dosage.
//!
//! v2-to-FHIR, segment maps RXO\[MedicationRequest\], RXR\[MedicationRequest\] and TQ1\[MedicationRequest\]. There is
//! one Dosage for each TQ1.

use super::tq1::Timing;
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype::{self, coded, quantity, timing};
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
    let instructions: Vec<String> = segment.field(fields.instructions).repetitions().filter_map(coded::words).collect();
    let instructions = Some(instructions.join("\n")).filter(|text| !text.is_empty());
    // What people read: in an emergency the text is shown, what the patient was told is not.
    if let Some(text) = timing.text.or_else(|| instructions.clone()) {
        dosage.insert("text".into(), json!(text));
    }
    if let Some(condition) = timing.condition {
        dosage.insert("additionalInstruction".into(), json!([{"text": condition}]));
    }
    if let Some(instructions) = instructions {
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
    if let Some(most) = most_a_day(ctx, segment, fields.daily) {
        dosage.insert("maxDosePerPeriod".into(), most);
    }
}

/// A day's dose, a CQ → `Dosage.maxDosePerPeriod`.
pub fn most_a_day(ctx: &Ctx, segment: Segment, field: usize) -> Option<Value> {
    let numerator = quantity::simple(ctx, segment.field(field).said()?)?;
    Some(json!({"numerator": numerator, "denominator": timing::of_time(1, "d")}))
}

/// The amount is the least one; where nothing is said of the most it is what is given.
fn dose_and_rate(ctx: &Ctx, segment: Segment, fields: Fields, timed: Option<Value>) -> Option<Value> {
    let quantity = |at: usize, units: usize| match at {
        0 => None,
        at => quantity::simple_of(ctx, segment.field(at), segment.field(units).first()),
    };
    let (amount, units) = (fields.amount, fields.amount + 2);
    let mut dose = match (quantity(amount, units), quantity(amount + 1, units)) {
        (Some(least), Some(most)) if least != most => json!({"doseRange": {"low": least, "high": most}}),
        (Some(least), _) => json!({"doseQuantity": least}),
        (None, Some(most)) => json!({"doseRange": {"high": most}}),
        (None, None) => timed.map_or_else(|| json!({}), |dose| json!({"doseQuantity": dose})),
    };
    if let Some(rate) = quantity(fields.rate, fields.rate + 1) {
        dose["rateQuantity"] = rate;
    }
    if dose == json!({}) {
        return None;
    }
    dose["type"] = coded::concept("http://terminology.hl7.org/CodeSystem/dose-rate-type", "ordered", None);
    Some(dose)
}

/// RXR.
pub fn route(ctx: &Ctx, rxr: Segment, dosage: &mut Map<String, Value>) {
    let concept = |field: usize, table| datatype::codeable_concept(ctx, rxr.field(field).said()?, Some(table));
    for (field, name, table) in [(1, "route", "HL70162"), (2, "site", "HL70550"), (4, "method", "HL70165")] {
        dosage.extend(concept(field, table).map(|concept| (name.to_string(), concept)));
    }
    let Some(instruction) = concept(5, "HL70294") else { return };
    if let Some(list) = dosage.entry("additionalInstruction").or_insert_with(|| json!([])).as_array_mut() {
        list.push(instruction);
    }
}
