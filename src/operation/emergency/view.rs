//! The emergency view: of a record the few facts that save a life, and nothing else.
//!
//! A Bundle of type collection with the Patient first. Of each resource only named elements are taken over, so that what nobody thought
//! of (addresses, notes, narrative, extensions, contained resources) stays out. Pure.

use super::labels;
use crate::fhir::Instant;
use serde_json::{Map, Value, json};

/// A type, the parameter that says whose it is, and what else is asked.
pub type Source = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// What is read from the record: what may be shown of each type. Patient comes first and by itself.
pub const SOURCES: &[Source] = &[
    ("AllergyIntolerance", "patient", &[]),
    ("Observation", "subject", &[("code", "http://loinc.org|882-1,http://loinc.org|883-9,http://loinc.org|10331-7")]),
    ("MedicationRequest", "subject", &[("status", "active")]),
    ("MedicationStatement", "subject", &[("status", "active")]),
    ("Condition", "subject", &[]),
    ("Device", "patient", &[]),
    ("RelatedPerson", "patient", &[]),
    ("Consent", "patient", &[("status", "active")]),
    ("Flag", "subject", &[]),
];

/// The elements that each resource keeps, beside what tells whose it is.
const KEPT: &[(&str, &[&str])] = &[
    ("Patient", &["active", "name", "gender", "birthDate", "deceasedBoolean", "deceasedDateTime", "communication"]),
    (
        "AllergyIntolerance",
        &[
            "clinicalStatus",
            "verificationStatus",
            "type",
            "category",
            "criticality",
            "code",
            "onsetDateTime",
            "reaction",
        ],
    ),
    ("Observation", &["status", "code", "effectiveDateTime", "valueCodeableConcept", "valueString"]),
    ("MedicationRequest", &["status", "intent", "medicationCodeableConcept", "authoredOn", "dosageInstruction"]),
    ("MedicationStatement", &["status", "medicationCodeableConcept", "effectiveDateTime", "effectivePeriod", "dosage"]),
    (
        "Condition",
        &[
            "clinicalStatus",
            "verificationStatus",
            "category",
            "severity",
            "code",
            "bodySite",
            "onsetDateTime",
            "recordedDate",
        ],
    ),
    ("Device", &["status", "type", "manufacturer", "deviceName", "modelNumber", "udiCarrier", "safety"]),
    ("RelatedPerson", &["active", "relationship", "name", "telecom", "communication"]),
    ("Consent", &["status", "scope", "category", "dateTime", "policy", "policyRule"]),
    ("Flag", &["status", "category", "code", "period"]),
];

/// The parts that some elements are cut down to.
const PARTS: &[(&str, &[&str])] = &[
    ("reaction", &["substance", "manifestation", "severity", "exposureRoute", "onset"]),
    ("dosageInstruction", DOSAGE),
    ("dosage", DOSAGE),
    ("udiCarrier", &["deviceIdentifier", "issuer", "jurisdiction", "carrierHRF"]),
];
const DOSAGE: &[&str] =
    &["sequence", "text", "timing", "asNeededBoolean", "asNeededCodeableConcept", "route", "method", "doseAndRate"];

/// Of each kind so many are shown, the newest first.
pub const EACH_MAX: usize = 100;
/// A picture of the face that is larger is left out: the view has to be there in a second.
const PHOTO_BYTES_MAX: usize = 40_000;

const LOINC: &str = "http://loinc.org";
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const OBSERVATION_VALUE: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// What the view is made from.
pub struct Record<'a> {
    pub patient: &'a Map<String, Value>,
    /// Everything that [`SOURCES`] found; `medicationReference` is resolved already.
    pub others: &'a [Map<String, Value>],
    /// Kinds of sensitive information that the patient wants to be seen.
    pub topics: &'a [String],
    pub base_url: &'a str,
    /// Of the identifiers of the Patient those of this system are shown: the Health ID.
    pub health_id_system: &'a str,
}

/// Returns the emergency view of a record.
pub fn bundle(record: &Record, now: Instant) -> Value {
    let mut entries = vec![entry(record, patient(record))];
    for (name, ..) in SOURCES {
        entries.extend(shown(record, name, now).into_iter().map(|resource| entry(record, resource)));
    }
    json!({
        "resourceType": "Bundle",
        "meta": {
            "security": [
                {"system": ACT_REASON, "code": "ETREAT", "display": "Emergency Treatment"},
                {"system": ACT_CODE, "code": "NORDSCLCD", "display": "no redisclosure without consent directive"},
            ],
            "tag": [subsetted()],
        },
        "type": "collection",
        "timestamp": now.to_string(),
        "entry": entries,
    })
}

fn entry(record: &Record, resource: Value) -> Value {
    let (t, id) = (resource["resourceType"].as_str().unwrap_or(""), resource["id"].as_str().unwrap_or(""));
    json!({"fullUrl": format!("{}/{t}/{id}", record.base_url), "resource": resource})
}

fn subsetted() -> Value {
    json!({"system": OBSERVATION_VALUE, "code": "SUBSETTED", "display": "subsetted"})
}

