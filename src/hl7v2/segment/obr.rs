//! OBR → DiagnosticReport, with its Observations, specimens and documents.
//!
//! v2-to-FHIR, segment maps OBR\[DiagnosticReport\] and ORC\[DiagnosticReport\], message map ORU_R01.

use super::group::Group;
use super::obx::{self, More};
use super::order_number::{self, Numbers};
use super::{note, orc, participation};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::coded::{self, concept};
use crate::hl7v2::datatype::{self, attachment};
use crate::hl7v2::draft::{Draft, Drafts, Handle, Identity};
use crate::hl7v2::event::Family;
use crate::hl7v2::map;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

const PARTICIPATION_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

/// Returns whether a message of orders speaks of a report, too: OBR-25.
pub fn is_reported(group: &Group) -> bool {
    group.obr.is_some_and(|obr| obr.segment.field(25).is_there())
}

/// Returns the Observations that a report refers to.
pub fn found(ctx: &Ctx, report: Handle) -> Vec<Handle> {
    let handle = |item: &Value| item["reference"].as_str().and_then(Handle::of);
    let result = |drafts: &Drafts| {
        Some(drafts.get(report)?.resource.get("result")?.as_array()?.iter().filter_map(handle).collect())
    };
    ctx.see(result).unwrap_or_default()
}

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
    map::fill(ctx, "obr_report", obr, &mut draft.resource);
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
        draft.set(name, value.clone());
    }
    people(ctx, obr, &mut draft);
    for node in group.orc.into_iter().chain(group.obr) {
        participation::of_report(ctx, node, request.is_some(), &mut draft);
    }
    // R4 has no note here; R5 has.
    let url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note";
    let documents = group.all_beside("TXA");
    let notes = std::iter::once(node).chain(documents).flat_map(|node| note::annotations(ctx, node));
    let notes = notes.map(|note| json!({"url": url, "valueAnnotation": note})).collect();
    obx::extend(&mut draft, "extension", notes);
    let numbers = Numbers::read(ctx, orc, Some(obr));
    let key = identify(ctx, (orc, obr), patient, &numbers, &mut draft);
    based_on(&numbers, request, &mut draft);
    let specimens = group.specimens(ctx, patient, encounter, key.as_deref());
    obx::set_list(&mut draft, "specimen", specimens.iter().map(|specimen| specimen.reference()).collect());
    let status = draft.resource.get("status").and_then(Value::as_str);
    let mut elements: Vec<(&'static str, Value)> = section(ctx, obr).into_iter().collect();
    if let Some(request) = request {
        orc::needs(ctx, request, &specimens);
        answered(ctx, request, status);
        elements.push(("basedOn", json!([request.reference()])));
    }
    if let [specimen] = specimens[..] {
        elements.push(("specimen", specimen.reference()));
    }
    let more = More { scope: key, effective, elements };
    results(ctx, group, (patient, encounter, request), &more, &mut draft);
    Some(ctx.add(draft))
}

/// OBR-25 by table 0123, else what ORC-5 says.
fn status(ctx: &Ctx, obr: Segment, orc: Option<Segment>, draft: &mut Draft) {
    draft.default("status", "unknown");
    if obr.field(25).is_there() {
        draft.set("status", datatype::code(ctx, obr.field(25), "HL70123"));
        return;
    }
    let status = match orc.and_then(|orc| datatype::code(ctx, orc.field(5), "HL70038")).as_deref() {
        Some("completed") => "final",
        Some("revoked") => "cancelled",
        Some("entered-in-error") => "entered-in-error",
        _ => return,
    };
    draft.set("status", status);
}

/// Says of the order what the report says of it.
fn answered(ctx: &Ctx, request: Handle, status: Option<&str>) {
    ctx.change(request, |draft| match status {
        Some("final" | "corrected") => _ = draft.default("status", "completed"),
        Some("registered" | "preliminary" | "partial") => _ = draft.default("status", "active"),
        _ => {}
    });
}

