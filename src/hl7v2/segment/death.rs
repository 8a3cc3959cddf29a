//! PDA → what is known of a death: its cause, its place, who certified it, and the autopsy.
//!
//! The guide has no map for it. HL7 v2.8 3.4.12; codes are those of the guide for records of deaths in the US (VRDR).

use super::clinical::{keyed, token};
use super::{diagnosis, participation, place};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded::concept};
use crate::hl7v2::draft::{Draft, Handle, Identity};
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use serde_json::json;

/// What is said with yes or no: the field, what tells it from the others, and its code in LOINC, where it has one.
const FACTS: [(usize, &str, Option<&str>, &str); 3] = [
    (3, "certificate", None, "Death certified"),
    (6, "autopsy", Some("85699-7"), "Autopsy was performed"),
    (9, "coroner", Some("74497-9"), "Medical examiner or coroner was contacted"),
];

/// What was done.
struct Act {
    kind: &'static str,
    /// In SNOMED CT.
    code: &'static str,
    display: &'static str,
    performer: &'static str,
    /// Fields: whether, when and by whom.
    whether: usize,
    when: usize,
    who: usize,
}

const ACTS: [Act; 2] = [
    Act {
        kind: "certification",
        code: "308646001",
        display: "Death certification",
        performer: "Death Certified By",
        whether: 3,
        when: 4,
        who: 5,
    },
    Act {
        kind: "autopsy",
        code: "29240004",
        display: "Autopsy examination",
        performer: "Autopsy Performed By",
        whether: 6,
        when: 7,
        who: 8,
    },
];

/// Adds what a segment PDA says.
pub fn death(ctx: &Ctx, pda: Segment, patient: Handle, encounter: Option<Handle>) {
    causes(ctx, pda, patient);
    match encounter {
        Some(encounter) => place::of_death(ctx, pda.field(2), encounter),
        None if pda.field(2).is_there() => {
            ctx.warn(Code::Other, pda.field(2).at, "without a visit nothing says where somebody died; left out");
        }
        None => {}
    }
    for (n, kind, code, name) in FACTS {
        let Some(part) = pda.field(n).said() else { continue };
        let Some(value) = datatype::codeable_concept(ctx, part, Some("HL70136")) else { continue };
        let code = code.map_or_else(|| json!({"text": name}), |code| concept("http://loinc.org", code, Some(name)));
        let mut draft = Draft::new("Observation", part.at);
        draft.set("status", "final").set("code", code).set("subject", patient.reference());
        draft.set("valueCodeableConcept", value);
        keyed(ctx, (patient, None), "death", kind, &mut draft);
        ctx.add_once(draft);
    }
    for act in &ACTS {
        done(ctx, pda, act, patient);
    }
}

/// Adds the Procedure of what was done; none where nobody did it, or nothing is known of when and by whom.
fn done(ctx: &Ctx, pda: Segment, act: &Act, patient: Handle) {
    let (when, who) = (pda.field(act.when), participation::people(ctx, pda.field(act.who)));
    if pda.field(act.whether).is("N") || !when.is_there() && who.is_empty() {
        return;
    }
    let mut draft = Draft::new("Procedure", when.at);
    draft.set("status", "completed").set("subject", patient.reference());
    draft.set("code", concept("http://snomed.info/sct", act.code, Some(act.display)));
    if let Some(when) = when.said() {
        // DR has a second component, DTM none.
        match when.part(2).is_there() {
            true => draft.set("performedPeriod", datatype::period_of(ctx, when.part(1), when.part(2))),
            false => draft.set("performedDateTime", datatype::date_time(ctx, when.part(1))),
        };
    }
    for actor in who {
        draft.push("performer", json!({"function": {"text": act.performer}, "actor": actor}));
    }
    keyed(ctx, (patient, None), "death", act.kind, &mut draft);
    ctx.add_once(draft);
}

/// PDA-1: of what a patient died.
fn causes(ctx: &Ctx, pda: Segment, patient: Handle) {
    for cause in pda.field(1).repetitions().filter(|part| part.is_there()) {
        let Some(code) = datatype::codeable_concept(ctx, cause, None) else { continue };
        let Some(token) = token(Some(&code)) else {
            ctx.warn(Code::DataType, cause.at, "a cause of death without a code was left out");
            continue;
        };
        let mut draft = Draft::new("Condition", pda.at());
        draft.identity = Identity::Search(diagnosis::search(patient, None, &token));
        draft.set("subject", patient.reference()).set("code", code);
        ctx.add_once(draft);
    }
}
