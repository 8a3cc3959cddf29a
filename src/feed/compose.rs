//! The transaction that a message becomes: what changes, what is new, and the Provenance that says where it came from.
//!
//! What is new is made on the condition that it is still not there, what changes in the version that was read. The Provenance has an id
//! made of the message's own and is made on the condition that it is not there: the message has been taken over where it is, and
//! cannot be taken over twice.

use super::entry::Origin;
use super::graft::{Age, bare, graft};
use super::plan::{Plan, Slot, There, token};
use super::{order, task};
use crate::catalog::Catalog;
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::hl7v2::draft::{Draft, Drafts, Handle, Identity, Update};
use crate::hl7v2::event::Family;
use crate::hl7v2::{Code, Conversion, Problem, links};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use uuid::Uuid;

/// A transaction, and of each entry the slot that it writes.
pub struct Composed {
    pub bundle: Value,
    pub slots: Vec<usize>,
}

/// Returns the id of the Provenance of a message.
pub fn provenance_id(message: Uuid) -> ResourceId {
    let text = format!("hl7v2-{message}");
    ResourceId::parse(&text).unwrap_or_else(ResourceId::random)
}

/// Refuses a message about somebody who is there and looks like somebody else: date of birth and sex are both others.
pub fn check_people(plan: &Plan, drafts: &Drafts) -> Result<(), Problem> {
    for slot in plan.slots.iter().filter(|slot| slot.resource_type == ResourceType::PATIENT) {
        let Some(there) = &slot.there else { continue };
        for draft in slot.drafts.iter().filter_map(|handle| drafts.get(*handle)) {
            let both = |name: &str| {
                Some((
                    there.content.get(name).and_then(Value::as_str)?,
                    draft.resource.get(name).and_then(Value::as_str)?,
                ))
            };
            let (Some(born), Some(sex)) = (both("birthDate"), both("gender")) else { continue };
            let is_other_day = !born.0.starts_with(born.1) && !born.1.starts_with(born.0);
            let is_other_sex = sex.0 != sex.1 && sex.0 != "unknown" && sex.1 != "unknown";
            if is_other_day && is_other_sex {
                let text = "the patient who is known by these identifiers has another date of birth and another sex";
                return Err(Problem::error(Code::Other, draft.at, text));
            }
        }
    }
    Ok(())
}

/// Refuses a message that would move what is known under a number to another patient: two systems count alike, or a number was typed wrong.
/// What moves it by its meaning says so by its event (`ADT^A45`).
pub fn check_subjects(plan: &Plan, conversion: &Conversion) -> Result<(), Problem> {
    if conversion.event.family == Family::Merge {
        return Ok(());
    }
    let subject = |content: &Map<String, Value>| {
        let of = |name: &str| content.get(name)?.get("reference")?.as_str().map(str::to_string);
        of("subject").or_else(|| of("patient"))
    };
    for slot in &plan.slots {
        let Some(before) = slot.there.as_ref().and_then(|there| subject(&there.content)) else { continue };
        for draft in slot.drafts.iter().filter_map(|handle| conversion.drafts.get(*handle)) {
            if conversion.names_nobody && draft.update == Update::Merge && before.starts_with("Patient/") {
                let text =
                    format!("the {} of this number is about a patient, and the message names none", slot.resource_type);
                return Err(Problem::error(Code::DuplicateKey, draft.at, text));
            }
            let Some(handle) = subject(&draft.resource).as_deref().and_then(Handle::of) else { continue };
            let now = plan.of.get(handle.0).copied().flatten().map(|at| url(&plan.slots[at]));
            if before.starts_with("Patient/") && now.is_some_and(|now| now != before) {
                let text = format!("the {} of this number is about another patient", slot.resource_type);
                return Err(Problem::error(Code::DuplicateKey, draft.at, text));
            }
        }
    }
    Ok(())
}

/// Returns the transaction; none where nothing changes. Nothing is taken over of the drafts in `skip`.
pub fn compose(
    catalog: &Catalog,
    origin: &Origin,
    plan: &Plan,
    drafts: &Drafts,
    skip: &HashSet<Handle>,
) -> Option<Composed> {
    let urls: Vec<String> = plan.slots.iter().map(url).collect();
    let to = |handle: Handle| plan.of.get(handle.0).copied().flatten().and_then(|at| urls.get(at).cloned());
    let (mut entries, mut slots, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    for (at, slot) in plan.slots.iter().enumerate() {
        let own: Vec<(&Draft, Map<String, Value>)> = slot
            .drafts
            .iter()
            .filter(|handle| !skip.contains(handle))
            .filter_map(|handle| drafts.get(*handle))
            .map(|draft| (draft, said(&draft.resource, &to)))
            .collect();
        let entry = match &slot.there {
            Some(there) => changed(catalog, origin, slot.resource_type, there, &own),
            None => Some(made(catalog, origin, slot, &own, &urls[at], &to)),
        };
        if let Some(entry) = entry {
            targets.push(json!({"reference": urls[at]}));
            entries.push(entry);
            slots.push(at);
        }
    }
    if entries.is_empty() {
        return None;
    }
    entries.push(provenance(origin, targets));
    let unknown: Vec<&str> =
        plan.slots.iter().zip(&urls).filter(|(slot, _)| is_unidentified(slot, drafts)).map(|(_, url)| &**url).collect();
    if !unknown.is_empty() {
        entries.push(task::unidentified(origin, &unknown));
    }
    Some(Composed { bundle: json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}), slots })
}

