//! PV1 and PV2 → Encounter.
//!
//! v2-to-FHIR, segment maps PV1\[Encounter\] and PV2\[Encounter\], concept maps PatientClass and Event\[EncounterStatus\].

use super::identity::{self, Number};
use super::{account, evn, place, role};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, date::is_before};
use crate::hl7v2::draft::{Draft, Handle, Identity, Update};
use crate::hl7v2::event::Family;
use crate::hl7v2::map;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const TYPES: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";

/// Adds the Encounter of the segment PV1 right below a node; none where it says nothing of a visit, and none with a
/// warning where nothing says which visit it is.
///
/// Only the family Admit says of a status that it has changed; elsewhere it is what a visit has that was not there.
pub fn encounter(ctx: &Ctx, pid: &Node, patient: Handle) -> Option<Handle> {
    another(ctx, pid, pid.one("PV1")?, patient)
}

/// Adds the Encounter of one of several segments PV1 below a PID.
pub fn another(ctx: &Ctx, parent: &Node, pv1: &Node, patient: Handle) -> Option<Handle> {
    let pv2 = pv1.one("PV2").or_else(|| parent.one("PV2"));
    if says_nothing(pv1.segment) || !is_said(ctx, pv1.segment) {
        return None;
    }
    let numbers = numbers(ctx, pv1.segment, patient)?;
    let recognized = if pv1.segment.field(19).is_there() { &numbers[..1] } else { &numbers[..] };
    let mut draft = Draft::new("Encounter", pv1.segment.at());
    draft.identity = Identity::Identifiers(recognized.iter().map(|number| number.identifier.clone()).collect());
    for number in &numbers {
        draft.push("identifier", number.element.clone());
    }
    draft.set("subject", patient.reference());
    map::fill(ctx, "pv1", pv1.segment, &mut draft.resource);
    if let Some(pv2) = pv2 {
        map::fill(ctx, "pv2", pv2.segment, &mut draft.resource);
        more(ctx, pv2.segment, &mut draft);
    }
    class(ctx, pv1.segment.field(2), &mut draft);
    period_and_status(ctx, pv1.segment, &mut draft);
    place::locations(ctx, pv1.segment, pv2.map(|pv2| pv2.segment), &mut draft);
    role::participants(ctx, pv1, pv2, &mut draft);
    for prt in pv1.all("PRT").chain(pv2.into_iter().flat_map(|pv2| pv2.all("PRT"))) {
        place::of_participation(ctx, prt.segment.field(9), &mut draft);
    }
    if parent.segment.name == "PID"
        && let Some(account) = account::account(ctx, parent.segment.field(18), patient, "active")
    {
        draft.push("account", account.reference());
    }
    episode(ctx, pv1.segment, patient, &mut draft);
    // What cancels an admission that never came makes none.
    draft.only_if_there = ctx.event.family == Family::Admit && ctx.event.status == "cancelled";
    Some(ctx.add_once(draft))
}

/// Returns whether a PV1 is there only because the message needs one: nothing but its number, or the class `N`, not applicable.
fn says_nothing(pv1: Segment) -> bool {
    let is_named = pv1.field(19).is_there() || pv1.field(50).is_there();
    let is_empty = (2..=pv1.last()).all(|n| !pv1.field(n).is_there());
    is_empty || (pv1.field(2).is("N") && !is_named)
}

/// Messages of a person alone have a visit only where its class says so.
fn is_said(ctx: &Ctx, pv1: Segment) -> bool {
    let class = pv1.field(2);
    ctx.event.family != Family::Person || (class.is_there() && !class.is("N"))
}

/// Returns the numbers of a visit, those that recognize it first. A visit without a number gets one that is made of its patient
/// and its beginning; a search for the beginning would not do, since R4 finds no Period that is still open by its start.
fn numbers(ctx: &Ctx, pv1: Segment, patient: Handle) -> Option<Vec<Number>> {
    let mut numbers = Vec::new();
    if let Some(mut number) = identity::number(ctx, pv1.field(19).first(), identity::local_system(ctx, "VN")) {
        is_visit_number(&mut number.element);
        numbers.push(number);
    }
    for cx in pv1.field(50).repetitions() {
        let kind = cx.part(5).text().unwrap_or("alternate-visit".into());
        let number = identity::number(ctx, cx, identity::local_system(ctx, &kind));
        numbers.extend(number.filter(|number| numbers.iter().all(|known| known.identifier != number.identifier)));
    }
    if numbers.is_empty() {
        let start = pv1.field(44).first();
        let start = if start.is_there() { datatype::date_time(ctx, start) } else { None };
        numbers.extend(start.and_then(|start| identity::by_start(ctx, patient, &start)));
    }
    if numbers.is_empty() {
        let text = "nothing says which visit it is: PV1-19, PV1-50 and PV1-44 are empty";
        ctx.warn(Code::RequiredField, pv1.at().field(19), text);
        return None;
    }
    Some(numbers)
}

fn is_visit_number(element: &mut Value) {
    let visit = json!({"system": TYPES, "code": "VN"});
    match element["type"]["coding"].as_array_mut() {
        Some(codings) if codings.iter().any(|coding| coding["code"] == "VN") => {}
        Some(codings) => codings.push(visit),
        None => element["type"] = json!({"coding": [visit]}),
    }
}

