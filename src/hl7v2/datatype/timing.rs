//! RI, RPT, TQ and their pieces: when and how often something is done.
//!
//! v2-to-FHIR, RI\[Timing\], RPT\[Timing\], TQ\[ServiceRequest\]; table 0335. Patterns that can be counted become `repeat`, too.

use super::coded::codeable_concept;
use super::date;
use super::quantity::Unit;
use super::span;
use super::text::{decimal_text, number, string};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::message::Part;
use crate::hl7v2::problem::Code;
use serde_json::{Map, Value, json};

/// RI → Timing.
pub fn interval(ctx: &Ctx, part: Part) -> Option<Value> {
    let pattern = part.part(1);
    let mut repeat = pattern.text().map(|text| repeated(&text)).unwrap_or_default();
    let mut times = Vec::new();
    for text in string(part.part(2)).unwrap_or_default().split([',', ' ']).filter(|text| !text.is_empty()) {
        match time_of_day(text) {
            Some(time) => times.push(Value::String(time)),
            None => ctx.warn(Code::DataType, part.at, "has an explicit time that is none"),
        }
    }
    if !times.is_empty() {
        // R4 tim-10: times of day and events are not said together.
        repeat.remove("when");
        repeat.insert("timeOfDay".into(), times.into());
    }
    timing(codeable_concept(ctx, pattern, Some("HL70335")), repeat)
}

/// RPT → Timing.
pub fn pattern(ctx: &Ctx, part: Part) -> Option<Value> {
    let mut repeat = part.part(1).text().map(|text| repeated(&text)).unwrap_or_default();
    if part.part(2).is("DW") {
        let days: Vec<Value> = [3, 4].into_iter().filter_map(|n| day(&part.part(n).text()?)).map(Value::from).collect();
        if !days.is_empty() {
            repeat.insert("dayOfWeek".into(), days.into());
        }
    }
    let unit = part.part(6).text().and_then(|text| time_unit(&text));
    if let (Some(period), Some(unit)) = (part.part(5).text().and_then(|text| number(&text)), unit) {
        repeat.entry("frequency").or_insert(1.into());
        repeat.insert("period".into(), period);
        repeat.insert("periodUnit".into(), unit.into());
    }
    if let Some(when) = super::coded::code(ctx, part.part(8), "HL70528/when") {
        repeat.insert("when".into(), json!([when]));
        let offset = part.part(9).text().and_then(|text| minutes(&text, &part.part(10).text()?));
        if let Some(offset) = offset {
            repeat.insert("offset".into(), offset.into());
        }
    }
    timing(codeable_concept(ctx, part.part(1), Some("HL70335")), repeat)
}

/// TQ → Timing: interval, duration, begin and end, occurrences.
pub fn timing_quantity(ctx: &Ctx, part: Part) -> Option<Value> {
    let mut timing = interval(ctx, part.part(2)).unwrap_or_else(|| json!({}));
    let mut bounds = Map::new();
    if let Some(period) = date::period_of(ctx, part.part(4), part.part(5)) {
        bounds.insert("boundsPeriod".into(), period);
    } else if let Some(duration) = part.part(3).text().and_then(|text| duration_text(&text)) {
        bounds.insert("boundsDuration".into(), duration);
    }
    let count = part.part(12);
    if let Some(count) = super::text::integer(ctx, count, 1) {
        bounds.insert("count".into(), count);
    }
    if !bounds.is_empty() {
        let repeat = timing.as_object_mut()?.entry("repeat").or_insert_with(|| json!({}));
        repeat.as_object_mut()?.extend(bounds);
    }
    (timing != json!({})).then_some(timing)
}

fn timing(code: Option<Value>, repeat: Map<String, Value>) -> Option<Value> {
    let mut timing = Map::new();
    if !repeat.is_empty() {
        timing.insert("repeat".into(), Value::Object(repeat));
    }
    if let Some(code) = code {
        timing.insert("code".into(), code);
    }
    (!timing.is_empty()).then_some(Value::Object(timing))
}

