//! DFT, BAR: charges, accounts, diagnoses and procedures. FT1 → ChargeItem.
//!
//! The guide has no maps for them. HL7 v2.8 6.4 and 6.5.1.

use super::admit::{self, Subject};
use super::clinical::{self, Below};
use super::{account, diagnosis, group, identity, obr, obx, orc, participation, procedure, simple};
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype::{self, coded::concept};
use crate::hl7v2::draft::{Draft, Handle, Identity};
use crate::hl7v2::map;
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

/// What the charges of a message have in common.
struct Bill<'b> {
    subject: &'b Subject,
    account: Option<Handle>,
    below: &'b Below,
    /// What the ORC above stands for, and what was observed for it.
    order: Option<Handle>,
    observations: Vec<Handle>,
}

pub fn convert(ctx: &Ctx, tree: &Node) {
    for pid in tree.all("PID") {
        let Some(subject) = admit::subject(ctx, pid) else { continue };
        let account = account::account(ctx, pid.segment.field(18), subject.patient, "active");
        if let Some(account) = account.filter(|_| ctx.event.name == "BAR^P02") {
            // Nothing is charged to an account that is purged.
            ctx.change(account, |draft| _ = draft.set("status", "inactive"));
        }
        let below = clinical::below(ctx, pid, subject.patient, subject.encounter);
        for node in &pid.below {
            match node.segment.name {
                "FT1" => charge(ctx, node, &bill(&subject, account, &below)),
                "ORC" => of_order(ctx, node, bill(&subject, account, &below)),
                _ => {}
            }
        }
    }
}

/// Takes over the charges that stand in a message of another family, such as an order.
pub fn beside(ctx: &Ctx, pid: &Node, subject: &Subject) {
    let account = account::account(ctx, pid.segment.field(18), subject.patient, "active");
    for node in pid.anywhere("FT1") {
        charge(ctx, node, &bill(subject, account, &Below::default()));
    }
}

fn bill<'b>(subject: &'b Subject, account: Option<Handle>, below: &'b Below) -> Bill<'b> {
    Bill { subject, account, below, order: None, observations: Vec::new() }
}

/// Takes over the charges of an order, and what was observed for it.
fn of_order(ctx: &Ctx, node: &Node, mut bill: Bill) {
    let Subject { patient, encounter } = *bill.subject;
    let is_named = [2, 3].iter().any(|n| node.segment.field(*n).is_there());
    if is_named {
        bill.order = orc::service_request(ctx, Some(node), node.one("OBR"), patient, encounter);
    }
    let scope = bill.order.and_then(|order| obx::scope_of(ctx, order));
    let more = obx::More { scope, ..obx::More::default() };
    for group in group::of_order(node) {
        let reported = || obr::report(ctx, &group, patient, encounter, bill.order);
        bill.observations.extend(match obr::is_reported(&group).then(reported).flatten() {
            Some(report) => obr::found(ctx, report),
            None => obx::all(ctx, &group.all("OBX"), patient, encounter, &more),
        });
    }
    for ft1 in node.all("FT1") {
        charge(ctx, ft1, &bill);
    }
}

