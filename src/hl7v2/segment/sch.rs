//! SCH, and the resources that are asked for it → Appointment.
//!
//! v2-to-FHIR, segment maps SCH\[Appointment\] and AIS\[Appointment\]; what the events say of the status is HL7 v2.8
//! chapter 10.4.

use super::ai::{self, Resource};
use super::number;
use super::obx::set_list;
use super::order_number::numbered;
use super::participant::Participants;
use super::schedule::Patient;
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded, span, text, timing};
use crate::hl7v2::draft::{Draft, Handle, Identity, Update};
use crate::hl7v2::map;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Map, Value, json};

/// Adds the Appointment of a SCH.
pub fn appointment(ctx: &Ctx, tree: &Node, schedule: &Node, patients: &[Patient]) {
    let sch = schedule.segment;
    let mut draft = Draft::new("Appointment", sch.at());
    identify(ctx, sch, patients, &mut draft);
    map::fill(ctx, "sch", sch, &mut draft.resource);
    let time = time(ctx, schedule);
    let resources = ai::resources(ctx, tree, &time);
    status(ctx, sch, &resources, &mut draft);
    reason(ctx, sch, &mut draft);
    draft.set("priority", priority(ctx, schedule));
    when(ctx, &time, &resources, &mut draft);
    set_list(&mut draft, "serviceType", ai::services(ctx, &resources));
    participants(ctx, sch, patients, &resources, &mut draft);
    // A comment behind TQ1 is one on the appointment, too.
    let nodes = std::iter::once(schedule).chain(schedule.all("TQ1")).chain(resources.iter().map(|it| it.node));
    let comments: Vec<String> = nodes.flat_map(comments).collect();
    if !comments.is_empty() {
        draft.set("comment", comments.join("\n"));
    }
    set_list(&mut draft, "basedOn", orders(ctx, sch, patients));
    let seen = patients.iter().flat_map(|patient| &patient.observations).map(|seen| seen.reference());
    set_list(&mut draft, "supportingInformation", seen.collect());
    let handle = ctx.add(draft);
    for encounter in patients.iter().filter_map(|patient| patient.encounter) {
        ctx.change(encounter, |draft| _ = draft.push("appointment", handle.reference()));
    }
}

/// The filler's number, else the placer's. What SCH-3 counts are the dates of a series under one number.
fn identify(ctx: &Ctx, sch: Segment, patients: &[Patient], draft: &mut Draft) {
    let occurrence = sch.field(3).text().filter(|nth| !nth.trim_matches('0').is_empty());
    let mut keys = Vec::new();
    for (field, kind) in [(2, "FILL"), (1, "PLAC")] {
        let Some((mut element, mut key)) = numbered(ctx, sch.field(field).first(), kind) else { continue };
        if let Some(nth) = &occurrence {
            key.value = format!("{}#{nth}", key.value);
            element["value"] = json!(key.value);
        }
        draft.push("identifier", element);
        keys.push(key);
    }
    keys.truncate(1);
    if !keys.is_empty() {
        draft.identity = Identity::Identifiers(keys);
        return;
    }
    let Some(patient) = patients.first() else {
        return ctx.fail(Code::RequiredField, sch.at().field(2), "SCH-1 or SCH-2 says which appointment it is");
    };
    let start = sch.field(11).part(4).text().or_else(|| ctx.message.segment("TQ1").field(7).text());
    let service = ctx.message.segment("AIS").field(3).text().unwrap_or_default().into_owned();
    let number = number::synthetic(ctx, "appointment", format!("{}|{service}", start.unwrap_or_default()));
    number::identify_within(draft, patient.handle, number);
}

/// When it is to be, as SCH and TQ1 say it.
pub struct Time {
    pub start: Option<String>,
    pub end: Option<String>,
    pub minutes: Option<u32>,
    /// Days on which it is wanted, where no time of the day is said.
    pub wanted: Option<Value>,
}

