//! MDM: documents.
//!
//! v2-to-FHIR, message map MDM_T02; the other events alike.

use super::admit::{self, Subject};
use super::{group, orc, txa};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::tree::Node;

pub fn convert(ctx: &Ctx, tree: &Node) {
    let Some(node) = tree.one("PID") else { return };
    let Some(Subject { patient, encounter }) = admit::subject(ctx, node) else { return };
    let groups = group::groups(node).into_iter();
    let orders = groups.filter_map(|group| orc::service_request(ctx, group.orc, group.obr, patient, encounter));
    let orders = orders.collect();
    let documents = node.anywhere("TXA").into_iter().chain(tree.all("TXA"));
    let subject = txa::Subject { patient, encounter, orders };
    for document in documents {
        txa::document(ctx, document.segment, &document.all("OBX").collect::<Vec<_>>(), &subject);
    }
}

#[cfg(test)]
mod tests;
