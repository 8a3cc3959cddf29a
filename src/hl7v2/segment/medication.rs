//! What is given: RXO, RXE, RXD with their RXC → a code, or a Medication contained in the prescription.
//!
//! v2-to-FHIR, segment map RXO\[MedicationRequest\]; RXC has none. A code alone stays `medicationCodeableConcept`, by which it can be
//! searched; dose form, strength, components and batch need a Medication.

use super::amount;
use super::maker;
use super::words;
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::Draft;
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Map, Value, json};

/// Where a segment has what: numbers of its fields, zero for what it has not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fields {
    pub code: usize,
    pub form: usize,
    pub strength: usize,
    pub volume: usize,
    pub lot: usize,
    pub expires: usize,
    pub maker: usize,
    /// The same as another system names it.
    pub other_code: usize,
}

/// Sets what is given. `components` are the RXC.
pub fn fill(ctx: &Ctx, segment: Segment, fields: Fields, components: &[&Node], draft: &mut Draft) {
    let code = code(ctx, segment, fields);
    let medication = medication(ctx, segment, fields, components, code.as_ref());
    let code = code.unwrap_or_else(|| json!({"text": "not said"}));
    if medication.is_empty() {
        // Whether it says nothing or nothing of it is new: an order that is cancelled need not repeat what it was.
        if segment.field(fields.code).said().is_some() {
            draft.set("medicationCodeableConcept", code);
            draft.resource.insert("medicationReference".into(), Value::Null);
        } else {
            draft.default("medicationCodeableConcept", code);
        }
        return;
    }
    let mut contained = json!({"resourceType": "Medication", "id": "medication", "code": code});
    if let Some(object) = contained.as_object_mut() {
        object.extend(medication);
    }
    let mut reference = json!({"reference": "#medication"});
    if let Some(name) = words::words(segment.field(fields.code).first()) {
        reference["display"] = json!(name);
    }
    draft.set("contained", json!([contained])).set("medicationReference", reference);
    draft.resource.insert("medicationCodeableConcept".into(), Value::Null);
}

/// Returns the code of what is given.
pub fn code(ctx: &Ctx, segment: Segment, fields: Fields) -> Option<Value> {
    let mut concept = datatype::codeable_concept(ctx, segment.field(fields.code).said()?, None)?;
    if let Some(other) = segment.field(fields.other_code).said() {
        let more = datatype::codeable_concept(ctx, other, None).unwrap_or_default();
        if let (Some(codings), Some(more)) = (concept["coding"].as_array_mut(), more["coding"].as_array()) {
            codings.extend(more.iter().cloned());
        }
    }
    Some(concept)
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
    let form = segment.field(fields.form).said();
    if let Some(form) = form.and_then(|part| datatype::codeable_concept(ctx, part, None)) {
        medication.insert("form".into(), form);
    }
    let mut ingredients = Vec::new();
    let strength = |at: usize| {
        if at > 0 { amount::quantity(ctx, segment.field(at), segment.field(at + 1).first()) } else { None }
    };
    if let Some((numerator, code)) = strength(fields.strength).zip(code) {
        let denominator = strength(fields.volume).unwrap_or_else(|| json!({"value": 1}));
        let ratio = json!({"numerator": numerator, "denominator": denominator});
        ingredients.push(json!({"itemCodeableConcept": code, "strength": ratio}));
    }
    ingredients.extend(components.iter().filter_map(|rxc| component(ctx, rxc.segment)));
    if !ingredients.is_empty() {
        medication.insert("ingredient".into(), Value::Array(ingredients));
    }
    let mut batch = Map::new();
    if let Some(lot) = segment.field(fields.lot).text() {
        batch.insert("lotNumber".into(), json!(lot));
    }
    if let Some(date) = segment.field(fields.expires).said().and_then(|part| datatype::date_time(ctx, part)) {
        batch.insert("expirationDate".into(), json!(date));
    }
    if !batch.is_empty() {
        medication.insert("batch".into(), Value::Object(batch));
    }
    if let Some(maker) = segment.field(fields.maker).said().and_then(|part| maker::organization(ctx, part)) {
        medication.insert("manufacturer".into(), maker);
    }
    medication
}

/// Returns an RXC as an ingredient: how much of it there is, else how strong it is.
fn component(ctx: &Ctx, rxc: Segment) -> Option<Value> {
    let item = rxc.field(2).said().and_then(|part| datatype::codeable_concept(ctx, part, None));
    let Some(item) = item else {
        ctx.warn(Code::RequiredField, rxc.field(2).at, "a component has a code");
        return None;
    };
    let mut ingredient = json!({"itemCodeableConcept": item});
    let quantity = |at: usize| amount::quantity(ctx, rxc.field(at), rxc.field(at + 1).first());
    let (amount, strength, volume) = (quantity(3), quantity(5), quantity(8));
    if amount.is_some() && strength.is_some() {
        ctx.warn(Code::Other, rxc.field(5).at, "beside how much of a component there is its strength has no place");
    }
    let denominator = if amount.is_some() { None } else { volume };
    if let Some(numerator) = amount.or(strength) {
        let denominator = denominator.unwrap_or_else(|| json!({"value": 1}));
        ingredient["strength"] = json!({"numerator": numerator, "denominator": denominator});
    }
    Some(ingredient)
}
