//! SIU S23 and S24 → Slot: times of places, people and things that are blocked or opened.
//!
//! HL7 v2.8 10.4.12 and 10.4.13; the v2-to-FHIR guide has no map. A Slot is of a Schedule, and that of whom it is the
//! time.

use super::ai::{self, Resource};
use super::number;
use super::sch::{self, Time};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, span};
use crate::hl7v2::draft::{Draft, Handle, Identity, Update};
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

/// Adds the Slots of all resources that the message names, with this status.
pub fn slots(ctx: &Ctx, tree: &Node, schedule: &Node, status: &str) {
    let time = sch::time(ctx, schedule);
    let resources = ai::resources(ctx, tree, &time);
    let services = ai::services(ctx, &resources);
    let mut is_any = false;
    for resource in resources.iter().filter(|it| it.node.segment.name != "AIS") {
        for actor in ai::actors(ctx, resource.node.segment) {
            is_any = true;
            slot(ctx, resource, &time, actor, (status, &services));
        }
    }
    if !is_any {
        let text = "nothing says whose time it is: AIG, AIL or AIP";
        ctx.fail(Code::SegmentSequence, schedule.segment.at(), text);
    }
}

fn slot(ctx: &Ctx, resource: &Resource, time: &Time, actor: Value, (status, services): (&str, &[Value])) {
    let segment = resource.node.segment;
    let start = resource.start.clone().or_else(|| time.start.clone());
    let Some((start, from)) = start.and_then(|start| Some((start.clone(), span::utc(&start)?))) else {
        return ctx.warn(Code::RequiredField, segment.at(), "nothing says from when this is blocked or open; left out");
    };
    let lasts = || span::plus(&start, i64::from(time.minutes?));
    let end = resource.end.clone().or_else(|| time.end.clone()).or_else(lasts);
    let Some(end) = end.filter(|end| span::is_in_order(&start, end)) else {
        return ctx.warn(
            Code::RequiredField,
            segment.at(),
            "nothing says until when this is blocked or open; left out",
        );
    };
    let whose = key(ctx, segment, &actor);
    let schedule = schedule(ctx, segment, &whose, actor);
    let mut draft = Draft::new("Slot", segment.at());
    // By place and time: who opens it again says the same.
    number::identify(&mut draft, vec![number::synthetic(ctx, "slot", format!("{whose}|{from}"))]);
    draft.set("schedule", schedule.reference()).set("status", status).set("start", start).set("end", end);
    if !services.is_empty() {
        draft.set("serviceType", services.to_vec());
    }
    ctx.add_once(draft);
}

fn schedule(ctx: &Ctx, segment: Segment, whose: &str, actor: Value) -> Handle {
    let mut draft = Draft::new("Schedule", segment.at());
    draft.set("active", true).set("actor", json!([actor]));
    draft.update = Update::Keep;
    number::identify(&mut draft, vec![number::synthetic(ctx, "schedule", whose.to_string())]);
    ctx.add_once(draft)
}

/// Returns what tells one whose time it is from others: an identifier, else the words of the message.
fn key(ctx: &Ctx, segment: Segment, actor: &Value) -> String {
    let of_draft = || {
        let handle = Handle::of(actor["reference"].as_str()?)?;
        ctx.see(|drafts| match &drafts.get(handle)?.identity {
            Identity::Identifiers(keys) => keys.first().map(|key| format!("{}|{}", key.system, key.value)),
            _ => None,
        })
    };
    let by_number = || {
        let number = actor.get("identifier")?;
        Some(format!("{}|{}", number["system"].as_str()?, number["value"].as_str()?))
    };
    let words = || format!("{}|{}", ctx.house(), datatype::text::whole(segment.field(3).first()).unwrap_or_default());
    of_draft().or_else(by_number).unwrap_or_else(words)
}
