//! GT1 → Account.guarantor: the patient, a RelatedPerson or an organization.
//!
//! The guide has no map for it. HL7 v2.8 6.5.5.

use super::{identity, nk1, person as people};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity};
use crate::hl7v2::map;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::Code;
use serde_json::{Value, json};

/// Adds who pays what a patient does not; says so in the account, where there is one.
pub fn guarantor(ctx: &Ctx, gt1: Segment, patient: Handle, account: Option<Handle>) {
    let Some(party) = party(ctx, gt1, patient) else {
        ctx.warn(Code::RequiredField, gt1.at(), "nothing says who the guarantor is; left out");
        return;
    };
    let Some(account) = account else { return };
    let mut guarantor = json!({"party": party});
    if let Some(on_hold) = datatype::boolean(gt1.field(27)) {
        guarantor["onHold"] = json!(on_hold);
    }
    if let Some(period) = datatype::period_of(ctx, gt1.field(13).first(), gt1.field(14).first()) {
        guarantor["period"] = period;
    }
    ctx.change(account, |draft| _ = draft.push("guarantor", guarantor));
}

fn party(ctx: &Ctx, gt1: Segment, patient: Handle) -> Option<Value> {
    if is_self(gt1.field(11)) {
        return Some(patient.reference());
    }
    let mut draft = Draft::new("RelatedPerson", gt1.at());
    map::fill(ctx, "gt1", gt1, &mut draft.resource);
    let fields = [(gt1.field(2), "guarantor"), (gt1.field(19), "employee")];
    let known = numbers(ctx, &fields, &mut draft);
    if let Some(number) = gt1.field(12).text() {
        draft.push("identifier", identity::social_security(&number));
    }
    if let Some(person) = person(ctx, draft, patient, &known) {
        return Some(person.reference());
    }
    let house = gt1.field(21).said()?;
    datatype::organization(ctx, house)
}

/// Returns whether a code of table 0063 says that somebody is the patient.
pub fn is_self(relationship: Part) -> bool {
    ["SEL", "SELF", "S", "18"].iter().any(|code| relationship.text().is_some_and(|own| own.eq_ignore_ascii_case(code)))
}

/// Says the numbers of somebody, each of the kind that its field is of; returns those that recognize them.
pub fn numbers(ctx: &Ctx, fields: &[(Part, &str)], draft: &mut Draft) -> Vec<Identifier> {
    let mut known = Vec::new();
    for (field, kind) in fields {
        for cx in field.repetitions().filter(|cx| cx.is_there()) {
            let kind = cx.part(5).text().unwrap_or((*kind).into());
            if let Some(number) = identity::number(ctx, cx, identity::local_system(ctx, &kind)) {
                draft.push("identifier", number.element);
                known.push(number.identifier);
            } else if let Some(number) = identity::shown(ctx, cx) {
                draft.push("identifier", number);
            }
        }
    }
    known
}

/// Adds one of the people around a patient, recognized by a number, else by name; none without either. Who is named in several
/// segments is one.
pub fn person(ctx: &Ctx, mut draft: Draft, patient: Handle, known: &[Identifier]) -> Option<Handle> {
    draft.set("patient", patient.reference());
    people::primary_language(&mut draft.resource);
    let name = draft.resource.get("name").and_then(|names| names.get(0));
    let by_name = name.and_then(|name| nk1::recognized_by_name(name, patient)).map(Identity::Search);
    draft.identity = identity::around(patient, known).or(by_name)?;
    let (at, said) = (draft.at, draft.resource.clone());
    let person = ctx.add_once(draft);
    ctx.change(person, |there| {
        if there.at == at {
            return;
        }
        for (name, value) in said {
            match value {
                Value::Array(items) => items.into_iter().for_each(|item| _ = there.push(&name, item)),
                value => _ = there.resource.entry(name).or_insert(value),
            }
        }
    });
    Some(person)
}
