//! PD1 → Patient, and an Observation of a living will.
//!
//! v2-to-FHIR, segment maps PD1\[Patient\] and PD1\[Observation-LivingWill\].

use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Draft, Handle, Identity};
use crate::hl7v2::map;
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

/// LOINC 75320-2: advance directive.
const LIVING_WILL: (&str, &str) = ("http://loinc.org", "75320-2");

/// Adds what PD1 says of the patient to the draft.
pub fn patient(ctx: &Ctx, pid: &Node, patient: &mut Draft) {
    for pd1 in pid.all("PD1") {
        map::fill(ctx, "pd1", pd1.segment, &mut patient.resource);
    }
}

/// Adds the Observation of PD1-7: a patient has one.
pub fn living_will(ctx: &Ctx, pid: &Node, patient: Handle) {
    for pd1 in pid.all("PD1").filter(|pd1| pd1.segment.field(7).is_there()) {
        let field = pd1.segment.field(7);
        let value = datatype::codeable_concept(ctx, field.first(), Some("HL70315"));
        let Some(value) = value.filter(Value::is_object) else { continue };
        let (system, code) = LIVING_WILL;
        let mut draft = Draft::new("Observation", field.at);
        draft.identity = Identity::Search(format!("patient={{{}}}&code={system}|{code}", patient.0));
        draft.set("code", json!({"coding": [{"system": system, "code": code}]}));
        draft.set("status", "final").set("subject", patient.reference()).set("valueCodeableConcept", value);
        ctx.add_once(draft);
    }
}
