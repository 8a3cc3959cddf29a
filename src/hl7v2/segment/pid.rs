//! PID → Patient.
//!
//! v2-to-FHIR, segment map PID\[Patient\].

use crate::hl7v2::convert::Ctx;
use crate::hl7v2::draft::{Draft, Handle};
use crate::hl7v2::map;
use crate::hl7v2::tree::Node;

/// Adds the Patient of a segment PID.
pub fn patient(ctx: &Ctx, pid: &Node) -> Handle {
    let mut draft = Draft::new("Patient", pid.segment.at());
    map::fill(ctx, "pid", pid.segment, &mut draft.resource);
    ctx.add(draft)
}