/// Returns the code of a class in table 0004.
fn class_code(ctx: &Ctx, field: Part) -> String {
    let own = field.text().unwrap_or_default();
    let rule = ctx.rules.tables.get("HL70004").and_then(|table| table.get(&*own));
    rule.cloned().unwrap_or(own.into_owned())
}

/// Encounter.class: required, and so never removed.
fn class(ctx: &Ctx, field: Part, draft: &mut Draft) {
    let act = match &*class_code(ctx, field) {
        "E" => Some(("EMER", "emergency")),
        "I" => Some(("IMP", "inpatient encounter")),
        "O" => Some(("AMB", "ambulatory")),
        "P" => Some(("PRENC", "pre-admission")),
        _ => None,
    };
    let class = match act {
        Some((code, display)) => Some(json!({"system": ACT_CODE, "code": code, "display": display})),
        None if field.is_there() => datatype::coding(ctx, field.first(), Some("HL70004")),
        None => None,
    };
    if let Some(class) = class {
        draft.set("class", class);
    }
    let unknown = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"});
    draft.default("class", unknown);
}

fn period_and_status(ctx: &Ctx, pv1: Segment, draft: &mut Draft) {
    let said = |draft: &Draft, name: &str| draft.resource.get("period")?.get(name)?.as_str().map(String::from);
    let (start, end) = (said(draft, "start"), said(draft, "end"));
    let is_over = |end: &String| ctx.time.as_deref().is_none_or(|now| !is_before(now, end));
    let is_discharged = end.as_ref().is_some_and(is_over);
    // A08 is about the patient, and says nothing of the status of a visit; elsewhere it is that of its class.
    let goes_on = ctx.event.name != "ADT^A08";
    let unsaid = match &*class_code(ctx, pv1.field(2)) {
        _ if is_discharged => "finished",
        "E" | "I" | "O" | "R" | "B" | "C" | "N" if goes_on => "in-progress",
        "P" if goes_on => "planned",
        _ => "unknown",
    };
    draft.default("status", unsaid);
    if ctx.event.family != Family::Admit {
        return;
    }
    let status = match (ctx.event.name, ctx.event.status) {
        ("ADT^A13", status) => {
            // The patient has not left: PV1-45 should be empty, and where it is not it says when they seemed to.
            part_of(draft, "period").insert("end".into(), Value::Null);
            status
        }
        (_, "finished") => {
            if let Some(end) = end.or_else(|| evn::occurred(ctx)) {
                part_of(draft, "period").insert("end".into(), json!(end));
            }
            "finished"
        }
        (_, "cancelled") => "cancelled",
        (_, _) if is_discharged => "finished",
        ("ADT^A04", "arrived") => {
            // The guide says `planned`, but who is registered has come; whose visit began before is being seen.
            let began = start.as_deref().zip(ctx.time.as_deref()).is_some_and(|(start, now)| is_before(start, now));
            if began { "in-progress" } else { "arrived" }
        }
        (_, status) => status,
    };
    if !status.is_empty() {
        draft.set("status", status);
    }
    if matches!(ctx.event.name, "ADT^A01" | "ADT^A04")
        && let Some(start) = evn::occurred(ctx)
    {
        draft.default("period", json!({"start": start}));
    }
}

/// Returns an object at the top of a draft.
fn part_of<'d>(draft: &'d mut Draft, name: &str) -> &'d mut serde_json::Map<String, Value> {
    let entry = draft.resource.entry(name).or_insert_with(|| json!({}));
    if !entry.is_object() {
        *entry = json!({});
    }
    match entry {
        Value::Object(part) => part,
        _ => unreachable!("it was made an object"),
    }
}

/// What of PV2 a map cannot say.
fn more(ctx: &Ctx, pv2: Segment, draft: &mut Draft) {
    let days = pv2.field(11);
    match days.text().map(|text| text.parse::<u32>()) {
        Some(Ok(days)) => {
            let length = json!({"value": days, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"});
            draft.set("length", length);
        }
        Some(Err(_)) => ctx.warn(Code::DataType, days.at, "not a number of days"),
        None => {}
    }
    if let Some(text) = pv2.field(12).whole() {
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{escaped}</div>");
        draft.set("text", json!({"status": "additional", "div": div}));
    }
    if pv2.field(22).is("Y") {
        // Who may see the visit is restricted; `N` does not take away what somebody else has restricted.
        let restricted = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"});
        draft.set("meta", json!({"security": [restricted]}));
    }
}

/// PV1-54 and PV1-53 → Encounter.episodeOfCare.
fn episode(ctx: &Ctx, pv1: Segment, patient: Handle, draft: &mut Draft) {
    let field = pv1.field(54);
    let Some(number) = identity::number(ctx, field.first(), identity::local_system(ctx, "episode")) else { return };
    let mut episode = Draft::new("EpisodeOfCare", field.at);
    episode.identity = Identity::Identifiers(vec![number.identifier]);
    episode.update = Update::Keep;
    episode.push("identifier", number.element).set("patient", patient.reference()).default("status", "active");
    if let Some(text) = pv1.field(53).whole() {
        let url = "http://hl7.org/fhir/StructureDefinition/resource-instance-description";
        episode.push("extension", json!({"url": url, "valueMarkdown": text}));
    }
    let handle = ctx.add_once(episode);
    draft.push("episodeOfCare", handle.reference());
}
