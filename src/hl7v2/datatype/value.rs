//! OBX-5: the value of an observation, by its type in OBX-2.
//!
//! v2-to-FHIR, OBX\[Observation\], the rows of OBX-5 and OBX-6. What cannot be read as its type stays as text.

use super::attachment;
use super::coded::codeable_concept;
use super::date;
use super::quantity::{self, Structured, Unit};
use super::text::{clean, lines, number, string, whole};
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::Code;
use serde_json::{Map, Value, json};

/// The extension by which R4 holds an attachment as the value of an Observation.
pub const ATTACHMENT: &str = "https://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.valueAttachment";

/// Returns the values of OBX-5 and the elements that hold them: `valueQuantity`, `valueString` and so on, for each repetition. TX and
/// FT are one text, NA is one series. ED and RP are `valueAttachment`, which R4 has not: see [`put`].
pub fn observation_value(ctx: &Ctx, obx: Segment) -> Vec<(&'static str, Value)> {
    let field = obx.field(5);
    if !field.is_there() {
        return Vec::new();
    }
    let kind = obx.field(2).text().unwrap_or_default().to_ascii_uppercase();
    let unit = Unit::read(ctx, obx.field(6).first());
    match kind.as_str() {
        "TX" | "FT" => lines(field).map(|text| ("valueString", Value::String(text))).into_iter().collect(),
        "NA" | "MA" => series(field, &unit).or_else(|| text(ctx, field)).into_iter().collect(),
        _ => {
            field.repetitions().filter(|part| part.is_there()).filter_map(|part| one(ctx, &kind, part, &unit)).collect()
        }
    }
}

/// Puts a value into an Observation, or a component of one.
pub fn put(resource: &mut Map<String, Value>, (element, value): (&str, Value)) {
    if element != "valueAttachment" {
        resource.insert(element.to_string(), value);
        return;
    }
    let extensions = resource.entry("extension").or_insert_with(|| json!([]));
    if let Some(list) = extensions.as_array_mut() {
        list.push(json!({"url": ATTACHMENT, "valueAttachment": value}));
    }
}

fn one(ctx: &Ctx, kind: &str, part: Part, unit: &Unit) -> Option<(&'static str, Value)> {
    let typed = match kind {
        "NM" | "SI" => {
            let number = part.text().and_then(|text| quantity::compared(&text));
            number.map(|(comparator, value)| ("valueQuantity", unit.quantity(value, comparator)))
        }
        "SN" => quantity::structured(part, unit).map(|said| match said {
            Structured::Quantity(value) => ("valueQuantity", value),
            Structured::Range(value) => ("valueRange", value),
            Structured::Ratio(value) => ("valueRatio", value),
            Structured::Text(text) => ("valueString", text.into()),
        }),
        "CQ" => quantity::quantity(ctx, part).map(|value| ("valueQuantity", value)),
        "NR" => quantity::range(part, unit).map(|value| ("valueRange", value)),
        "CE" | "CWE" | "CNE" | "CF" | "IS" | "ID" => {
            codeable_concept(ctx, part, None).map(|value| ("valueCodeableConcept", value))
        }
        "DT" | "DTM" | "TS" => date::date_time(ctx, part).map(|value| ("valueDateTime", value.into())),
        "TM" => date::time(ctx, part).map(|value| ("valueTime", value.into())),
        "DR" => date::period(ctx, part).map(|value| ("valuePeriod", value)),
        "VR" => {
            let ends: Vec<String> = [1, 2].into_iter().filter_map(|n| string(part.part(n))).collect();
            clean(&ends.join("-")).map(|text| ("valueString", text.into()))
        }
        "ED" => return attachment::encapsulated(ctx, part).map(|value| ("valueAttachment", value)),
        "RP" => attachment::pointer(part).map(|value| ("valueAttachment", value)),
        _ => return text(ctx, part),
    };
    typed.or_else(|| {
        ctx.warn(Code::DataType, part.at, format!("is no {kind}; it is kept as text"));
        text(ctx, part)
    })
}

fn text(ctx: &Ctx, part: Part) -> Option<(&'static str, Value)> {
    let text = whole(part);
    if text.is_none() {
        ctx.warn(Code::DataType, part.at, "is no text that can be kept");
    }
    text.map(|text| ("valueString", text.into()))
}

/// NA → SampledData: its repetitions are rows, of as many columns as dimensions.
fn series(field: Part, unit: &Unit) -> Option<(&'static str, Value)> {
    let mut numbers = Vec::new();
    let rows: Vec<Part> = field.repetitions().collect();
    let columns = rows.iter().map(|row| row.len()).max().unwrap_or(1);
    for row in &rows {
        for n in 1..=columns {
            // R4 SampledData.data: `E` stands for what is missing.
            let text = row.part(n).text();
            numbers.push(match text {
                Some(text) => number(&text)?.to_string(),
                None => "E".to_string(),
            });
        }
    }
    let dimensions = if rows.len() > 1 { columns } else { 1 };
    // The message says nothing of the time between the numbers, which R4 requires.
    let absent = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
    let value = json!({
        "origin": unit.quantity(0.into(), None),
        "_period": {"extension": [{"url": absent, "valueCode": "unknown"}]},
        "dimensions": dimensions,
        "data": numbers.join(" "),
    });
    Some(("valueSampledData", value))
}
