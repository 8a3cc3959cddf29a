//! Resources of a bundle or of drafts, and the facts that they state: without ids, texts, extensions, and with what references
//! lead to in the place of the references.

use std::collections::BTreeMap;

use jiff::Timestamp;
use medilink::hl7v2::draft::{Draft, Drafts};
use serde_json::{Map, Value, json};

/// Types whose resources are compared.
pub const CLINICAL: &[&str] = &[
    "Patient",
    "Encounter",
    "Observation",
    "DiagnosticReport",
    "Condition",
    "AllergyIntolerance",
    "Immunization",
    "MedicationRequest",
    "MedicationDispense",
    "ServiceRequest",
    "Appointment",
    "DocumentReference",
    "Procedure",
    "Coverage",
    "RelatedPerson",
    "Specimen",
    "ChargeItem",
];

/// What begins a leaf that stands for a clinical resource.
pub const LINK: &str = "→";

/// Elements that say nothing of the patient, or that every converter fills as it likes.
/// Who assigned an identifier is what its system says; which organizations are resources is a matter of taste.
const SKIPPED: &[&str] =
    &["resourceType", "id", "meta", "text", "contained", "extension", "modifierExtension", "assigner"];

/// Systems that both sides write the same way; others are made up by each.
const SYSTEMS: &[&str] = &[
    "http://terminology.hl7.org/CodeSystem/",
    "http://loinc.org",
    "http://snomed.info/sct",
    "http://unitsofmeasure.org",
    "http://hl7.org/fhir/sid/",
    "http://www.nlm.nih.gov/",
    "http://www.ama-assn.org/",
    "http://www.cms.gov/",
    "urn:uuid:",
    "urn:oid:1.",
    "urn:oid:2.",
];

/// Codes of `ContactPoint.system`, which is no URI.
const CONTACT: &[&str] = &["phone", "fax", "email", "pager", "url", "sms", "other"];

/// Resources by what references to them say.
#[derive(Default)]
pub struct Resources(BTreeMap<String, Value>);

impl Resources {
    pub fn of_bundle(bundle: &Value) -> Resources {
        let mut all = BTreeMap::new();
        for entry in bundle["entry"].as_array().into_iter().flatten() {
            let resource = &entry["resource"];
            let key = |name: &str| resource[name].as_str().unwrap_or_default();
            all.insert(format!("{}/{}", key("resourceType"), key("id")), resource.clone());
        }
        Resources(all)
    }

