//! Numbers and their units → Quantity.
//!
//! v2-to-FHIR, data type maps CQ\[Quantity\] and CWE\[Quantity\]: the number is a field of its own, and so are its units.

use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::message::Part;
use crate::hl7v2::problem::Code;
use serde_json::{Number, Value, json};

/// Digits that a number has at most.
const DIGITS_MAX: usize = 30;
const UCUM: &str = "http://unitsofmeasure.org";

/// Returns a number and its units as a Quantity; without units where they are not said.
pub fn quantity(ctx: &Ctx, number: Part, units: Part) -> Option<Value> {
    let mut quantity = json!({"value": decimal(ctx, number)?});
    let Some(units) = units.said() else { return Some(quantity) };
    let coding = datatype::coding(ctx, units, None).unwrap_or_default();
    let text = |name: &str| coding[name].as_str().map(str::to_string);
    let unit = units.part(2).text().map(|text| text.into_owned()).or_else(|| text("display")).or_else(|| text("code"));
    if let Some(unit) = unit {
        quantity["unit"] = json!(unit);
    }
    if let (Some(system), Some(code)) = (text("system"), text("code")) {
        quantity["system"] = json!(system);
        quantity["code"] = json!(code);
    }
    Some(quantity)
}

/// Returns a CQ as a Quantity.
pub fn composite(ctx: &Ctx, part: Part) -> Option<Value> {
    quantity(ctx, part.part(1), part.part(2))
}

/// Returns a CQ of time with a UCUM unit: an R4 Duration.
pub fn duration(ctx: &Ctx, number: Part, units: Part) -> Option<Value> {
    let unit = time_unit(units)?;
    Some(json!({"value": decimal(ctx, number)?, "unit": unit, "system": UCUM, "code": unit}))
}

/// Returns one unit of time.
pub fn one(unit: &str) -> Value {
    json!({"value": 1, "unit": unit, "system": UCUM, "code": unit})
}

/// Returns a number as an R4 decimal; notes a warning for what is none.
pub fn decimal(ctx: &Ctx, part: Part) -> Option<Number> {
    let text = part.text()?;
    let number = canonical(&text).and_then(|text| serde_json::from_str(&text).ok());
    if number.is_none() {
        ctx.warn(Code::DataType, part.at, "this is no number (NM)");
    }
    number
}

/// Returns a whole number from zero; notes a warning for what is none.
pub fn whole(ctx: &Ctx, part: Part) -> Option<u32> {
    let text = part.text()?;
    // A count is written as `3.0` now and then.
    let digits =
        text.split_once('.').map_or(&*text, |(whole, rest)| if rest.trim_matches('0').is_empty() { whole } else { "" });
    let number = digits.trim_start_matches('+').parse().ok().filter(|n| i32::try_from(*n).is_ok());
    if number.is_none() {
        ctx.warn(Code::DataType, part.at, "this is no whole number");
    }
    number
}

/// Returns a number as JSON writes it: without `+`, without zeros before it, with a digit on either side of the point.
fn canonical(text: &str) -> Option<String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = rest.trim().split_once('.').unwrap_or((rest.trim(), ""));
    let is_number = [whole, fraction].iter().all(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    if !is_number || whole.len() + fraction.len() == 0 || whole.len() + fraction.len() > DIGITS_MAX {
        return None;
    }
    let whole = Some(whole.trim_start_matches('0')).filter(|digits| !digits.is_empty()).unwrap_or("0");
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// Returns the unit of time that a CWE names, as UCUM writes it: what feeds call it differs widely.
pub fn time_unit(units: Part) -> Option<&'static str> {
    let named = |text: &str| {
        Some(match text.to_ascii_lowercase().trim_end_matches(['.', '+']) {
            "s" | "sec" | "secs" | "second" | "seconds" => "s",
            "min" | "mins" | "minute" | "minutes" => "min",
            "h" | "hr" | "hrs" | "hour" | "hours" => "h",
            "d" | "day" | "days" => "d",
            "w" | "wk" | "wks" | "week" | "weeks" => "wk",
            "mo" | "mon" | "mth" | "month" | "months" => "mo",
            "a" | "ann" | "y" | "yr" | "yrs" | "year" | "years" => "a",
            _ => return None,
        })
    };
    [1, 2].into_iter().find_map(|n| units.part(n).text().and_then(|text| named(&text)))
}

/// Returns a CQ of time in minutes.
pub fn minutes_of(ctx: &Ctx, part: Part) -> Option<u32> {
    minutes(ctx, part.part(1), part.part(2))
}

/// Returns how many minutes a number of units is, where it is a whole number of them.
pub fn minutes(ctx: &Ctx, number: Part, units: Part) -> Option<u32> {
    number.said()?;
    let seconds = match time_unit(units)? {
        "s" => 1,
        "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "wk" => 604_800,
        _ => return None,
    };
    let value: f64 = decimal(ctx, number)?.as_str().parse().ok()?;
    let minutes = value * f64::from(seconds) / 60.0;
    let is_whole = minutes >= 1.0 && minutes.fract() == 0.0 && minutes <= f64::from(i32::MAX);
    // In range, as was just seen.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    is_whole.then_some(minutes as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_json_writes_them() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(canonical(text).as_deref(), expected, "{text}");
        check("0.5", Some("0.5"));
        check("+5", Some("5"));
        check(".5", Some("0.5"));
        check("5.", Some("5"));
        check("-007.50", Some("-7.50"));
        check("000", Some("0"));
        for none in ["", ".", "-", "1e5", "1,5", "5 mg", "0x1", "1.2.3", "٣"] {
            check(none, None);
        }
    }
}