/// OBR-24: the category of the observations, where the section makes it plain.
fn section(ctx: &Ctx, obr: Segment) -> Option<(&'static str, Value)> {
    let meaning = ctx.table("HL70074/category", &obr.field(24).text()?)??;
    Some(("category", json!([concept(meaning.system, &meaning.code, meaning.display)])))
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

/// Recognizes a report by its numbers and its code, since several may share the numbers; returns the key for what belongs to it.
fn identify(
    ctx: &Ctx,
    (orc, obr): (Option<Segment>, Segment),
    patient: Handle,
    numbers: &Numbers,
    draft: &mut Draft,
) -> Option<String> {
    for number in numbers.all() {
        draft.push("identifier", number.element.clone());
    }
    for (element, _) in orc.into_iter().flat_map(|orc| order_number::of_group(ctx, orc)).flatten() {
        draft.push("identifier", element);
    }
    let code = obx::key_of(obr.field(4));
    let system = ctx.local("report");
    let Some(base) = numbers.key(&code) else {
        let time = obr.field(7).text().unwrap_or_default();
        obx::key_within(ctx, (patient, None), &system, format!("{code}#{time}").trim_matches('#'), draft);
        return None;
    };
    obx::key(ctx, &system, &base, draft);
    match &draft.identity {
        Identity::Identifiers(all) => all.first().map(|id| id.value.clone()),
        _ => None,
    }
}

/// OBX: results, answers to the questions of an order, and documents.
fn results(
    ctx: &Ctx,
    group: &Group,
    (patient, encounter, request): (Handle, Option<Handle>, Option<Handle>),
    more: &More,
    draft: &mut Draft,
) {
    let (mut answers, mut found): (Vec<&Node>, Vec<&Node>) = (Vec::new(), Vec::new());
    for node in group.results() {
        if let Some(documents) = documents(ctx, node.segment) {
            documents.into_iter().for_each(|document| _ = draft.push("presentedForm", document));
        } else if request.is_some() && !is_result(ctx, node.segment, draft) {
            answers.push(node);
        } else {
            found.push(node);
        }
    }
    let references = |all: Vec<Handle>| all.into_iter().map(Handle::reference).collect();
    obx::set_list(draft, "result", references(obx::all(ctx, &found, patient, encounter, more)));
    let mut more = more.clone();
    more.elements.retain(|(name, _)| *name != "basedOn");
    let answers = references(obx::all(ctx, &answers, patient, encounter, &more));
    if let Some(request) = request {
        ctx.change(request, |draft| obx::extend(draft, "supportingInfo", answers));
    }
}

/// OBX-29, table 0936. What comes with an order of which there are no results yet is none, unless it says that it is.
fn is_result(ctx: &Ctx, obx: Segment, report: &Draft) -> bool {
    let is_registered = report.resource.get("status").is_some_and(|status| status == "registered");
    let is_before = ctx.event.family == Family::Order && is_registered;
    match obx.field(29).text().as_deref() {
        Some("RSLT") => true,
        Some("QST" | "SCI") => false,
        _ => !is_before,
    }
}

/// Returns the documents that an OBX carries or points to: what people read as the report, rather than look at as an image. None where
/// it is a result of its own.
fn documents(ctx: &Ctx, obx: Segment) -> Option<Vec<Value>> {
    let (is_pointer, kinds) = match obx.field(2).text().as_deref() {
        Some("ED") => (false, [2, 3]),
        Some("RP") => (true, [3, 4]),
        _ => return None,
    };
    let is_document = |part: &Part| {
        let words = kinds.map(|n| part.part(n).text().unwrap_or_default().to_lowercase());
        let is_text = |word: &str| ["text", "tx", "ft"].contains(&word) || word.starts_with("text/");
        let known = ["pdf", "rtf", "html", "plain", "msword", "xml", "x-hl7-cda-level-one"];
        words.iter().any(|word| is_text(word) || known.iter().any(|known| word.ends_with(known)))
    };
    let parts: Vec<Part> = obx.field(5).repetitions().filter(|part| part.is_there()).collect();
    if parts.is_empty() || !parts.iter().all(is_document) {
        return None;
    }
    let title = coded::words(obx.field(3).first());
    let made = parts.into_iter().filter_map(|part| {
        let made = if is_pointer { attachment::pointer(part) } else { attachment::encapsulated(ctx, part) };
        let mut document = made?;
        if let Some(title) = &title {
            document["title"] = json!(title);
        }
        Some(document)
    });
    Some(made.collect())
}
