//! ORC and OBR → ServiceRequest.
//!
//! v2-to-FHIR, segment maps ORC\[ServiceRequest\] and OBR\[ServiceRequest\].

use super::obx;
use super::order_number::{self, Numbers};
use super::{diagnosis, note, occurrence, participation};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, identifier::TYPE_SYSTEM};
use crate::hl7v2::draft::{Draft, Handle, Identity};
use crate::hl7v2::event::Family;
use crate::hl7v2::map;
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

/// Adds the ServiceRequest that an ORC, an OBR or both of them are; none where they do not say what it is for.
pub fn service_request(
    ctx: &Ctx,
    orc: Option<&Node>,
    obr: Option<&Node>,
    patient: Handle,
    encounter: Option<Handle>,
) -> Option<Handle> {
    let at = obr.or(orc)?.segment.at();
    let mut draft = Draft::new("ServiceRequest", at);
    let (orc_segment, obr_segment) = (orc.map(|node| node.segment), obr.map(|node| node.segment));
    if let Some(obr) = obr_segment {
        map::fill(ctx, "obr_order", obr, &mut draft.resource);
        intent(obr, &mut draft);
    }
    if let Some(orc) = orc_segment {
        map::fill(ctx, "orc", orc, &mut draft.resource);
        status(ctx, orc, &mut draft);
        order_type(orc, &mut draft);
        if orc.field(1).is("NW") {
            draft.set(
                "authoredOn",
                orc.field(9).is_there().then(|| datatype::date_time(ctx, orc.field(9).first())).flatten(),
            );
        }
    }
    // An order that is sent goes on; what only speaks of one does not say so.
    draft.default("status", if ctx.event.family == Family::Order { "active" } else { "unknown" });
    draft.default("intent", "order");
    draft.set("subject", patient.reference());
    draft.set("encounter", encounter.map(Handle::reference));
    for node in [orc, obr].into_iter().flatten() {
        participation::of_order(ctx, node, &mut draft);
    }
    requester(ctx, orc_segment, obr_segment, &mut draft);
    occurrence::of_order(ctx, orc, obr, &mut draft);
    reasons_and_notes(ctx, (orc, obr), (patient, encounter), &mut draft);
    based_on(ctx, orc_segment, obr_segment, &mut draft);
    let numbers = Numbers::read(ctx, orc_segment, obr_segment);
    identify(ctx, (orc_segment, obr_segment), patient, &numbers, &mut draft);
    if !draft.resource.get("code").is_some_and(Value::is_object) {
        // R4 prr-1: no detail without a code.
        draft.resource.remove("orderDetail");
        ctx.warn(Code::Other, at, "what is asked for is in no segment that is taken over");
    }
    Some(ctx.add(draft))
}

/// Says of an order and the specimens that it needs that they belong together.
pub fn needs(ctx: &Ctx, request: Handle, specimens: &[Handle]) {
    for specimen in specimens {
        ctx.change(*specimen, |draft| _ = draft.push("request", request.reference()));
    }
    ctx.change(request, |draft| {
        obx::set_list(draft, "specimen", specimens.iter().map(|specimen| specimen.reference()).collect());
    });
}

/// Returns whether an OBR without an ORC says something of the order itself: the placer's number, who asks, why, when and how.
pub fn is_of_order(obr: Segment) -> bool {
    [2, 6, 13, 16, 17, 27, 31, 46, 53].iter().any(|n| obr.field(*n).is_there())
}

/// ORC-5 by table 0038, else ORC-1 by table 0119.
fn status(ctx: &Ctx, orc: Segment, draft: &mut Draft) {
    let (state, control) = (orc.field(5), orc.field(1));
    let status = if state.is_there() {
        datatype::code(ctx, state, "HL70038")
    } else if control.is("HD") {
        // The guide has a held order go on.
        Some("on-hold".to_string())
    } else {
        datatype::code(ctx, control, "HL70119")
    };
    draft.set("status", status);
}

/// OBR-11, table 0065.
fn intent(obr: Segment, draft: &mut Draft) {
    if obr.field(11).is("G") {
        draft.set("intent", "reflex-order");
    }
}

/// ORC-29, table 0482.
fn order_type(orc: Segment, draft: &mut Draft) {
    let (code, display) = match orc.field(29).text().as_deref() {
        Some("I") => ("HOSP", "Hospital"),
        Some("O") => ("OF", "Outpatient facility"),
        _ => return,
    };
    let system = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
    draft.push("locationCode", json!({"coding": [{"system": system, "code": code, "display": display}]}));
}

/// Who asks: ORC-12, else OBR-16, for the house of ORC-21; either alone where the other is not said.
fn requester(ctx: &Ctx, orc: Option<Segment>, obr: Option<Segment>, draft: &mut Draft) {
    let said = [orc.map(|orc| orc.field(12)), obr.map(|obr| obr.field(16))];
    let person = said.into_iter().flatten().find_map(|field| participation::people(ctx, field).into_iter().next());
    if !draft.resource.contains_key("requester") {
        let house = orc.and_then(|orc| house(ctx, orc));
        draft.set("requester", participation::role(ctx, person, house));
    }
}

/// ORC-21 to 23.
pub fn house(ctx: &Ctx, orc: Segment) -> Option<Value> {
    let name = orc.field(21);
    let house = name.is_there().then(|| datatype::organization(ctx, name.first())).flatten()?;
    participation::address(ctx, &house, orc.field(22));
    participation::telecom(ctx, &house, orc.field(23));
    Some(house)
}

