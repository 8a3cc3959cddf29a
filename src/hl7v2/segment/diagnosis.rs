//! DG1 → Condition and Encounter.diagnosis.
//!
//! v2-to-FHIR, segment maps DG1\[Condition\] and DG1\[Encounter\].

use super::clinical::{add, keyed, known_by, named_by, token, words};
use super::note;
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded::concept};
use crate::hl7v2::draft::{Draft, Handle, Identity};
use crate::hl7v2::map;
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

const DUE_TO: &str = "http://hl7.org/fhir/StructureDefinition/condition-dueTo";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";

/// Adds the Condition of a DG1 and says in the visit that it is a diagnosis there.
pub fn of_visit(ctx: &Ctx, node: &Node, patient: Handle, encounter: Option<Handle>) -> Option<Handle> {
    let dg1 = node.segment;
    let condition = condition(ctx, node, patient, encounter)?;
    let Some(encounter) = encounter.filter(|_| !dg1.field(21).is("D")) else { return Some(condition) };
    let mut diagnosis = json!({"condition": condition.reference()});
    let kind = dg1.field(6);
    if let Some(kind) =
        kind.is_there().then(|| datatype::codeable_concept(ctx, kind.first(), Some("HL70052"))).flatten()
    {
        diagnosis["use"] = kind;
    }
    let rank = dg1.field(15);
    if let Some(rank) = rank.text().filter(|rank| &**rank != "0") {
        match rank.parse::<u16>() {
            Ok(rank) => diagnosis["rank"] = json!(rank),
            Err(_) => ctx.warn(Code::DataType, dg1.field(15).at, "not the rank of a diagnosis"),
        }
    }
    ctx.change(encounter, |draft| _ = draft.push("diagnosis", diagnosis));
    Some(condition)
}

/// Adds the Condition of a DG1; none, with a warning, where it does not say what was found.
fn condition(ctx: &Ctx, node: &Node, patient: Handle, encounter: Option<Handle>) -> Option<Handle> {
    let dg1 = node.segment;
    let mut draft = Draft::new("Condition", dg1.at());
    map::fill(ctx, "dg1", dg1, &mut draft.resource);
    draft.set("subject", patient.reference());
    draft.set("encounter", encounter.map(Handle::reference));
    if dg1.field(21).is("D") {
        draft.set("verificationStatus", concept(VERIFICATION, "entered-in-error", Some("Entered in Error")));
        // R4 con-5.
        draft.resource.insert("clinicalStatus".into(), Value::Null);
        draft.only_if_there = true;
    }
    for note in note::annotations(ctx, node) {
        draft.push("note", note);
    }
    if let Some(parent) = named_by(ctx, dg1.field(22), "diagnosis", "Condition", patient) {
        draft.push("extension", json!({"url": DUE_TO, "valueReference": parent}));
    }
    recognize(ctx, dg1, (patient, encounter), &mut draft).then(|| add(ctx, draft))
}

/// DG1-20, else the patient, the visit and the code.
fn recognize(ctx: &Ctx, dg1: Segment, (patient, encounter): (Handle, Option<Handle>), draft: &mut Draft) -> bool {
    let code = draft.resource.get("code");
    let (token, words) = (token(code), words(code));
    if token.is_none() && words.is_none() {
        ctx.warn(Code::RequiredField, dg1.at().field(3), "nothing says what the diagnosis is; it was left out");
        return false;
    }
    if known_by(ctx, dg1.field(20), "diagnosis", patient, draft) {
        return true;
    }
    match (token, words) {
        (Some(token), _) => draft.identity = Identity::Search(search(patient, encounter, &token)),
        (_, words) => {
            let text = words.unwrap_or_default().to_lowercase();
            keyed(ctx, (patient, encounter), "diagnosis", &text, draft);
        }
    }
    true
}

/// Returns the search for what was found of a patient in this visit, or in none.
pub fn search(patient: Handle, encounter: Option<Handle>, token: &str) -> String {
    let visit = encounter.map_or("encounter:missing=true".to_string(), |visit| format!("encounter={{{}}}", visit.0));
    format!("patient={{{}}}&{visit}&code={token}&verification-status:not=entered-in-error", patient.0)
}
