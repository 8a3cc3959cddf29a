//! OBX-7 → Observation.referenceRange: always the text, and low and high where it can be read.

use crate::hl7v2::draft::Draft;
use crate::hl7v2::message::Segment;
use serde_json::{Map, Value, json};

/// Sets the reference range that a segment OBX names.
pub fn reference(obx: Segment, draft: &mut Draft) {
    let field = obx.field(7);
    if field.is_null() {
        draft.resource.insert("referenceRange".into(), Value::Null);
    }
    let Some(text) = field.whole().filter(|text| !text.eq_ignore_ascii_case("null")) else { return };
    let unit = obx.field(6).text();
    let (low, high) = bounds(&text, unit.as_deref());
    let mut range = Map::new();
    for (name, number) in [("low", low), ("high", high)] {
        if let Some(number) = number {
            range.insert(name.into(), quantity(obx, number));
        }
    }
    range.insert("text".into(), text.into());
    draft.set("referenceRange", json!([range]));
}

/// Returns a number with the unit of OBX-6.
fn quantity(obx: Segment, number: Value) -> Value {
    let mut quantity = Map::new();
    quantity.insert("value".into(), number);
    let unit = obx.field(6);
    if let Some(words) = unit.part(2).text().or_else(|| unit.text()) {
        quantity.insert("unit".into(), words.into());
    }
    if let (Some(code), true) = (unit.text(), unit.part(3).is("UCUM")) {
        quantity.insert("system".into(), "http://unitsofmeasure.org".into());
        quantity.insert("code".into(), code.into());
    }
    Value::Object(quantity)
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

/// Returns a number as JSON writes it, with the digits that it has; none for what is no number.
pub fn decimal(text: &str) -> Option<Value> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, part) = digits.split_once(['.', ',']).unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || (whole.is_empty() && part.is_empty()) || digits.len() > 18 {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let written = if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") };
    serde_json::from_str(&written).ok()
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
