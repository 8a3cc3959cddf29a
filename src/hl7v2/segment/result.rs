//! ORU, OUL: results.
//!
//! v2-to-FHIR, message map ORU_R01; OUL^R22 to R24 alike.

use super::{group, obr, orc, pid, pv1};
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::tree::Node;

pub fn convert(ctx: &Ctx, tree: &Node) {
    for node in tree.all("PID") {
        let Some(patient) = pid::patient(ctx, node) else { continue };
        let encounter = pv1::encounter(ctx, node, patient);
        for group in group::groups(node) {
            // An ORC says that the message carries the order, too.
            let request =
                group.orc.and_then(|order| orc::service_request(ctx, Some(order), group.obr, patient, encounter));
            obr::report(ctx, &group, patient, encounter, request);
        }
    }
}
