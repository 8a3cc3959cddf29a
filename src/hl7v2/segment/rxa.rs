//! RXA with its ORC, RXR and OBX → Immunization.
//!
//! v2-to-FHIR, segment maps RXA\[Immunization\], ORC\[Immunization\] and RXR\[Immunization\]; what RXA-9 says, and
//! which OBX are elements of the vaccination rather than observations, is as the CDC guide for immunization messaging
//! 2.5.1 has it.

use super::admit::Subject;
use super::note;
use super::number;
use super::obx::{self, More, key_of};
use super::order_number::{Number, Numbers};
use super::vaccine_fact::Facts;
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded, quantity, text};
use crate::hl7v2::draft::{Draft, Handle, Identity};
use crate::hl7v2::map;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

const CVX: &str = "http://hl7.org/fhir/sid/cvx";
/// CVX: no vaccine was administered. Such an RXA only carries observations.
const NO_VACCINE: &str = "998";
/// What RXA-2, RXA-6 and ORC-3 say where there is nothing to say.
const UNKNOWN: [&str; 2] = ["999", "9999"];

/// Adds the Immunization of an RXA and the Observations below it. `group` is the ORC above, or another segment where
/// there is none.
pub fn immunization(ctx: &Ctx, group: Segment, rxa: &Node, subject: &Subject) {
    let own = rxa.segment;
    let orc = Some(group).filter(|segment| segment.name == "ORC");
    if own.field(5).is(NO_VACCINE) {
        for node in rxa.all("OBX") {
            obx::observation(ctx, node, subject.patient, subject.encounter, &More::default());
        }
        return;
    }
    let mut draft = Draft::new("Immunization", own.at());
    map::fill(ctx, "rxa", own, &mut draft.resource);
    if !draft.resource.get("vaccineCode").is_some_and(Value::is_object) {
        return ctx.fail(Code::RequiredField, own.at().field(5), "RXA-5 says what was administered");
    }
    draft.set("patient", subject.patient.reference());
    draft.set("encounter", subject.encounter.map(Handle::reference));
    occurrence(ctx, own, &mut draft);
    status(ctx, own, &mut draft);
    dose(ctx, own, &mut draft);
    source(ctx, own, &mut draft);
    people(ctx, orc, own, &mut draft);
    // ORC-9 is when this was said; that is when it was recorded only where it is new.
    if let Some(time) = orc.and_then(|orc| datatype::date_time(ctx, orc.field(9).first())) {
        draft.default("recorded", time);
    }
    if !draft.resource.contains_key("location") {
        // LA2 of old versions has its first components in common with PL.
        draft.set("location", own.field(11).said().and_then(|part| datatype::location(ctx, part)));
    }
    if let Some(rxr) = rxa.one("RXR") {
        map::fill(ctx, "rxr_vaccination", rxr.segment, &mut draft.resource);
    }
    let notes = note::annotations(ctx, rxa);
    notes.into_iter().for_each(|note| _ = draft.push("note", note));
    let nodes: Vec<&Node> = rxa.all("OBX").collect();
    let facts = Facts::read(ctx, &nodes, &mut draft);
    identify(ctx, orc, own, subject.patient, &mut draft);
    let handle = ctx.add(draft);
    let scope = obx::scope_of(ctx, handle);
    for node in nodes {
        let is_fact = facts.is_one(node.segment);
        if !is_fact {
            observe(ctx, node, subject, handle, scope.clone());
        }
    }
}

/// Adds what was observed of a vaccination; a reaction to it is one of the vaccination, too.
fn observe(ctx: &Ctx, node: &Node, subject: &Subject, of: Handle, scope: Option<String>) {
    let elements = vec![("partOf", json!([of.reference()]))];
    let more = More { scope, elements, ..More::default() };
    let Some(handle) = obx::observation(ctx, node, subject.patient, subject.encounter, &more) else { return };
    if node.segment.field(3).is("31044-1") {
        let mut reaction = json!({"detail": handle.reference()});
        if let Some(date) = datatype::date_time(ctx, node.segment.field(14).first()) {
            reaction["date"] = json!(date);
        }
        ctx.change(of, |draft| _ = draft.push("reaction", reaction));
    }
}

/// RXA-3 is required; where it is missing R4 wants to know why.
fn occurrence(ctx: &Ctx, rxa: Segment, draft: &mut Draft) {
    if draft.resource.get("occurrenceDateTime").is_some_and(Value::is_string) {
        return;
    }
    ctx.warn(Code::RequiredField, rxa.at().field(3), "RXA-3 says when it was administered");
    draft.resource.remove("occurrenceDateTime");
    draft.default("occurrenceString", "unknown");
}