/// Adds the ChargeItem of an FT1; payments are none.
fn charge(ctx: &Ctx, node: &Node, bill: &Bill) {
    let ft1 = node.segment;
    let Subject { patient, encounter } = *bill.subject;
    let conditions: Vec<Handle> =
        node.all("DG1").filter_map(|dg1| diagnosis::of_visit(ctx, dg1, patient, encounter)).collect();
    let mut services: Vec<Handle> =
        node.all("PR1").filter_map(|pr1| procedure::procedure(ctx, pr1, patient, encounter)).collect();
    if ["PY", "CO"].iter().any(|code| ft1.field(6).is(code)) {
        ctx.warn(Code::Other, ft1.field(6).at, "a payment is no charge; it was left out");
        return;
    }
    let mut draft = Draft::new("ChargeItem", ft1.at());
    map::fill(ctx, "ft1", ft1, &mut draft.resource);
    if !draft.resource.get("code").is_some_and(Value::is_object) {
        ctx.warn(Code::RequiredField, ft1.field(7).at, "without FT1-7 nobody knows what is charged for; left out");
        return;
    }
    draft.set("subject", patient.reference()).set("context", encounter.map(Handle::reference));
    draft.default("status", "unknown");
    if let Some(account) = bill.account {
        draft.push("account", account.reference());
    }
    occurrence(ctx, ft1, &mut draft);
    amounts(ctx, ft1, &mut draft);
    people(ctx, ft1, &mut draft);
    let is_said = |code: &str| node.all("PR1").any(|pr1| pr1.segment.field(3).is(code));
    if !ft1.field(25).text().is_some_and(|code| is_said(&code)) {
        services.extend(procedure::charged(ctx, ft1, patient, encounter));
    }
    for service in services.iter().chain(&bill.observations) {
        draft.push("service", service.reference());
    }
    for known in bill.order.iter().chain(&bill.below.conditions).chain(&conditions) {
        draft.push("supportingInformation", known.reference());
    }
    for modifier in ft1.field(26).repetitions().filter_map(datatype::coded::words) {
        draft.push("note", json!({"text": format!("Modifier: {modifier}")}));
    }
    recognize(ctx, ft1, patient, &mut draft);
    ctx.add_once(draft);
}

/// FT1-2; else the patient, the code and the time.
fn recognize(ctx: &Ctx, ft1: Segment, patient: Handle, draft: &mut Draft) {
    let number = identity::number(ctx, ft1.field(2).first(), identity::local_system(ctx, "charge"));
    if let Some(number) = number {
        draft.push("identifier", number.element);
        draft.identity = Identity::Identifiers(vec![number.identifier]);
        return;
    }
    let words = [obx::key_of(ft1.field(7)), ft1.field(4).text().unwrap_or_default().into_owned()];
    obx::key_within(ctx, (patient, None), &ctx.local("charge"), words.join("#").trim_matches('#'), draft);
}

/// FT1-4, a DR or a DTM.
fn occurrence(ctx: &Ctx, ft1: Segment, draft: &mut Draft) {
    let field = ft1.field(4).first();
    if field.part(2).is_there() {
        draft.set("occurrencePeriod", datatype::period(ctx, field));
    } else if field.is_there() {
        draft.set("occurrenceDateTime", datatype::date_time(ctx, field.part(1)));
    }
}

/// FT1-10 to 12, and 6 where it takes money back.
fn amounts(ctx: &Ctx, ft1: Segment, draft: &mut Draft) {
    let count = ft1.field(10);
    let number = if count.is_there() { datatype::text::decimal(ctx, count.part(1)) } else { None };
    let is_one = number.as_ref().is_none_or(|number| number.as_f64() == Some(1.0));
    draft.set("quantity", number.map(simple::count));
    let (whole, each) = (ft1.field(11).said(), ft1.field(12).said());
    match (whole, each) {
        (Some(whole), _) => _ = draft.set("priceOverride", datatype::quantity::money(ctx, whole)),
        (None, Some(each)) if is_one => _ = draft.set("priceOverride", datatype::quantity::money(ctx, each)),
        (None, Some(each)) => {
            ctx.warn(Code::Other, each.at, "the price of one has no place in a charge for several; it was left out");
        }
        (None, None) => {}
    }
    if ["CD", "CR"].iter().any(|code| ft1.field(6).is(code)) {
        // R4 ChargeItem.factorOverride: less than nothing is a credit.
        draft.set("factorOverride", -1);
    }
}

/// FT1-20, who did it, and 21, who ordered it.
fn people(ctx: &Ctx, ft1: Segment, draft: &mut Draft) {
    for who in participation::people(ctx, ft1.field(20)) {
        draft.push("performer", json!({"actor": who}));
    }
    for who in participation::people(ctx, ft1.field(21)) {
        let function = concept("http://terminology.hl7.org/CodeSystem/v2-0443", "OP", Some("Ordering Provider"));
        draft.push("performer", json!({"function": function, "actor": who}));
    }
}
