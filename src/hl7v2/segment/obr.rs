//! OBR → DiagnosticReport, with its Observations, specimens and documents.
//!
//! v2-to-FHIR, segment maps OBR\[DiagnosticReport\] and ORC\[DiagnosticReport\], message map ORU_R01.

use super::group::Group;
use super::obx::{self, More, local};
use super::order_number::Numbers;
use super::{attachment, note, orc, participation, specimen};
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity};
use crate::hl7v2::map;
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

/// The system of keys for reports: several may share the numbers of one order.
const SYSTEM: &str = "urn:x-v2:report";
const EFFECTIVE: &[&str] = &["effectiveDateTime", "effectivePeriod"];
const PARTICIPATION_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

/// Adds the DiagnosticReport of an OBR; `request` is the order of the same message that it answers.
pub fn report(
    ctx: &Ctx,
    group: &Group,
    patient: Handle,
    encounter: Option<Handle>,
    request: Option<Handle>,
) -> Option<Handle> {
    let node = group.obr?;
    let obr = node.segment;
    let orc = group.orc.map(|orc| orc.segment);
    let mut draft = Draft::new("DiagnosticReport", obr.at());
    map::fill(ctx, "obr-report", obr, &mut draft.resource);
    if !draft.resource.get("code").is_some_and(Value::is_object) {
        ctx.warn(Code::RequiredField, obr.at().field(4), "without OBR-4 nobody knows what was asked for");
        draft.default("code", json!({"text": "unknown"}));
        draft.resource.remove("code");
    }
    draft.set("subject", patient.reference());
    draft.set("encounter", encounter.map(Handle::reference));
    status(ctx, obr, orc, &mut draft);
    let effective = effective(ctx, obr);
    if let Some((name, value)) = &effective {
        obx::choose(&mut draft, name, value.clone(), EFFECTIVE);
    }
    people(ctx, obr, &mut draft);
    for node in group.orc.into_iter().chain(group.obr) {
        participation::of_report(ctx, node, &mut draft);
    }
    // R4 has no note here; R5 has.
    let url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note";
    for note in note::annotations(ctx, node) {
        draft.push("extension", json!({"url": url, "valueAnnotation": note}));
    }
    let numbers = Numbers::read(ctx, orc, Some(obr));
    let key = identify(ctx, obr, patient, &numbers, &mut draft);
    based_on(&numbers, request, &mut draft);
    let specimens = specimens(ctx, group, patient, key.as_deref(), &mut draft);
    if let (Some(request), false) = (request, specimens.is_empty()) {
        let all: Vec<Value> = specimens.iter().map(|specimen| specimen.reference()).collect();
        ctx.change(request, |draft| _ = draft.set("specimen", all));
    }
    let status = draft.resource.get("status").and_then(Value::as_str).and_then(observed);
    let mut elements = Vec::new();
    if let [specimen] = specimens[..] {
        elements.push(("specimen", specimen.reference()));
    }
    let more = More { scope: key, effective, status, elements };
    results(ctx, group, (patient, encounter, request), &more, &mut draft);
    Some(ctx.add(draft))
}

/// OBR-25 by table 0123, else what ORC-5 says.
fn status(ctx: &Ctx, obr: Segment, orc: Option<Segment>, draft: &mut Draft) {
    draft.default("status", "unknown");
    let Some(said) = local(ctx, "HL70123", obr.field(25)) else {
        match orc.and_then(|orc| local(ctx, "HL70038", orc.field(5))).as_deref() {
            Some("CM") => _ = draft.set("status", "final"),
            Some("CA" | "DC") => _ = draft.set("status", "cancelled"),
            Some("A") => _ = draft.set("status", "partial"),
            _ => {}
        }
        return;
    };
    let status = match &*said {
        "O" | "I" | "S" | "N" => "registered",
        "P" => "preliminary",
        // M: corrected, but not final.
        "A" | "R" | "M" => "partial",
        "F" | "U" | "V" => "final",
        "C" => "corrected",
        "X" | "D" => "cancelled",
        "W" => "entered-in-error",
        _ => return ctx.warn(Code::TableValue, obr.field(25).at, "no code of table 0123; the status stays as it is"),
    };
    draft.set("status", status);
}

/// Returns the status of observations that say none of their own.
fn observed(report: &str) -> Option<&'static str> {
    ["registered", "preliminary", "final", "corrected", "cancelled", "entered-in-error"]
        .into_iter()
        .find(|status| *status == report)
}

