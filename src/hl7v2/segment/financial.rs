//! DFT, BAR: charges, accounts, diagnoses and procedures.
//!
//! The guide has no maps for them. HL7 v2.8 6.4: orders before the first charge are those of all charges, orders behind a charge are its own, as
//! are the diagnoses there.

use super::admit::{self, Subject};
use super::charge::{self, Reason};
use super::clinical;
use super::{account, diagnosis, group, obr, obx, orc};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::draft::Handle;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::Value;

/// Orders, observations and diagnoses of each kind that every charge of a message refers to, at most.
const COMMON_MAX: usize = 100;

pub fn convert(ctx: &Ctx, tree: &Node) {
    for pid in tree.all("PID") {
        let Some(subject) = admit::subject(ctx, pid) else { continue };
        let account = account::account(ctx, pid.segment.field(18), subject.patient, "active");
        if let Some(account) = account.filter(|_| ctx.event.name == "BAR^P02") {
            // Nothing is charged to an account that is purged.
            ctx.change(account, |draft| _ = draft.set("status", "inactive"));
        }
        let below = clinical::below(ctx, pid, subject.patient, subject.encounter);
        let mut common = Reason { conditions: below.conditions, ..Reason::default() };
        let mut charges: Vec<(&Node, Reason)> = Vec::new();
        for node in in_order(pid) {
            match (node.segment.name, charges.last_mut()) {
                ("FT1", _) => charges.push((node, Reason::default())),
                (_, Some((_, own))) => order(ctx, node, &subject, own),
                (_, None) => order(ctx, node, &subject, &mut common),
            }
        }
        limit(ctx, pid, &mut common);
        for (node, own) in charges {
            let pick = |own: Vec<Handle>, common: &[Handle]| if own.is_empty() { common.to_vec() } else { own };
            let reason = Reason {
                orders: pick(own.orders, &common.orders),
                observations: pick(own.observations, &common.observations),
                conditions: pick(own.conditions, &common.conditions),
            };
            charge::charge(ctx, node, &subject, account, &reason);
        }
    }
}

/// Returns charges and orders as the message has them: what hangs below an order stands behind it.
fn in_order<'n, 'm>(pid: &'n Node<'m>) -> impl Iterator<Item = &'n Node<'m>> {
    let all = pid.below.iter().filter(|node| ["FT1", "ORC"].contains(&node.segment.name));
    all.flat_map(|node| std::iter::once(node).chain(node.all("FT1")))
}

/// Takes over an order, what was observed for it, and the diagnoses behind it.
fn order(ctx: &Ctx, node: &Node, subject: &Subject, reason: &mut Reason) {
    let Subject { patient, encounter } = *subject;
    let is_named = [2, 3].iter().any(|n| node.segment.field(*n).is_there());
    let order = match is_named {
        true => orc::service_request(ctx, Some(node), node.one("OBR"), patient, encounter),
        false => None,
    };
    let scope = order.and_then(|order| obx::scope_of(ctx, order));
    let more = obx::More { scope, ..obx::More::default() };
    for group in group::of_order(node) {
        let reported = || obr::report(ctx, &group, patient, encounter, order);
        reason.observations.extend(match obr::is_reported(&group).then(reported).flatten() {
            Some(report) => obr::found(ctx, report),
            None => obx::all(ctx, &group.all("OBX"), patient, encounter, &more),
        });
    }
    reason.orders.extend(order);
    reason.conditions.extend(match order {
        Some(order) => reasons(ctx, order),
        None => diagnoses(ctx, node, subject),
    });
}

/// Returns the diagnoses for which something is ordered.
fn reasons(ctx: &Ctx, order: Handle) -> Vec<Handle> {
    let handle = |item: &Value| item["reference"].as_str().and_then(Handle::of);
    ctx.see(|drafts| {
        let reasons = drafts.get(order)?.resource.get("reasonReference")?.as_array()?;
        Some(reasons.iter().filter_map(handle).collect())
    })
    .unwrap_or_default()
}

/// Adds the diagnoses below an order that nobody numbered.
fn diagnoses(ctx: &Ctx, node: &Node, subject: &Subject) -> Vec<Handle> {
    let all = node.all("DG1").chain(node.all("OBR").flat_map(|obr| obr.all("DG1")));
    all.filter_map(|dg1| diagnosis::of_visit(ctx, dg1, subject.patient, subject.encounter)).collect()
}

fn limit(ctx: &Ctx, pid: &Node, common: &mut Reason) {
    let Reason { orders, observations, conditions } = common;
    for list in [orders, observations, conditions] {
        if list.len() > COMMON_MAX {
            let text = "charges do not refer to all that they have in common";
            ctx.warn(Code::Other, pid.segment.at(), text);
            list.truncate(COMMON_MAX);
        }
    }
}

#[cfg(test)]
mod tests;
