//! ORM, OML, OMG: orders.
//!
//! v2-to-FHIR, message maps ORM_O01, OML_O21; OMG^O19 alike.

use super::{group, obr, orc, pid, pv1};
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::tree::Node;

pub fn convert(ctx: &Ctx, tree: &Node) {
    for node in tree.all("PID") {
        let Some(patient) = pid::patient(ctx, node) else { continue };
        let encounter = pv1::encounter(ctx, node, patient);
        for group in group::groups(node) {
            // ORC-1 PR: a result that was there before, sent along with the order.
            if group.orc.is_some_and(|orc| orc.segment.field(1).is("PR")) {
                obr::report(ctx, &group, patient, encounter, None);
                continue;
            }
            orc::service_request(ctx, group.orc, group.obr, patient, encounter);
        }
    }
}
