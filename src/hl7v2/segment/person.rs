//! What PID says of a person where a map cannot: numbers of other kinds, birth, death, race, citizenship, the mother.
//!
//! v2-to-FHIR, segment map PID\[Patient\], data type maps DLN\[Identifier\] and CX\[RelatedPerson-Mother\]; US Core for race and
//! ethnicity, which the guide leaves to the country.

use super::identity;
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Draft, Handle, Identifier};
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Map, Value, json};

const CDC_RACE: &str = "urn:oid:2.16.840.1.113883.6.238";
const CITIZENSHIP: &str = "http://hl7.org/fhir/StructureDefinition/patient-citizenship";
const US_CORE: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-";

/// Adds what else PID says of the patient to the draft.
pub fn more(ctx: &Ctx, pid: Segment, draft: &mut Draft) {
    other_numbers(ctx, pid, draft);
    primary_language(&mut draft.resource);
    birth(ctx, pid, draft);
    death(ctx, pid, draft);
    district(pid, draft);
    of_kind(ctx, pid.field(10), "race", draft);
    of_kind(ctx, pid.field(22), "ethnicity", draft);
    for (n, table) in [(26, "HL70171"), (39, "HL70171")] {
        for cwe in pid.field(n).repetitions().filter(|cwe| cwe.is_there()) {
            if let Some(code) = datatype::codeable_concept(ctx, cwe, Some(table)).filter(Value::is_object) {
                let inner = json!([{"url": "code", "valueCodeableConcept": code}]);
                draft.push("extension", json!({"url": CITIZENSHIP, "extension": inner}));
            }
        }
    }
}

/// PID-15 and what is alike for others is the primary language: that in which to speak with somebody.
pub fn primary_language(person: &mut Map<String, Value>) {
    let languages = person.get_mut("communication").and_then(Value::as_array_mut);
    if let Some(Value::Object(primary)) = languages.and_then(|all| all.first_mut()) {
        primary.insert("preferred".into(), json!(true));
    }
}

/// DB1-3, the number that somebody has as a disabled person, where DB1-2 says that this is the patient.
pub fn disabled(ctx: &Ctx, pid: &Node, draft: &mut Draft) {
    for db1 in pid.all("DB1").map(|db1| db1.segment).filter(|db1| db1.field(2).is("PT")) {
        for cx in db1.field(3).repetitions() {
            if let Some(number) = identity::number(ctx, cx, identity::local_system(ctx, "disabled-person")) {
                draft.push("identifier", number.element);
            }
        }
    }
}

/// PID-2 and 4, by which older feeds name a patient; PID-19 and 20, which are no numbers of patients. They are kept, but recognize
/// nobody.
fn other_numbers(ctx: &Ctx, pid: Segment, draft: &mut Draft) {
    for cx in [2, 4].into_iter().flat_map(|n| pid.field(n).repetitions()) {
        let known = draft.resource.get("identifier").and_then(Value::as_array).cloned().unwrap_or_default();
        let Some(number) = identity::number(ctx, cx, identity::patient_system(ctx, cx)) else { continue };
        let (system, value) = (json!(number.identifier.system), json!(number.identifier.value));
        if !known.iter().any(|other| other["system"] == system && other["value"] == value) {
            let mut element = number.element;
            element["use"] = json!("old");
            draft.push("identifier", element);
        }
    }
    if let Some(number) = pid.field(19).text() {
        let element = identity::social_security(&number);
        let known = draft.resource.get("identifier").and_then(Value::as_array);
        if !known.is_some_and(|known| {
            known.iter().any(|other| other["value"] == element["value"] && other["system"] == element["system"])
        }) {
            draft.push("identifier", element);
        }
    }
    let licence = pid.field(20);
    if let Some(number) = licence.part(1).text() {
        let kind = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "DL"}]});
        // Every state counts its own.
        let system = match licence.part(2).text() {
            Some(state) => identity::local_system(ctx, &format!("DL-{state}")),
            None => identity::local_system(ctx, "DL"),
        };
        let mut element = json!({"type": kind, "value": number});
        if let Some(system) = system {
            element["system"] = json!(system);
        }
        let end = licence.part(3);
        if let Some(end) = end.is_there().then(|| datatype::date_time(ctx, end)).flatten() {
            element["period"] = json!({"end": end});
        }
        draft.push("identifier", element);
    }
}

