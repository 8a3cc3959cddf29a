//! VXU: vaccinations.
//!
//! v2-to-FHIR, message map VXU_V04.

use super::{admit, clinical, obx, rxa};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::tree::Node;

pub fn convert(ctx: &Ctx, tree: &Node) {
    for pid in tree.all("PID") {
        let Some(subject) = admit::subject(ctx, pid) else { continue };
        clinical::below(ctx, pid, subject.patient, subject.encounter);
        admit::observations(ctx, pid, &subject);
        for group in &pid.below {
            let vaccinations = match group.segment.name {
                "ORC" => group.all("RXA").collect(),
                "RXA" => vec![group],
                _ => continue,
            };
            if vaccinations.is_empty() {
                // What was asked for alone: what is observed of it is still observed.
                for node in group.all("OBX") {
                    obx::observation(ctx, node, subject.patient, subject.encounter, &obx::More::default());
                }
            }
            for node in vaccinations {
                rxa::immunization(ctx, group.segment, node, &subject);
            }
        }
    }
}

#[cfg(test)]
mod tests;
