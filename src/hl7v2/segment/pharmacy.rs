//! RDE, RDS, and orders of medicines: prescriptions and what was dispensed.
//!
//! HL7 v2.8 chapter 4A. Medicines hang below the ORC of their order; feeds that send no ORC have them below PID.

use super::{dispense, pid, prescription, status};
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::draft::Handle;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;

pub fn convert(ctx: &Ctx, tree: &Node) {
    for node in tree.all("PID") {
        let patient: Option<Handle> = pid::patient(ctx, node).into();
        let Some(patient) = patient else { continue };
        let encounter = None;
        orders(ctx, node, patient, encounter);
    }
}

/// Takes over all orders of medicines right below a segment PID.
pub fn orders(ctx: &Ctx, pid: &Node, patient: Handle, encounter: Option<Handle>) {
    let mut replaced = None;
    for group in pid.below.iter().filter(|node| ["ORC", "RXO", "RXE", "RXD"].contains(&node.segment.name)) {
        let request = order(ctx, group, patient, encounter);
        if status::is_replaced(group.segment) {
            replaced = request;
        } else if let (true, Some(request), Some(old)) = (status::replaces(group.segment), request, replaced) {
            ctx.change(request, |draft| {
                draft.set("priorPrescription", old.reference());
            });
        }
    }
}

/// Takes over an ORC with the RXO, RXE and RXD below it; returns its prescription. Without any of them it is no order of medicines.
pub fn order(ctx: &Ctx, orc: &Node, patient: Handle, encounter: Option<Handle>) -> Option<Handle> {
    let named = |name: &str| if orc.segment.name == name { vec![orc] } else { orc.anywhere(name) };
    let encoded = named("RXE");
    let own = if encoded.is_empty() { named("RXO") } else { encoded };
    for other in own.iter().skip(1) {
        ctx.warn(
            Code::SegmentSequence,
            other.segment.at(),
            "an order has one medicine; this is another below the same ORC",
        );
    }
    let request = own.first().map(|own| prescription::request(ctx, orc, own, patient, encounter));
    for rxd in named("RXD") {
        dispense::dispense(ctx, orc, rxd, patient, encounter, request);
    }
    request
}

/// Whether an ORC orders a medicine.
pub fn is_order(orc: &Node) -> bool {
    ["RXO", "RXE", "RXD"].iter().any(|name| !orc.anywhere(name).is_empty())
}