/// RXA-21 deletes; else RXA-20, table 0322.
fn status(ctx: &Ctx, rxa: Segment, draft: &mut Draft) {
    if rxa.field(21).is("D") {
        draft.set("status", "entered-in-error");
        draft.only_if_there = true;
        return;
    }
    let said = datatype::code(ctx, rxa.field(20), "HL70322");
    // A refusal whose status nobody filled in is still one.
    let refused = || rxa.field(18).said().map(|_| "not-done".to_string());
    let status = said.or_else(refused);
    if status.as_deref() != Some("not-done") {
        // What is done after all has no reason for not being done.
        draft.resource.entry("statusReason").or_insert(Value::Null);
    }
    draft.set("status", status.unwrap_or_else(|| "completed".to_string()));
    if rxa.field(20).is("PA") {
        draft.push("note", note::text("Partially administered"));
    }
}

/// RXA-6 and 7; RXA-2, which counted the doses of a series until v2.4.
fn dose(ctx: &Ctx, rxa: Segment, draft: &mut Draft) {
    let is_known = |part: Part| part.said().is_some() && !UNKNOWN.iter().any(|unknown| part.is(unknown));
    if is_known(rxa.field(6)) {
        draft.set("doseQuantity", quantity::simple_of(ctx, rxa.field(6), rxa.field(7).first()));
    }
    let version = ctx.message.header().field(12).text().unwrap_or_default();
    let is_old = ["2.1", "2.2", "2.3", "2.4"].iter().any(|old| version.starts_with(old));
    let number = Some(rxa.field(2)).filter(|part| is_old && is_known(*part));
    if let Some(number) = number.and_then(|part| text::integer(ctx, part, 1)) {
        draft.set("protocolApplied", json!([{"doseNumberPositiveInt": number}]));
    }
}

/// RXA-9 (NIP001): `00` is who administered it; other codes are who reports what others did. Text is a note.
fn source(ctx: &Ctx, rxa: Segment, draft: &mut Draft) {
    for part in rxa.field(9).repetitions() {
        match part.part(1).text().as_deref() {
            Some("00") => _ = draft.set("primarySource", true),
            Some(_) if part.part(3).is("NIP001") || part.part(3).is_absent() => {
                let origin = datatype::codeable_concept(ctx, part, None);
                draft.set("primarySource", false).set("reportOrigin", origin);
            }
            _ => {
                if let Some(words) = coded::words(part) {
                    draft.push("note", note::text(words));
                }
            }
        }
    }
}

/// Who administered it (RXA-10) and who asked for it (ORC-12).
fn people(ctx: &Ctx, orc: Option<Segment>, rxa: Segment, draft: &mut Draft) {
    const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v2-0443";
    let fields = [
        (Some(rxa.field(10)), "AP", "Administering Provider"),
        (orc.map(|orc| orc.field(12)), "OP", "Ordering Provider"),
    ];
    for (field, code, display) in fields {
        let people = field.into_iter().flat_map(|field| field.repetitions());
        for actor in people.filter_map(|part| datatype::practitioner(ctx, part)) {
            let function = coded::concept(SYSTEM, code, Some(display));
            draft.push("performer", json!({"function": function, "actor": actor}));
        }
    }
}

/// Its filler number; else patient, vaccine, day and lot. A placer may have asked for several vaccines under one
/// number.
fn identify(ctx: &Ctx, orc: Option<Segment>, rxa: Segment, patient: Handle, draft: &mut Draft) {
    let numbers = Numbers::read(ctx, orc, None);
    let is_known = |number: &Number| !UNKNOWN.contains(&&*number.id.value);
    for (n, number) in [(3, numbers.filler), (2, numbers.placer)] {
        let Some(number) = number.filter(is_known).filter(|_| !is_shared(ctx, orc, n)) else { continue };
        draft.push("identifier", number.element);
        if n == 3 {
            draft.identity = Identity::Identifiers(vec![number.id]);
        }
    }
    if draft.identity != Identity::New {
        return;
    }
    let codings = draft.resource["vaccineCode"]["coding"].as_array().cloned().unwrap_or_default();
    let code = codings.iter().find(|coding| coding["system"] == CVX).or(codings.first());
    let code = code.and_then(|coding| coding["code"].as_str()).map_or_else(|| key_of(rxa.field(5)), str::to_string);
    let word = |field: usize| rxa.field(field).text().unwrap_or_default().into_owned();
    let day: String = word(3).chars().take(8).collect();
    // Who refuses on one day is vaccinated on another; a lot is not told of what was not given.
    let number = number::synthetic(ctx, "immunization", format!("{code}|{day}|{}", word(15)));
    number::identify_within(draft, patient, number);
}

/// Returns whether several ORC of the message have the same number: then it is one of the visit.
fn is_shared(ctx: &Ctx, orc: Option<Segment>, n: usize) -> bool {
    let Some(own) = orc.map(|orc| orc.field(n).raw().trim()) else { return false };
    let same = ctx.message.segments().filter(|other| other.name == "ORC" && other.field(n).raw().trim() == own);
    same.count() > 1
}
