//! What is given: RXO, RXE, RXD with their RXC → a code, or a Medication contained in the prescription.
//!
//! v2-to-FHIR, segment map RXO\[MedicationRequest\]; RXC has none. A code alone stays `medicationCodeableConcept`, by
//! which it can be searched; dose form, strength, components and batch need a Medication.

use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded, organization, quantity};
use crate::hl7v2::draft::Draft;
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Map, Value, json};

/// Where a segment has what: numbers of its fields, zero for what it has not.
#[derive(Debug, Clone, Copy)]
pub struct Fields {
    pub code: usize,
    /// The same as another system names it.
    pub other_code: usize,
    pub form: usize,
    /// Each with its units in the field after it.
    pub strength: usize,
    pub volume: usize,
    pub lot: usize,
    pub expires: usize,
    pub maker: usize,
}

/// No field at all.
pub const NONE: Fields =
    Fields { code: 0, other_code: 0, form: 0, strength: 0, volume: 0, lot: 0, expires: 0, maker: 0 };

/// Sets what is given. `components` are the RXC.
pub fn fill(ctx: &Ctx, segment: Segment, fields: Fields, components: &[&Node], draft: &mut Draft) {
    let code = code(ctx, segment, fields);
    let medication = medication(ctx, segment, fields, components, code.as_ref());
    match (code, medication.is_empty()) {
        (Some(code), true) => {
            draft.resource.insert("contained".into(), Value::Null);
            draft.set("medicationCodeableConcept", code);
        }
        // An order that is cancelled need not repeat what it was.
        (None, true) => _ = draft.default("medicationCodeableConcept", not_said()),
        (code, false) => {
            let mut contained = Map::new();
            contained.insert("resourceType".into(), json!("Medication"));
            contained.insert("id".into(), json!("medication"));
            contained.extend(code.map(|code| ("code".to_string(), code)));
            contained.extend(medication);
            let mut reference = json!({"reference": "#medication"});
            if let Some(name) = segment.field(fields.code).said().and_then(coded::words) {
                reference["display"] = json!(name);
            }
            draft.set("contained", json!([contained])).set("medicationReference", reference);
        }
    }
}

/// R4 wants to know what is given.
pub fn not_said() -> Value {
    json!({"text": "not said"})
}

/// Returns the code of what is given.
fn code(ctx: &Ctx, segment: Segment, fields: Fields) -> Option<Value> {
    let mut concept = datatype::codeable_concept(ctx, segment.field(fields.code).said()?, None)?;
    let other = segment.field(fields.other_code).said().and_then(|part| datatype::coding(ctx, part, None));
    if let Some(other) = other.filter(|other| !is_in(&concept, other)) {
        match concept["coding"].as_array_mut() {
            Some(codings) => codings.push(other),
            None => concept["coding"] = json!([other]),
        }
    }
    Some(concept)
}

fn is_in(concept: &Value, coding: &Value) -> bool {
    concept["coding"].as_array().is_some_and(|codings| codings.contains(coding))
}

/// Returns what only a Medication can say.
fn medication(
    ctx: &Ctx,
    segment: Segment,
    fields: Fields,
    components: &[&Node],
    code: Option<&Value>,
) -> Map<String, Value> {
    let mut medication = Map::new();
    if let Some(maker) = segment.field(fields.maker).said() {
        let maker = organization::organization_of_code(ctx, maker);
        medication.extend(maker.map(|maker| ("manufacturer".to_string(), maker)));
    }
    if let Some(form) = segment.field(fields.form).said() {
        let form = datatype::codeable_concept(ctx, form, None);
        medication.extend(form.map(|form| ("form".to_string(), form)));
    }
    let quantity = |at: usize| match at {
        0 => None,
        at => quantity::simple_of(ctx, segment.field(at), segment.field(at + 1).first()),
    };
    let mut ingredients = Vec::new();
    if let Some((numerator, code)) = quantity(fields.strength).zip(code) {
        let denominator = quantity(fields.volume).unwrap_or_else(|| quantity::count(1));
        let ratio = json!({"numerator": numerator, "denominator": denominator});
        ingredients.push(json!({"itemCodeableConcept": code, "strength": ratio}));
    }
    ingredients.extend(components.iter().filter_map(|rxc| component(ctx, rxc.segment)));
    if !ingredients.is_empty() {
        medication.insert("ingredient".into(), Value::Array(ingredients));
    }
    let mut batch = Map::new();
    if let Some(lot) = segment.field(fields.lot).said().and_then(datatype::text::string) {
        batch.insert("lotNumber".into(), json!(lot));
    }
    if let Some(date) = segment.field(fields.expires).said().and_then(|part| datatype::date_time(ctx, part)) {
        batch.insert("expirationDate".into(), json!(date));
    }
    if !batch.is_empty() {
        medication.insert("batch".into(), Value::Object(batch));
    }
    medication
}

/// Returns an RXC as an ingredient: how much of it there is, else how strong it is.
fn component(ctx: &Ctx, rxc: Segment) -> Option<Value> {
    let item = rxc.field(2).said().and_then(|part| datatype::codeable_concept(ctx, part, None));
    let Some(item) = item else {
        ctx.warn(Code::RequiredField, rxc.field(2).at, "a component has a code; without one it was left out");
        return None;
    };
    let mut ingredient = json!({"itemCodeableConcept": item});
    let quantity = |at: usize| quantity::simple_of(ctx, rxc.field(at), rxc.field(at + 1).first());
    let (amount, strength, volume) = (quantity(3), quantity(5), quantity(8));
    if amount.is_some() && strength.is_some() {
        ctx.warn(Code::Other, rxc.field(5).at, "beside how much of a component there is its strength has no place");
    }
    let per = if amount.is_some() { None } else { volume };
    if let Some(numerator) = amount.or(strength) {
        ingredient["strength"] =
            json!({"numerator": numerator, "denominator": per.unwrap_or_else(|| quantity::count(1))});
    }
    Some(ingredient)
}