/// OBR-7 and OBR-8.
fn effective(ctx: &Ctx, obr: Segment) -> Option<(&'static str, Value)> {
    let time = |n: usize| obr.field(n).is_there().then(|| datatype::date_time(ctx, obr.field(n).first())).flatten();
    Some(match (time(7), time(8)) {
        (Some(start), None) => ("effectiveDateTime", json!(start)),
        (Some(start), Some(end)) if start == end => ("effectiveDateTime", json!(start)),
        (Some(start), Some(end)) => ("effectivePeriod", json!({"start": start, "end": end})),
        (None, Some(end)) => ("effectivePeriod", json!({"end": end})),
        (None, None) => return None,
    })
}

/// OBR-32 to 35.
fn people(ctx: &Ctx, obr: Segment, draft: &mut Draft) {
    for who in [32, 33].into_iter().flat_map(|n| participation::interpreters(ctx, obr.field(n))) {
        draft.push("resultsInterpreter", who);
    }
    for (n, code, display) in [(34, "SPRF", "secondary performer"), (35, "TRANS", "Transcriber")] {
        for who in participation::interpreters(ctx, obr.field(n)) {
            draft.push("performer", participation::function(who, PARTICIPATION_TYPE, code, display));
        }
    }
}

/// The order of the same message, else the placer's number alone.
fn based_on(numbers: &Numbers, request: Option<Handle>, draft: &mut Draft) {
    match (request, &numbers.placer) {
        (Some(request), _) => _ = draft.push("basedOn", request.reference()),
        (None, Some(placer)) => {
            draft.push("basedOn", json!({"type": "ServiceRequest", "identifier": placer.element}));
        }
        _ => {}
    }
}

/// Identifies a report by its numbers and its code; returns the key for what it contains.
fn identify(ctx: &Ctx, obr: Segment, patient: Handle, numbers: &Numbers, draft: &mut Draft) -> Option<String> {
    for number in numbers.all() {
        draft.push("identifier", number.element.clone());
    }
    let code = obx::key_of(obr.field(4));
    let keys = numbers.keys(&code);
    let Some(key) = keys.first() else {
        let time = obr.field(7).text().unwrap_or_default();
        let (identity, id) = orc::within(ctx, patient, SYSTEM, &format!("{code}#{time}"));
        draft.push("identifier", json!({"system": id.system, "value": id.value}));
        draft.identity = identity;
        return None;
    };
    let (identity, id) = obx::free(ctx, key, |value| {
        let id = Identifier { system: SYSTEM.to_string(), value };
        (Identity::Identifiers(vec![id.clone()]), id)
    });
    draft.push("identifier", json!({"system": id.system, "value": id.value}));
    draft.identity = identity;
    Some(id.value)
}

/// SPM, else what OBR itself says of a specimen.
fn specimens(ctx: &Ctx, group: &Group, patient: Handle, key: Option<&str>, draft: &mut Draft) -> Vec<Handle> {
    let mut all: Vec<Handle> =
        group.specimens().into_iter().map(|spm| specimen::specimen(ctx, spm, patient, key)).collect();
    if let (true, Some(obr)) = (all.is_empty(), group.obr) {
        all.extend(specimen::of_obr(ctx, obr, group.orc, patient, key));
    }
    for specimen in &all {
        draft.push("specimen", specimen.reference());
    }
    all
}

/// OBX: results, answers to the questions of an order, documents; and what was seen of the specimens.
fn results(
    ctx: &Ctx,
    group: &Group,
    (patient, encounter, request): (Handle, Option<Handle>, Option<Handle>),
    more: &More,
    draft: &mut Draft,
) {
    let mut nodes: Vec<&Node> = group.all("OBX");
    // OUL^R24 writes results behind the specimen, where nothing tells them from what was seen of the specimen.
    if nodes.is_empty() {
        nodes = group.all("SPM").into_iter().flat_map(|spm| spm.all("OBX")).collect();
    }
    let mut at = 0;
    while let Some(first) = nodes.get(at) {
        let further = nodes[at..].windows(2).take_while(|pair| obx::goes_on(pair[0].segment, pair[1].segment)).count();
        let lines = &nodes[at..=at + further];
        at += 1 + further;
        let kind = first.segment.field(2).text().unwrap_or_default();
        if attachment::is_one(&kind) {
            let found = attachment::attachments(ctx, first.segment);
            if !found.is_empty() && found.iter().all(attachment::is_document) {
                found.into_iter().for_each(|document| _ = draft.push("presentedForm", document));
                continue;
            }
        }
        let Some(handle) = obx::lines(ctx, lines, patient, encounter, more) else { continue };
        match (first.segment.field(29).text().as_deref(), request) {
            (Some("QST" | "SCI"), Some(request)) => {
                ctx.change(request, |draft| _ = draft.push("supportingInfo", handle.reference()));
            }
            _ => _ = draft.push("result", handle.reference()),
        }
    }
}
