//! RDE, RDS, and orders of medicines: prescriptions and what was dispensed.
//!
//! HL7 v2.8 chapter 4A. Medicines hang below the ORC of their order; feeds that send no ORC have them below PID.

use super::admit::{self, Subject};
use super::obx::{self, More};
use super::{clinical, dispense, prescription};
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::draft::Handle;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;

const SEGMENTS: [&str; 3] = ["RXO", "RXE", "RXD"];

pub fn convert(ctx: &Ctx, tree: &Node) {
    for node in tree.all("PID") {
        let Some(Subject { patient, encounter }) = admit::subject(ctx, node) else { continue };
        clinical::below(ctx, node, patient, encounter);
        orders(ctx, node, patient, encounter);
    }
}

/// Takes over all orders of medicines right below a segment PID.
fn orders(ctx: &Ctx, pid: &Node, patient: Handle, encounter: Option<Handle>) {
    let mut replaced = None;
    for group in pid.below.iter().filter(|node| node.segment.name == "ORC" || SEGMENTS.contains(&node.segment.name)) {
        let request = order(ctx, group, patient, encounter);
        let is = |codes: &[&str]| codes.iter().any(|code| group.segment.field(1).is(code));
        // HL7 v2.8 4.5.1: the order that is replaced, then those that take its place.
        if group.segment.name == "ORC" && is(&["RP", "RQ", "RU"]) {
            replaced = request;
        } else if let (true, Some(request), Some(old)) = (is(&["RO"]), request, replaced) {
            ctx.change(request, |draft| _ = draft.set("priorPrescription", old.reference()));
        }
    }
}

/// Takes over an ORC with the RXO, RXE and RXD below it; returns its prescription. Without any of them it is no order
/// of medicines.
pub fn order(ctx: &Ctx, orc: &Node, patient: Handle, encounter: Option<Handle>) -> Option<Handle> {
    let named = |name: &str| if orc.segment.name == name { vec![orc] } else { orc.anywhere(name) };
    let encoded = named("RXE");
    let own = if encoded.is_empty() { named("RXO") } else { encoded };
    for other in own.iter().skip(1) {
        let text = "an order has one medicine; another below the same ORC was left out";
        ctx.warn(Code::SegmentSequence, other.segment.at(), text);
    }
    let request = own.first().map(|own| {
        let request = prescription::request(ctx, orc, own, patient, encounter);
        observations(ctx, own, request, patient, encounter);
        request
    });
    for rxd in named("RXD") {
        let handle = dispense::dispense(ctx, orc, rxd, (patient, encounter), request);
        observations(ctx, rxd, handle, patient, encounter);
    }
    request
}

/// Returns whether an ORC orders a medicine.
pub fn is_order(orc: &Node) -> bool {
    SEGMENTS.iter().any(|name| !orc.anywhere(name).is_empty())
}

/// OBX below a medicine: what was to be known for it.
fn observations(ctx: &Ctx, node: &Node, of: Handle, patient: Handle, encounter: Option<Handle>) {
    let more = More { scope: obx::scope_of(ctx, of), ..More::default() };
    let nodes: Vec<&Node> = node.all("OBX").collect();
    let known = obx::all(ctx, &nodes, patient, encounter, &more);
    ctx.change(of, |draft| {
        obx::set_list(draft, "supportingInformation", known.iter().map(|it| it.reference()).collect());
    });
}

#[cfg(test)]
mod tests;
