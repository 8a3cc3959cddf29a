//! PID → Patient, with PD1 and what NK1 says of contacts.
//!
//! v2-to-FHIR, segment maps PID\[Patient\], PD1\[Patient\] and NK1\[Patient\].

use super::identity::{self, Number};
use super::{nk1, pd1, person};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::draft::{Draft, Handle, Identity, Update};
use crate::hl7v2::event::Family;
use crate::hl7v2::map;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::json;

/// The code of the tag of patients who came without a number that says who they are.
pub const UNIDENTIFIED: &str = "unidentified";

/// Adds the Patient of a segment PID and what hangs below it. Where nothing says which patient it is, that hinders it from being
/// stored.
///
/// Messages of other families than ADT and vaccinations mention a patient to say whose an order or a result is: what they say of
/// the person makes a new Patient, but changes none that is there.
pub fn patient(ctx: &Ctx, pid: &Node) -> Option<Handle> {
    let numbers = numbers(ctx, pid);
    let mut draft = Draft::new("Patient", pid.segment.at());
    if !numbers.is_empty() {
        draft.identity = Identity::Identifiers(numbers.iter().map(|number| number.identifier.clone()).collect());
    }
    for number in &numbers {
        draft.push("identifier", number.element.clone());
    }
    if numbers.is_empty() {
        unidentified(ctx, pid, &mut draft);
    }
    map::fill(ctx, "pid", pid.segment, &mut draft.resource);
    person::more(ctx, pid.segment, &mut draft);
    person::disabled(ctx, pid, &mut draft);
    pd1::patient(ctx, pid, &mut draft);
    nk1::contacts(ctx, pid, &mut draft);
    if ctx.event.name == "ADT^A29" {
        // A person is deleted: the record stays, and is used no more.
        draft.set("active", false).only_if_there = true;
    }
    draft.default("active", true);
    if !is_about_people(ctx.event.family) {
        draft.update = Update::Keep;
        draft.only_if_there = !ctx.rules.makes_patients;
    }
    Some(ctx.add(draft))
}

/// Says of a patient whose numbers nobody knows what the message says: they are shown, and recognize nobody. Where such a patient is
/// stored all the same, a tag tells it.
fn unidentified(ctx: &Ctx, pid: &Node, draft: &mut Draft) {
    let written = pid.segment.field(3).repetitions().filter_map(|cx| identity::shown(ctx, cx));
    written.for_each(|number| _ = draft.push("identifier", number));
    if ctx.rules.accepts_incomplete {
        let system = format!("{}/CodeSystem/tag", ctx.rules.canonical_base);
        let tag = json!({"system": system, "code": UNIDENTIFIED, "display": "Patient not identified"});
        draft.set("meta", json!({"tag": [tag]}));
    }
}

/// Returns the numbers of PID-3.
fn numbers(ctx: &Ctx, pid: &Node) -> Vec<Number> {
    let field = pid.segment.field(3);
    let numbers = identity::patient_numbers(ctx, field);
    if !numbers.is_empty() {
        return numbers;
    }
    match field.repetitions().find(|cx| cx.part(1).is_there()) {
        Some(cx) => ctx.hinder(
            Code::RequiredField,
            cx.part(4).at,
            "nothing says whose number it is: PID-3.4 and MSH-4 are empty",
        ),
        None => ctx.hinder(Code::RequiredField, field.at, "PID-3 says which patient it is"),
    }
    Vec::new()
}

/// Returns whether messages of a family tell of people, and do not only mention them.
pub fn is_about_people(family: Family) -> bool {
    matches!(family, Family::Admit | Family::Person | Family::Merge | Family::Vaccination)
}
