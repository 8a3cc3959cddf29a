//! NK1 → Patient.contact and RelatedPerson; CTD → Patient.contact.
//!
//! v2-to-FHIR, segment maps NK1\[Patient\] and NK1\[RelatedPerson\]. Who is asked in an emergency is read from the Patient, so a
//! person is both; an employer, an insurer or an agency is a contact alone.

use super::{guarantor, identity, number, person, pid};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity, Update, search_value};
use crate::hl7v2::map;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use crate::hl7v2::update::tidy;
use serde_json::{Map, Value};

/// NK1-3: an employer, a federal agency, an insurance company, a state agency.
const ORGANIZATIONS: &[&str] = &["EMR", "E", "F", "I", "S"];

/// CTD-1: emergency contacts and next of kin. Others are contacts of an order or a referral.
const CONTACTS: &[&str] = &["C", "EP", "N"];

/// Adds the contacts below a PID to the draft of its Patient: those of NK1, and those of CTD in orders.
pub fn contacts(ctx: &Ctx, pid: &Node, patient: &mut Draft) {
    let of_orders = pid.all("CTD").filter(|ctd| CONTACTS.iter().any(|role| ctd.segment.field(1).is(role)));
    let all = pid.all("NK1").map(|nk1| (nk1, "nk1_contact")).chain(of_orders.map(|ctd| (ctd, "ctd_contact")));
    for (node, map) in all {
        let mut contact = Map::new();
        map::fill(ctx, map, node.segment, &mut contact);
        tidy(&mut contact);
        if let Some(organization) = contact.get("organization").and_then(|one| one["reference"].as_str()) {
            contact_person(ctx, node, organization);
        }
        // R4 pat-1: details of a contact, or an organization.
        if ["name", "telecom", "address", "organization"].iter().any(|name| contact.contains_key(*name)) {
            patient.push("contact", contact);
        } else if !contact.is_empty() {
            ctx.warn(
                Code::RequiredField,
                node.segment.at(),
                "a contact without a name, a number, an address or an organization",
            );
        }
    }
}

/// Says whom to ask at an organization that has a number.
fn contact_person(ctx: &Ctx, nk1: &Node, organization: &str) {
    let mut person = Map::new();
    map::fill(ctx, "nk1_organization", nk1.segment, &mut person);
    tidy(&mut person);
    if let Some(organization) = Handle::of(organization).filter(|_| !person.is_empty()) {
        ctx.change(organization, |draft| _ = draft.push("contact", person));
    }
}

/// Adds the people below a PID as RelatedPersons. One who is named twice, as next of kin and for emergencies, is one.
pub fn related(ctx: &Ctx, pid: &Node, patient: Handle) {
    let mut known: Vec<(Vec<Identifier>, Handle)> = Vec::new();
    for nk1 in pid.all("NK1") {
        let kind = nk1.segment.field(3);
        if ORGANIZATIONS.iter().any(|organization| kind.is(organization)) {
            continue;
        }
        let mut draft = Draft::new("RelatedPerson", nk1.segment.at());
        draft.set("patient", patient.reference());
        let identifiers = numbers(ctx, nk1, &mut draft);
        map::fill(ctx, "nk1_related", nk1.segment, &mut draft.resource);
        person::primary_language(&mut draft.resource);
        if !pid::is_about_people(ctx.event.family) {
            draft.update = Update::Keep;
        }
        if let Some((all, person)) = known.iter_mut().find(|(all, _)| all.iter().any(|one| identifiers.contains(one))) {
            all.extend(identifiers);
            let identity = identity::around(patient, all);
            ctx.change(*person, |person| {
                person.identity = identity.unwrap_or(Identity::New);
                more(person, draft);
            });
            continue;
        }
        // Whom to ask at an organization, NK1-30, may be somebody's further name and tells nobody apart.
        let names = draft.resource.get("name").filter(|_| nk1.segment.field(2).is_there());
        let by_name = names.and_then(|names| recognized_by_name(names.get(0)?, patient));
        draft.identity = match (identity::around(patient, &identifiers), by_name) {
            (Some(identity), _) => identity,
            (None, Some(search)) => Identity::Search(search),
            (None, None) if is_said(&draft) => nameless(ctx, nk1, patient, &mut draft),
            (None, None) => continue,
        };
        let (at, again) = (draft.at, draft.clone());
        let person = ctx.add_once(draft);
        ctx.change(person, |person| {
            if person.at != at {
                more(person, again);
            }
        });
        if !identifiers.is_empty() {
            known.push((identifiers, person));
        }
    }
}

/// Returns whether there is more to say of somebody without a name than what they are to the patient.
fn is_said(draft: &Draft) -> bool {
    ["name", "telecom", "address", "identifier", "birthDate"].iter().any(|name| draft.resource.contains_key(*name))
}

/// Returns how somebody is recognized who has neither name nor number: a patient has one of them for each relationship.
fn nameless(ctx: &Ctx, nk1: &Node, patient: Handle, draft: &mut Draft) -> Identity {
    let [relationship, role] = [3, 7].map(|n| nk1.segment.field(n).text().unwrap_or_default());
    let Some(value) = identity::digest(ctx, patient, &format!("contact {relationship} {role}")) else {
        return Identity::New;
    };
    let number = number::synthetic(ctx, "contact", value);
    draft.push("identifier", number.element);
    identity::around(patient, &[number.key]).unwrap_or(Identity::New)
}

/// Says of a person what another segment says besides.
fn more(person: &mut Draft, again: Draft) {
    for (name, value) in again.resource {
        match value {
            Value::Array(items) if name != "name" => items.into_iter().for_each(|item| _ = person.push(&name, item)),
            value => _ = person.resource.entry(name).or_insert(value),
        }
    }
}

/// Says the numbers of a person, NK1-33, 12 and 37; returns those by which they are recognized.
fn numbers(ctx: &Ctx, nk1: &Node, draft: &mut Draft) -> Vec<Identifier> {
    let fields = [(33, "related-person"), (12, "employee")].map(|(n, kind)| (nk1.segment.field(n), kind));
    let identifiers = guarantor::numbers(ctx, &fields, draft);
    if let Some(number) = nk1.segment.field(37).text() {
        draft.push("identifier", identity::social_security(&number));
    }
    identifiers
}

/// Returns the search for somebody of this name among the people around a patient.
pub fn recognized_by_name(name: &Value, patient: Handle) -> Option<String> {
    let words = std::iter::once(&name["family"]).chain(name["given"].as_array().into_iter().flatten());
    let words: Vec<String> =
        words.filter_map(Value::as_str).map(|w| format!("&name:exact={}", search_value(w))).collect();
    (!words.is_empty()).then(|| format!("patient={{{}}}{}", patient.0, words.concat()))
}
