//! TQ1, and TQ of older versions → when and how much of a medicine is taken.
//!
//! v2-to-FHIR, segment map TQ1\[MedicationRequest\], data type map TQ\[MedicationRequest\].

use super::{simple, span};
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype::{self, text, timing};
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
    let pattern = tq1.field(3);
    if pattern.repetitions().count() > 1 {
        ctx.warn(Code::Other, pattern.at, "of several repeat patterns the first is taken over");
    }
    let mut timing = pattern.said().and_then(|rpt| timing::pattern(ctx, rpt)).unwrap_or_else(|| json!({}));
    let mut repeat = timing["repeat"].as_object().cloned().unwrap_or_default();
    let times: Vec<String> = tq1.field(4).repetitions().filter_map(|time| datatype::time(ctx, time)).collect();
    if !times.is_empty() {
        // R4 tim-10: times of day and events of the day are not said together.
        repeat.remove("when");
        repeat.remove("offset");
        repeat.insert("timeOfDay".into(), json!(times));
    }
    if let (true, Some(offset)) = (repeat.contains_key("when"), minutes(tq1.field(5).first())) {
        // R4 tim-9: an offset is one from an event of the day.
        repeat.entry("offset").or_insert(json!(offset));
    }
    bounds(ctx, &mut repeat, tq1.field(7), tq1.field(8), tq1.field(6).first());
    let (number, unit) = (tq1.field(13).part(1), tq1.field(13).part(2).text());
    if let Some((value, unit)) = text::decimal(ctx, number).zip(unit.and_then(|unit| timing::time_unit(&unit))) {
        repeat.insert("duration".into(), value);
        repeat.insert("durationUnit".into(), json!(unit));
    }
    // The guide says countMax, which by R4 tim-8 needs a count.
    if let Some(count) = text::integer(ctx, tq1.field(14), 1) {
        repeat.insert("count".into(), count);
    }
    if !repeat.is_empty() {
        timing["repeat"] = Value::Object(repeat);
    }
    Timing {
        timing: said(timing),
        dose: simple::composite(ctx, tq1.field(2).first()),
        as_needed: is_as_needed(pattern.part(1)) || tq1.field(9).is("PRN"),
        condition: text::lines(tq1.field(10)),
        text: text::lines(tq1.field(11)),
        priority: datatype::code(ctx, tq1.field(9), "HL70485"),
    }
}

/// Returns what a TQ (ORC-7, RXE-1) says.
pub fn of_tq(ctx: &Ctx, tq: Part) -> Timing {
    Timing {
        timing: timing::timing_quantity(ctx, tq).unwrap_or_default(),
        dose: simple::composite(ctx, tq.part(1)),
        as_needed: is_as_needed(tq.part(2)) || tq.part(6).is("PRN"),
        condition: text::whole(tq.part(7)),
        text: text::whole(tq.part(8)),
        priority: datatype::code(ctx, tq.part(6), "HL70485"),
    }
}

fn said(value: Value) -> Value {
    if value.as_object().is_some_and(Map::is_empty) { Value::Null } else { value }
}

/// `PRN`, or `PRN` before how often at most.
fn is_as_needed(pattern: Part) -> bool {
    pattern.text().is_some_and(|text| text.trim().to_ascii_uppercase().starts_with("PRN"))
}

/// From when until when, or for how long.
fn bounds(ctx: &Ctx, repeat: &mut Map<String, Value>, start: Part, end: Part, lasts: Part) {
    let mut period = datatype::period_of(ctx, start, end);
    if let (Some(period), Some(minutes)) = (&mut period, minutes(lasts).filter(|_| end.said().is_none())) {
        let end = period["start"].as_str().and_then(|start| span::plus(start, i64::from(minutes)));
        if let Some(end) = end {
            period["end"] = json!(end);
        }
    }
    let number = lasts.part(1);
    let unit = lasts.part(2).text().and_then(|unit| timing::time_unit(&unit));
    match (period, unit) {
        (Some(period), _) => _ = repeat.insert("boundsPeriod".into(), period),
        (None, Some(unit)) => {
            if let Some(value) = text::decimal(ctx, number) {
                repeat.insert("boundsDuration".into(), simple::of_time(value, unit));
            }
        }
        (None, None) if number.said().is_some() => {
            ctx.warn(Code::DataType, lasts.at, "how long it lasts is not in units of time");
        }
        (None, None) => {}
    }
}

fn minutes(cq: Part) -> Option<u32> {
    let unit = timing::time_unit(&cq.part(2).text()?)?;
    timing::minutes(&cq.part(1).text()?, unit)
}
