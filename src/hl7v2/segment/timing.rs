//! TQ1, and TQ of older versions → when and how much is taken.
//!
//! v2-to-FHIR, segment map TQ1\[MedicationRequest\], data type maps RPT\[Timing\], RI\[Timing\] and TQ\[MedicationRequest\].

use super::amount;
use super::pattern::{self, Pattern};
use super::span;
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::Code;
use serde_json::{Map, Value, json};

/// What one TQ1 or TQ says.
#[derive(Debug, Clone, Default)]
pub struct Timing {
    /// `Dosage.timing`; null where nothing is said of it.
    pub timing: Value,
    pub dose: Option<Value>,
    pub as_needed: bool,
    /// On what condition it is taken.
    pub condition: Option<String>,
    pub text: Option<String>,
    /// `MedicationRequest.priority`.
    pub priority: Option<String>,
}

/// Returns what a segment TQ1 says.
pub fn of_tq1(ctx: &Ctx, tq1: Segment) -> Timing {
    let mut timing = begin(ctx, tq1.field(3).first().part(1));
    let mut repeat = timing.repeat;
    repeat_pattern(ctx, tq1.field(3).first(), &mut repeat);
    if tq1.field(3).repetitions().count() > 1 {
        ctx.warn(Code::Other, tq1.field(3).at, "of several repeat patterns the first is taken over");
    }
    times_of_day(&mut repeat, tq1.field(4).repetitions().filter_map(|part| part.text().map(|t| t.into_owned())));
    if let Some(offset) = amount::minutes_of(ctx, tq1.field(5).first()) {
        offset_of(&mut repeat, offset);
    }
    bounds(ctx, &mut repeat, tq1.field(7), tq1.field(8), tq1.field(6).first());
    let (number, unit) = (tq1.field(13).first().part(1), tq1.field(13).first().part(2));
    if let Some((value, unit)) = amount::decimal(ctx, number).zip(amount::time_unit(unit)) {
        repeat.insert("duration".into(), json!(value));
        repeat.insert("durationUnit".into(), json!(unit));
    }
    count(ctx, &mut repeat, tq1.field(14));
    let priority = tq1.field(9);
    timing.said.as_needed |= priority.is("PRN");
    timing.said.priority = priority_of(priority);
    timing.said.dose = amount::composite(ctx, tq1.field(2).first());
    timing.said.condition = tq1.field(10).whole();
    timing.said.text = tq1.field(11).whole();
    finish(timing.said, timing.code, repeat)
}

/// Returns what a TQ (ORC-7, RXE-1) says.
pub fn of_tq(ctx: &Ctx, tq: Part) -> Timing {
    let mut timing = begin(ctx, tq.part(2));
    let mut repeat = timing.repeat;
    let times = tq.part(2).part(2).text().unwrap_or_default().into_owned();
    times_of_day(&mut repeat, times.split(',').map(str::to_string));
    bounds(ctx, &mut repeat, tq.part(4), tq.part(5), tq.part(99));
    old_duration(&mut repeat, tq.part(3));
    count(ctx, &mut repeat, tq.part(12));
    timing.said.as_needed |= tq.part(6).is("PRN");
    timing.said.priority = priority_of(tq.part(6));
    timing.said.dose = amount::composite(ctx, tq.part(1));
    timing.said.condition = tq.part(7).whole();
    timing.said.text = tq.part(8).whole();
    finish(timing.said, timing.code, repeat)
}

struct Begun {
    said: Timing,
    code: Option<Value>,
    repeat: Map<String, Value>,
}

/// Begins with the code of a pattern: `BID`, `Q6H`, `PRN`.
fn begin(ctx: &Ctx, code: Part) -> Begun {
    let mut begun = Begun { said: Timing::default(), code: None, repeat: Map::new() };
    let Some(text) = code.text() else { return begun };
    let pattern = pattern::pattern(&text);
    begun.said.as_needed = pattern.as_ref().is_some_and(|pattern| pattern.as_needed);
    begun.repeat = pattern.as_ref().map(Pattern::repeat).unwrap_or_default();
    begun.code = datatype::codeable_concept(ctx, code, Some("HL70335")).map(|mut concept| {
        if let Some((coding, codings)) = pattern::abbreviation(&text).zip(concept["coding"].as_array_mut()) {
            codings.push(coding);
        }
        concept
    });
    begun
}

fn finish(mut said: Timing, code: Option<Value>, mut repeat: Map<String, Value>) -> Timing {
    // R4 tim-10: where there is a time of day, there is no event of the day.
    if repeat.contains_key("timeOfDay") {
        repeat.remove("when");
        repeat.remove("offset");
    }
    let mut timing = Map::new();
    if !repeat.is_empty() {
        timing.insert("repeat".into(), Value::Object(repeat));
    }
    if let Some(code) = code {
        timing.insert("code".into(), code);
    }
    if !timing.is_empty() {
        said.timing = Value::Object(timing);
    }
    said
}