/// What stands below both: NTE and DG1; and what the filler ought to know (OBR-13, OBR-18 to 21), in words.
fn reasons_and_notes(
    ctx: &Ctx,
    (orc, obr): (Option<&Node>, Option<&Node>),
    (patient, encounter): (Handle, Option<Handle>),
    draft: &mut Draft,
) {
    // DG1 below: why it is asked for.
    for dg1 in [orc, obr].into_iter().flatten().flat_map(|node| node.all("DG1")) {
        if let Some(condition) = diagnosis::of_visit(ctx, dg1, patient, encounter) {
            draft.push("reasonReference", condition.reference());
        }
    }
    let notes = [orc, obr].into_iter().flatten().flat_map(|node| note::annotations(ctx, node)).collect();
    obx::extend(draft, "note", notes);
    let Some(obr) = obr.map(|node| node.segment) else { return };
    // What these hold every house decides for itself.
    for (n, kind) in [(18, "Placer field 1"), (19, "Placer field 2"), (20, "Filler field 1"), (21, "Filler field 2")] {
        for text in obr.field(n).repetitions().filter_map(datatype::text::whole) {
            draft.push("note", note::labelled(text, kind));
        }
    }
    let field = obr.field(13);
    for part in field.repetitions().filter(|part| part.is_there()) {
        let words = [9, 2, 1].into_iter().find_map(|n| part.part(n).text());
        if let Some(words) = words {
            draft.push("note", note::text(words));
        }
    }
}

/// OBR-29, else ORC-8: the order that this one comes from.
fn based_on(ctx: &Ctx, orc: Option<Segment>, obr: Option<Segment>, draft: &mut Draft) {
    let fields = [obr.map(|obr| obr.field(29)), orc.map(|orc| orc.field(8))];
    let Some(field) = fields.into_iter().flatten().find(|field| field.is_there()) else { return };
    let found = [(1, "PLAC", "placer"), (2, "FILL", "filler")].into_iter().find_map(|(n, kind, name)| {
        let part = field.part(n);
        let (mut identifier, _) = order_number::numbered(ctx, part, kind)?;
        // Whose number it is where it does not say so is what it is for OBR-2 and OBR-3.
        if part.part(2).is_absent() && part.part(3).is_absent() {
            identifier["system"] = ctx.local(name).into();
        }
        Some(identifier)
    });
    if let Some(identifier) = found {
        draft.push("basedOn", json!({"type": "ServiceRequest", "identifier": identifier}));
    }
}

/// Its numbers; a key where others have the same number; patient, code and time where it has none.
fn identify(
    ctx: &Ctx,
    (orc, obr): (Option<Segment>, Option<Segment>),
    patient: Handle,
    numbers: &Numbers,
    draft: &mut Draft,
) {
    let own: Vec<_> = numbers.all().filter(|number| !number.is_shared).collect();
    for number in &own {
        draft.push("identifier", number.element.clone());
    }
    if !own.is_empty() {
        draft.identity = Identity::Identifiers(own.iter().map(|number| number.id.clone()).collect());
        // Both segments have the same numbers; where they have not, that of OBR counts and the other is kept.
        for (n, kind) in [(2, "PLAC"), (3, "FILL")] {
            let other = orc.and_then(|orc| order_number::numbered(ctx, orc.field(n).first(), kind));
            if let Some((other, _)) = other.filter(|(_, id)| numbers.all().all(|number| number.id != *id)) {
                draft.push("identifier", other);
            }
        }
    }
    group(ctx, orc, numbers, draft);
    let alternatives = [obr.map(|obr| obr.field(53)), orc.map(|orc| orc.field(33))];
    if let Some(field) = alternatives.into_iter().flatten().find(|field| field.is_there()) {
        for mut identifier in field.repetitions().filter_map(|part| datatype::identifier(ctx, part)) {
            // Whatever the number is besides, it is one of the placer's.
            let own = identifier["type"]["coding"].as_array().into_iter().flatten().cloned();
            let placer = json!({"system": TYPE_SYSTEM, "code": "PLAC"});
            identifier["type"]["coding"] = std::iter::once(placer).chain(own).collect();
            draft.push("identifier", identifier);
        }
    }
    if !own.is_empty() {
        return;
    }
    let code = obr.map(|obr| obx::key_of(obr.field(4))).unwrap_or_default();
    let system = ctx.local("order");
    if let Some(base) = numbers.key(&code) {
        return obx::key(ctx, &system, &base, draft);
    }
    let times = [obr.map(|obr| obr.field(7)), obr.map(|obr| obr.field(6)), orc.map(|orc| orc.field(9))];
    let time = times.into_iter().flatten().find_map(|field| field.text()).unwrap_or_default();
    obx::key_within(ctx, (patient, None), &system, format!("{code}#{time}").trim_matches('#'), draft);
}

/// ORC-4: the group that was asked for at once; or the number that several orders of this message share. ORC-38: the filler's.
fn group(ctx: &Ctx, orc: Option<Segment>, numbers: &Numbers, draft: &mut Draft) {
    let [own, filler] = orc.map(|orc| order_number::of_group(ctx, orc)).unwrap_or_default();
    let shared = || numbers.all().find(|number| number.is_shared).map(|number| number.element.clone());
    draft.set("requisition", own.map(|(identifier, _)| identifier).or_else(shared));
    if let Some((identifier, _)) = filler {
        draft.push("identifier", identifier);
    }
}
