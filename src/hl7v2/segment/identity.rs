//! Which number of a patient or a visit recognizes it, and whose number it is where the message does not say so.

use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Handle, Identifier, Identity, search_value};
use crate::hl7v2::message::Part;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Table 0203: numbers of people, papers, cards and accounts, which are no numbers that a sender gives its patients. One of these
/// without an authority has a space of its own, lest an account be taken for a record.
const OTHER_TYPES: &[&str] = &[
    "AM", "AN", "ANC", "AND", "ANON", "ANT", "BA", "BC", "BCT", "BR", "CZ", "DC", "DI", "DL", "DN", "DS", "EI", "EN",
    "FI", "GI", "GN", "HC", "IND", "LI", "MA", "MB", "MC", "MCD", "MCR", "MI", "NH", "NI", "NIIP", "NP", "PC", "PPN",
    "RRI", "SB", "SL", "SN", "SNO", "SP", "SR", "SS", "TAX", "TN", "VISA", "VN", "VP", "VS", "WC", "WCN", "WP",
];

const SSN: &str = "http://hl7.org/fhir/sid/us-ssn";

/// A CX as an Identifier that names its system, and whether the number is one of the sender's own patients.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    pub identifier: Identifier,
    /// The element `Identifier`.
    pub element: Value,
    is_own: bool,
    is_patient_type: bool,
}

/// Returns the numbers of a field of patient numbers (PID-3, MRG-1), those by which the sender knows its patients first.
pub fn patient_numbers(ctx: &Ctx, field: Part) -> Vec<Number> {
    let mut numbers: Vec<Number> = Vec::new();
    for cx in field.repetitions() {
        let number = number(ctx, cx, patient_system(ctx, cx));
        let Some(number) = number else { continue };
        if !numbers.iter().any(|known| known.identifier == number.identifier) {
            numbers.push(number);
        }
    }
    // A stable sort: within a rank the order of the message stays.
    numbers.sort_by_key(|number| (!number.is_own, !number.is_patient_type));
    numbers
}

/// Returns a CX as an identifier; `system` is the one where it names no authority. None where there is no number or no system.
pub fn number(ctx: &Ctx, cx: Part, system: Option<String>) -> Option<Number> {
    let value = cx.part(1).text()?.into_owned();
    let mut element = datatype::identifier(ctx, cx).filter(Value::is_object).unwrap_or_else(|| json!({"value": value}));
    let named = element["system"].as_str().filter(|_| cx.part(4).is_there()).map(String::from);
    let is_own = named.is_none() || is_own_authority(ctx, cx.part(4));
    let system = named.or(system)?;
    element["system"] = json!(system);
    element["value"] = json!(value);
    let kind = cx.part(5).text().unwrap_or_default();
    let is_patient_type = !OTHER_TYPES.contains(&&*kind);
    Some(Number { identifier: Identifier { system, value }, element, is_own, is_patient_type })
}

/// Returns a CX as an Identifier without a system, where nothing says whose number it is: people see it, and it recognizes nobody.
pub fn shown(ctx: &Ctx, cx: Part) -> Option<Value> {
    let mut element = datatype::identifier(ctx, cx)?;
    element.as_object_mut()?.shift_remove("system");
    Some(element)
}

/// Returns the system of numbers of a kind that have no authority; of no kind in particular, that of the house. None where the sender
/// is unknown, too.
pub fn local_system(ctx: &Ctx, kind: &str) -> Option<String> {
    let is_known = ctx.rules.facility.is_some() || ctx.message.header().field(4).text().is_some();
    is_known.then(|| if kind.is_empty() { ctx.house() } else { ctx.local(kind) })
}

/// Returns whose a number in PID-3 without an authority is.
pub fn patient_system(ctx: &Ctx, cx: Part) -> Option<String> {
    match &*cx.part(5).text().unwrap_or_default() {
        "SS" => Some(SSN.to_string()),
        kind if OTHER_TYPES.contains(&kind) => local_system(ctx, kind),
        _ => ctx.rules.patient_system.clone().or_else(|| local_system(ctx, "")),
    }
}

/// Returns whether an authority is the sender itself: MSH-4, or the system of its patients.
fn is_own_authority(ctx: &Ctx, authority: Part) -> bool {
    let msh4 = ctx.message.header().field(4);
    let same = |n: usize| authority.part(n).text().is_some_and(|own| msh4.part(n).is(&own));
    let is_rule = || ctx.rules.patient_system.is_some() && datatype::uri(ctx, authority) == ctx.rules.patient_system;
    let is_facility = || ctx.rules.facility.as_deref().is_some_and(|facility| authority.part(1).is(facility));
    same(1) || same(2) || is_facility() || is_rule()
}

/// Returns a social security number as an Identifier.
pub fn social_security(number: &str) -> Value {
    let kind = json!({"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "SS"});
    json!({"system": SSN, "value": number, "type": {"coding": [kind]}})
}

/// Returns how one of the people around a patient is recognized by numbers: the same person may be around others, too, and is a
/// RelatedPerson with each of them. None without a number.
pub fn around(patient: Handle, identifiers: &[Identifier]) -> Option<Identity> {
    let token = |one: &Identifier| format!("{}|{}", search_value(&one.system), search_value(&one.value));
    let tokens: Vec<String> = identifiers.iter().map(token).collect();
    let search = format!("patient={{{}}}&identifier={}", patient.0, tokens.join(","));
    (!tokens.is_empty()).then_some(Identity::Search(search))
}

/// Returns a number for a visit that has none, made of its patient and when it began. None where the patient has no number: many begin
/// at the same time.
pub fn by_start(ctx: &Ctx, patient: Handle, start: &str) -> Option<Number> {
    // The patient's number is in it, so that no two senders make the same.
    let system = ctx.local("visit-start");
    let value = digest(ctx, patient, start)?;
    let element = json!({"system": system, "value": value});
    Some(Number { identifier: Identifier { system, value }, element, is_own: true, is_patient_type: false })
}

/// Returns what stands for a patient's number and something else together: alike each time, and telling nobody the number.
pub fn digest(ctx: &Ctx, patient: Handle, beside: &str) -> Option<String> {
    let first = ctx.see(|drafts| match &drafts.get(patient)?.identity {
        Identity::Identifiers(identifiers) => identifiers.first().cloned(),
        _ => None,
    })?;
    let mut hash = Sha256::new();
    for text in [&*first.system, &*first.value, beside] {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    }
    Some(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}