/// Returns whether a slot makes a Patient whom nobody will recognize.
fn is_unidentified(slot: &Slot, drafts: &Drafts) -> bool {
    let is_new = |draft: &Draft| draft.identity == Identity::New;
    let mut own = slot.drafts.iter().filter_map(|handle| drafts.get(*handle));
    slot.resource_type == ResourceType::PATIENT && slot.there.is_none() && own.all(is_new)
}

fn url(slot: &Slot) -> String {
    match &slot.there {
        Some(there) => format!("{}/{}", slot.resource_type, there.id),
        None => Uuid::new_v4().urn().to_string(),
    }
}

/// Returns what a draft says, with references that lead to resources.
fn said(resource: &Map<String, Value>, to: &dyn Fn(Handle) -> Option<String>) -> Map<String, Value> {
    let mut said = resource.clone();
    links::link(&mut said, to);
    said
}

fn changed(
    catalog: &Catalog,
    origin: &Origin,
    t: ResourceType,
    there: &There,
    drafts: &[(&Draft, Map<String, Value>)],
) -> Option<Value> {
    let url = order::url(origin.canonical_base);
    let mut before = there.content.clone();
    bare(&mut before);
    let last = order::last(&before, &url, origin.feed);
    let age = if last.time.is_some_and(|last| origin.time < last) { Age::Older } else { Age::Newer };
    let merged = drafts.iter().filter(|(draft, _)| draft.update == Update::Merge);
    let mut said: Vec<Map<String, Value>> = merged.map(|(_, said)| said.clone()).collect();
    if age == Age::Older {
        // What was said to be gone since then does not come back.
        said.iter_mut().for_each(|said| said.retain(|name, _| !last.gone.contains(name)));
    }
    let mut after = before.clone();
    said.iter().for_each(|said| graft(catalog, t, &mut after, said, age));
    let gone = match age {
        Age::Older => last.gone.clone(),
        Age::Newer => order::gone(&last.gone, &said.iter().collect::<Vec<_>>(), &after),
    };
    if after == before && gone == last.gone {
        return None;
    }
    if age == Age::Newer {
        order::mark(&mut after, &url, origin.feed, origin.time, &gone);
    }
    let address = format!("{t}/{}", there.id);
    let request = json!({"method": "PUT", "url": address, "ifMatch": format!("W/\"{}\"", there.version)});
    Some(json!({"resource": after, "request": request}))
}

fn made(
    catalog: &Catalog,
    origin: &Origin,
    slot: &Slot,
    drafts: &[(&Draft, Map<String, Value>)],
    url: &str,
    to: &dyn Fn(Handle) -> Option<String>,
) -> Value {
    let t = slot.resource_type;
    let mut content = Map::new();
    content.insert("resourceType".into(), t.name().into());
    for (_, said) in drafts {
        graft(catalog, t, &mut content, said, Age::Newer);
    }
    for (draft, _) in drafts {
        graft(catalog, t, &mut content, &said(&draft.defaults, to), Age::Older);
    }
    let gone = order::gone(&[], &drafts.iter().map(|(_, said)| said).collect::<Vec<_>>(), &content);
    order::mark(&mut content, &order::url(origin.canonical_base), origin.feed, origin.time, &gone);
    let request = match condition(slot, drafts) {
        Some(query) => json!({"method": "PUT", "url": format!("{t}?{query}"), "ifNoneMatch": "*"}),
        None => json!({"method": "POST", "url": t.name()}),
    };
    json!({"fullUrl": url, "resource": content, "request": request})
}

/// Returns the search that must find nothing when the resource is made: others may make it at the same time.
fn condition(slot: &Slot, drafts: &[(&Draft, Map<String, Value>)]) -> Option<String> {
    let mut values = Vec::new();
    for (draft, _) in drafts {
        if let Identity::Identifiers(list) = &draft.identity {
            values.extend(list.iter().map(token));
        }
    }
    if !values.is_empty() {
        return Some(format!("identifier={}", values.join(",")));
    }
    slot.search.clone()
}

/// v2-to-FHIR: MSH is the source of what is written, and we are who transformed it.
fn provenance(origin: &Origin, targets: Vec<Value>) -> Value {
    const ACTIVITY: &str = "http://hl7.org/fhir/uv/v2mappings/CodeSystem/provenance-activity-type-v2-to-fhir";
    const PARTICIPANT: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
    let id = provenance_id(origin.message);
    let part =
        |code: &str, display: &str| json!({"coding": [{"system": PARTICIPANT, "code": code, "display": display}]});
    let system = format!("{}/hl7v2-message", origin.canonical_base);
    let mut resource = json!({
        "resourceType": "Provenance",
        "id": id.as_str(),
        "target": targets,
        "recorded": Instant::now().to_string(),
        "activity": {
            "coding": [{"system": ACTIVITY, "code": "v2-fhir-transformation"}],
            "text": format!("message - {}", origin.event),
        },
        "agent": [
            {"type": part("author", "Author"), "who": {"display": origin.sender}},
            {"type": part("assembler", "Assembler"), "who": {"identifier": {
                "system": "urn:ietf:rfc:3986", "value": origin.base_url}}},
        ],
        "entity": [{"role": "source", "what": {"identifier": {
            "system": system, "value": origin.message.to_string()}}}],
    });
    if let Some(time) = origin.told_time {
        resource["occurredDateTime"] = time.into();
    }
    let url = format!("Provenance/{id}");
    json!({"resource": resource, "request": {"method": "PUT", "url": url, "ifNoneMatch": "*"}})
}
