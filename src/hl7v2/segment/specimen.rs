//! SPM, or what OBR says of it → Specimen.
//!
//! v2-to-FHIR, segment maps SPM\[Specimen\] and OBR\[Specimen\].

use super::order_number::{self, Numbers};
use super::{note, obx, participation};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity, Update};
use crate::hl7v2::map;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::tree::Node;
use serde_json::{Map, Value, json};

/// Returns the Specimen that was made of a segment SPM.
pub fn of(ctx: &Ctx, node: &Node) -> Option<Handle> {
    ctx.see(|drafts| {
        drafts.of_type("Specimen").find(|(_, draft)| draft.at == node.segment.at()).map(|(handle, _)| handle)
    })
}

/// Adds the Specimen of a segment SPM. `key` tells what it belongs to, for one without an identifier.
pub fn specimen(ctx: &Ctx, node: &Node, patient: Handle, key: Option<&str>) -> Handle {
    let spm = node.segment;
    let mut draft = Draft::new("Specimen", spm.at());
    map::fill(ctx, "spm", spm, &mut draft.resource);
    draft.set("subject", patient.reference());
    draft.set("status", datatype::code(ctx, spm.field(20), "HL70136/specimen"));
    collected(ctx, spm, (spm.field(17).part(1).text().is_some(), 17), &mut draft);
    let descriptions = spm.field(14).repetitions().filter_map(|part| part.whole()).map(note::text);
    let notes = descriptions.chain(note::annotations(ctx, node)).collect();
    obx::set_list(&mut draft, "note", notes);
    parents(ctx, spm, patient, &mut draft);
    containers(ctx, node, &mut draft);
    identify(ctx, spm, patient, key, &mut draft);
    ctx.add_once(draft)
}

/// SAC: what it is in. The first is the container that SPM speaks of.
fn containers(ctx: &Ctx, node: &Node, draft: &mut Draft) {
    for (n, sac) in node.all("SAC").enumerate() {
        let mut said = Map::new();
        map::fill(ctx, "sac", sac.segment, &mut said);
        if let (0, Some(accession)) = (n, said.remove("accessionIdentifier")) {
            draft.set("accessionIdentifier", accession);
        }
        let Some(container) = said.remove("container").and_then(|mut list| list.get_mut(0).map(Value::take)) else {
            continue;
        };
        let first = draft.resource.get_mut("container").and_then(|list| list.get_mut(0)).and_then(Value::as_object_mut);
        match (first, container) {
            (Some(first), Value::Object(more)) if n == 0 => first.extend(more),
            (_, container) => _ = draft.push("container", container),
        }
    }
}

/// Says of a specimen what OBR says of it, where SPM does not.
pub fn collected_as(ctx: &Ctx, obr: &Node, specimen: Handle) {
    let field = obr.segment.field(7);
    let time = field.is_there().then(|| datatype::date_time(ctx, field.first())).flatten();
    let who = participation::people(ctx, obr.segment.field(10)).into_iter().next();
    let who = who.or_else(|| participation::collector(ctx, obr));
    let mut said = Map::new();
    map::fill(ctx, "obr_specimen", obr.segment, &mut said);
    let amount = said.remove("collection").and_then(|mut part| part.as_object_mut()?.remove("quantity"));
    ctx.change(specimen, |draft| {
        if let Some(time) = said.remove("receivedTime") {
            draft.resource.entry("receivedTime").or_insert(time);
        }
        comments(obr.segment).for_each(|comment| _ = draft.push("note", comment));
        if let Some(amount) = amount {
            within(draft, "collection").entry("quantity").or_insert(amount);
        }
        let is_timed = |draft: &Draft| draft.resource.get("collection").is_some_and(has_time);
        if let Some(time) = time.filter(|_| !is_timed(draft)) {
            within(draft, "collection").insert("collectedDateTime".into(), time.into());
        }
        if let Some(who) = who {
            within(draft, "collection").entry("collector").or_insert(who);
        }
    });
}

fn has_time(collection: &Value) -> bool {
    collection.get("collectedDateTime").is_some() || collection.get("collectedPeriod").is_some()
}

/// Adds the Specimen that an OBR speaks of, where it speaks of one.
pub fn of_obr(ctx: &Ctx, node: &Node, orc_node: Option<&Node>, patient: Handle, key: Option<&str>) -> Option<Handle> {
    let obr = node.segment;
    // In a laboratory the time of what was observed is that of its specimen.
    let is_collected = is_of_laboratory(ctx, obr) && obr.field(7).is_there();
    if !is_collected && ![9, 10, 14, 15, 39].iter().any(|n| obr.field(*n).is_there()) {
        return None;
    }
    let mut draft = Draft::new("Specimen", obr.at());
    map::fill(ctx, "obr_specimen", obr, &mut draft.resource);
    draft.set("subject", patient.reference());
    let time = |n: usize| obr.field(n).is_there().then(|| datatype::date_time(ctx, obr.field(n).first())).flatten();
    set_collected(&mut draft, time(7), time(8));
    let who = participation::people(ctx, obr.field(10)).into_iter().next();
    let who = who.or_else(|| participation::collector(ctx, node));
    if let Some(who) = who.or_else(|| participation::collector(ctx, orc_node?)) {
        within(&mut draft, "collection").insert("collector".into(), who);
    }
    let source = obr.field(15).part(3).text().map(note::text);
    obx::set_list(&mut draft, "note", source.into_iter().chain(comments(obr)).collect());
    let numbers = Numbers::read(ctx, orc_node.map(|orc| orc.segment), Some(obr));
    let key = key.map(str::to_string).or_else(|| numbers.key(""));
    keyed(ctx, patient, key.as_deref(), &obr.field(7).text().unwrap_or_default(), &mut draft);
    Some(ctx.add_once(draft))
}

