//! RDE, RDS, and orders of medicines: prescriptions and what was dispensed.
//!
//! HL7 v2.8 chapter 4A. Medicines hang below the ORC of their order; feeds that send no ORC have them below PID.

use super::admit::{self, Subject};
use super::obx::{self, More};
use super::{account, charge, clinical, dispense, participation, prescription, study};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::draft::{Draft, Handle};
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::Value;

const SEGMENTS: [&str; 3] = ["RXO", "RXE", "RXD"];

pub fn convert(ctx: &Ctx, tree: &Node) {
    for node in tree.all("PID") {
        let Some(Subject { patient, encounter }) = admit::subject(ctx, node) else { continue };
        clinical::below(ctx, node, patient, encounter);
        orders(ctx, node, patient, encounter);
        charge::of_orders(ctx, node, patient);
    }
}

/// Takes over all orders of medicines right below a segment PID.
fn orders(ctx: &Ctx, pid: &Node, patient: Handle, encounter: Option<Handle>) {
    let mut replaced = Prescription::default();
    for group in pid.below.iter().filter(|node| node.segment.name == "ORC" || SEGMENTS.contains(&node.segment.name)) {
        let new = order(ctx, group, patient, encounter);
        let is = |codes: &[&str]| codes.iter().any(|code| group.segment.field(1).is(code));
        // HL7 v2.8 4.5.1: the order that is replaced, then those that take its place.
        if group.segment.name == "ORC" && is(&["RP", "RQ", "RU"]) {
            replaced = new;
        } else if group.segment.name == "ORC" && is(&["RO"]) {
            let pairs = [(new.original, replaced.original), (new.encoded, replaced.encoded)];
            for (new, old) in pairs.into_iter().filter_map(|(new, old)| new.zip(old)) {
                ctx.change(new, |draft| _ = draft.set("priorPrescription", old.reference()));
            }
        }
    }
}

/// A prescription, as it was asked for (RXO) and as the pharmacy encoded it (RXE).
#[derive(Debug, Clone, Copy, Default)]
pub struct Prescription {
    original: Option<Handle>,
    encoded: Option<Handle>,
}

/// Takes over an ORC with the RXO, RXE and RXD below it. Without any of them it is no order of medicines.
pub fn order(ctx: &Ctx, orc: &Node, patient: Handle, encounter: Option<Handle>) -> Prescription {
    let named = |name: &str| if orc.segment.name == name { vec![orc] } else { orc.anywhere(name) };
    let request = |name: &str| {
        let all = named(name);
        for other in all.iter().skip(1) {
            let text = "an order has one medicine; another below the same ORC was left out";
            ctx.warn(Code::SegmentSequence, other.segment.at(), text);
        }
        let own = all.first()?;
        let request = prescription::request(ctx, orc, own, patient, encounter);
        supported(ctx, own, request, patient, encounter);
        Some(request)
    };
    let (original, encoded) = (request("RXO"), request("RXE"));
    match (original, encoded) {
        (Some(original), Some(encoded)) => {
            ctx.change(encoded, |draft| _ = draft.push("basedOn", original.reference()));
        }
        (Some(_), None) => prescription::end_other(ctx, orc.segment, "RXO", patient),
        (None, Some(_)) => prescription::end_other(ctx, orc.segment, "RXE", patient),
        (None, None) => {}
    }
    beside(ctx, orc, original.or(encoded), encoded.or(original), patient);
    for rxd in named("RXD") {
        let handle = dispense::dispense(ctx, orc, rxd, (patient, encounter), encoded.or(original));
        supported(ctx, rxd, handle, patient, encounter);
    }
    Prescription { original, encoded }
}

/// Returns whether an ORC orders a medicine.
pub fn is_order(orc: &Node) -> bool {
    SEGMENTS.iter().any(|name| !orc.anywhere(name).is_empty())
}

/// What stands below a medicine: who else takes part (PRT), and what was to be known for it (OBX).
fn supported(ctx: &Ctx, node: &Node, of: Handle, patient: Handle, encounter: Option<Handle>) {
    let more = More { scope: scope(ctx, of), ..More::default() };
    let nodes: Vec<&Node> = node.all("OBX").collect();
    let known = obx::all(ctx, &nodes, patient, encounter, &more);
    let people = participation::named(ctx, node);
    support(ctx, of, known.iter().map(|it| it.reference()).chain(people).collect());
}

/// What stands below the ORC: who takes part in the order as it was asked for, the study that it is part of and the account that
/// it is charged to.
fn beside(ctx: &Ctx, orc: &Node, original: Option<Handle>, last: Option<Handle>, patient: Handle) {
    if let Some(original) = original.filter(|_| orc.segment.name == "ORC") {
        support(ctx, original, participation::named(ctx, orc));
    }
    let studies = orc.anywhere("CTI").into_iter().filter_map(|cti| study::study(ctx, cti.segment));
    let known: Vec<Value> = studies.chain(account::billed(ctx, orc, patient)).map(Handle::reference).collect();
    if let Some(last) = last {
        support(ctx, last, known);
    }
}

fn support(ctx: &Ctx, of: Handle, known: Vec<Value>) {
    ctx.change(of, |draft| known.into_iter().for_each(|known| _ = draft.push("supportingInformation", known)));
}

/// The number by which what belongs to it is told apart.
fn scope(ctx: &Ctx, of: Handle) -> Option<String> {
    let number = |draft: &Draft| {
        let first = draft.resource.get("identifier")?.get(0)?;
        Some(format!("{}#{}", first["system"].as_str()?, first["value"].as_str()?))
    };
    obx::scope_of(ctx, of).or_else(|| ctx.see(|drafts| drafts.get(of).and_then(number)))
}

#[cfg(test)]
mod tests;
