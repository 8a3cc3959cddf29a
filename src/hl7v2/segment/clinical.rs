//! What stands below a PID beside the visit: allergies, diagnoses, procedures, insurance, guarantors.
//!
//! v2-to-FHIR, message maps ADT_A01, ORM_O01, OML_O21, VXU_V04 and SIU_S12; BAR, DFT and REF, of which the guide has no maps, alike.

use super::admit::Subject;
use super::number::{self, Number};
use super::{accident, account, allergy, charge, coverage, death, diagnosis, guarantor, identity, obx, procedure, pv1};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::identifier::Authority;
use crate::hl7v2::draft::{Draft, Handle, Identity, Update, search_value};
use crate::hl7v2::event::Family;
use crate::hl7v2::message::Part;
use crate::hl7v2::tree::Node;
use serde_json::Value;

/// What was found below a PID that others refer to.
#[derive(Debug, Clone, Default)]
pub struct Below {
    pub conditions: Vec<Handle>,
    pub coverages: Vec<Handle>,
}

/// Adds all that stands below a PID beside the visit. Segments behind a second PV1 are of that visit, as in BAR^P01.
pub fn below(ctx: &Ctx, pid: &Node, patient: Handle, encounter: Option<Handle>) -> Below {
    let account = account::account(ctx, pid.segment.field(18), patient, "active");
    let mut found = Below::default();
    let mut visit = encounter;
    let mut visits = 0;
    for node in &pid.below {
        match node.segment.name {
            "PV1" => {
                visits += 1;
                if visits > 1 {
                    visit = pv1::another(ctx, pid, node, patient);
                }
            }
            "IAM" => allergy::reaction(ctx, node, patient),
            "DG1" => found.conditions.extend(diagnosis::of_visit(ctx, node, patient, visit)),
            "PDA" => death::death(ctx, node.segment, patient, visit),
            "PR1" => drop(procedure::procedure(ctx, node, patient, visit)),
            "GT1" => guarantor::guarantor(ctx, node.segment, patient, account),
            "IN1" => found.coverages.extend(coverage::coverage(ctx, node, patient, account)),
            "OBX" if has_plain_observations(ctx.event.family) => observation(ctx, node, patient, visit),
            "ACC" => accident::accident(ctx, node.segment, patient, visit),
            _ => {}
        }
    }
    // Allergies are the patient's, also where they stand below an order.
    for node in pid.anywhere("AL1") {
        allergy::allergy(ctx, node, patient);
    }
    if ctx.event.family != Family::Charge {
        charge::beside(ctx, pid, &Subject { patient, encounter });
    }
    found
}

/// Families whose OBX below PID are of no order. Others look after them themselves.
fn has_plain_observations(family: Family) -> bool {
    matches!(family, Family::Admit | Family::Person | Family::Charge | Family::Referral)
}

/// What is observed of a patient, as of the time of the message where OBX-14 says none.
fn observation(ctx: &Ctx, node: &Node, patient: Handle, encounter: Option<Handle>) {
    let effective = ctx.time.clone().map(|time| ("effectiveDateTime", Value::from(time)));
    obx::observation(ctx, node, patient, encounter, &obx::More { effective, ..obx::More::default() });
}

/// Recognizes a draft by an EI: everywhere where it says whose number it is, else within the patient. Returns whether there is one.
pub fn known_by(ctx: &Ctx, part: Part, kind: &str, patient: Handle, draft: &mut Draft) -> bool {
    let part = part.first();
    let number = if part.is_there() { number::number(ctx, part, "", kind) } else { None };
    let Some(Number { element, key }) = number else { return false };
    draft.push("identifier", element);
    draft.identity = match Authority::from(part, 2).is_there() {
        true => Identity::Identifiers(vec![key]),
        false => identity::around(patient, &[key]).unwrap_or(Identity::New),
    };
    true
}

/// Recognizes a draft by a key of ours within the patient, or within the visit. What has the same key in one message is the same.
pub fn keyed(ctx: &Ctx, (patient, visit): (Handle, Option<Handle>), kind: &str, base: &str, draft: &mut Draft) {
    let (system, value) = (ctx.local(kind), if base.is_empty() { "-" } else { base });
    let visit = visit.map(|visit| format!("&encounter={{{}}}", visit.0)).unwrap_or_default();
    let token = format!("{}|{}", search_value(&system), search_value(value));
    draft.identity = Identity::Search(format!("patient={{{}}}{visit}&identifier={token}", patient.0));
    draft.push("identifier", serde_json::json!({"system": system, "value": value}));
}

/// Returns a reference to what an EI names, which this message need not tell of: it is then known by that number alone.
pub fn named_by(ctx: &Ctx, part: Part, kind: &str, resource_type: &str, patient: Handle) -> Option<Value> {
    let part = part.said()?;
    let mut draft = Draft::new(resource_type, part.at);
    if !known_by(ctx, part, kind, patient, &mut draft) {
        return None;
    }
    draft.update = Update::Keep;
    draft.set("subject", patient.reference());
    if resource_type == "Procedure" {
        draft.default("status", "unknown");
    }
    Some(ctx.add_once(draft).reference())
}

/// Adds what a segment says in full, in the place of what was only named before it.
pub fn add(ctx: &Ctx, draft: Draft) -> Handle {
    let said = draft.clone();
    let handle = ctx.add_once(draft);
    ctx.change(handle, |there| {
        if there.update == Update::Keep {
            *there = said;
        }
    });
    handle
}

/// Returns `system|code` of the first code of a CodeableConcept, as a search has it.
pub fn token(concept: Option<&Value>) -> Option<String> {
    let coding = &concept?["coding"][0];
    let code = search_value(coding["code"].as_str()?);
    Some(format!("{}|{code}", search_value(coding["system"].as_str().unwrap_or_default())))
}

/// Returns what a CodeableConcept says that has no code.
pub fn words(concept: Option<&Value>) -> Option<String> {
    concept?["text"].as_str().map(str::to_string)
}

#[cfg(test)]
mod tests;