fn is_of_laboratory(ctx: &Ctx, obr: Segment) -> bool {
    let section = || ctx.table("HL70074/category", &obr.field(24).text()?).flatten();
    ["OML", "OUL"].iter().any(|code| ctx.event.name.starts_with(code))
        || section().is_some_and(|it| it.code == "laboratory")
}

/// OBR-39: a comment, or a code and what it means.
fn comments(obr: Segment) -> impl Iterator<Item = Value> {
    let words = |part: Part| {
        let words: Vec<String> = [1, 2].iter().filter_map(|n| datatype::text::string(part.part(*n))).collect();
        (!words.is_empty()).then(|| words.join(", "))
    };
    obr.field(39).repetitions().filter_map(words).map(note::text)
}

fn within<'d>(draft: &'d mut Draft, name: &str) -> &'d mut Map<String, Value> {
    let entry = draft.resource.entry(name).or_insert_with(|| json!({}));
    if !entry.is_object() {
        *entry = json!({});
    }
    entry.as_object_mut().expect("it was made an object")
}

/// SPM-17, data type DR.
fn collected(ctx: &Ctx, spm: Segment, (is_there, n): (bool, usize), draft: &mut Draft) {
    let time = |part: usize| {
        let part = spm.field(n).part(part);
        part.is_there().then(|| datatype::date_time(ctx, part)).flatten()
    };
    let start = if is_there { time(1) } else { None };
    set_collected(draft, start, time(2));
}

fn set_collected(draft: &mut Draft, start: Option<String>, end: Option<String>) {
    let value = match (start, end) {
        (None, None) => return,
        (Some(start), None) => ("collectedDateTime", json!(start)),
        (Some(start), Some(end)) => ("collectedPeriod", json!({"start": start, "end": end})),
        (None, Some(end)) => ("collectedPeriod", json!({"end": end})),
    };
    within(draft, "collection").insert(value.0.into(), value.1);
}

/// SPM-3: the specimens that it was made from.
fn parents(ctx: &Ctx, spm: Segment, patient: Handle, draft: &mut Draft) {
    for part in spm.field(3).repetitions() {
        let mut parent = Draft::new("Specimen", part.at);
        let ids = numbers(ctx, part, &mut parent);
        if ids.is_empty() {
            continue;
        }
        parent.identity = Identity::Identifiers(ids);
        parent.update = Update::Keep;
        parent.set("subject", patient.reference());
        draft.push("parent", ctx.add_once(parent).reference());
    }
}

/// Adds the identifiers of an EIP: the filler's, then the placer's.
fn numbers(ctx: &Ctx, eip: Part, draft: &mut Draft) -> Vec<Identifier> {
    let mut ids = Vec::new();
    for (n, kind) in [(2, "FGN"), (1, "PGN")] {
        if let Some((identifier, id)) = order_number::numbered(ctx, eip.part(n), kind) {
            draft.push("identifier", identifier);
            ids.push(id);
        }
    }
    ids
}

/// SPM-2, 30, 31 and 32.
fn identify(ctx: &Ctx, spm: Segment, patient: Handle, key: Option<&str>, draft: &mut Draft) {
    let ids = numbers(ctx, spm.field(2).first(), draft);
    let others = spm.field(31).repetitions().filter(|part| part.is_there());
    for identifier in others.filter_map(|part| datatype::identifier(ctx, part)) {
        draft.push("identifier", identifier);
    }
    if let Some((identifier, _)) = order_number::numbered(ctx, spm.field(32).first(), "SHIP") {
        draft.push("identifier", identifier);
    }
    let accession = spm.field(30).first();
    draft.set("accessionIdentifier", accession.is_there().then(|| datatype::identifier(ctx, accession)).flatten());
    if !ids.is_empty() {
        draft.identity = Identity::Identifiers(ids);
        return;
    }
    let words = format!("{}#{}", obx::key_of(spm.field(4)), spm.field(17).text().unwrap_or_default());
    keyed(ctx, patient, key, &words, draft);
}

/// Recognizes a specimen that nobody gave a number: by what it was taken for, else by patient and what is said of it.
fn keyed(ctx: &Ctx, patient: Handle, key: Option<&str>, words: &str, draft: &mut Draft) {
    let system = ctx.local("specimen");
    match key {
        Some(key) => obx::key(ctx, &system, key, draft),
        None => obx::key_within(ctx, (patient, None), &system, words.trim_matches('#'), draft),
    }
}

/// Adds what was seen of a specimen: the OBX below its SPM, which are about it rather than about the patient.
pub fn observations(ctx: &Ctx, node: &Node, specimen: Handle, patient: Handle, encounter: Option<Handle>) {
    let effective = ctx.see(|drafts| {
        let collection = drafts.get(specimen)?.resource.get("collection")?;
        let time = |from: &str, to| collection.get(from).map(|time| (to, time.clone()));
        time("collectedDateTime", "effectiveDateTime").or_else(|| time("collectedPeriod", "effectivePeriod"))
    });
    let about = specimen.reference();
    let elements = vec![("focus", json!([about])), ("specimen", about.clone())];
    let more = obx::More { scope: obx::scope_of(ctx, specimen), effective, elements };
    obx::all(ctx, &node.all("OBX").collect::<Vec<_>>(), patient, encounter, &more);
}