/// Returns what a pattern of table 0335 says in numbers; empty where it says none.
fn repeated(pattern: &str) -> Map<String, Value> {
    let mut repeat = Map::new();
    let pattern = pattern.trim().to_ascii_uppercase();
    let pattern = pattern.strip_prefix("PRN").filter(|rest| !rest.is_empty()).unwrap_or(&pattern);
    let mut every = |frequency: u32, period: u32, unit: &str| every(&mut repeat, frequency, period, unit);
    match pattern {
        "QD" | "DAILY" => every(1, 1, "d"),
        "BID" => every(2, 1, "d"),
        "TID" => every(3, 1, "d"),
        "QID" => every(4, 1, "d"),
        "QOD" => every(1, 2, "d"),
        "QSHIFT" => every(1, 8, "h"),
        "ONCE" => {
            repeat.insert("count".into(), 1.into());
        }
        "QAM" | "QPM" | "QHS" => {
            every(1, 1, "d");
            let when = if pattern == "QAM" {
                "MORN"
            } else if pattern == "QPM" {
                "EVE"
            } else {
                "HS"
            };
            repeat.insert("when".into(), json!([when]));
        }
        "AC" | "ACM" | "ACD" | "ACV" | "PC" | "PCM" | "PCD" | "PCV" | "C" | "CM" | "CD" | "CV" | "HS"
            if pattern != "C" =>
        {
            repeat.insert("when".into(), json!([pattern]));
        }
        _ => counted(pattern, &mut repeat),
    }
    repeat
}

fn every(repeat: &mut Map<String, Value>, frequency: u32, period: u32, unit: &str) {
    repeat.insert("frequency".into(), frequency.into());
    repeat.insert("period".into(), period.into());
    repeat.insert("periodUnit".into(), unit.into());
}

/// Reads `Q6H`, `Q2J135` and `6ID`.
fn counted(pattern: &str, repeat: &mut Map<String, Value>) {
    let whole = |text: &str| text.parse::<u32>().ok().filter(|n| (1..10_000).contains(n));
    let mut every = |frequency: u32, period: u32, unit: &str| every(repeat, frequency, period, unit);
    if let Some(times) = pattern.strip_suffix("ID").and_then(whole) {
        return every(times, 1, "d");
    }
    let Some(rest) = pattern.strip_prefix('Q') else { return };
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (count, unit) = rest.split_at(digits);
    let Some(count) = (if count.is_empty() { Some(1) } else { whole(count) }) else { return };
    match unit {
        "S" => every(1, count, "s"),
        "M" => every(1, count, "min"),
        "H" => every(1, count, "h"),
        "D" => every(1, count, "d"),
        "W" => every(1, count, "wk"),
        "L" => every(1, count, "mo"),
        _ => {
            let Some(days) = unit.strip_prefix('J').filter(|days| !days.is_empty()) else { return };
            let days: Option<Vec<&str>> = days.chars().map(|c| day(c.encode_utf8(&mut [0; 4]))).collect();
            if let Some(days) = days {
                every(1, count, "wk");
                repeat.insert("dayOfWeek".into(), json!(days));
            }
        }
    }
}

/// Returns a day of the week, of which 1 is Monday.
fn day(number: &str) -> Option<&'static str> {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    number.parse::<usize>().ok().and_then(|n| days.get(n.checked_sub(1)?)).copied()
}

fn time_of_day(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    let is_time = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit());
    let (hour, minute) = digits.split_at_checked(2).filter(|_| is_time)?;
    (hour < "24" && minute < "60").then(|| format!("{hour}:{minute}:00"))
}

/// Returns a unit of time as UCUM and R4 have it.
pub fn time_unit(text: &str) -> Option<&'static str> {
    match text.trim().to_ascii_lowercase().as_str() {
        "s" | "sec" | "second" | "seconds" => Some("s"),
        "m" | "min" | "mins" | "minute" | "minutes" => Some("min"),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some("h"),
        "d" | "day" | "days" => Some("d"),
        "w" | "wk" | "week" | "weeks" => Some("wk"),
        "l" | "mo" | "mon" | "month" | "months" => Some("mo"),
        // UCUM calls a year `a`, ISO+ `ann`.
        "a" | "ann" | "y" | "yr" | "year" | "years" => Some("a"),
        _ => None,
    }
}