/// TQ1 says it since v2.5, SCH-11 before; SCH-9 says how long it takes.
pub fn time(ctx: &Ctx, schedule: &Node) -> Time {
    let sch = schedule.segment;
    let tq1 = schedule.one("TQ1").map(|node| node.segment);
    let (from, to) = (tq1.map(|tq1| tq1.field(7)), tq1.map(|tq1| tq1.field(8)));
    let tq = sch.field(11).first();
    // Start and end are of one source.
    let is_new = [from, to].into_iter().flatten().any(|part| part.said().is_some());
    let (from, to) = if is_new { (from, to) } else { (Some(tq.part(4)), Some(tq.part(5))) };
    let (from, to) = (from.and_then(Part::said), to.and_then(Part::said));
    let read = |part: Option<Part>| part.and_then(|part| datatype::instant(ctx, part));
    let (start, end) = (read(from), read(to));
    let wanted = match (from, &start) {
        (Some(from), None) => datatype::date_time(ctx, from).map(|day| json!([{"start": day}])),
        _ => None,
    };
    let duration = sch.field(9).said();
    let minutes = duration.and_then(|number| timing::duration_minutes(ctx, number, sch.field(10).first()));
    Time { start, end, minutes, wanted }
}

/// The times of the resources, where SCH says none; R4 app-2 wants both or none.
fn when(ctx: &Ctx, time: &Time, resources: &[Resource], draft: &mut Draft) {
    let at = draft.at;
    let start = time.start.clone().or_else(|| span::earliest(resources.iter().filter_map(|it| it.start.clone())));
    let Some(start) = start else {
        draft.set("requestedPeriod", time.wanted.clone()).set("minutesDuration", time.minutes);
        return;
    };
    let last = || span::latest(resources.iter().filter_map(|it| it.end.clone()));
    let lasts = |minutes: u32| span::plus(&start, i64::from(minutes));
    let end = time.end.clone().or_else(|| time.minutes.and_then(lasts)).or_else(last);
    let is_after = |end: &String| {
        let is_after = span::is_in_order(&start, end);
        if !is_after {
            ctx.warn(Code::DataType, at, "it ends before it begins; the end was left out");
        }
        is_after
    };
    let end = end.filter(is_after);
    draft.set("minutesDuration", time.minutes);
    match end {
        Some(end) => draft.set("end", end),
        // Like an event of RFC 5545 that has no end.
        None => draft.default("end", start.clone()),
    };
    draft.set("start", start);
}

/// What an event ends stays ended; else SCH-25 and AIS-10 say more than the event.
fn status(ctx: &Ctx, sch: Segment, resources: &[Resource], draft: &mut Draft) {
    let event = ctx.event.status;
    let is_final = !matches!(event, "" | "booked");
    let field = sch.field(25).said();
    let of_services = || resources.iter().filter(|it| it.node.segment.name == "AIS").find_map(|it| it.status_field());
    let said = field.or_else(of_services).filter(|_| !is_final);
    let said = said.and_then(|part| datatype::code(ctx, part, "HL70278"));
    let status = said.or_else(|| Some(event.to_string()).filter(|event| !event.is_empty()));
    draft.set("status", status).default("status", "booked");
    if is_final {
        // A message that takes back what never came makes nothing.
        draft.only_if_there = event == "entered-in-error";
    }
    let is_off = matches!(draft.resource.get("status").and_then(Value::as_str), Some("cancelled" | "noshow"));
    // R4 app-4.
    let why = sch.field(6).said().filter(|_| is_off);
    draft.set("cancelationReason", why.and_then(|part| datatype::codeable_concept(ctx, part, None)));
}

