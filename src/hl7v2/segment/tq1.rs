//! TQ1, and TQ of older versions: when and how often something is done, and how much of a medicine is taken then.
//!
//! v2-to-FHIR, segment maps TQ1\[MedicationRequest\] and TQ1\[ServiceRequest\], data type map TQ\[MedicationRequest\].

use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, quantity, span, text, timing};
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::Code;
use serde_json::{Map, Value, json};

/// What one TQ1 or TQ says.
#[derive(Debug, Clone, Default)]
pub struct Timing {
    /// TQ1-1: which one it is.
    pub sequence: Option<Value>,
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
    Timing {
        sequence: tq1.field(1).said().and_then(|part| text::integer(ctx, part, 0)),
        timing: timing(ctx, tq1).unwrap_or_default(),
        dose: quantity::simple(ctx, tq1.field(2).first()),
        as_needed: is_as_needed(pattern.part(1)) || tq1.field(9).is("PRN"),
        condition: text::lines(tq1.field(10)),
        text: text::lines(tq1.field(11)),
        priority: datatype::code(ctx, tq1.field(9), "HL70485"),
    }
}

/// Returns what a TQ (ORC-7, RXE-1) says.
pub fn of_tq(ctx: &Ctx, tq: Part) -> Timing {
    Timing {
        sequence: None,
        timing: timing::timing_quantity(ctx, tq).unwrap_or_default(),
        dose: quantity::simple(ctx, tq.part(1)),
        as_needed: is_as_needed(tq.part(2)) || tq.part(6).is("PRN"),
        condition: text::whole(tq.part(7)),
        text: text::whole(tq.part(8)),
        priority: datatype::code(ctx, tq.part(6), "HL70485"),
    }
}

/// `PRN`, or `PRN` before how often at most.
fn is_as_needed(pattern: Part) -> bool {
    pattern.text().is_some_and(|text| text.trim().to_ascii_uppercase().starts_with("PRN"))
}

/// TQ1 → Timing.
pub fn timing(ctx: &Ctx, tq1: Segment) -> Option<Value> {
    let pattern = tq1.field(3);
    if pattern.repetitions().count() > 1 {
        ctx.warn(Code::Other, pattern.at, "of several repeat patterns the first is taken over");
    }
    let mut timing = pattern.said().and_then(|rpt| timing::pattern(ctx, rpt)).unwrap_or_else(|| json!({}));
    let mut repeat = timing["repeat"].as_object().cloned().unwrap_or_default();
    let bounds = timing::bounds(ctx, tq1.field(7), tq1.field(8), tq1.field(6).first());
    explicit_times(ctx, tq1, bounds.as_ref(), &mut timing, &mut repeat);
    if let (true, Some(offset)) = (repeat.contains_key("when"), timing::minutes_of(tq1.field(5).first())) {
        // R4 tim-9: an offset is one from an event of the day.
        repeat.entry("offset").or_insert(json!(offset));
    }
    repeat.extend(bounds);
    timing::duration_each(ctx, tq1.field(13).first(), &mut repeat);
    // The guide says countMax, which by R4 tim-8 needs a count.
    if let Some(count) = text::integer(ctx, tq1.field(14), 1) {
        repeat.insert("count".into(), count);
    }
    if !repeat.is_empty() {
        timing["repeat"] = Value::Object(repeat);
    }
    timing.as_object().is_some_and(|timing| !timing.is_empty()).then_some(timing)
}

/// TQ1-4: times of each day. R4 tim-10 has no place for them beside an event of the day that a pattern names by RPT.8; then they are those of
/// the first day.
fn explicit_times(
    ctx: &Ctx,
    tq1: Segment,
    bounds: Option<&(String, Value)>,
    timing: &mut Value,
    repeat: &mut Map<String, Value>,
) {
    let field = tq1.field(4);
    let times: Vec<String> = field.repetitions().filter_map(|time| datatype::time(ctx, time)).collect();
    if times.is_empty() {
        return;
    }
    if !tq1.field(3).part(8).is_there() {
        repeat.remove("when");
        repeat.remove("offset");
        repeat.insert("timeOfDay".into(), json!(times));
        return;
    }
    let start = bounds.and_then(|(_, period)| period["start"].as_str());
    let events: Vec<String> = times.iter().filter_map(|time| span::at(start?, time)).collect();
    match events.is_empty() {
        true => ctx.warn(Code::Other, field.at, "beside an event of the day a time has no place; it was left out"),
        false => timing["event"] = json!(events),
    }
}
