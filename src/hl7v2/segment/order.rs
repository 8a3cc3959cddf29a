//! ORM, OML, OMG: orders.
//!
//! v2-to-FHIR, message maps ORM_O01, OML_O21; OMG^O19 alike. The guide has no report there; OBR-25 says that there is one.

use super::admit::{self, Subject};
use super::group::{self, Group};
use super::{charge, clinical, obr, obx, orc, pharmacy, result};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::draft::Handle;
use crate::hl7v2::tree::Node;
use serde_json::Value;

pub fn convert(ctx: &Ctx, tree: &Node) {
    for node in tree.all("PID") {
        let Some(Subject { patient, encounter }) = admit::subject(ctx, node) else { continue };
        clinical::below(ctx, node, patient, encounter);
        let mut request = None;
        for group in group::groups(node) {
            let visit = group.visit.and_then(|pv1| visit_of(ctx, pv1)).or(encounter);
            let made = order(ctx, &group, patient, visit);
            match request.filter(|_| group.visit.is_some()) {
                // What was found before is what the filler ought to know.
                Some(request) => ctx.change(request, |draft| obx::extend(draft, "supportingInfo", references(&made))),
                None => request = made.first().copied(),
            }
        }
        result::beside(ctx, node, patient, encounter);
        charge::of_orders(ctx, node, patient);
    }
}

/// Returns the visit that was made of a PV1.
fn visit_of(ctx: &Ctx, pv1: &Node) -> Option<Handle> {
    let at = pv1.segment.at();
    ctx.see(|drafts| drafts.of_type("Encounter").find(|(_, draft)| draft.at == at).map(|(handle, _)| handle))
}

/// Adds an order; returns it, and what was observed for it.
fn order(ctx: &Ctx, group: &Group, patient: Handle, encounter: Option<Handle>) -> Vec<Handle> {
    if let Some(orc) = group.orc.filter(|orc| group.obr.is_none() && pharmacy::is_order(orc)) {
        pharmacy::order(ctx, orc, patient, encounter);
        return Vec::new();
    }
    // ORC-1 PR: a result that was there before, sent along with the order.
    if group.orc.is_some_and(|orc| orc.segment.field(1).is("PR")) {
        obr::report(ctx, group, patient, encounter, None);
        return Vec::new();
    }
    let Some(request) = orc::service_request(ctx, group.orc, group.obr, patient, encounter) else { return Vec::new() };
    let reported = || obr::report(ctx, group, patient, encounter, Some(request));
    let known = match obr::is_reported(group).then(reported).flatten() {
        Some(report) => obr::found(ctx, report),
        None => {
            let scope = obx::scope_of(ctx, request);
            orc::needs(ctx, request, &group.specimens(ctx, patient, encounter, scope.as_deref()));
            let more = obx::More { scope, ..obx::More::default() };
            let known = obx::all(ctx, &group.all("OBX"), patient, encounter, &more);
            ctx.change(request, |draft| obx::extend(draft, "supportingInfo", references(&known)));
            known
        }
    };
    std::iter::once(request).chain(known).collect()
}

fn references(all: &[Handle]) -> Vec<Value> {
    all.iter().map(|handle| handle.reference()).collect()
}

#[cfg(test)]
mod tests;