/// SCH-7: why, or of which type, by the table that it is of.
fn reason(ctx: &Ctx, sch: Segment, draft: &mut Draft) {
    let Some(part) = sch.field(7).said() else { return };
    if part.part(3).is("HL70277") {
        let kind = datatype::codeable_concept(ctx, part, Some("HL70277"));
        if !draft.resource.contains_key("appointmentType") {
            draft.set("appointmentType", kind);
        }
        return;
    }
    draft.set("reasonCode", datatype::codeable_concept(ctx, part, Some("HL70276")).map(|reason| json!([reason])));
}

/// TQ1-9, else TQ-6, as a number of RFC 5545, of which 1 is the highest.
fn priority(ctx: &Ctx, schedule: &Node) -> Option<u32> {
    let tq1 = schedule.one("TQ1").and_then(|tq1| tq1.segment.field(9).said());
    let part = tq1.or_else(|| schedule.segment.field(11).part(6).said())?;
    // Other words of a priority are no number.
    ctx.table("HL70485/appointment", &part.text()?)??.code.parse().ok()
}

/// The patients, who made it, and who and what is needed for it. A message that only names the patient says nothing of
/// the others.
fn participants(ctx: &Ctx, sch: Segment, patients: &[Patient], resources: &[Resource], draft: &mut Draft) {
    let mut all = Participants::default();
    for patient in patients {
        all.add(Some(patient.handle.reference()), None, "accepted", None);
    }
    let enterer = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
    let contacts = [
        (12, json!({"text": "placer contact"})),
        (16, json!({"text": "filler contact"})),
        (20, coded::concept(enterer, "enterer", None)),
    ];
    for (field, kind) in contacts {
        for actor in sch.field(field).repetitions().filter_map(|part| datatype::practitioner(ctx, part)) {
            all.add(Some(actor), Some(kind.clone()), "accepted", None);
        }
    }
    let mut is_all = false;
    for resource in resources.iter().filter(|it| it.node.segment.name != "AIS") {
        is_all = true;
        ai::participate(ctx, resource, &mut all);
    }
    let list = all.list();
    if list.is_empty() {
        // R4 wants one.
        draft.default("participant", json!([{"type": [{"text": "unknown"}], "status": "needs-action"}]));
    } else if is_all || draft.identity == Identity::New {
        draft.set("participant", list);
    } else {
        draft.default("participant", list);
    }
}

/// What NTE says, in R4 one text.
fn comments(node: &Node) -> Vec<String> {
    node.all("NTE").filter_map(|nte| text::lines(nte.segment.field(3))).collect()
}

/// SCH-26 and 27: the orders that it carries out. One that nobody knows is made as far as is said.
fn orders(ctx: &Ctx, sch: Segment, patients: &[Patient]) -> Vec<Value> {
    let Some(patient) = patients.first() else { return Vec::new() };
    let (placers, fillers): (Vec<Part>, Vec<Part>) =
        (sch.field(26).repetitions().collect(), sch.field(27).repetitions().collect());
    let mut orders = Vec::new();
    for nth in 0..placers.len().max(fillers.len()) {
        let of = |list: &[Part], kind: &str, name: &str| number::number(ctx, *list.get(nth)?, kind, name);
        let numbers = [of(&placers, "PLAC", "placer"), of(&fillers, "FILL", "filler")];
        let mut draft = Draft::new("ServiceRequest", sch.at().field(26));
        number::identify(&mut draft, numbers.into_iter().flatten().collect());
        if draft.identity == Identity::New {
            continue;
        }
        draft.update = Update::Keep;
        draft.set("status", "active").set("intent", "order").set("subject", patient.handle.reference());
        draft.set("encounter", patient.encounter.map(Handle::reference));
        let order: Handle = ctx.add_once(draft);
        orders.push(order.reference());
    }
    orders
}

/// Returns a period of what is there; nothing where nothing is.
pub fn period(start: Option<&str>, end: Option<&str>) -> Option<Value> {
    let mut period = Map::new();
    for (name, time) in [("start", start), ("end", end)] {
        period.extend(time.map(|time| (name.to_string(), json!(time))));
    }
    (!period.is_empty()).then_some(Value::Object(period))
}
