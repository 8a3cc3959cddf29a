//! REF: referrals. RF1, PRD and AUT → ServiceRequest.
//!
//! The guide has no maps for them. HL7 v2.8 11.3 and 11.8.

use super::admit::{self, Subject};
use super::clinical::{self, known_by};
use super::{group, note, obx, participation, result};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded::concept};
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity, Update};
use crate::hl7v2::event::Family;
use crate::hl7v2::map;
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

pub fn convert(ctx: &Ctx, tree: &Node) {
    for pid in tree.all("PID") {
        let Some(subject) = admit::subject(ctx, pid) else { continue };
        let Subject { patient, encounter } = subject;
        let below = clinical::below(ctx, pid, patient, encounter);
        for group in group::groups(pid) {
            result::result(ctx, &group, patient, encounter);
        }
        let Some(rf1) = tree.one("RF1") else {
            ctx.warn(Code::RequiredField, None, "without RF1 nobody knows what the referral is");
            continue;
        };
        let request = request(ctx, tree, rf1, &subject);
        ctx.change(request, |draft| {
            for condition in &below.conditions {
                draft.push("reasonReference", condition.reference());
            }
            for coverage in &below.coverages {
                draft.push("insurance", coverage.reference());
            }
        });
    }
}

/// Adds the referral itself.
pub fn request(ctx: &Ctx, tree: &Node, node: &Node, subject: &Subject) -> Handle {
    let rf1 = node.segment;
    let mut draft = Draft::new("ServiceRequest", rf1.at());
    let referral = concept("http://snomed.info/sct", "3457005", Some("Patient referral"));
    draft.push("category", referral);
    map::fill(ctx, "rf1", rf1, &mut draft.resource);
    if ctx.event.name == "REF^I14" {
        draft.set("status", "revoked").only_if_there = true;
    }
    draft.default("status", "active").set("intent", "order");
    draft.set("subject", subject.patient.reference());
    draft.set("encounter", subject.encounter.map(Handle::reference));
    let words = [(4, "Disposition: "), (14, ""), (24, "")];
    for (n, label) in words {
        for text in rf1.field(n).repetitions().filter_map(datatype::coded::words) {
            draft.push("note", note::text(format!("{label}{text}")));
        }
    }
    for annotation in note::annotations(ctx, node) {
        draft.push("note", annotation);
    }
    for annotation in last_notes(ctx, tree) {
        draft.push("note", annotation);
    }
    providers(ctx, &providers_of(tree, node), subject, &mut draft);
    for aut in node.all("AUT") {
        authorization(ctx, aut.segment, &mut draft);
    }
    recognize(ctx, rf1, subject.patient, &mut draft);
    ctx.add_once(draft)
}

/// RF1-6, else RF1-11; else the patient and what the referral says of itself.
fn recognize(ctx: &Ctx, rf1: Segment, patient: Handle, draft: &mut Draft) {
    let own = known_by(ctx, rf1.field(6), "referral", patient, draft);
    let identity = std::mem::replace(&mut draft.identity, Identity::New);
    let other = known_by(ctx, rf1.field(11), "referral-external", patient, draft);
    if own {
        draft.identity = identity;
    } else if !other {
        let words = [3, 10, 7].map(|n| rf1.field(n).text().unwrap_or_default());
        obx::key_within(ctx, (patient, None), &ctx.local("referral"), words.join("#").trim_matches('#'), draft);
    }
}

/// Returns what the last segments NTE of a referral say: they are of the message, wherever the segment before them belongs.
fn last_notes(ctx: &Ctx, tree: &Node) -> Vec<Value> {
    let visits = tree.all("PID").filter(|_| ctx.event.family == Family::Referral).flat_map(|pid| pid.all("PV1"));
    visits.flat_map(|pv1| pv1.all("PV2").chain([pv1])).flat_map(|node| note::annotations(ctx, node)).collect()
}

/// Returns the segments PRD, wherever they stand.
fn providers_of<'n, 'm>(tree: &'n Node<'m>, rf1: &'n Node<'m>) -> Vec<&'n Node<'m>> {
    rf1.all("PRD").chain(tree.all("PRD")).collect()
}

/// PRD: who refers, and to whom; the primary care provider is the patient's.
fn providers(ctx: &Ctx, all: &[&Node], subject: &Subject, draft: &mut Draft) {
    for prd in all.iter().map(|node| node.segment) {
        let Some(who) = provider(ctx, prd) else { continue };
        for role in prd.field(1).repetitions() {
            match role.text().as_deref() {
                Some("RP") => _ = draft.resource.entry("requester").or_insert_with(|| who.clone()),
                Some("RT" | "CP") => _ = draft.push("performer", who.clone()),
                Some("PP") => {
                    ctx.change(subject.patient, |draft| _ = draft.push("generalPractitioner", who.clone()));
                }
                _ => ctx.warn(Code::TableValue, role.at, "this role has no place in a referral; left out"),
            }
        }
    }
}

/// Returns who a PRD names: a person with a number (PRD-7) for an organization (PRD-10); else by name; else the organization.
fn provider(ctx: &Ctx, prd: Segment) -> Option<Value> {
    let (name, house) = (prd.field(2).said(), prd.field(10).said());
    let Some(name) = name.and_then(|name| datatype::human_name(ctx, name)) else {
        return house.and_then(|house| datatype::organization(ctx, house));
    };
    let display = name.as_object().map(datatype::name::display);
    let mut draft = Draft::new("Practitioner", prd.at());
    let mut known: Vec<Identifier> = Vec::new();
    for pln in prd.field(7).repetitions() {
        let Some(element) = datatype::identifier::license(ctx, pln) else { continue };
        if let (Some(system), Some(value)) = (element["system"].as_str(), element["value"].as_str()) {
            known.push(Identifier { system: system.to_string(), value: value.to_string() });
        }
        draft.push("identifier", element);
    }
    if known.is_empty() {
        return Some(json!({"display": display?}));
    }
    draft.identity = Identity::Identifiers(known);
    draft.update = Update::Keep;
    draft.push("name", name);
    if let Some(address) = prd.field(3).said().and_then(|xad| datatype::address(ctx, xad)) {
        draft.push("address", address);
    }
    for xtn in prd.field(5).repetitions().filter(|xtn| xtn.is_there()) {
        if let Some(contact) = datatype::contact_point(ctx, xtn, Some("work")) {
            draft.push("telecom", contact);
        }
    }
    let mut reference = ctx.add_once(draft).reference();
    if let Some(display) = display {
        reference["display"] = json!(display);
    }
    let house = house.and_then(|house| datatype::organization(ctx, house));
    participation::role(ctx, Some(reference), house)
}

/// AUT-6: the number under which the payer agreed.
fn authorization(ctx: &Ctx, aut: Segment, draft: &mut Draft) {
    let number = aut.field(6).said().and_then(|part| super::number::number(ctx, part, "", "authorization"));
    if let Some(mut number) = number {
        number.element["type"] = json!({"text": "authorization"});
        draft.push("identifier", number.element);
    }
}
