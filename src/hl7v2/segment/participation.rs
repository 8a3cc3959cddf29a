//! Who took part: performers named in OBX, and segments PRT below ORC, OBR and OBX.
//!
//! v2-to-FHIR, segment maps PRT\[PractitionerRole\], PRT\[Device\] and PRT\[Observation-Location\]. People and organizations are
//! referred to themselves, not by a PractitionerRole for each.

use super::obx::scope_of;
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded::concept, organization::organization_of_code};
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity, Update};
use crate::hl7v2::map;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};
use std::collections::HashSet;

const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v2-0912";

/// Sets who observed and by what: OBX-15, 16, 18, 23 to 25, and the PRT below.
pub fn performers(ctx: &Ctx, node: &Node, draft: &mut Draft) {
    let obx = node.segment;
    let mut all = people(ctx, obx.field(16));
    let place = obx.field(23);
    if let Some(organization) = place.said().and_then(|part| datatype::organization(ctx, part)) {
        address(ctx, &organization, obx.field(24));
        all.push(organization);
    }
    // OBX-15 is the same house under the same number, or another that produced it.
    let is_same = |part: &Part| [3, 10].iter().any(|n| place.part(*n).text().is_some_and(|own| part.is(&own)));
    let producers = obx.field(15).repetitions().filter(|part| part.is_there() && !is_same(part));
    all.extend(producers.filter_map(|part| organization_of_code(ctx, part)));
    let directors = people(ctx, obx.field(25)).into_iter();
    all.extend(directors.map(|who| function(who, PARTICIPATION, "MDIR", "Medical Director")));
    if let Some(device) = obx.field(18).repetitions().find_map(|part| device(ctx, part)) {
        draft.set("device", device);
    }
    for prt in node.all("PRT").map(|prt| prt.segment).filter(is_said) {
        if let Some(device) = device_of(ctx, prt) {
            draft.resource.entry("device").or_insert(device);
        }
        let places = prt.field(9).repetitions().filter(|part| part.is_there());
        for place in places.filter_map(|part| datatype::location(ctx, part)) {
            let url = "http://hl7.org/fhir/StructureDefinition/event-location";
            draft.push("extension", json!({"url": url, "valueReference": place}));
        }
        all.extend(participants(ctx, prt).into_iter().map(|who| with_role(prt, who)));
    }
    let mut known = HashSet::new();
    all.retain(|who| known.insert(who.to_string()));
    super::obx::set_list(draft, "performer", all);
}

/// Sets who a PRT below ORC or OBR names in an order.
pub fn of_order(ctx: &Ctx, node: &Node, draft: &mut Draft) {
    for prt in node.all("PRT").map(|prt| prt.segment).filter(is_said) {
        match prt.field(4).text().as_deref() {
            Some("OP" | "AUT" | "RP") => {
                if let Some(who) = participants(ctx, prt).into_iter().next() {
                    draft.resource.entry("requester").or_insert(who);
                }
            }
            // The specimen and the report take these over.
            Some("SC" | "PRI" | "PI" | "ARI" | "TN" | "TR" | "RO" | "PO" | "POMD" | "MDIR") => {}
            _ => {
                let who = participants(ctx, prt).into_iter().map(|who| with_role(prt, who));
                let mut all: Vec<Value> = who.collect();
                let is_place = all.is_empty();
                all.extend(device_of(ctx, prt));
                all.into_iter().for_each(|known| _ = draft.push("supportingInfo", known));
                let places = prt.field(9).repetitions().filter(|part| part.is_there() && is_place);
                for place in places.filter_map(|part| datatype::location(ctx, part)) {
                    draft.push("locationReference", place);
                }
            }
        }
    }
}

