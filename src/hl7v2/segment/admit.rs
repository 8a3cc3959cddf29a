//! ADT: patients, their visits, and what is said beside them.

use super::{clinical, nk1, obx, pd1, person, pid, pv1, referral, role};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::draft::Handle;
use crate::hl7v2::tree::Node;
use serde_json::json;

/// A patient of a message, and the visit.
pub struct Subject {
    pub patient: Handle,
    pub encounter: Option<Handle>,
}

pub fn convert(ctx: &Ctx, tree: &Node) {
    for pid in tree.all("PID") {
        let Some(subject) = subject(ctx, pid) else { continue };
        if ctx.event.name != "ADT^A29" {
            clinical::below(ctx, pid, subject.patient, subject.encounter);
            // Some versions have a referral in messages of visits.
            for rf1 in tree.all("RF1") {
                referral::request(ctx, tree, rf1, &subject);
            }
        }
    }
}

/// Adds what is observed of a patient right below PID, of no order: as of the time of the message where OBX-14 says none.
pub fn observations(ctx: &Ctx, pid: &Node, subject: &Subject) {
    let effective = ctx.time.clone().map(|time| ("effectiveDateTime", json!(time)));
    let more = obx::More { effective, ..obx::More::default() };
    for obx in pid.all("OBX") {
        obx::observation(ctx, obx, subject.patient, subject.encounter, &more);
    }
}

/// Adds a patient, the people around them and the visit.
pub fn subject(ctx: &Ctx, pid: &Node) -> Option<Subject> {
    let patient = pid::patient(ctx, pid)?;
    if ctx.event.name == "ADT^A29" {
        // Who is deleted is not in a visit, and what stands beside them is not new.
        return Some(Subject { patient, encounter: None });
    }
    people(ctx, pid, patient);
    let encounter = pv1::encounter(ctx, pid, patient);
    Some(Subject { patient, encounter })
}

/// Adds who stands beside a patient, and what is said with them.
pub fn people(ctx: &Ctx, pid: &Node, patient: Handle) {
    person::mother(ctx, pid, patient);
    nk1::related(ctx, pid, patient);
    pd1::living_will(ctx, pid, patient);
    let above: Vec<&Node> = std::iter::once(pid).chain(pid.all("PD1")).collect();
    role::carers(ctx, &above, patient);
}

#[cfg(test)]
mod tests;
