//! ADT: patients, their visits, and what is said beside them.

use super::{account, nk1, pd1, person, pid, pv1, role};
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::draft::Handle;
use crate::hl7v2::tree::Node;

/// A patient of a message, and the visit.
pub struct Subject {
    pub patient: Handle,
    pub encounter: Option<Handle>,
}

pub fn convert(ctx: &Ctx, tree: &Node) {
    for pid in tree.all("PID") {
        subject(ctx, pid);
    }
}

/// Adds a patient, the people around them, their account and the visit.
pub fn subject(ctx: &Ctx, pid: &Node) -> Option<Subject> {
    let patient = pid::patient(ctx, pid)?;
    people(ctx, pid, patient);
    account::account(ctx, pid.segment.field(18), patient, "active");
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