/// Returns a span of time in whole minutes.
pub fn minutes(count: &str, unit: &str) -> Option<u32> {
    let count: f64 = decimal_text(count)?.parse().ok()?;
    let factor = match time_unit(unit)? {
        "s" => 1.0 / 60.0,
        "min" => 1.0,
        "h" => 60.0,
        "d" => 1440.0,
        "wk" => 10080.0,
        _ => return None,
    };
    let total = (count * factor).ceil();
    ((0.0..2_147_483_648.0).contains(&total)).then_some(total as u32)
}

/// NM and CWE → minutes, as Appointment.minutesDuration wants them; minutes where no unit is said.
pub fn duration_minutes(ctx: &Ctx, value: Part, unit: Part) -> Option<u32> {
    let text = value.text()?;
    let unit = [1, 2].into_iter().find_map(|n| unit.part(n).text()).unwrap_or("min".into());
    let total = minutes(&text, &unit).filter(|total| *total > 0);
    if total.is_none() {
        ctx.warn(Code::DataType, value.at, "is no duration");
    }
    total
}

/// CQ → Duration, with a unit of UCUM where it is one of time.
pub fn duration(ctx: &Ctx, part: Part) -> Option<Value> {
    let text = part.part(1).text()?;
    let Some(value) = number(&text) else {
        ctx.warn(Code::DataType, part.at, "is no duration");
        return None;
    };
    let unit = match unit_of(part) {
        // What people read is what the sender wrote.
        Some(code) => Unit::ucum(code, string(part.part(2).part(2)).as_deref().unwrap_or(code)),
        None => Unit::read(ctx, part.part(2)),
    };
    Some(unit.quantity(value, None))
}

/// Returns a number of units of time.
pub fn of_time(number: impl Into<Value>, unit: &str) -> Value {
    Unit::ucum(unit, unit).quantity(number.into(), None)
}

/// CQ → whole minutes; none where it is no span of time.
pub fn minutes_of(part: Part) -> Option<u32> {
    minutes(&part.part(1).text()?, unit_of(part)?)
}

/// The unit of time of a CQ.
fn unit_of(part: Part) -> Option<&'static str> {
    [1, 2].into_iter().find_map(|n| time_unit(&part.part(2).part(n).text()?))
}

/// CQ → `Timing.repeat.duration`: how long it takes each time.
pub fn duration_each(ctx: &Ctx, part: Part, repeat: &mut Map<String, Value>) {
    let Some(number) = super::text::decimal(ctx, part.part(1)) else { return };
    // R4 tim-1 and tim-4: a unit, and no negative number.
    let Some(unit) = unit_of(part).filter(|_| number.as_f64().is_some_and(|n| n >= 0.0)) else {
        return ctx.warn(Code::DataType, part.at, "is no duration");
    };
    repeat.insert("duration".into(), number);
    repeat.insert("durationUnit".into(), unit.into());
}

/// From when until when, and for how long: the name and the value of `Timing.repeat.bounds[x]`.
pub fn bounds(ctx: &Ctx, start: Part, end: Part, lasts: Part) -> Option<(String, Value)> {
    if let Some(mut period) = date::period_of(ctx, start, end) {
        // What is not said of the two follows from the other.
        let minutes = minutes_of(lasts).map(i64::from);
        let later = |from: &str, minutes: Option<i64>| span::plus(period[from].as_str()?, minutes?);
        let (from, to) = (later("end", minutes.map(|n| -n)), later("start", minutes));
        for (name, part, time) in [("start", start, from), ("end", end, to)] {
            if let Some(time) = time.filter(|_| part.said().is_none()) {
                period[name] = json!(time);
            }
        }
        return Some(("boundsPeriod".into(), period));
    }
    lasts.part(1).said()?;
    if unit_of(lasts).is_none() {
        ctx.warn(Code::DataType, lasts.at, "how long it lasts is not in units of time");
        return None;
    }
    Some(("boundsDuration".into(), duration(ctx, lasts)?))
}

