//! OBX → Observation.
//!
//! v2-to-FHIR, segment maps OBX\[Observation\] and OBX\[Observation-Component\].

use super::{note, participation, range};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded::concept};
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity, search_value};
use crate::hl7v2::map;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Map, Value, json};

/// What the surroundings of an OBX say of its Observation.
#[derive(Debug, Clone, Default)]
pub struct More {
    /// Begins the key by which the Observation is recognized: that of the report, of the vaccination. Without one, patient, code
    /// and time decide.
    pub scope: Option<String>,
    /// `effective[x]` where OBX-14 says nothing: the name of the element and its value.
    pub effective: Option<(&'static str, Value)>,
    /// Elements besides, such as `partOf`, `focus` or `specimen`.
    pub elements: Vec<(&'static str, Value)>,
}

const VALUES: &[&str] = &[
    "valueQuantity",
    "valueCodeableConcept",
    "valueString",
    "valueBoolean",
    "valueInteger",
    "valueRange",
    "valueRatio",
    "valueSampledData",
    "valueTime",
    "valueDateTime",
    "valuePeriod",
];

/// Adds the Observation of a segment OBX; none where it does not say what was observed.
pub fn observation(ctx: &Ctx, node: &Node, patient: Handle, encounter: Option<Handle>, more: &More) -> Option<Handle> {
    lines(ctx, &[node], patient, encounter, more)
}

/// Adds the Observation of segments that are the lines of one text; of the first, where it is none.
fn lines(ctx: &Ctx, nodes: &[&Node], patient: Handle, encounter: Option<Handle>, more: &More) -> Option<Handle> {
    let node = nodes.first()?;
    let obx = node.segment;
    let mut draft = Draft::new("Observation", obx.at());
    map::fill(ctx, "obx", obx, &mut draft.resource);
    if !draft.resource.get("code").is_some_and(Value::is_object) {
        ctx.warn(Code::RequiredField, obx.at().field(3), "without OBX-3 nobody knows what was observed; left out");
        return None;
    }
    draft.set("subject", patient.reference());
    draft.set("encounter", encounter.map(Handle::reference));
    status(ctx, obx, &mut draft);
    effective(obx, more, &mut draft);
    value(ctx, nodes, &mut draft);
    if let Some(range) = range::reference(ctx, obx, &draft) {
        put_range(range, &mut draft);
    }
    let interpretation: Vec<Value> = obx
        .field(8)
        .repetitions()
        .filter(|part| part.is_there())
        .filter_map(|part| interpretation(ctx, part))
        .collect();
    set_list(&mut draft, "interpretation", interpretation);
    sub_id(obx, &mut draft);
    category(obx, &mut draft);
    participation::performers(ctx, node, &mut draft);
    set_list(&mut draft, "note", nodes.iter().flat_map(|node| note::annotations(ctx, node)).collect());
    for (name, value) in &more.elements {
        match value {
            Value::Array(items) => extend(&mut draft, name, items.clone()),
            value => _ = draft.set(name, value.clone()),
        }
    }
    identify(ctx, obx, patient, encounter, more, &mut draft);
    Some(ctx.add(draft))
}

/// Adds the Observations of segments OBX that stand together, the lines of a text as one.
pub fn all(ctx: &Ctx, nodes: &[&Node], patient: Handle, encounter: Option<Handle>, more: &More) -> Vec<Handle> {
    let texts = nodes.chunk_by(|before, node| goes_on(before.segment, node.segment));
    texts.filter_map(|text| lines(ctx, text, patient, encounter, more)).collect()
}

/// Sets one of the elements that exclude each other, and removes the others.
pub fn choose(draft: &mut Draft, name: &str, value: Value, all: &[&str]) {
    for other in all.iter().filter(|other| **other != name) {
        draft.resource.insert((*other).to_string(), Value::Null);
    }
    draft.set(name, value);
}

/// Sets a list, unless it is empty.
pub fn set_list(draft: &mut Draft, name: &str, list: Vec<Value>) {
    if !list.is_empty() {
        draft.set(name, Value::Array(list));
    }
}

/// Adds to a list, which may be a long one.
pub fn extend(draft: &mut Draft, name: &str, more: Vec<Value>) {
    match draft.resource.get_mut(name).and_then(Value::as_array_mut) {
        Some(list) => list.extend(more),
        None => set_list(draft, name, more),
    }
}

/// OBX-11, table 0085. The code itself stands beside the status that says less.
fn status(ctx: &Ctx, obx: Segment, draft: &mut Draft) {
    draft.default("status", "unknown");
    let said = obx.field(11);
    let status = datatype::code(ctx, said, "HL70085");
    if let Some(code) = said.text().filter(|code| ["B", "I", "N", "O", "R", "S", "U", "V", "X"].contains(&&**code)) {
        let url = "http://hl7.org/fhir/StructureDefinition/alternate-codes";
        let value = concept("http://terminology.hl7.org/CodeSystem/v2-0085", &code, None);
        let beside = json!({"extension": [{"url": url, "valueCodeableConcept": value}]});
        match status {
            Some(_) => draft.set("_status", beside),
            None => draft.default("_status", beside),
        };
    }
    draft.set("status", status);
    // What takes back a result that never came says nothing.
    draft.only_if_there = draft.resource.get("status").is_some_and(|status| status == "entered-in-error");
    let reason = match said.text().as_deref() {
        Some("N") => "not-asked",
        Some("X") => "unknown",
        _ => return,
    };
    // R4 obs-6: a reason why there is no value stands in the place of one.
    if !obx.field(5).is_there() {
        no_value(draft);
        let system = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
        draft.set("dataAbsentReason", concept(system, reason, None));
    }
}

fn effective(obx: Segment, more: &More, draft: &mut Draft) {
    if let (true, Some((name, value))) = (obx.field(14).is_absent(), &more.effective) {
        draft.set(name, value.clone());
    }
}

/// OBX-5, by OBX-2: one value, or components where there are several.
fn value(ctx: &Ctx, nodes: &[&Node], draft: &mut Draft) {
    let Some(obx) = nodes.first().map(|node| node.segment) else { return };
    if obx.field(5).is_null() {
        no_value(draft);
    }
    let mut values = datatype::observation_value(ctx, obx);
    if let Some(("valueString", Value::String(text))) = values.first_mut().map(|(name, value)| (*name, value)) {
        let further = nodes.iter().skip(1).filter_map(|node| datatype::text::lines(node.segment.field(5)));
        further.for_each(|line| text.extend(["\n", &line]));
    }
    if values.is_empty() {
        return absent(obx, draft);
    }
    let is_one = values.len() == 1 || values.iter().all(|(name, _)| *name == "valueAttachment");
    draft.resource.insert("dataAbsentReason".into(), Value::Null);
    if is_one {
        draft.resource.insert("component".into(), Value::Null);
        values.into_iter().for_each(|found| datatype::value::put(&mut draft.resource, found));
        return;
    }
    let code = draft.resource.get("code").cloned().unwrap_or_default();
    no_value(draft);
    let components = values.into_iter().map(|found| {
        let mut component = Map::new();
        component.insert("code".into(), code.clone());
        datatype::value::put(&mut component, found);
        Value::Object(component)
    });
    set_list(draft, "component", components.collect());
}

/// A result of a type that has no value: nobody knows why, unless OBX-11 says it or there is a value from another message.
fn absent(obx: Segment, draft: &mut Draft) {
    let is_result = obx.field(2).is_there() && ["F", "C", "A"].iter().any(|status| obx.field(11).is(status));
    if is_result {
        let system = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
        draft.default("dataAbsentReason", concept(system, "unknown", None));
    }
}

fn no_value(draft: &mut Draft) {
    for name in VALUES {
        draft.resource.insert((*name).to_string(), Value::Null);
    }
}

/// Puts a reference range where the values are: into each component, where there are some.
fn put_range(range: Value, draft: &mut Draft) {
    match draft.resource.get_mut("component").and_then(Value::as_array_mut) {
        Some(components) if !range.is_null() => {
            for component in components.iter_mut().filter_map(Value::as_object_mut) {
                component.insert("referenceRange".into(), range.clone());
            }
        }
        _ => _ = draft.resource.insert("referenceRange".into(), range),
    }
}

/// Returns whether a segment goes on with the text of the one before it.
pub fn goes_on(before: Segment, obx: Segment) -> bool {
    let is_text = |segment: Segment| matches!(segment.field(2).text().as_deref(), Some("TX" | "FT"));
    let same = |n: usize| before.field(n).raw().trim() == obx.field(n).raw().trim();
    is_text(before) && is_text(obx) && same(3) && same(4) && same(11) && same(14) && obx.field(21).is_absent()
}

/// OBX-8, table 0078.
fn interpretation(ctx: &Ctx, part: Part) -> Option<Value> {
    // Written where the table means that there is none.
    let is_none = part.text().is_none_or(|text| text.eq_ignore_ascii_case("null"));
    if is_none { None } else { datatype::codeable_concept(ctx, part, Some("HL70078")) }
}

/// OBX-4, data type OG or plain text.
fn sub_id(obx: Segment, draft: &mut Draft) {
    let part = obx.field(4);
    let names = [("original-sub-identifier", false), ("group", true), ("sequence", true), ("identifier", false)];
    let parts = names.iter().enumerate().filter_map(|(n, (name, is_number))| {
        let text = part.part(n + 1).text()?;
        match (is_number, datatype::text::number(&text)) {
            (true, Some(number)) => Some(json!({"url": name, "valueDecimal": number})),
            (true, None) => None,
            (false, _) => Some(json!({"url": name, "valueString": text})),
        }
    });
    let parts: Vec<Value> = parts.collect();
    if !parts.is_empty() {
        let url = "http://hl7.org/fhir/StructureDefinition/observation-v2-subid";
        draft.push("extension", json!({"url": url, "extension": parts}));
    }
}

/// OBX-29, table 0936.
fn category(obx: Segment, draft: &mut Draft) {
    if let Some(code) = obx.field(29).text() {
        let system = "http://terminology.hl7.org/CodeSystem/v2-0936";
        draft.push("category", concept(system, &code, None));
    }
}

/// Returns the code by which something is told from others of its report: the first identifier of a CWE, else its text.
pub fn key_of(part: Part) -> String {
    let all = [1, 4, 9, 2].into_iter().find_map(|n| part.part(n).text());
    all.map(|text| text.into_owned()).unwrap_or_default()
}

/// A key of OBX-21 and OBX-3; else of the report, OBX-3 and OBX-4; else of OBX-3, OBX-4 and OBX-14, within the patient. Feeds that have
/// one number for all results of an order in OBX-21 are many, so that it alone would make one of several.
fn identify(ctx: &Ctx, obx: Segment, patient: Handle, encounter: Option<Handle>, more: &More, draft: &mut Draft) {
    let own = super::order_number::numbered(ctx, obx.field(21).first(), "FILL");
    let mut scope = more.scope.clone();
    if let Some((element, id)) = own {
        draft.push("identifier", element);
        scope = Some(key_of_identifier(&id));
    }
    let sub: String = (1..=4).filter_map(|n| obx.field(4).part(n).text()).collect::<Vec<_>>().join(".");
    let mut words = vec![scope.clone().unwrap_or_default(), key_of(obx.field(3)), sub];
    if scope.is_none() {
        words.push(obx.field(14).text().unwrap_or_default().into_owned());
    }
    let base = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("#");
    let system = ctx.local("observation");
    if scope.is_some() {
        return key(ctx, &system, &base, draft);
    }
    let visit = encounter.filter(|_| !obx.field(14).is_there());
    key_within(ctx, (patient, visit), &system, &base, draft);
}

/// Returns what tells an identifier from all others, as one word.
fn key_of_identifier(id: &Identifier) -> String {
    format!("{}#{}", id.system, id.value)
}

/// Returns the key by which a draft is recognized, where it is by one alone: for what belongs to it.
pub fn scope_of(ctx: &Ctx, handle: Handle) -> Option<String> {
    ctx.see(|drafts| match &drafts.get(handle)?.identity {
        Identity::Identifiers(all) => all.first().map(key_of_identifier),
        _ => None,
    })
}

/// Recognizes a draft by a key of ours.
pub fn key(ctx: &Ctx, system: &str, base: &str, draft: &mut Draft) {
    let id = Identifier { system: system.to_string(), value: ctx.keys.free(system, base) };
    draft.push("identifier", json!({"system": id.system, "value": id.value}));
    draft.identity = Identity::Identifiers(vec![id]);
}

/// Recognizes a draft by a key of ours that only one thing of this patient, or of this visit, has.
pub fn key_within(ctx: &Ctx, (patient, visit): (Handle, Option<Handle>), system: &str, base: &str, draft: &mut Draft) {
    let visit = visit.map(|visit| format!("&encounter={{{}}}", visit.0)).unwrap_or_default();
    let within = format!("patient={{{}}}{visit}&identifier=", patient.0);
    let value = ctx.keys.free(&format!("{within}{system}"), base);
    draft.push("identifier", json!({"system": system, "value": value}));
    draft.identity = Identity::Search(format!("{within}{}|{}", search_value(system), search_value(&value)));
}
