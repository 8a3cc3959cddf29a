//! AIS, AIG, AIL, AIP: the service, and who and what is needed for it.
//!
//! v2-to-FHIR, segment maps AIS, AIG, AIL and AIP\[Appointment\]. They are alike but for the numbers of their fields.

use super::participant::Participants;
use super::sch::{self, Time};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded, place, span, text, timing};
use crate::hl7v2::draft::{Draft, Identifier, Identity, Update};
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

/// One resource, and when it is needed.
pub struct Resource<'n, 'm> {
    pub node: &'n Node<'m>,
    pub start: Option<String>,
    pub end: Option<String>,
}

/// Where a segment has what: numbers of its fields, zero for what it has not.
struct Fields {
    id: usize,
    kind: usize,
    /// Then how much after that of the appointment it begins and the units; two fields on, how long it lasts and the
    /// units.
    start: usize,
    status: usize,
}

fn fields(segment: Segment) -> Fields {
    match segment.name {
        "AIS" => Fields { id: 3, kind: 0, start: 4, status: 10 },
        "AIG" => Fields { id: 3, kind: 4, start: 8, status: 14 },
        _ => Fields { id: 3, kind: 4, start: 6, status: 12 },
    }
}

const NAMES: [&str; 4] = ["AIS", "AIG", "AIL", "AIP"];

/// Returns the resources of a message, without those that are deleted from the appointment (segment action code, table
/// 0206).
pub fn resources<'n, 'm>(ctx: &Ctx, tree: &'n Node<'m>, time: &Time) -> Vec<Resource<'n, 'm>> {
    let groups = tree.below.iter().flat_map(|node| std::iter::once(node).chain(&node.below));
    let nodes = groups.filter(|node| NAMES.contains(&node.segment.name) && !node.segment.field(2).is("D"));
    nodes.map(|node| timed(ctx, node, time)).collect()
}

fn timed<'n, 'm>(ctx: &Ctx, node: &'n Node<'m>, time: &Time) -> Resource<'n, 'm> {
    let (segment, at) = (node.segment, fields(node.segment).start);
    let minutes = |n: usize| {
        let number = segment.field(n).said()?;
        timing::duration_minutes(ctx, number, segment.field(n + 1).first())
    };
    let own = segment.field(at).said().and_then(|part| span::instant(ctx, part));
    // An offset without a time is one from the beginning of the appointment.
    let offset = || {
        let is_zero = segment.field(at + 1).text().is_some_and(|text| text.trim_matches(['0', '.']).is_empty());
        let minutes = if is_zero { 0 } else { minutes(at + 1)? };
        span::plus(time.start.as_deref()?, i64::from(minutes))
    };
    let start = own.or_else(offset);
    let end = start.as_deref().zip(minutes(at + 3)).and_then(|(start, minutes)| span::plus(start, i64::from(minutes)));
    Resource { node, start, end }
}

impl<'m> Resource<'_, 'm> {
    /// Returns the field of the filler status, where it is said.
    pub fn status_field(&self) -> Option<Part<'m>> {
        self.node.segment.field(fields(self.node.segment).status).said()
    }
}

/// Returns `Appointment.serviceType`.
pub fn services(ctx: &Ctx, resources: &[Resource]) -> Vec<Value> {
    let services = resources.iter().map(|it| it.node.segment).filter(|segment| segment.name == "AIS");
    let mut all: Vec<Value> = Vec::new();
    for service in services.filter_map(|ais| datatype::codeable_concept(ctx, ais.field(3).said()?, None)) {
        if !all.contains(&service) {
            all.push(service);
        }
    }
    all
}

/// Adds a resource to the participants.
pub fn participate(ctx: &Ctx, resource: &Resource, participants: &mut Participants) {
    let segment = resource.node.segment;
    let kind = segment.field(fields(segment).kind).said();
    let kind = kind.and_then(|part| datatype::codeable_concept(ctx, part, None));
    let status = resource.status_field().and_then(|part| datatype::code(ctx, part, "HL70278/participant"));
    // Where nothing is said of it nobody is bound to come.
    let status = status.unwrap_or_else(|| "tentative".to_string());
    let period = sch::period(resource.start.as_deref(), resource.end.as_deref());
    let mut actors = actors(ctx, segment).into_iter().peekable();
    if actors.peek().is_none() {
        participants.add(None, kind.clone(), &status, period.clone());
    }
    for actor in actors {
        participants.add(Some(actor), kind.clone(), &status, period.clone());
    }
}

/// Returns who or what a resource is.
pub fn actors(ctx: &Ctx, segment: Segment) -> Vec<Value> {
    let parts = segment.field(fields(segment).id).repetitions().filter(|part| part.is_there());
    parts.filter_map(|part| actor(ctx, segment, part)).collect()
}

fn actor(ctx: &Ctx, segment: Segment, part: Part) -> Option<Value> {
    match segment.name {
        "AIP" => datatype::practitioner(ctx, part),
        "AIL" => datatype::location(ctx, part),
        "AIG" => thing(ctx, part, segment.field(4).first()),
        _ => None,
    }
}

/// A resource that AIG names by codes: a device, unless its type says that it is a place.
fn thing(ctx: &Ctx, part: Part, kind: Part) -> Option<Value> {
    let said = coded::words(kind).unwrap_or_default().to_ascii_lowercase();
    if ["room", "location", "clinic", "ward", "suite"].iter().any(|place| said.contains(place)) {
        return place::location_of_code(ctx, part);
    }
    let words = coded::words(part)?;
    // CWE.1 and CWE.4: the number and another one of the same thing.
    let mut numbers = [[1, 3], [4, 6]].into_iter().filter_map(|[code, system]| {
        let value = text::string(part.part(code))?;
        let named = part.part(system).text();
        let system = ctx.coding_system(named.as_deref(), None).unwrap_or_else(|| ctx.local("resource"));
        Some(Identifier { system, value })
    });
    let Some(first) = numbers.next() else { return Some(json!({"type": "Device", "display": words})) };
    let mut draft = Draft::new("Device", part.at);
    for number in std::iter::once(first.clone()).chain(numbers) {
        draft.push("identifier", json!({"system": number.system, "value": number.value}));
    }
    draft.push("deviceName", json!({"name": words, "type": "user-friendly-name"}));
    (draft.identity, draft.update) = (Identity::Identifiers(vec![first]), Update::Keep);
    let mut reference = ctx.add_once(draft).reference();
    reference["display"] = json!(words);
    Some(reference)
}