    pub fn of_drafts(drafts: &Drafts) -> Resources {
        // What a field only mentions, and is never made of that: the document that another one replaces.
        let is_mentioned = |draft: &Draft| draft.only_if_there && draft.at.field > 0;
        let made = drafts.iter().filter(|(_, draft)| !is_mentioned(draft));
        Resources(made.map(|(handle, draft)| (handle.url(), draft.made())).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the resources of a type with what references to them say.
    pub fn of_type<'r>(&'r self, resource_type: &'r str) -> impl Iterator<Item = (&'r str, &'r Value)> {
        let all = self.0.iter().map(|(key, resource)| (key.as_str(), resource));
        all.filter(move |(_, resource)| resource["resourceType"] == resource_type)
    }

    /// Returns what a resource states.
    pub fn project(&self, resource: &Value) -> Value {
        let mut facts = self.object(resource, resource, 0);
        // In what language it is written says nothing; what somebody speaks does.
        facts.as_object_mut().map(|facts| facts.shift_remove("language"));
        // Both ways to say it are one: what medicine it is, and when it was when no end is known.
        rename(&mut facts, "medicationReference", "medication");
        rename(&mut facts, "medicationCodeableConcept", "medication");
        for (date_time, period) in [("effectiveDateTime", "effectivePeriod"), ("performedDateTime", "performedPeriod")]
        {
            if let Some(at) = facts.get_mut(date_time).map(Value::take) {
                facts[date_time] = json!({"start": at});
                rename(&mut facts, date_time, period);
            }
        }
        facts
    }

    fn object(&self, resource: &Value, value: &Value, depth: usize) -> Value {
        let Some(object) = value.as_object() else { return Value::Null };
        // Whom a number names stands for who is not there.
        let is_told =
            |key: &str| self.0.contains_key(key) || key.starts_with('#') || !object.contains_key("identifier");
        if object.get("reference").and_then(Value::as_str).is_some_and(is_told) {
            return self.target(resource, value, depth);
        }
        let mut facts = Map::new();
        for (name, inner) in object.iter().filter(|(name, _)| *name != "reference") {
            if SKIPPED.contains(&&**name) && !(name == "text" && inner.is_string()) || name.starts_with('_') {
                continue;
            }
            let inner = match inner {
                Value::Array(items) => {
                    let items: Vec<Value> =
                        items.iter().map(|item| self.leaf_or_object(resource, item, depth)).collect();
                    // What is said twice is one fact.
                    let said =
                        items.iter().enumerate().filter(|(n, item)| !is_empty(item) && !items[..*n].contains(item));
                    Value::Array(said.map(|(_, item)| item.clone()).collect())
                }
                inner => self.leaf_or_object(resource, inner, depth),
            };
            if !is_empty(&inner) && (name != "system" || is_comparable(&inner)) {
                facts.insert(name.clone(), inner);
            }
        }
        words(&mut facts);
        Value::Object(facts)
    }

    fn leaf_or_object(&self, resource: &Value, value: &Value, depth: usize) -> Value {
        match value {
            Value::Object(_) => self.object(resource, value, depth),
            Value::String(text) => {
                Value::String(moment(text).unwrap_or_else(|| text.trim().trim_end_matches('/').to_string()))
            }
            Value::Number(number) => Value::String(plain(&number.to_string())),
            other => other.clone(),
        }
    }

    /// Returns what stands for a reference: a link to a clinical resource, or what is said of who or what it leads to.
    fn target(&self, resource: &Value, reference: &Value, depth: usize) -> Value {
        let key = reference["reference"].as_str().unwrap_or_default();
        let contained = || {
            let id = key.strip_prefix('#')?;
            resource["contained"].as_array()?.iter().find(|inner| inner["id"] == id)
        };
        let Some(target) = self.0.get(key).or_else(contained) else {
            return json!({"names": reference.get("display").into_iter().collect::<Vec<_>>()});
        };
        let target_type = target["resourceType"].as_str().unwrap_or_default();
        if CLINICAL.contains(&target_type) && !key.starts_with('#') {
            return Value::String(format!("{LINK}{key}"));
        }
        if target_type == "Medication" {
            return self.object(target, &target["code"], depth + 1);
        }
        let mut about = About::default();
        self.about(target, &mut about, depth);
        // A number that is said twice is one.
        about.identifiers = about
            .identifiers
            .iter()
            .enumerate()
            .filter(|(n, one)| !about.identifiers[..*n].contains(one))
            .map(|(_, one)| one.clone())
            .collect();
        json!({"names": about.names, "identifiers": about.identifiers})
    }

    /// Gathers names and identifiers of somebody, and of whom or what the resource leads to.
    fn about(&self, resource: &Value, about: &mut About, depth: usize) {
        let names = match &resource["name"] {
            Value::Array(names) => names.iter().map(|name| name["family"].clone()).collect(),
            name => vec![name.clone()],
        };
        about.names.extend(names.into_iter().filter(Value::is_string));
        // Places are known by names; what else they have as identifiers every converter makes up.
        let is_place = resource["resourceType"] == "Location";
        let identifiers = resource["identifier"].as_array().into_iter().flatten().filter(|_| !is_place);
        about.identifiers.extend(identifiers.map(|one| one["value"].clone()).filter(Value::is_string));
        for way in ["practitioner", "organization", "partOf"] {
            let reference = &resource[way];
            match reference["reference"].as_str().and_then(|key| self.0.get(key)) {
                Some(next) if depth < 8 && !CLINICAL.contains(&next["resourceType"].as_str().unwrap_or_default()) => {
                    self.about(next, about, depth + 1);
                }
                _ => about.names.extend(Some(reference["display"].clone()).filter(Value::is_string)),
            }
        }
    }
}

#[derive(Default)]
struct About {
    names: Vec<Value>,
    identifiers: Vec<Value>,
}

fn rename(facts: &mut Value, from: &str, to: &str) {
    if let Some(object) = facts.as_object_mut()
        && let Some(value) = object.shift_remove(from)
    {
        object.entry(to).or_insert(value);
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn is_comparable(system: &Value) -> bool {
    let text = system.as_str().unwrap_or_default();
    CONTACT.contains(&text) || SYSTEMS.iter().any(|known| text.starts_with(known))
}

/// Puts texts of codes where they can be found: a text may stand as `text` or as `display`. They are facts where there is no
/// code alone; a code has but one meaning.
fn words(facts: &mut Map<String, Value>) {
    let has_code = |coding: &Value| coding.get("code").is_some();
    if let Some(codings) = facts.get("coding").and_then(Value::as_array).cloned() {
        let texts = codings.iter().map(|coding| coding["display"].clone()).chain(facts.get("text").cloned());
        let mut texts: Vec<Value> = texts.filter(Value::is_string).collect();
        texts.dedup();
        let is_coded = codings.iter().any(has_code);
        facts.shift_remove("text");
        facts.shift_remove("coding");
        let without_text = |mut coding: Value| {
            coding.as_object_mut().map(|coding| coding.shift_remove("display"));
            coding
        };
        if is_coded {
            facts.insert("coding".into(), codings.into_iter().filter(has_code).map(without_text).collect());
        }
        facts.insert(if is_coded { "(words)".into() } else { "words".into() }, Value::Array(texts));
    } else if let Some(text) = facts.shift_remove("text") {
        facts.insert("words".into(), json!([text]));
    } else {
        // A Coding, a Quantity or a Reference without a target.
        match facts.get("display").cloned() {
            Some(_) if facts.contains_key("code") => drop(facts.shift_remove("display")),
            Some(display) if facts.len() == 1 => {
                // Somebody, and the house they act for.
                let names: Vec<&str> = display.as_str().unwrap_or_default().split(", ").collect();
                *facts = Map::from_iter([("names".to_string(), json!(names))]);
            }
            _ => {}
        }
    }
}

/// Returns a moment in one spelling; none for what is no moment.
fn moment(text: &str) -> Option<String> {
    let is_written_so = text.len() >= 19 && text.as_bytes()[4] == b'-' && text.as_bytes()[10] == b'T';
    let at: Timestamp = is_written_so.then(|| text.parse().ok()).flatten()?;
    Some(at.to_string())
}

/// Returns a number without zeros at its end.
fn plain(number: &str) -> String {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        number.to_string()
    }
}