/// PID-7 with a time, PID-24 and 25.
fn birth(ctx: &Ctx, pid: Segment, draft: &mut Draft) {
    let born = pid.field(7).first();
    if pid.field(7).is_null() {
        draft.resource.insert("_birthDate".into(), Value::Null);
    }
    if let Some(text) = born.text().filter(|text| text.len() > 8) {
        // Midnight is what a clock says that nobody has read: feeds fill a date up with zeros.
        let is_read = |time: &String| time.get(11..16).is_some_and(|clock| clock != "00:00");
        let time = datatype::date_time(ctx, born).filter(|time| text.len() >= 12 && is_read(time));
        if let Some(time) = time.filter(|_| draft.resource.get("birthDate").is_some_and(Value::is_string)) {
            let url = "http://hl7.org/fhir/StructureDefinition/patient-birthTime";
            draft.set("_birthDate", json!({"extension": [{"url": url, "valueDateTime": time}]}));
        }
    }
    let (several, order) = (pid.field(24), pid.field(25));
    match order.text().map(|text| text.parse::<u8>()) {
        Some(Ok(order)) if order > 0 => {
            draft.set("multipleBirthInteger", order);
        }
        // Zero is what feeds write for a single birth.
        Some(Ok(_)) | None => {
            if let Some(several) = datatype::boolean(several) {
                draft.set("multipleBirthBoolean", several);
            }
        }
        Some(Err(_)) => ctx.warn(Code::DataType, order.at, "not a number of births"),
    }
    if several.is_null() || order.is_null() {
        for name in ["multipleBirthBoolean", "multipleBirthInteger"] {
            draft.resource.entry(name).or_insert(Value::Null);
        }
    }
}

/// PID-29 and 30. A death that is said to have no time is a death all the same, where PID-30 says so.
fn death(ctx: &Ctx, pid: Segment, draft: &mut Draft) {
    let (time, indicator) = (pid.field(29), pid.field(30));
    let died = if time.is_there() { datatype::date_time(ctx, time.first()) } else { None };
    if let Some(died) = died.filter(|_| !indicator.is("N")) {
        draft.set("deceasedDateTime", died);
    } else if let Some(dead) = datatype::boolean(indicator) {
        draft.set("deceasedBoolean", dead);
    } else if time.is_null() || indicator.is_null() {
        draft.resource.insert("deceasedDateTime".into(), Value::Null);
        draft.resource.insert("deceasedBoolean".into(), Value::Null);
    }
}

/// PID-12, the county, is the district of the only address that names none; otherwise an address of its own.
fn district(pid: Segment, draft: &mut Draft) {
    let Some(county) = pid.field(12).text() else { return };
    let addresses = draft.resource.get_mut("address").and_then(Value::as_array_mut);
    match addresses.map(Vec::as_mut_slice) {
        Some([only]) if only["district"].is_null() && only.is_object() => only["district"] = json!(county),
        Some([only]) if only["district"] == *county => {}
        _ => {
            draft.push("address", json!({"district": county}));
        }
    }
}

/// PID-10 and 22 → the extensions of US Core: a code of the CDC where it is one, and always a text.
fn of_kind(ctx: &Ctx, field: Part, kind: &str, draft: &mut Draft) {
    let (mut inner, mut texts) = (Vec::new(), Vec::new());
    for cwe in field.repetitions() {
        let Some(code) = cwe.part(1).text().or_else(|| cwe.part(2).text()) else { continue };
        let text = cwe.part(9).text().or_else(|| cwe.part(2).text()).unwrap_or(code.clone()).into_owned();
        let code = match (kind, &*code) {
            ("ethnicity", "H") => "2135-2",
            ("ethnicity", "N") => "2186-5",
            (_, code) => code,
        };
        let is_group = match kind {
            "race" => ["1002-5", "2028-9", "2054-5", "2076-8", "2106-3"].contains(&code),
            _ => ["2135-2", "2186-5"].contains(&code),
        };
        let system = datatype::coding(ctx, cwe, None).map(|coding| coding["system"].clone());
        let is_cdc = is_group || system.is_some_and(|system| system == CDC_RACE);
        if is_cdc {
            let url = if is_group { "ombCategory" } else { "detailed" };
            inner.push(json!({"url": url, "valueCoding": {"system": CDC_RACE, "code": code, "display": text}}));
        }
        texts.push(text);
    }
    let url = format!("{US_CORE}{kind}");
    if field.is_null() {
        draft.push("extension", json!({"url": url}));
    }
    if !texts.is_empty() {
        inner.push(json!({"url": "text", "valueString": texts.join(", ")}));
        draft.push("extension", json!({"url": url, "extension": inner}));
    }
}

/// PID-21 → RelatedPerson: the mother, known by her number alone.
pub fn mother(ctx: &Ctx, pid: &Node, patient: Handle) {
    let field = pid.segment.field(21);
    let numbers = identity::patient_numbers(ctx, field);
    let identifiers: Vec<Identifier> = numbers.iter().map(|number| number.identifier.clone()).collect();
    let Some(identity) = identity::around(patient, &identifiers) else { return };
    let mut draft = Draft::new("RelatedPerson", field.at);
    draft.identity = identity;
    for number in numbers {
        draft.push("identifier", number.element);
    }
    let role =
        json!({"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH", "display": "mother"});
    draft.set("patient", patient.reference()).push("relationship", json!({"coding": [role]}));
    ctx.add_once(draft);
}