fn patient(record: &Record) -> Value {
    let mut out = kept(record.patient, "Patient");
    let ours = list(record.patient, "identifier").filter(|it| it["system"] == record.health_id_system);
    let current = ours.filter(|it| it["use"] != "old").map(|it| json!({"system": it["system"], "value": it["value"]}));
    fill(&mut out, "identifier", current.take(1).collect());
    let small = |photo: &&Value| photo["data"].as_str().is_some_and(|data| data.len() <= PHOTO_BYTES_MAX);
    let photo = list(record.patient, "photo").find(small);
    fill(&mut out, "photo", photo.map(|it| only(it, &["contentType", "data"])).into_iter().collect());
    let contacts = list(record.patient, "contact").filter(|it| is_reached_in_emergency(it));
    let contacts =
        contacts.map(|it| only(it, &["relationship", "name", "telecom", "organization"])).map(without_reference);
    fill(&mut out, "contact", contacts.take(EACH_MAX).collect());
    Value::Object(out)
}

/// Employers, insurers and authorities are contacts too, for other matters (HL7 v2 table 0131).
fn is_reached_in_emergency(contact: &Value) -> bool {
    let codes: Vec<&str> = codings(&contact["relationship"]).filter_map(|it| it["code"].as_str()).collect();
    codes.is_empty() || codes.iter().any(|code| !matches!(*code, "E" | "F" | "I" | "S"))
}

/// A name may stand in the place of a reference that leads nowhere here.
fn without_reference(mut contact: Value) -> Value {
    if let Some(map) = contact.as_object_mut()
        && let Some(organization) = map.shift_remove("organization")
        && let Some(display) = organization["display"].as_str()
    {
        map.insert("organization".into(), json!({"display": display}));
    }
    contact
}

fn fill(out: &mut Map<String, Value>, name: &str, values: Vec<Value>) {
    if !values.is_empty() {
        out.insert(name.into(), Value::Array(values));
    }
}

/// Returns what is shown of one type, the newest first.
fn shown(record: &Record, name: &str, now: Instant) -> Vec<Value> {
    let all = record.others.iter().filter(|it| it.get("resourceType").and_then(Value::as_str) == Some(name));
    let open = all.filter(|it| labels::may_be_shown(it, record.topics) && counts(it, name, now));
    let mut open: Vec<&Map<String, Value>> = open.collect();
    open.sort_by_key(|it| std::cmp::Reverse(moment(it)));
    match name {
        "Observation" => open = blood_group(&open),
        // Where a problem list is kept it says what counts; elsewhere every diagnosis that lasts does.
        "Condition" if open.iter().any(|it| is_of_problem_list(it)) => open.retain(|it| is_of_problem_list(it)),
        // An order and the one that the pharmacy has made of it are one medicine.
        "MedicationRequest" => {
            let reference =
                |it: &Value| Some(it["reference"].as_str()?.strip_prefix("MedicationRequest/")?.to_string());
            let answered: Vec<String> = open.iter().flat_map(|it| list(it, "basedOn")).filter_map(reference).collect();
            open.retain(|it| !answered.iter().any(|id| it.get("id").is_some_and(|own| own == id)));
        }
        // The most dangerous first.
        "AllergyIntolerance" => open.sort_by_key(|it| it.get("criticality").and_then(Value::as_str) != Some("high")),
        _ => {}
    }
    let subject = SOURCES.iter().find(|(source, ..)| *source == name).map_or("subject", |(_, subject, _)| *subject);
    let patient = record.patient.get("id").and_then(Value::as_str).unwrap_or("");
    let trimmed = open.into_iter().take(EACH_MAX).map(|it| {
        let mut out = kept(it, name);
        out.insert(subject.into(), json!({"reference": format!("Patient/{patient}")}));
        Value::Object(out)
    });
    trimmed.collect()
}

/// Returns whether a resource says something that holds now and belongs into the view.
fn counts(resource: &Map<String, Value>, name: &str, now: Instant) -> bool {
    let text = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or("");
    let none = Value::Null;
    let element = |name: &str| resource.get(name).unwrap_or(&none);
    let is_one_of = |name: &str, codes: &[&str]| has_code(element(name), codes);
    let is_wrong = is_one_of("verificationStatus", &["refuted", "entered-in-error"]);
    match name {
        "AllergyIntolerance" => {
            let said = codings(element("clinicalStatus")).next().is_some();
            !is_wrong && (!said || is_one_of("clinicalStatus", &["active"]))
        }
        "Observation" => matches!(text("status"), "final" | "amended" | "corrected"),
        "MedicationRequest" => {
            let is_order = !matches!(text("intent"), "proposal" | "plan" | "option");
            text("status") == "active" && is_order && element("doNotPerform") != &Value::Bool(true)
        }
        "MedicationStatement" => text("status") == "active",
        "Condition" => !is_wrong && is_one_of("clinicalStatus", &["active", "recurrence", "relapse"]),
        "Device" => matches!(text("status"), "active" | ""),
        "RelatedPerson" => element("active") != &Value::Bool(false) && is_one_of("relationship", &["C"]),
        "Consent" => {
            let over = element("provision")["period"]["end"].as_str().is_some_and(|end| parsed(end, true) < now.0);
            text("status") == "active" && is_one_of("category", &["acd", "dnr", "polst"]) && !over
        }
        "Flag" => {
            let over = element("period")["end"].as_str().is_some_and(|end| parsed(end, true) < now.0);
            text("status") == "active" && is_one_of("category", &["advance-directive"]) && !over
        }
        _ => false,
    }
}