/// Sets who a PRT below ORC or OBR names in a report.
pub fn of_report(ctx: &Ctx, node: &Node, is_ordered: bool, draft: &mut Draft) {
    for prt in node.all("PRT").map(|prt| prt.segment).filter(is_said) {
        let element = match prt.field(4).text().as_deref() {
            Some("PRI" | "PI") => "resultsInterpreter",
            Some("ARI" | "TN" | "TR" | "RO" | "PO" | "POMD" | "MDIR") => "performer",
            // The order and the specimen take these over.
            Some("OP" | "AUT" | "RP" | "SC") => continue,
            _ if is_ordered => continue,
            _ => {
                unmapped(ctx, prt);
                continue;
            }
        };
        for who in participants(ctx, prt) {
            draft.push(element, if element == "performer" { with_role(prt, who) } else { who });
        }
    }
}

/// Returns whom and what the PRT below a segment name: people, houses and devices.
pub fn named(ctx: &Ctx, node: &Node) -> Vec<Value> {
    let all = node.all("PRT").map(|prt| prt.segment).filter(is_said);
    all.flat_map(|prt| participants(ctx, prt).into_iter().chain(device_of(ctx, prt))).collect()
}

/// Returns who collected a specimen, by a PRT below ORC or OBR.
pub fn collector(ctx: &Ctx, node: &Node) -> Option<Value> {
    let prt = node.all("PRT").map(|prt| prt.segment).find(|prt| is_said(prt) && prt.field(4).is("SC"))?;
    people(ctx, prt.field(5)).into_iter().next()
}

/// Returns references to the people that a field names.
pub fn people(ctx: &Ctx, field: Part) -> Vec<Value> {
    let all = field.repetitions().filter(|part| part.is_there());
    all.filter_map(|part| datatype::practitioner(ctx, part)).collect()
}

/// Returns references to the people that a field of type NDL names: its first component.
pub fn interpreters(ctx: &Ctx, field: Part) -> Vec<Value> {
    let all = field.repetitions().map(|part| part.part(1)).filter(|part| part.is_there());
    all.filter_map(|part| datatype::practitioner(ctx, part)).collect()
}

/// Returns a reference to somebody who acts for a house. Only the role of a person who is known by a number can be recognized: by that
/// and the house, whose name is enough; otherwise it is the person, or the house where nobody is named.
pub fn role(ctx: &Ctx, person: Option<Value>, house: Option<Value>) -> Option<Value> {
    let draft_of = |reference: &Value| reference["reference"].as_str().and_then(Handle::of);
    let (Some(who), Some(whose)) = (&person, &house) else { return person.or(house) };
    let Some(practitioner) = draft_of(who) else {
        // Who is only named is a text, and so is where they act.
        return Some(json!({"display": words(&[who, whose])}));
    };
    let at = ctx.see(|drafts| drafts.get(practitioner).map(|draft| draft.at))?;
    let mut draft = Draft::new("PractitionerRole", at);
    draft.update = Update::Keep;
    match (draft_of(whose), whose["display"].as_str()) {
        (Some(organization), _) => {
            let parts = format!("practitioner={{{}}}&organization={{{}}}", practitioner.0, organization.0);
            draft.identity = Identity::Search(parts);
        }
        (None, Some(name)) => {
            let number = super::number::synthetic(ctx, "role", format!("{}#{name}", scope_of(ctx, practitioner)?));
            super::number::identify(&mut draft, vec![number]);
        }
        (None, None) => return person,
    }
    draft.set("practitioner", who.clone()).set("organization", whose.clone());
    let mut reference = ctx.add_once(draft).reference();
    let words = words(&[who, whose]);
    if !words.is_empty() {
        reference["display"] = words.into();
    }
    Some(reference)
}

fn words(named: &[&Value]) -> String {
    named.iter().filter_map(|named| named["display"].as_str()).collect::<Vec<_>>().join(", ")
}

/// Returns a reference that says what somebody did.
pub fn function(mut reference: Value, system: &str, code: &str, display: &str) -> Value {
    let url = "http://hl7.org/fhir/StructureDefinition/event-performerFunction";
    let concept = concept(system, code, Some(display));
    if let Some(reference) = reference.as_object_mut() {
        reference.insert("extension".into(), json!([{"url": url, "valueCodeableConcept": concept}]));
    }
    reference
}

