//! OBX → Observation.
//!
//! v2-to-FHIR, segment maps OBX\[Observation\] and OBX\[Observation-Component\].

use super::{note, participation, range};
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity, search_value};
use crate::hl7v2::map;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::Code;
use crate::hl7v2::segment::attachment;
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
    /// The status where OBX-11 says nothing.
    pub status: Option<&'static str>,
    /// Elements besides, such as `partOf`, `focus` or `specimen`.
    pub elements: Vec<(&'static str, Value)>,
}

const SYSTEM: &str = "urn:x-v2:observation";
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
pub fn lines(ctx: &Ctx, nodes: &[&Node], patient: Handle, encounter: Option<Handle>, more: &More) -> Option<Handle> {
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
    status(ctx, obx, more, &mut draft);
    effective(obx, more, &mut draft);
    value(ctx, nodes, &mut draft);
    range::reference(obx, &mut draft);
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
        draft.set(name, value.clone());
    }
    identify(ctx, obx, patient, encounter, more, &mut draft);
    Some(ctx.add(draft))
}

/// Sets a list, unless it is empty.
pub fn set_list(draft: &mut Draft, name: &str, list: Vec<Value>) {
    if !list.is_empty() {
        draft.set(name, Value::Array(list));
    }
}

/// Sets one of the elements that exclude each other, and removes the others.
pub fn choose(draft: &mut Draft, name: &str, value: Value, all: &[&str]) {
    for other in all.iter().filter(|other| **other != name) {
        draft.resource.insert((*other).to_string(), Value::Null);
    }
    draft.set(name, value);
}

/// OBX-11, table 0085.
fn status(ctx: &Ctx, obx: Segment, more: &More, draft: &mut Draft) {
    draft.default("status", more.status.unwrap_or("unknown"));
    let Some(said) = local(ctx, "HL70085", obx.field(11)) else { return };
    let status = match &*said {
        "F" | "U" | "V" | "N" => "final",
        "P" | "R" | "B" => "preliminary",
        "C" => "corrected",
        "A" => "amended",
        "D" | "W" => "entered-in-error",
        "X" => "cancelled",
        "I" | "O" | "S" => "registered",
        _ => {
            ctx.warn(Code::TableValue, obx.field(11).at, "no code of table 0085; the status stays unknown");
            return;
        }
    };
    draft.set("status", status);
    let reason = match &*said {
        "N" => Some("not-asked"),
        "X" => Some("unknown"),
        _ => None,
    };
    if let (Some(reason), false) = (reason, obx.field(5).is_there()) {
        let system = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
        VALUES.iter().for_each(|name| _ = draft.resource.insert((*name).to_string(), Value::Null));
        draft.set("dataAbsentReason", json!({"coding": [{"system": system, "code": reason}]}));
    }
}

/// Returns the code of a table that is said, or what the feed means by its own one.
pub fn local(ctx: &Ctx, table: &str, part: Part) -> Option<String> {
    let said = part.text()?;
    let meant = ctx.rules.tables.get(table).and_then(|codes| codes.get(&*said));
    Some(meant.cloned().unwrap_or_else(|| said.to_uppercase()))
}

fn effective(obx: Segment, more: &More, draft: &mut Draft) {
    const ALL: &[&str] = &["effectiveDateTime", "effectivePeriod", "effectiveInstant", "effectiveTiming"];
    match (draft.resource.get("effectiveDateTime").cloned(), &more.effective) {
        (Some(time), _) if time.is_string() => choose(draft, "effectiveDateTime", time, ALL),
        (_, Some((name, value))) if !obx.field(14).is_null() => choose(draft, name, value.clone(), ALL),
        _ => {}
    }
}

/// OBX-5, by OBX-2: one value, components where there are several, or an attachment.
fn value(ctx: &Ctx, nodes: &[&Node], draft: &mut Draft) {
    let Some(obx) = nodes.first().map(|node| node.segment) else { return };
    if obx.field(5).is_null() {
        VALUES.iter().for_each(|name| _ = draft.resource.insert((*name).to_string(), Value::Null));
        return;
    }
    let kind = obx.field(2).text().unwrap_or_default();
    if attachment::is_one(&kind) {
        let url = "https://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.valueAttachment";
        for found in attachment::attachments(ctx, obx) {
            draft.push("extension", json!({"url": url, "valueAttachment": found}));
        }
        return;
    }
    let mut values = values(ctx, obx);
    let further = nodes.iter().skip(1).flat_map(|node| text_of(node.segment));
    if let Some(("valueString", Value::String(text))) = values.first_mut().map(|(name, value)| (&**name, value)) {
        further.for_each(|line| text.extend(["\n", &line]));
    }
    match values.len() {
        0 => {}
        1 => {
            let (name, value) = values.remove(0);
            draft.resource.insert("dataAbsentReason".into(), Value::Null);
            draft.resource.insert("component".into(), Value::Null);
            choose(draft, &name, value, VALUES);
        }
        _ => {
            let code = draft.resource.get("code").cloned().unwrap_or_default();
            let all = values.into_iter().map(|(name, value)| {
                let mut component = Map::new();
                component.insert("code".into(), code.clone());
                component.insert(name, value);
                Value::Object(component)
            });
            let all: Vec<Value> = all.collect();
            VALUES.iter().for_each(|name| _ = draft.resource.insert((*name).to_string(), Value::Null));
            draft.set("component", all);
        }
    }
}

