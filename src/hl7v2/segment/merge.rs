//! ADT A18, A34, A40 and the like: patients who turned out to be one; A41, A45, A47: accounts, visits and numbers that moved.
//!
//! HL7 v2.8 chapters 3.3.40 to 3.3.47 (the guide maps MRG\[Account\] alone). PID says who goes on, MRG who does not.

use super::{account, admit, identity, pid, pv1};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity};
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

pub fn convert(ctx: &Ctx, tree: &Node) {
    for pid in tree.all("PID") {
        match ctx.event.name {
            "ADT^A41" => accounts(ctx, pid),
            "ADT^A45" => visits(ctx, pid),
            "ADT^A47" => renumbered(ctx, pid),
            _ => patients(ctx, pid),
        }
    }
    if tree.all("MRG").next().is_some() {
        ctx.warn(Code::SegmentSequence, tree.one("MRG").map(|mrg| mrg.segment.at()), "an MRG without a PID before it");
    }
}

/// A18, A34, A40: each MRG below a PID names a patient who is the patient of the PID.
fn patients(ctx: &Ctx, pid: &Node) {
    let Some(survivor) = admit::subject(ctx, pid).map(|subject| subject.patient) else { return };
    if pid.one("MRG").is_none() {
        ctx.fail(Code::SegmentSequence, pid.segment.at(), "no MRG says which patient is this one");
    }
    for mrg in pid.all("MRG") {
        let Some(loser) = prior(ctx, mrg) else { continue };
        only_by_their_authorities(ctx, survivor, loser);
        if shared(ctx, loser, survivor) {
            ctx.fail(Code::Other, mrg.segment.field(1).at, "PID-3 and MRG-1 name the same patient");
            continue;
        }
        ctx.merge(loser, survivor);
    }
}

/// Recognizes the survivor by the numbers that have the authority of one of the loser. Another number of PID-3, of a country say,
/// is the same for both and may lead to the loser.
fn only_by_their_authorities(ctx: &Ctx, survivor: Handle, loser: Handle) {
    let theirs = identifiers(ctx, loser);
    let mut own = identifiers(ctx, survivor);
    own.retain(|number| theirs.iter().any(|other| other.system == number.system));
    if !own.is_empty() {
        ctx.change(survivor, |draft| draft.identity = Identity::Identifiers(own));
    }
}

/// MRG-1 and 7 → the Patient who does not go on.
fn prior(ctx: &Ctx, mrg: &Node) -> Option<Handle> {
    let field = mrg.segment.field(1);
    let numbers = identity::patient_numbers(ctx, field);
    if numbers.is_empty() {
        ctx.fail(Code::RequiredField, field.at, "MRG-1 says which patient it was");
        return None;
    }
    let mut draft = Draft::new("Patient", mrg.segment.at());
    draft.identity = Identity::Identifiers(numbers.iter().map(|number| number.identifier.clone()).collect());
    for number in numbers {
        draft.push("identifier", number.element);
    }
    // What the patient was called is for one that nobody knew before: one that is there keeps its own name.
    let names = mrg.segment.field(7).repetitions().filter(|name| name.is_there());
    let names: Vec<Value> = names.filter_map(|name| datatype::human_name(ctx, name)).collect();
    if !names.is_empty() {
        draft.default("name", names);
    }
    Some(ctx.add(draft))
}

fn identifiers(ctx: &Ctx, handle: Handle) -> Vec<Identifier> {
    ctx.see(|drafts| match drafts.get(handle).map(|draft| &draft.identity) {
        Some(Identity::Identifiers(identifiers)) => identifiers.clone(),
        _ => Vec::new(),
    })
}

fn shared(ctx: &Ctx, one: Handle, other: Handle) -> bool {
    let known = identifiers(ctx, other);
    identifiers(ctx, one).iter().any(|identifier| known.contains(identifier))
}

/// A41: what was booked on the account of MRG-3 belongs to that of PID-18.
fn accounts(ctx: &Ctx, pid: &Node) {
    let Some(subject) = admit::subject(ctx, pid) else { return };
    for mrg in pid.all("MRG") {
        let field = mrg.segment.field(3);
        if let Some(account) = account::account(ctx, field, subject.patient, "unknown") {
            ctx.change(account, |draft| draft.only_if_there = true);
            ctx.warn(Code::Other, field.at, "what refers to the prior account still does");
        }
    }
}

/// A45: each MRG names a patient and a visit of theirs, and the PV1 after it the number that the visit has with the patient of PID.
fn visits(ctx: &Ctx, pid: &Node) {
    let Some(patient) = pid::patient(ctx, pid) else { return };
    admit::people(ctx, pid, patient);
    let mut prior = None;
    for node in &pid.below {
        match node.segment.name {
            "MRG" => prior = Some(node),
            "PV1" => {
                let Some(encounter) = pv1::another(ctx, node, node, patient) else { continue };
                let number = prior.take().map(|mrg| mrg.segment.field(5));
                let number =
                    number.and_then(|field| identity::number(ctx, field.first(), identity::local_system(ctx, "VN")));
                let Some(number) = number else { continue };
                ctx.change(encounter, |draft| also_known_as(draft, &number));
                ctx.warn(
                    Code::Other,
                    node.segment.at(),
                    "what was said of the visit before stays with the patient it was said of",
                );
            }
            _ => {}
        }
    }
}

/// A47: the patient of MRG-1 has the numbers of PID-3 from now on.
fn renumbered(ctx: &Ctx, pid: &Node) {
    let Some(subject) = admit::subject(ctx, pid) else { return };
    for number in pid.all("MRG").flat_map(|mrg| identity::patient_numbers(ctx, mrg.segment.field(1))) {
        ctx.change(subject.patient, |draft| also_known_as(draft, &number));
    }
}

/// Adds a number that is not used any more, but still recognizes.
fn also_known_as(draft: &mut Draft, number: &identity::Number) {
    let Identity::Identifiers(identifiers) = &mut draft.identity else { return };
    if identifiers.contains(&number.identifier) {
        return;
    }
    identifiers.push(number.identifier.clone());
    let mut element = number.element.clone();
    element["use"] = json!("old");
    draft.push("identifier", element);
}
