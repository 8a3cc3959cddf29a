//! TQ1, and ORC-7 and OBR-27 before it: when an order is to be done, how often and how urgently.
//!
//! v2-to-FHIR, segment map TQ1\[ServiceRequest\] and data type map TQ\[ServiceRequest\].

use super::{note, tq1};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, timing};
use crate::hl7v2::draft::Draft;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::tree::Node;
use serde_json::json;

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
    priority(ctx, obr.field(5), "HL70485", draft);
    if !OCCURRENCES.iter().any(|name| draft.resource.get(*name).is_some_and(|value| !value.is_null())) {
        let times = [obr.field(6), obr.field(36)];
        let time = times.into_iter().filter(|field| field.is_there()).find_map(|f| datatype::date_time(ctx, f.first()));
        if let Some(time) = time {
            draft.set("occurrenceDateTime", time);
        }
    }
}

/// Sets the priority, unless there is one.
fn priority(ctx: &Ctx, part: Part, table: &str, draft: &mut Draft) {
    if draft.resource.contains_key("priority") || !part.is_there() {
        return;
    }
    // Timing critical within so many minutes, hours and so on: `TM30`.
    let is_timed = part
        .text()
        .is_some_and(|text| text.len() > 2 && text.starts_with('T') && text.ends_with(|c: char| c.is_ascii_digit()));
    let priority = if is_timed { Some("urgent".to_string()) } else { datatype::code(ctx, part, table) };
    draft.set("priority", priority);
}

fn by_tq1(ctx: &Ctx, tq1: Segment, draft: &mut Draft) {
    priority(ctx, tq1.field(9), "HL70485", draft);
    if let Some(quantity) = tq1.field(2).is_there().then(|| datatype::quantity(ctx, tq1.field(2).first())).flatten() {
        draft.set("quantityQuantity", quantity);
    }
    draft.set("occurrenceTiming", tq1::timing(ctx, tq1));
    // R4 has a place for what has to be the case.
    if let Some(condition) = datatype::text::whole(tq1.field(10).first()) {
        draft.set("asNeededCodeableConcept", json!({"text": condition}));
    }
    if let Some(text) = datatype::text::whole(tq1.field(11).first()) {
        draft.push("note", note::text(text));
    }
}

fn by_tq(ctx: &Ctx, tq: Part, draft: &mut Draft) {
    priority(ctx, tq.part(6), "HL70485", draft);
    let quantity = tq.part(1);
    if let Some(quantity) = quantity.is_there().then(|| datatype::quantity(ctx, quantity)).flatten() {
        draft.set("quantityQuantity", quantity);
    }
    draft.set("occurrenceTiming", timing::timing_quantity(ctx, tq));
    if let Some(condition) = datatype::text::string(tq.part(7)) {
        draft.set("asNeededCodeableConcept", json!({"text": condition}));
    }
    if let Some(text) = datatype::text::string(tq.part(8)) {
        draft.push("note", note::text(text));
    }
}