fn is_of_problem_list(condition: &Map<String, Value>) -> bool {
    condition.get("category").is_some_and(|it| has_code(it, &["problem-list-item"]))
}

/// Returns the newest ABO and Rh group; where there is none in one piece, the newest of each.
fn blood_group<'a>(newest_first: &[&'a Map<String, Value>]) -> Vec<&'a Map<String, Value>> {
    let is = |it: &Map<String, Value>, wanted: &str| {
        it.get("code").is_some_and(|code| codings(code).any(|c| c["system"] == LOINC && c["code"] == wanted))
    };
    let has_value = |it: &Map<String, Value>| it.contains_key("valueCodeableConcept") || it.contains_key("valueString");
    let first = |wanted: &str| newest_first.iter().copied().find(|it| is(it, wanted) && has_value(it));
    match first("882-1") {
        Some(both) => vec![both],
        None => [first("883-9"), first("10331-7")].into_iter().flatten().collect(),
    }
}

/// Returns a resource cut down to the elements that its type keeps.
fn kept(resource: &Map<String, Value>, name: &str) -> Map<String, Value> {
    let mut out = Map::new();
    for key in ["resourceType", "id"] {
        if let Some(value) = resource.get(key) {
            out.insert(key.into(), value.clone());
        }
    }
    let mut meta = Map::new();
    if let Some(security) = resource.get("meta").and_then(|meta| meta.get("security")) {
        meta.insert("security".into(), plain(security));
    }
    meta.insert("tag".into(), json!([subsetted()]));
    out.insert("meta".into(), Value::Object(meta));
    // What may turn the meaning around is never left out.
    let names = KEPT.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, names)| *names);
    for key in ["implicitRules", "modifierExtension"].iter().chain(names) {
        let Some(value) = resource.get(*key) else { continue };
        let value = match PARTS.iter().find(|(part, _)| part == key) {
            Some((_, parts)) => Value::Array(
                value.as_array().into_iter().flatten().map(|it| only(it, parts)).filter(is_filled).collect(),
            ),
            None if *key == "modifierExtension" => value.clone(),
            None => plain(value),
        };
        if is_filled(&value) {
            out.insert((*key).into(), value);
        }
    }
    out
}

fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => true,
    }
}

/// Returns an element with these of its parts alone.
fn only(value: &Value, parts: &[&str]) -> Value {
    let named = value.as_object().into_iter().flatten().filter(|(key, _)| parts.contains(&key.as_str()));
    Value::Object(named.map(|(key, value)| (key.clone(), plain(value))).filter(|(_, value)| is_filled(value)).collect())
}

/// Returns an element without extensions and without what they leave empty: nobody has looked at what is in them.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| *key != "extension" && !key.starts_with('_'));
            Value::Object(kept.map(|(key, it)| (key.clone(), plain(it))).filter(|(_, it)| is_filled(it)).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(plain).filter(is_filled).collect()),
        other => other.clone(),
    }
}

fn list<'a>(map: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    map.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// Returns the codings of a CodeableConcept, or of a list of them.
fn codings(value: &Value) -> impl Iterator<Item = &Value> {
    let concepts = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
    concepts.iter().filter_map(|concept| concept["coding"].as_array()).flatten()
}

fn has_code(value: &Value, codes: &[&str]) -> bool {
    codings(value).any(|it| it["code"].as_str().is_some_and(|code| codes.contains(&code)))
}

/// Returns when something was, or was written down.
fn moment(resource: &Map<String, Value>) -> i64 {
    const NAMES: [&str; 6] =
        ["effectiveDateTime", "onsetDateTime", "recordedDate", "authoredOn", "dateTime", "effectiveInstant"];
    let told = NAMES.iter().find_map(|name| resource.get(*name)?.as_str());
    let updated = || resource.get("meta")?.get("lastUpdated")?.as_str();
    told.or_else(updated).map_or(i64::MIN, |text| parsed(text, false))
}

/// Returns the moment of a dateTime, of one that is less than that its beginning or its end.
fn parsed(text: &str, is_end: bool) -> i64 {
    if let Some(at) = Instant::parse(text) {
        return at.0;
    }
    let rest = if is_end { "9999-12-28" } else { "0000-01-01" };
    let day = format!("{text}{}", rest.get(text.len()..).unwrap_or(""));
    let time = if is_end { "T23:59:59.999Z" } else { "T00:00:00Z" };
    Instant::parse(&format!("{}{time}", day.get(..10).unwrap_or(""))).map_or(i64::MIN, |at| at.0)
}

#[cfg(test)]
mod tests;
