//! OBX-5: the value of an observation, by its type in OBX-2.
//!
//! v2-to-FHIR, OBX\[Observation\], the rows of OBX-5 and OBX-6. What cannot be read as its type stays as text.

use super::attachment;
use super::coded::codeable_concept;
use super::date;
use super::quantity::{self, Structured, Unit};
use super::text::{clean, lines, number, string, whole};
use crate::hl7v2::ctx::Ctx;
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
    let mut kind = obx.field(2).text().unwrap_or_default().to_ascii_uppercase();
    // Where nothing says its type, a number with a unit is one.
    let is_number =
        || field.repetitions().all(|part| part.text().is_some_and(|text| quantity::compared(&text).is_some()));
    if kind.is_empty() && obx.field(6).is_there() && is_number() {
        kind = "NM".to_string();
    }
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

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;
    use crate::hl7v2::ctx::Ctx;

    /// Checks OBX-5 of a type; its unit is milligrams.
    #[track_caller]
    fn check(kind: &str, value: &str, expected: &str) {
        let (message, rules) = (check::message(&format!("OBX|1|{kind}|1-8^^LN||{value}|mg^^UCUM")), check::rules());
        let ctx = Ctx::of(&message, &rules);
        let found = observation_value(&ctx, message.segment("OBX"));
        let found: Vec<Value> = found.into_iter().map(|(element, value)| json!({element: value})).collect();
        let found = match found.len() {
            0 => None,
            1 => found.into_iter().next(),
            _ => Some(Value::Array(found)),
        };
        check::compare(&format!("{kind} {value}"), found, &ctx, expected);
    }

    const MG: &str = r#""unit":"mg","system":"http://unitsofmeasure.org","code":"mg""#;

    #[test]
    fn numbers() {
        check("NM", "7.50", &format!(r#"{{"valueQuantity":{{"value":7.50,{MG}}}}}"#));
        check("NM", "+ 7", &format!(r#"{{"valueQuantity":{{"value":7,{MG}}}}}"#));
        check("NM", "<0.1", &format!(r#"{{"valueQuantity":{{"value":0.1,"comparator":"<",{MG}}}}}"#));
        check("NM", "positive", r#"{"valueString":"positive"} ! OBX-5"#);
        let two = format!(r#"[{{"valueQuantity":{{"value":1,{MG}}}}},{{"valueQuantity":{{"value":2,{MG}}}}}]"#);
        check("NM", "1~2", &two);
        check("", "7", &format!(r#"{{"valueQuantity":{{"value":7,{MG}}}}}"#));
        check("NM", "", "-");
        check("NM", "\"\"", "-");
    }

    #[test]
    fn structured_numbers() {
        check("SN", "^5", &format!(r#"{{"valueQuantity":{{"value":5,{MG}}}}}"#));
        check("SN", "=^5", &format!(r#"{{"valueQuantity":{{"value":5,{MG}}}}}"#));
        check("SN", ">=^5", &format!(r#"{{"valueQuantity":{{"value":5,"comparator":">=",{MG}}}}}"#));
        check("SN", "^1^-^2", &format!(r#"{{"valueRange":{{"low":{{"value":1,{MG}}},"high":{{"value":2,{MG}}}}}}}"#));
        let ratio = r#"{"valueRatio":{"numerator":{"value":1,UNIT},"denominator":{"value":128,UNIT}}}"#;
        check("SN", "^1^:^128", &ratio.replace("UNIT", MG));
        check("SN", "^1^/^128", &ratio.replace("UNIT", MG));
        check("SN", "\"^1^:^128", &ratio.replace("UNIT", MG));
        check("SN", "^2^+", r#"{"valueString":"2 + mg"}"#);
        check("SN", "<>^2", r#"{"valueString":"<> 2 mg"}"#);
        check("SN", "^high", r#"{"valueString":"high mg"}"#);
        check("SN", "^1^:^many", r#"{"valueString":"1 : many mg"}"#);
        check("NR", "1^2", &format!(r#"{{"valueRange":{{"low":{{"value":1,{MG}}},"high":{{"value":2,{MG}}}}}}}"#));
        check("NR", "a^2", r#"{"valueString":"a^2"} ! OBX-5"#);
        check("VR", "1^2", r#"{"valueString":"1-2"}"#);
    }

    #[test]
    fn text() {
        check("ST", "a", r#"{"valueString":"a"}"#);
        check("ST", "a^b & c", r#"{"valueString":"a^b & c"}"#);
        check("ST", "a~b", r#"[{"valueString":"a"},{"valueString":"b"}]"#);
        check("TX", "a~b", r#"{"valueString":"a\nb"}"#);
        check("FT", "a\\.br\\b~c", r#"{"valueString":"a\nb\nc"}"#);
        check("", "a", r#"{"valueString":"a"}"#);
        check("XX", "a^b", r#"{"valueString":"a^b"}"#);
        check("EI", "1^X", r#"{"valueString":"1^X"}"#);
    }

    #[test]
    fn codes() {
        let a = r#"{"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"1","display":"a"}]}}"#;
        check("CWE", "1^a^SCT", a);
        check("CE", "1^a^SCT", a);
        check("CNE", "1^a^SCT", a);
        check("IS", "1", r#"{"valueCodeableConcept":{"coding":[{"code":"1"}]}}"#);
        check("CE", "^a", r#"{"valueCodeableConcept":{"text":"a"}}"#);
        check("CE", "^^LN", r#"{"valueString":"^^LN"} ! OBX-5"#);
    }

    #[test]
    fn times() {
        check("DT", "20260102", r#"{"valueDateTime":"2026-01-02"}"#);
        check("TS", "202601020304", r#"{"valueDateTime":"2026-01-02T03:04:00+01:00"}"#);
        check("DTM", "202601020304+0000", r#"{"valueDateTime":"2026-01-02T03:04:00Z"}"#);
        check("TM", "0304", r#"{"valueTime":"03:04:00"}"#);
        check("DR", "2025^2026", r#"{"valuePeriod":{"start":"2025","end":"2026"}}"#);
        check("DT", "soon", r#"{"valueString":"soon"} ! OBX-5 OBX-5"#);
    }

    #[test]
    fn series_and_attachments() {
        let series = |dimensions: u8, data: &str| {
            let url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
            let period = format!(r#"{{"extension":[{{"url":"{url}","valueCode":"unknown"}}]}}"#);
            let origin = format!(r#"{{"value":0,{MG}}}"#);
            format!(
                r#"{{"valueSampledData":{{"origin":{origin},"_period":{period},"dimensions":{dimensions},"data":"{data}"}}}}"#
            )
        };
        check("NA", "1^2^-3.50", &series(1, "1 2 -3.50"));
        check("NA", "1^2~3^4~5", &series(2, "1 2 3 4 5 E"));
        check("NA", "1^x", r#"{"valueString":"1^x"}"#);
        check("ED", "^AP^PDF^Base64^aGk=", r#"{"valueAttachment":{"contentType":"application/pdf","data":"aGk="}}"#);
        check("RP", "https://a.example/1", r#"{"valueAttachment":{"url":"https://a.example/1"}}"#);
        let mut resource = Map::new();
        put(&mut resource, ("valueString", json!("x")));
        put(&mut resource, ("valueAttachment", json!({"url": "u"})));
        let extension = json!([{"url": ATTACHMENT, "valueAttachment": {"url": "u"}}]);
        assert_eq!(Value::Object(resource), json!({"valueString": "x", "extension": extension}));
    }
}