/// Reads the duration of a TQ: `S30`, `M5`, `H2`, `D7`, `W2`, `L3`.
fn duration_text(text: &str) -> Option<Value> {
    let (letter, count) = text.trim().split_at_checked(1)?;
    let unit = match letter.to_ascii_uppercase().as_str() {
        "S" => "s",
        "M" => "min",
        "H" => "h",
        "D" => "d",
        "W" => "wk",
        "L" => "mo",
        _ => return None,
    };
    Some(of_time(number(count)?, unit))
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn patterns_that_can_be_counted() {
        for (pattern, expected) in [
            ("Q6H", r#"{"frequency":1,"period":6,"periodUnit":"h"}"#),
            ("Q30M", r#"{"frequency":1,"period":30,"periodUnit":"min"}"#),
            ("Q3L", r#"{"frequency":1,"period":3,"periodUnit":"mo"}"#),
            ("Q2J135", r#"{"frequency":1,"period":2,"periodUnit":"wk","dayOfWeek":["mon","wed","fri"]}"#),
            ("BID", r#"{"frequency":2,"period":1,"periodUnit":"d"}"#),
            ("6ID", r#"{"frequency":6,"period":1,"periodUnit":"d"}"#),
            ("QHS", r#"{"frequency":1,"period":1,"periodUnit":"d","when":["HS"]}"#),
            ("PRNBID", r#"{"frequency":2,"period":1,"periodUnit":"d"}"#),
            ("PCM", r#"{"when":["PCM"]}"#),
            ("Once", r#"{"count":1}"#),
            ("C", "{}"),
            ("PRN", "{}"),
            ("Q0H", "{}"),
            ("Q2J9", "{}"),
            ("QX", "{}"),
            ("ID", "{}"),
            ("é", "{}"),
        ] {
            assert_eq!(Value::Object(repeated(pattern)), serde_json::from_str::<Value>(expected).unwrap(), "{pattern}");
        }
    }

    #[test]
    fn timings() {
        let bid =
            r#""code":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation","code":"BID"}]}"#;
        let twice = r#""frequency":2,"period":1,"periodUnit":"d""#;
        check("RI", "BID", &format!(r#"{{"repeat":{{{twice}}},{bid}}}"#));
        check("RI", "BID^0800,2000", &format!(r#"{{"repeat":{{{twice},"timeOfDay":["08:00:00","20:00:00"]}},{bid}}}"#));
        check("RI", "^2500", "- ! ZZZ-1");
        check("RPT", "^^^^6^h", r#"{"repeat":{"frequency":1,"period":6,"periodUnit":"h"}}"#);
        check("RPT", "^DW^1^5", r#"{"repeat":{"dayOfWeek":["mon","fri"]}}"#);
        check("RPT", "^^^^^^^PCM^1^h", r#"{"repeat":{"when":["PCM"],"offset":60}}"#);
        let bounds = r#""boundsPeriod":{"start":"2026-01-01"},"count":3"#;
        check("TQ", "^BID^^20260101^^^^^^^^3", &format!(r#"{{"repeat":{{{twice},{bounds}}},{bid}}}"#));
        let week = r#"{"value":2,"unit":"wk","system":"http://unitsofmeasure.org","code":"wk"}"#;
        check("TQ", "^^W2", &format!(r#"{{"repeat":{{"boundsDuration":{week}}}}}"#));
        check("TQ", "^^^^^S", "-");
    }

    #[test]
    fn spans_of_time_in_minutes() {
        for (count, unit, expected) in
            [("90", "s", Some(2)), ("1.5", "HR", Some(90)), ("2", "days", Some(2880)), ("1", "mo", None)]
        {
            assert_eq!(minutes(count, unit), expected, "{count} {unit}");
        }
        for (count, unit) in [("x", "min"), ("-1", "min"), ("1e100", "min"), ("1", "parsec")] {
            assert_eq!(minutes(count, unit), None, "{count} {unit}");
        }
    }
}
