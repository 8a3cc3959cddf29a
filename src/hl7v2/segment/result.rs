//! ORU, OUL: results.
//!
//! v2-to-FHIR, message map ORU_R01; OUL^R22 to R24 alike.

use super::admit::{self, Subject};
use super::group::{self, Group};
use super::{charge, clinical, note, obr, obx, orc, specimen, txa};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::draft::Handle;
use crate::hl7v2::tree::Node;

pub fn convert(ctx: &Ctx, tree: &Node) {
    for node in tree.all("PID") {
        let Some(Subject { patient, encounter }) = admit::subject(ctx, node) else { continue };
        clinical::below(ctx, node, patient, encounter);
        for group in group::groups(node) {
            result(ctx, &group, patient, encounter);
        }
        beside(ctx, node, patient, encounter);
        charge::of_orders(ctx, node, patient);
    }
}

/// Adds what was found, and the order that it answers where the message speaks of one.
pub fn result(ctx: &Ctx, group: &Group, patient: Handle, encounter: Option<Handle>) {
    let is_ordered = group.orc.is_some() || group.obr.is_some_and(|obr| orc::is_of_order(obr.segment));
    let request = if is_ordered { orc::service_request(ctx, group.orc, group.obr, patient, encounter) } else { None };
    if let Some(document) = group.document {
        let orders = request.into_iter().collect();
        txa::document(ctx, document.segment, &group.content(), &txa::Subject { patient, encounter, orders });
    }
    if let Some(request) = request {
        // Behind a document of the order, comments are those of the order again.
        let notes: Vec<_> = group.all_beside("TXA").flat_map(|txa| note::annotations(ctx, txa)).collect();
        ctx.change(request, |draft| obx::extend(draft, "note", notes));
    }
    if obr::report(ctx, group, patient, encounter, request).is_none() {
        let more = obx::More { scope: request.and_then(|request| obx::scope_of(ctx, request)), ..obx::More::default() };
        obx::all(ctx, &group.all("OBX"), patient, encounter, &more);
    }
}

/// Adds what was observed beside all orders: of the patient, and of specimens that nothing was asked of.
pub fn beside(ctx: &Ctx, pid: &Node, patient: Handle, encounter: Option<Handle>) {
    obx::all(ctx, &pid.all("OBX").collect::<Vec<_>>(), patient, encounter, &obx::More::default());
    for node in pid.all("SPM").filter(|node| node.one("OBR").is_none() && node.one("ORC").is_none()) {
        let made = specimen::specimen(ctx, node, patient, None);
        specimen::observations(ctx, node, made, patient, encounter);
    }
}

#[cfg(test)]
pub mod tests;
