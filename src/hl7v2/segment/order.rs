//! ORM, OML, OMG: orders.
//!
//! v2-to-FHIR, message maps ORM_O01, OML_O21; OMG^O19 alike.

use super::admit::{self, Subject};
use super::group::{self, Group};
use super::{charge, clinical, obr, obx, orc, pharmacy, result};
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::draft::Handle;
use crate::hl7v2::tree::Node;

pub fn convert(ctx: &Ctx, tree: &Node) {
    for node in tree.all("PID") {
        let Some(Subject { patient, encounter }) = admit::subject(ctx, node) else { continue };
        clinical::below(ctx, node, patient, encounter);
        for group in group::groups(node) {
            order(ctx, &group, patient, encounter);
        }
        result::beside(ctx, node, patient, encounter);
        charge::of_orders(ctx, node, patient);
    }
}

fn order(ctx: &Ctx, group: &Group, patient: Handle, encounter: Option<Handle>) {
    if let Some(orc) = group.orc.filter(|orc| group.obr.is_none() && pharmacy::is_order(orc)) {
        pharmacy::order(ctx, orc, patient, encounter);
        return;
    }
    // ORC-1 PR: a result that was there before, sent along with the order.
    if group.orc.is_some_and(|orc| orc.segment.field(1).is("PR")) {
        obr::report(ctx, group, patient, encounter, None);
        return;
    }
    let Some(request) = orc::service_request(ctx, group.orc, group.obr, patient, encounter) else { return };
    let scope = obx::scope_of(ctx, request);
    let specimens = group.specimens(ctx, patient, encounter, scope.as_deref());
    let more = obx::More { scope, ..obx::More::default() };
    let known = obx::all(ctx, &group.all("OBX"), patient, encounter, &more);
    ctx.change(request, |draft| {
        obx::set_list(draft, "specimen", specimens.iter().map(|specimen| specimen.reference()).collect());
        obx::set_list(draft, "supportingInfo", known.iter().map(|observation| observation.reference()).collect());
    });
}

#[cfg(test)]
mod tests;
