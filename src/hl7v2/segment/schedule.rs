//! SIU: appointments, and times that are blocked or opened.
//!
//! v2-to-FHIR, message map SIU_S12.

use super::{admit, clinical, sch, slot};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::draft::Handle;
use crate::hl7v2::segment::obx::{self, More};
use crate::hl7v2::tree::Node;

/// Somebody who is to come, and during which visit.
pub struct Patient {
    pub handle: Handle,
    pub encounter: Option<Handle>,
    /// What was observed of them.
    pub observations: Vec<Handle>,
}

pub fn convert(ctx: &Ctx, tree: &Node) {
    let Some(schedule) = tree.one("SCH") else { return };
    match ctx.event.name {
        "SIU^S23" => slot::slots(ctx, tree, schedule, "busy-unavailable"),
        "SIU^S24" => slot::slots(ctx, tree, schedule, "free"),
        _ => {
            let mut patients = Vec::new();
            for node in tree.all("PID") {
                let Some(subject) = admit::subject(ctx, node) else { return };
                let (handle, encounter) = (subject.patient, subject.encounter);
                clinical::below(ctx, node, handle, encounter);
                let nodes: Vec<&Node> = node.all("OBX").collect();
                let observations = obx::all(ctx, &nodes, handle, encounter, &More::default());
                patients.push(Patient { handle, encounter, observations });
            }
            sch::appointment(ctx, tree, schedule, &patients);
        }
    }
}

#[cfg(test)]
mod tests;
