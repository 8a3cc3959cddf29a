//! FT1 → ChargeItem, with what was dispensed for it.
//!
//! The guide has no map. HL7 v2.8 6.5.1.

use super::admit::Subject;
use super::{account, diagnosis, dispense, identity, number, obx, participation, procedure};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded, coded::concept, quantity};
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity, Update};
use crate::hl7v2::map;
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::{Code, Place};
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};
use std::collections::HashMap;

/// What a charge is for, beside what stands below it.
#[derive(Debug, Clone, Default)]
pub struct Reason {
    pub orders: Vec<Handle>,
    /// What was observed.
    pub observations: Vec<Handle>,
    pub conditions: Vec<Handle>,
}

/// Takes over the charges that stand in a message of another family, such as an order.
pub fn beside(ctx: &Ctx, pid: &Node, subject: &Subject) {
    let account = account::account(ctx, pid.segment.field(18), subject.patient, "active");
    for node in pid.anywhere("FT1") {
        charge(ctx, node, subject, account, &Reason::default());
    }
}

/// Says of the charges below an order that they are for it and to which accounts it is charged, once the orders are there.
pub fn of_orders(ctx: &Ctx, pid: &Node, patient: Handle) {
    const ORDERS: [&str; 3] = ["MedicationDispense", "MedicationRequest", "ServiceRequest"];
    let of_type = |wanted: &[&str]| -> HashMap<Place, Handle> {
        ctx.see(|drafts| {
            let all =
                drafts.iter().filter(|(_, draft)| wanted.contains(&draft.resource_type()) && !draft.only_if_there);
            all.map(|(handle, draft)| (draft.at, handle)).collect()
        })
    };
    let with_charges = |node: &&Node| node.segment.name == "ORC" && node.one("FT1").is_some();
    let groups: Vec<&Node> = pid.below.iter().filter(with_charges).collect();
    if groups.is_empty() {
        return;
    }
    let (orders, charges) = (of_type(&ORDERS), of_type(&["ChargeItem"]));
    for orc in groups {
        // The last one says most: what was dispensed, else what the pharmacy made of what was asked for.
        let names = ["RXD", "RXE", "RXO", "OBR"];
        let mut nodes = names.into_iter().flat_map(|name| orc.anywhere(name)).chain([orc]);
        let order = nodes.find_map(|node| orders.get(&node.segment.at()));
        let accounts = account::billed(ctx, orc, patient);
        for charge in orc.all("FT1").filter_map(|ft1| charges.get(&ft1.segment.at())) {
            ctx.change(*charge, |draft| {
                order.into_iter().for_each(|order| _ = draft.push("supportingInformation", order.reference()));
                accounts.iter().for_each(|account| _ = draft.push("account", account.reference()));
            });
        }
    }
}

/// Adds the ChargeItem of an FT1; payments are none.
pub fn charge(ctx: &Ctx, node: &Node, subject: &Subject, account: Option<Handle>, reason: &Reason) {
    let ft1 = node.segment;
    let Subject { patient, encounter } = *subject;
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
    if let Some(account) = account {
        draft.push("account", account.reference());
    }
    occurrence(ctx, ft1, &mut draft);
    amounts(ctx, ft1, &mut draft);
    people(ctx, ft1, &mut draft);
    product(ctx, ft1, &mut draft);
    let is_said = |code: &str| node.all("PR1").any(|pr1| pr1.segment.field(3).is(code));
    if !ft1.field(25).text().is_some_and(|code| is_said(&code)) {
        services.extend(procedure::charged(ctx, ft1, patient, encounter));
    }
    services.extend(dispense::charged(ctx, ft1, patient, encounter));
    let references = |all: &[Handle]| all.iter().map(|it| it.reference()).collect::<Vec<_>>();
    services.extend(&reason.observations);
    obx::set_list(&mut draft, "service", references(&services));
    // Its own diagnoses, else those that all charges have in common.
    let conditions = if conditions.is_empty() { &reason.conditions } else { &conditions };
    obx::set_list(&mut draft, "supportingInformation", references(&[&reason.orders[..], conditions].concat()));
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

/// FT1-34 and 35: a thing of a catalogue; else FT1-29, a medicine.
fn product(ctx: &Ctx, ft1: Segment, draft: &mut Draft) {
    let (item, medicine) = (ft1.field(34).said(), ft1.field(29).said());
    let device = item.and_then(|part| {
        let code = datatype::text::string(part.part(1))?;
        let named = part.part(3).text();
        let system = ctx.coding_system(named.as_deref(), None).unwrap_or_else(|| ctx.local("item"));
        let element = json!({"system": system, "value": code});
        let number = number::Number { element, key: Identifier { system, value: code } };
        let mut device = Draft::new("Device", part.at);
        device.update = Update::Keep;
        number::identify(&mut device, vec![number]);
        device.set("modelNumber", ft1.field(35).said().and_then(datatype::text::string));
        let mut reference = ctx.add_once(device).reference();
        reference["display"] = json!(coded::words(part)?);
        Some(reference)
    });
    match device {
        Some(device) => draft.set("productReference", device),
        None => {
            draft.set("productCodeableConcept", medicine.and_then(|part| datatype::codeable_concept(ctx, part, None)))
        }
    };
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
    draft.set("quantity", number.map(quantity::count));
    let (whole, each) = (ft1.field(11).said(), ft1.field(12).said());
    match (whole, each) {
        (Some(whole), _) => _ = draft.set("priceOverride", quantity::money(ctx, whole)),
        (None, Some(each)) if is_one => _ = draft.set("priceOverride", quantity::money(ctx, each)),
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