/// PRT-2: `D` takes somebody out again.
fn is_said(prt: &Segment) -> bool {
    !prt.field(2).is("D")
}

/// PRT-5 and PRT-8: people, and organizations; people of the one organization, where it is one.
fn participants(ctx: &Ctx, prt: Segment) -> Vec<Value> {
    let houses = prt.field(8).repetitions().filter(|part| part.is_there());
    let (people, houses) = (people(ctx, prt.field(5)), houses.filter_map(|part| datatype::organization(ctx, part)));
    let houses: Vec<Value> = houses.collect();
    if let ([house], false) = (&houses[..], people.is_empty()) {
        return people.into_iter().filter_map(|who| role(ctx, Some(who), Some(house.clone()))).collect();
    }
    people.into_iter().chain(houses).collect()
}

fn with_role(prt: Segment, who: Value) -> Value {
    match prt.field(4).text() {
        Some(code) => function(who, PARTICIPATION, &code, &prt.field(4).part(2).text().unwrap_or_else(|| code.clone())),
        None => who,
    }
}

fn unmapped(ctx: &Ctx, prt: Segment) {
    if prt.field(5).is_there() || prt.field(8).is_there() {
        ctx.warn(
            Code::TableValue,
            prt.field(4).at,
            "this role has no place in the resource; the participant was left out",
        );
    }
}

/// OBX-18: a device, of which its number alone is known.
fn device(ctx: &Ctx, part: Part) -> Option<Value> {
    let (element, id) = numbered_alone(ctx, part)?;
    let mut draft = Draft::new("Device", part.at);
    draft.identity = Identity::Identifiers(vec![id]);
    draft.update = Update::Keep;
    draft.push("identifier", element);
    Some(ctx.add_once(draft).reference())
}

/// PRT-10 and what follows it: a device, more of which is said.
pub fn device_of(ctx: &Ctx, prt: Segment) -> Option<Value> {
    let numbers: Vec<_> = prt.field(10).repetitions().filter_map(|part| numbered_alone(ctx, part)).collect();
    let mut draft = Draft::new("Device", prt.field(10).at);
    draft.identity = Identity::Identifiers(numbers.iter().map(|(_, id)| id.clone()).collect());
    draft.update = Update::Keep;
    for (element, _) in &numbers {
        draft.push("identifier", element.clone());
    }
    map::fill(ctx, "prt_device", prt, &mut draft.resource);
    (!numbers.is_empty()).then(|| ctx.add_once(draft).reference())
}

fn numbered_alone(ctx: &Ctx, part: Part) -> Option<(Value, Identifier)> {
    let element = part.is_there().then(|| datatype::entity_identifier(ctx, part)).flatten()?;
    let text = |name: &str| element[name].as_str().map(str::to_string);
    let id = Identifier { system: text("system")?, value: text("value")? };
    Some((element, id))
}

/// Adds an address to an organization that this message names.
pub fn address(ctx: &Ctx, organization: &Value, field: Part) {
    let handle = organization["reference"].as_str().and_then(Handle::of);
    let found = field.is_there().then(|| datatype::address(ctx, field.first())).flatten();
    if let (Some(handle), Some(found)) = (handle, found) {
        ctx.change(handle, |draft| _ = draft.push("address", found));
    }
}

/// Adds telephone numbers to an organization that this message names.
pub fn telecom(ctx: &Ctx, organization: &Value, field: Part) {
    let Some(handle) = organization["reference"].as_str().and_then(Handle::of) else { return };
    let all = field.repetitions().filter(|part| part.is_there());
    for found in all.filter_map(|part| datatype::contact_point(ctx, part, Some("work"))) {
        ctx.change(handle, |draft| _ = draft.push("telecom", found));
    }
}
