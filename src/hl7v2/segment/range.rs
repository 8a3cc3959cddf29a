//! OBX-7 → Observation.referenceRange: always the text, and low and high where it can be read.

use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::quantity::Unit;
use crate::hl7v2::datatype::text::{number, whole};
use crate::hl7v2::draft::Draft;
use crate::hl7v2::message::Segment;
use serde_json::{Map, Value, json};

/// Returns the reference range that a segment OBX names, as a list; null where it says that there is none any more.
pub fn reference(ctx: &Ctx, obx: Segment, draft: &Draft) -> Option<Value> {
    let field = obx.field(7);
    if field.is_null() {
        return Some(Value::Null);
    }
    // What some write where there is none.
    let is_said = |text: &String| !text.eq_ignore_ascii_case("null") && text.contains(char::is_alphanumeric);
    let text = whole(field.first()).filter(is_said)?;
    let unit = obx.field(6).text();
    let (low, high) = bounds(&text, unit.as_deref());
    let mut range = Map::new();
    for (name, number) in [("low", low), ("high", high)] {
        if let Some(number) = number {
            range.insert(name.into(), like(ctx, obx, draft, number));
        }
    }
    range.insert("text".into(), text.into());
    Some(json!([range]))
}

/// Returns a number with the unit of the value.
fn like(ctx: &Ctx, obx: Segment, draft: &Draft, number: Value) -> Value {
    match draft.resource.get("valueQuantity").and_then(Value::as_object) {
        Some(value) => {
            let mut quantity = value.clone();
            // R4 SimpleQuantity has no comparator.
            quantity.remove("comparator");
            quantity.insert("value".into(), number);
            Value::Object(quantity)
        }
        None => Unit::read(ctx, obx.field(6).first()).quantity(number, None),
    }
}

/// Reads `70-80`, `-1 - 5`, `3,5 to 5`, `<5`, `>= 10`, with or without the unit behind it.
fn bounds(text: &str, unit: Option<&str>) -> (Option<Value>, Option<Value>) {
    let text = text.trim();
    let text = text.strip_prefix(['(', '[']).and_then(|inner| inner.strip_suffix([')', ']'])).unwrap_or(text).trim();
    let text = unit.and_then(|unit| text.strip_suffix(unit)).unwrap_or(text).trim();
    if let Some(rest) = text.strip_prefix(['<', '\u{2264}']) {
        return (None, decimal(rest.trim_start_matches('=')));
    }
    if let Some(rest) = text.strip_prefix(['>', '\u{2265}']) {
        return (decimal(rest.trim_start_matches('=')), None);
    }
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
    let signed = text.strip_prefix(['-', '+']).unwrap_or(text);
    let end = text.len() - signed.trim_start_matches(digits).len();
    let Some((low, rest)) = text.split_at_checked(end) else { return (None, None) };
    let rest = rest.trim_start();
    let separators = ["-", "\u{2013}", "\u{2014}", "to ", "..."];
    let Some(high) = separators.iter().find_map(|mark| rest.strip_prefix(mark)) else { return (None, None) };
    match (decimal(low), decimal(high)) {
        (Some(low), Some(high)) if low.as_f64() <= high.as_f64() => (Some(low), Some(high)),
        _ => (None, None),
    }
}

/// Reads a number; some write a comma in it.
fn decimal(text: &str) -> Option<Value> {
    number(&text.replace(',', "."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, low: &str, high: &str) {
        let (found_low, found_high) = bounds(text, Some("mmol/L"));
        let written = |value: Option<Value>| value.map(|value| value.to_string()).unwrap_or_default();
        assert_eq!((written(found_low).as_str(), written(found_high).as_str()), (low, high), "{text}");
    }

    #[test]
    fn ranges_are_read() {
        check("70-80", "70", "80");
        check("3.50 - 5.10", "3.50", "5.10");
        check("3,5 - 5,1", "3.5", "5.1");
        check("-1-5", "-1", "5");
        check("-5 - -1", "-5", "-1");
        check("(0.4 to 4.0)", "0.4", "4.0");
        check("3.5 - 5.1 mmol/L", "3.5", "5.1");
        check("<5", "", "5");
        check(">= 10", "10", "");
        check("> 007", "7", "");
        check("\u{2264} 3", "", "3");
        check("1\u{2013}2", "1", "2");
    }

    #[test]
    fn what_is_no_range_stays_text() {
        for text in
            ["", "-", "negative", "9-3", "1-2-3", "1:10 - 1:20", "<", "a-b", "5", "1e5-1e9", "\u{e4}", "1 - \u{fc}"]
        {
            check(text, "", "");
        }
    }
}