/// Returns what OBX-5 says, by repetition: the name of the element and its value.
fn values(_ctx: &Ctx, obx: Segment) -> Vec<(String, Value)> {
    let text = text_of(obx);
    text.map(|text| vec![("valueString".to_string(), Value::String(text))]).unwrap_or_default()
}

fn text_of(obx: Segment) -> Option<String> {
    let lines: Vec<String> = obx.field(5).repetitions().filter_map(|line| line.whole()).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Returns whether a segment goes on with the text of the one before it.
pub fn goes_on(before: Segment, obx: Segment) -> bool {
    let is_text = |segment: Segment| matches!(segment.field(2).text().as_deref(), Some("TX" | "FT"));
    let same = |n: usize| before.field(n).raw().trim() == obx.field(n).raw().trim();
    is_text(before) && is_text(obx) && same(3) && same(4) && same(11) && same(14) && obx.field(21).is_absent()
}

/// OBX-8, table 0078.
fn interpretation(ctx: &Ctx, part: Part) -> Option<Value> {
    const KNOWN: &[&str] = &[
        "<", ">", "A", "AA", "B", "CAR", "D", "DET", "E", "EX", "EXP", "H", "HH", "HU", "HX", "I", "IE", "IND", "L",
        "LL", "LU", "LX", "N", "NCL", "ND", "NEG", "NR", "NS", "POS", "R", "RR", "S", "SDD", "SYN-R", "SYN-S", "U",
        "UNE", "W", "WR",
    ];
    let said = local(ctx, "HL70078", part)?;
    // Written by people who mean that there is none.
    if said == "NULL" {
        return None;
    }
    if !KNOWN.contains(&&*said) {
        return datatype::codeable_concept(ctx, part, Some("HL70078"));
    }
    let system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
    let mut coding = json!({"system": system, "code": said});
    if let Some(words) = part.part(2).text() {
        coding["display"] = json!(words);
    }
    Some(json!({"coding": [coding]}))
}

/// OBX-4, data type OG or plain text.
fn sub_id(obx: Segment, draft: &mut Draft) {
    let part = obx.field(4);
    let names = [("original-sub-identifier", false), ("group", true), ("sequence", true), ("identifier", false)];
    let parts = names.iter().enumerate().filter_map(|(n, (name, is_number))| {
        let text = part.part(n + 1).text()?;
        match (is_number, range::decimal(&text)) {
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
        draft.push("category", json!({"coding": [{"system": system, "code": code}]}));
    }
}

/// Returns the code by which something is told from others of its report: the first identifier of a CWE, else its text.
pub fn key_of(part: Part) -> String {
    let all = [1, 4, 9, 2].into_iter().find_map(|n| part.part(n).text());
    all.map(|text| text.into_owned()).unwrap_or_default()
}

/// OBX-21; else a key of the report, OBX-3 and OBX-4, and which of its kind it is where there are several.
fn identify(ctx: &Ctx, obx: Segment, patient: Handle, encounter: Option<Handle>, more: &More, draft: &mut Draft) {
    let own = obx.field(21);
    let is_own = |other: Segment| other.name == "OBX" && other.field(21).raw() == own.raw();
    if own.is_there() && ctx.message.segments().filter(|other| is_own(*other)).count() == 1 {
        if let Some((value, id)) = super::order_number::numbered(ctx, own.first(), "observation", Some("FILL")) {
            draft.push("identifier", value);
            draft.identity = Identity::Identifiers(vec![id]);
            return;
        }
    }
    let sub: String = (1..=4).filter_map(|n| obx.field(4).part(n).text()).collect::<Vec<_>>().join(".");
    let mut words = vec![more.scope.clone().unwrap_or_default(), key_of(obx.field(3)), sub];
    if more.scope.is_none() {
        words.push(obx.field(14).text().unwrap_or_default().into_owned());
    }
    let base = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("#");
    let identity = |value: String| {
        let id = Identifier { system: SYSTEM.to_string(), value };
        if more.scope.is_some() {
            return (Identity::Identifiers(vec![id.clone()]), id);
        }
        let visit = encounter.map(|visit| format!("&encounter={{{}}}", visit.0)).unwrap_or_default();
        let visit = if obx.field(14).is_there() { String::new() } else { visit };
        let token = format!("{}|{}", id.system, search_value(&id.value));
        (Identity::Search(format!("patient={{{}}}{visit}&identifier={token}", patient.0)), id)
    };
    let (found, id) = free(ctx, &base, identity);
    draft.push("identifier", json!({"system": id.system, "value": id.value}));
    draft.identity = found;
}

/// Returns the first identity of this base that no draft has yet: the second of a kind ends in `#2`.
pub fn free(ctx: &Ctx, base: &str, identity: impl Fn(String) -> (Identity, Identifier)) -> (Identity, Identifier) {
    for n in 1.. {
        let value = if n == 1 { base.to_string() } else { format!("{base}#{n}") };
        let (found, id) = identity(value);
        if ctx.see(|drafts| drafts.iter().all(|(_, draft)| draft.identity != found)) {
            return (found, id);
        }
    }
    identity(base.to_string())
}
