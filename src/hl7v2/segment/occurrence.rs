//! TQ1, and ORC-7 and OBR-27 before it: when an order is to be done, how often and how urgently.
//!
//! v2-to-FHIR, segment map TQ1\[ServiceRequest\] and data type map TQ\[ServiceRequest\].

use super::note;
use super::obx::{choose, local};
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::Draft;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Map, Value, json};

const OCCURRENCES: &[&str] = &["occurrenceDateTime", "occurrencePeriod", "occurrenceTiming"];

/// Sets `occurrence[x]`, `priority` and `quantity[x]` of an order.
pub fn of_order(ctx: &Ctx, orc: Option<&Node>, obr: Option<&Node>, draft: &mut Draft) {
    let above = [obr, orc];
    let tq1 = above.into_iter().flatten().find_map(|node| node.one("TQ1"));
    if let Some(tq1) = tq1.map(|node| node.segment) {
        by_tq1(ctx, tq1, draft);
    } else {
        let fields = [orc.map(|orc| orc.segment.field(7)), obr.map(|obr| obr.segment.field(27))];
        if let Some(field) = fields.into_iter().flatten().find(|field| field.is_there()) {
            by_tq(ctx, field.first(), draft);
        }
    }
    let Some(obr) = obr.map(|node| node.segment) else { return };
    priority(ctx, obr.field(5), draft);
    if !OCCURRENCES.iter().any(|name| draft.resource.get(*name).is_some_and(|value| !value.is_null())) {
        let times = [obr.field(6), obr.field(36)];
        let time = times.into_iter().filter(|field| field.is_there()).find_map(|f| datatype::date_time(ctx, f.first()));
        if let Some(time) = time {
            choose(draft, "occurrenceDateTime", time.into(), OCCURRENCES);
        }
    }
}

/// Sets the priority, unless there is one: table 0485.
fn priority(ctx: &Ctx, part: Part, draft: &mut Draft) {
    let Some(said) = local(ctx, "HL70485", part).filter(|_| !draft.resource.contains_key("priority")) else { return };
    let priority = match &*said {
        "S" | "STAT" => "stat",
        "A" | "ASAP" => "asap",
        "R" | "ROUTINE" => "routine",
        "U" | "UR" | "URGENT" => "urgent",
        // As needed, before the operation, call back: they say when, not how urgently.
        "P" | "C" | "PRN" => return,
        timed if timed.starts_with('T') => "urgent",
        _ => return ctx.warn(Code::TableValue, part.at, "no code of table 0485; the priority was left out"),
    };
    draft.set("priority", priority);
}

fn by_tq1(ctx: &Ctx, tq1: Segment, draft: &mut Draft) {
    priority(ctx, tq1.field(9), draft);
    if let Some(quantity) = tq1.field(2).is_there().then(|| datatype::quantity(ctx, tq1.field(2).first())).flatten() {
        draft.set("quantityQuantity", quantity);
    }
    let time = |n: usize| tq1.field(n).is_there().then(|| datatype::date_time(ctx, tq1.field(n).first())).flatten();
    let pattern = tq1.field(3).is_there().then(|| pattern(tq1.field(3).first())).flatten();
    let mut repeat = Map::new();
    if let Some(count) = tq1.field(14).text().and_then(|text| text.parse::<u32>().ok()).filter(|count| *count > 0) {
        // The guide says countMax, which by R4 tim-8 needs a count.
        repeat.insert("count".into(), count.into());
    }
    duration(tq1.field(13), &mut repeat);
    occurrence(pattern, repeat, (time(7), time(8)), draft);
    for text in [tq1.field(10), tq1.field(11)].into_iter().filter_map(|field| field.whole()) {
        draft.push("note", note::text(text));
    }
}

fn by_tq(ctx: &Ctx, tq: Part, draft: &mut Draft) {
    priority(ctx, tq.part(6), draft);
    let time = |n: usize| tq.part(n).is_there().then(|| datatype::date_time(ctx, tq.part(n))).flatten();
    let mut repeat = Map::new();
    if let Some(count) = tq.part(12).text().and_then(|text| text.parse::<u32>().ok()).filter(|count| *count > 0) {
        repeat.insert("count".into(), count.into());
    }
    let pattern = tq.part(2).part(1).is_there().then(|| pattern(tq.part(2))).flatten();
    occurrence(pattern, repeat, (time(4), time(5)), draft);
    if let Some(text) = tq.part(8).text() {
        draft.push("note", note::text(text));
    }
}

/// Sets the simplest `occurrence[x]` that says it all.
fn occurrence(
    code: Option<Value>,
    mut repeat: Map<String, Value>,
    (start, end): (Option<String>, Option<String>),
    draft: &mut Draft,
) {
    let mut period = Map::new();
    for (name, time) in [("start", start.clone()), ("end", end.clone())] {
        if let Some(time) = time {
            period.insert(name.into(), time.into());
        }
    }
    if code.is_some() || !repeat.is_empty() {
        if !period.is_empty() {
            repeat.insert("boundsPeriod".into(), Value::Object(period));
        }
        let mut timing = Map::new();
        if !repeat.is_empty() {
            timing.insert("repeat".into(), Value::Object(repeat));
        }
        if let Some(code) = code {
            timing.insert("code".into(), code);
        }
        return choose(draft, "occurrenceTiming", Value::Object(timing), OCCURRENCES);
    }
    match (start, end) {
        (Some(start), None) => choose(draft, "occurrenceDateTime", start.into(), OCCURRENCES),
        (_, Some(_)) => choose(draft, "occurrencePeriod", Value::Object(period), OCCURRENCES),
        (None, None) => {}
    }
}

/// A repeat pattern, table 0335, as the code of a Timing.
fn pattern(part: Part) -> Option<Value> {
    const KNOWN: &[&str] = &["BID", "TID", "QID", "AM", "PM", "QD", "QOD", "Q4H", "Q6H"];
    let said = part.part(1).text()?;
    let upper = said.to_uppercase();
    if KNOWN.contains(&&*upper) {
        let system = "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation";
        return Some(json!({"coding": [{"system": system, "code": upper}], "text": said}));
    }
    Some(json!({"text": part.part(1).part(2).text().unwrap_or(said)}))
}

/// TQ1-13: how long it takes each time.
fn duration(field: Part, repeat: &mut Map<String, Value>) {
    let number = field.part(1).text().and_then(|text| super::range::decimal(&text));
    let unit = match field.part(2).text().map(|unit| unit.to_lowercase()).as_deref() {
        Some("s" | "sec") => "s",
        Some("min") => "min",
        Some("h" | "hr") => "h",
        Some("d" | "day") => "d",
        Some("wk" | "week") => "wk",
        Some("mo" | "month") => "mo",
        _ => return,
    };
    // R4 tim-1 and tim-4: a unit, and no negative number.
    if let Some(number) = number.filter(|number| number.as_f64().is_some_and(|n| n >= 0.0)) {
        repeat.insert("duration".into(), number);
        repeat.insert("durationUnit".into(), unit.into());
    }
}
