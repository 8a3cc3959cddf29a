//! Where a patient is, was and will be: locations in PV1 and PV2 → Encounter.location and Encounter.hospitalization.
//!
//! v2-to-FHIR, segment maps PV1\[Encounter\] and PV2\[Encounter\], data type map DLD\[Location-Discharge\].

use super::{evn, identity};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity, Update};
use crate::hl7v2::event::Family;
use crate::hl7v2::message::{Part, Segment};
use serde_json::{Value, json};

/// Says of the locations of a visit what a message says. Where the visit was before is not said again by it: see
/// [`crate::hl7v2::update`].
pub fn locations(ctx: &Ctx, pv1: Segment, pv2: Option<Segment>, draft: &mut Draft) {
    let is_admit = ctx.event.family == Family::Admit;
    let moved = evn::occurred(ctx).filter(|_| is_admit && ctx.event.name == "ADT^A02");
    let current = match ctx.event.status {
        "finished" if is_admit => Some("completed"),
        "planned" if is_admit => Some("planned"),
        "cancelled" if is_admit => None,
        _ if pv1.field(2).is("P") => Some("planned"),
        _ if draft.resource.get("status").is_some_and(|status| status == "finished") => Some("completed"),
        _ => Some("active"),
    };
    let mut add = |field: Part, status: Option<&str>, period: Option<Value>| {
        let reference = if field.is_there() { datatype::location(ctx, field.first()) } else { None };
        let Some(reference) = reference.filter(Value::is_object) else { return };
        // Where somebody was they may come back to.
        let comes_back = |item: &Value| item["status"] == "completed" && matches!(status, Some("planned" | "reserved"));
        let items = draft.resource.get("location").and_then(Value::as_array);
        if items.is_some_and(|items| items.iter().any(|item| item["location"] == reference && !comes_back(item))) {
            return;
        }
        let mut item = json!({"location": reference});
        if let Some(status) = status {
            item["status"] = json!(status);
        }
        if let Some(period) = period {
            item["period"] = period;
        }
        draft.push("location", item);
    };
    add(pv1.field(3), current, moved.as_ref().map(|time| json!({"start": time})));
    add(pv1.field(11), Some("active"), None);
    add(pv1.field(6), Some("completed"), moved.as_ref().map(|time| json!({"end": time})));
    add(pv1.field(43), Some("completed"), None);
    add(pv1.field(42), Some("reserved"), None);
    if let Some(pv2) = pv2 {
        add(pv2.field(1), Some("planned"), None);
    }
    destination(ctx, pv1.field(37), draft);
}

/// PRT-9: where somebody takes part in a visit; since when the visit is there nobody says.
pub fn of_participation(ctx: &Ctx, field: Part, draft: &mut Draft) {
    for place in field.repetitions().filter(|place| place.is_there()) {
        if let Some(place) = datatype::location(ctx, place) {
            add_once(place, None, draft);
        }
    }
}

/// PDA-2: where somebody died is where they were last.
pub fn of_death(ctx: &Ctx, field: Part, encounter: Handle) {
    if let Some(place) = field.said().and_then(|place| datatype::location(ctx, place)) {
        ctx.change(encounter, |draft| add_once(place, Some("completed"), draft));
    }
}

fn add_once(place: Value, status: Option<&str>, draft: &mut Draft) {
    let known = draft.resource.get("location").and_then(Value::as_array);
    if !place.is_object() || known.is_some_and(|items| items.iter().any(|item| item["location"] == place)) {
        return;
    }
    let mut item = json!({"location": place});
    if let Some(status) = status {
        item["status"] = json!(status);
    }
    draft.push("location", item);
}

/// PV1-37, a kind of place rather than a place → Encounter.hospitalization.destination.
fn destination(ctx: &Ctx, dld: Part, draft: &mut Draft) {
    let cwe = dld.part(1);
    let (Some(code), Some(system)) = (cwe.text(), identity::local_system(ctx, "HL70113")) else { return };
    let mut place = Draft::new("Location", dld.at);
    let identifier = json!({"system": system, "value": code});
    let name = cwe.part(2).text().unwrap_or(code.clone()).into_owned();
    place.identity = Identity::Identifiers(vec![Identifier { system, value: code.into_owned() }]);
    place.update = Update::Keep;
    place.push("identifier", identifier).set("name", name).set("mode", "kind");
    if let Some(kind) = datatype::codeable_concept(ctx, cwe, Some("HL70113")) {
        place.push("type", kind);
    }
    let reference = ctx.add_once(place).reference();
    let hospitalization = draft.resource.entry("hospitalization").or_insert_with(|| json!({}));
    if let Some(hospitalization) = hospitalization.as_object_mut() {
        hospitalization.insert("destination".into(), reference);
    }
}