/// RPT beyond its code: how often in which period, on which days, and around which event.
fn repeat_pattern(ctx: &Ctx, rpt: Part, repeat: &mut Map<String, Value>) {
    let number = |part: Part| part.text().and_then(|text| text.parse::<usize>().ok());
    if rpt.part(2).is("DW") {
        let (from, to) = (number(rpt.part(3)), number(rpt.part(4)).or(number(rpt.part(3))));
        if let Some(days) = from.zip(to).and_then(|(from, to)| pattern::DAYS.get(from.checked_sub(1)?..to)) {
            repeat.insert("dayOfWeek".into(), json!(days));
        }
    }
    if let Some((period, unit)) = amount::decimal(ctx, rpt.part(5)).zip(amount::time_unit(rpt.part(6))) {
        repeat.entry("frequency").or_insert(json!(1));
        repeat.insert("period".into(), json!(period));
        repeat.insert("periodUnit".into(), json!(unit));
    }
    if let Some(event) = rpt.part(8).text() {
        match pattern::event(&event) {
            Some(event) => _ = repeat.insert("when".into(), json!([event])),
            None => ctx.warn(Code::TableValue, rpt.part(8).at, "R4 has no such event of the day"),
        }
    }
    if let Some(offset) = amount::minutes(ctx, rpt.part(9), rpt.part(10)) {
        offset_of(repeat, offset);
    }
}

/// R4 tim-9: an offset is one from an event of the day.
fn offset_of(repeat: &mut Map<String, Value>, minutes: u32) {
    if repeat.contains_key("when") {
        repeat.entry("offset").or_insert(json!(minutes));
    }
}

fn times_of_day(repeat: &mut Map<String, Value>, times: impl Iterator<Item = String>) {
    let times: Vec<String> = times.filter_map(|text| pattern::time(&text)).collect();
    if !times.is_empty() {
        repeat.insert("timeOfDay".into(), json!(times));
    }
}

/// From when until when, or for how long.
fn bounds(ctx: &Ctx, repeat: &mut Map<String, Value>, start: Part, end: Part, lasts: Part) {
    let at = |part: Part| part.said().and_then(|part| datatype::date_time(ctx, part));
    let (start, mut end) = (at(start), at(end));
    if let (Some(start), None, true) = (&start, &end, lasts.said().is_some()) {
        let minutes = amount::minutes_of(ctx, lasts);
        end = minutes.and_then(|minutes| span::plus(start, i64::from(minutes)));
    }
    let mut period = Map::new();
    for (name, value) in [("start", start), ("end", end)] {
        if let Some(value) = value {
            period.insert(name.into(), json!(value));
        }
    }
    if !period.is_empty() {
        repeat.insert("boundsPeriod".into(), Value::Object(period));
    } else if lasts.said().is_some() {
        match amount::duration(ctx, lasts.part(1), lasts.part(2)) {
            Some(duration) => _ = repeat.insert("boundsDuration".into(), duration),
            None => ctx.warn(Code::DataType, lasts.at, "how long it lasts is not in units of time"),
        }
    }
}

/// HL7 v2.3 4.4.3: `D3` are three days, `X5` is five times.
fn old_duration(repeat: &mut Map<String, Value>, part: Part) {
    let Some(text) = part.text() else { return };
    let mut chars = text.chars();
    let letter = chars.next().unwrap_or_default();
    let Ok(number @ 1..=99_999) = chars.as_str().parse::<u32>() else { return };
    let unit = match letter {
        'S' => "s",
        'M' => "min",
        'H' => "h",
        'D' => "d",
        'W' => "wk",
        'L' => "mo",
        'X' => return drop(repeat.insert("count".into(), json!(number))),
        _ => return,
    };
    if !repeat.contains_key("boundsPeriod") {
        let mut duration = amount::one(unit);
        duration["value"] = json!(number);
        repeat.insert("boundsDuration".into(), duration);
    }
}

fn count(ctx: &Ctx, repeat: &mut Map<String, Value>, part: Part) {
    if let Some(count) = amount::whole(ctx, part).filter(|count| *count > 0) {
        repeat.insert("count".into(), json!(count));
    }
}

/// Table 0485 → `request-priority`.
fn priority_of(part: Part) -> Option<String> {
    let priority = match &*part.text()? {
        "S" => "stat",
        "A" => "asap",
        "R" => "routine",
        // Preoperative, callback, timing critical, as needed: they are no priorities in R4.
        _ => return None,
    };
    Some(priority.to_string())
}
