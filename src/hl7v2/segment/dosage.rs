//! How it is taken: RXO or RXE with their RXR and TQ1 → Dosage.
//!
//! v2-to-FHIR, segment maps RXO\[MedicationRequest\], RXR\[MedicationRequest\] and TQ1\[MedicationRequest\]. There is
//! one Dosage for each TQ1.

use super::tq1::Timing;
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded, quantity, text, timing};
use crate::hl7v2::message::{Part, Segment};
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
        let sequence = timing.sequence.clone().or_else(|| (count > 1).then(|| json!(n + 1)));
        dosage.extend(sequence.map(|sequence| ("sequence".to_string(), sequence)));
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
    let instructions: Vec<Part> = segment.field(fields.instructions).repetitions().collect();
    let words: Vec<String> = instructions.iter().filter_map(|part| coded::words(*part)).collect();
    let words = Some(words.join("\n")).filter(|text| !text.is_empty());
    // What people read: in an emergency the text is shown, what the patient was told is not.
    if let Some(text) = timing.text.or_else(|| words.clone()) {
        dosage.insert("text".into(), json!(text));
    }
    let coded = instructions.into_iter().filter(|part| part.part(1).is_there());
    let mut additional: Vec<Value> = coded.filter_map(|part| instruction(ctx, part)).collect();
    let condition = timing.condition.map(|condition| json!({"text": condition}));
    additional.extend(condition.clone());
    if !additional.is_empty() {
        dosage.insert("additionalInstruction".into(), Value::Array(additional));
    }
    dosage.extend(words.map(|told| ("patientInstruction".to_string(), json!(told))));
    if !timing.timing.is_null() {
        dosage.insert("timing".into(), timing.timing);
    }
    // A condition alone does not leave it to the patient; with PRN it says for what it is needed.
    match condition.filter(|_| timing.as_needed) {
        Some(condition) => _ = dosage.insert("asNeededCodeableConcept".into(), condition),
        None if timing.as_needed => _ = dosage.insert("asNeededBoolean".into(), json!(true)),
        None => {}
    }
    if let Some(dose) = dose_and_rate(ctx, segment, fields, timing.dose) {
        dosage.insert("doseAndRate".into(), json!([dose]));
    }
    if let Some(most) = most_a_day(ctx, segment, fields.daily) {
        dosage.insert("maxDosePerPeriod".into(), most);
    }
}

/// An instruction that is a code, which may be its own text.
fn instruction(ctx: &Ctx, part: Part) -> Option<Value> {
    let mut concept = datatype::codeable_concept(ctx, part, None)?;
    if concept.get("text").is_none() && !part.part(2).is_there() {
        concept["text"] = json!(coded::words(part)?);
    }
    Some(concept)
}

/// CDO: how much of it is given at most, in all its doses. Each limit is a Dosage of its own, for there is one place in each.
pub fn limits(ctx: &Ctx, node: &Node) -> Vec<Value> {
    let all = node.all("CDO").map(|cdo| cdo.segment).filter(|cdo| !cdo.field(2).is("D"));
    all.filter_map(|cdo| limit(ctx, cdo)).collect()
}

fn limit(ctx: &Ctx, cdo: Segment) -> Option<Value> {
    let most = quantity::simple(ctx, cdo.field(3).said()?)?;
    // Table 0924: units of time, `PL` for the life of the patient, `O` for the order.
    let per = [2, 1].into_iter().find_map(|n| text::string(cdo.field(4).part(n)));
    if per.as_deref() == Some("PL") {
        return Some(json!({"maxDosePerLifetime": most}));
    }
    let Some(per) = per else {
        ctx.warn(Code::RequiredField, cdo.field(4).at, "a limit is one for a time; without it it was left out");
        return None;
    };
    let denominator = match timing::time_unit(if per == "M" { "mo" } else { &per }) {
        Some(unit) => timing::of_time(1, unit),
        None => json!({"value": 1, "unit": per}),
    };
    Some(json!({"maxDosePerPeriod": {"numerator": most, "denominator": denominator}}))
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
