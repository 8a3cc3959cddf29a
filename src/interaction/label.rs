//! Security labels that the server gives to what it stores: how confidential a resource is, and of which sensitive topics.
//!
//! R4 <https://hl7.org/fhir/R4/security-labels.html>; the lists are those of [`crate::catalog::sensitive`]. Labels that are there are
//! kept, and given once; what a client leaves out of an update is given again for as long as the code is there.

use crate::catalog::Catalog;
use crate::catalog::sensitive::{Sensitive, Topics};
use crate::fhir::ResourceType;
use serde_json::{Map, Value, json};

const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// Types of a patient's record that are not labelled: who somebody is has to be known to find the rest, and what codes a Consent or an
/// audit names it is not about.
const EXEMPT: [&str; 8] =
    ["AuditEvent", "Consent", "Group", "Patient", "Person", "Provenance", "RelatedPerson", "Schedule"];

/// Gives a resource the labels of what its codes tell.
pub fn label(catalog: &Catalog, t: ResourceType, content: &mut Map<String, Value>) {
    let lists = catalog.sensitive();
    let is_of_a_record = || catalog.compartment("Patient").is_some_and(|c| !c.params(t).is_empty());
    if lists.is_empty() || EXEMPT.contains(&t.name()) || !(t == ResourceType::BUNDLE || is_of_a_record()) {
        return;
    }
    let mut found = Found::default();
    for (_, value) in content.iter().filter(|(key, _)| *key != "meta") {
        found.look(lists, value);
    }
    if !found.topics.is_empty() {
        found.restricted = true;
    }
    if found.very {
        give(content, CONFIDENTIALITY, "V", &["V"]);
    } else if found.restricted {
        give(content, CONFIDENTIALITY, "R", &["R", "V"]);
    }
    found.topics.codes().for_each(|topic| give(content, ACT_CODE, topic, &[topic]));
}

/// What the codes of a resource tell, and the labels of resources within it: a document is as confidential as the most confidential
/// thing in it.
#[derive(Default)]
struct Found {
    topics: Topics,
    restricted: bool,
    very: bool,
}

impl Found {
    fn look(&mut self, lists: &Sensitive, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.look(lists, item)),
            Value::Object(object) => {
                if let (Some(Value::String(system)), Some(Value::String(code))) =
                    (object.get("system"), object.get("code"))
                {
                    self.topics.add(lists.topics(system, code));
                }
                // A resource within this one brings its labels along; its tags are no codes of anybody.
                for (key, value) in object {
                    match value.get("security") {
                        Some(labels) if key == "meta" => self.labelled(labels),
                        _ if key == "meta" => {}
                        _ => self.look(lists, value),
                    }
                }
            }
            _ => {}
        }
    }

    fn labelled(&mut self, labels: &Value) {
        for label in labels.as_array().into_iter().flatten() {
            let text = |name: &str| label.get(name).and_then(Value::as_str);
            match (text("system"), text("code")) {
                (Some(CONFIDENTIALITY), Some("R")) => self.restricted = true,
                (Some(CONFIDENTIALITY), Some("V")) => self.very = true,
                (Some(ACT_CODE), Some(code)) => self.topics.add(Topics::of(code)),
                _ => {}
            }
        }
    }
}

/// Adds a label unless one of those that say as much is there.
fn give(content: &mut Map<String, Value>, system: &str, code: &str, enough: &[&str]) {
    let meta = content.entry("meta").or_insert_with(|| json!({}));
    let Some(meta) = meta.as_object_mut() else { return };
    let labels = meta.entry("security").or_insert_with(|| json!([]));
    let Some(labels) = labels.as_array_mut() else { return };
    let says = |label: &Value| label["system"] == system && enough.iter().any(|code| label["code"] == *code);
    if !labels.iter().any(says) {
        labels.push(json!({"system": system, "code": code}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::load().expect("the definitions load"));

    fn labelled(catalog: &Catalog, mut resource: Value) -> (String, Value) {
        let t = ResourceType::parse(resource["resourceType"].as_str().unwrap()).unwrap();
        label(catalog, t, resource.as_object_mut().unwrap());
        let labels = resource["meta"]["security"].as_array().cloned().unwrap_or_default();
        let codes: Vec<&str> = labels.iter().filter_map(|label| label["code"].as_str()).collect();
        (codes.join(" "), resource)
    }

    fn concept(system: &str, code: &str) -> Value {
        json!({"coding": [{"system": system, "code": code}]})
    }

    fn resources() -> Vec<(Value, &'static str)> {
        let hiv = || concept("http://snomed.info/sct", "86406008");
        let condition = |code: Value| json!({"resourceType": "Condition", "code": code});
        let with = |labels: Value| json!({"resourceType": "Condition", "meta": {"security": labels}, "code": hiv()});
        let document =
            |entry: Value| json!({"resourceType": "Bundle", "type": "document", "entry": [{"resource": entry}]});
        vec![
            (condition(hiv()), "R HIV"),
            (condition(concept("http://hl7.org/fhir/sid/icd-10", "F32.1")), "R PSY"),
            (condition(concept("http://snomed.info/sct", "38341003")), ""),
            (
                json!({"resourceType": "Condition", "meta": {"tag": [{"system": "http://snomed.info/sct", "code": "86406008"}]}}),
                "",
            ),
            (
                json!({"resourceType": "Observation", "component": [{"code": concept("http://loinc.org", "44261-6")}, {"code": hiv()}]}),
                "R PSY HIV",
            ),
            (
                json!({"resourceType": "MedicationRequest", "contained": [{"resourceType": "Medication", "code": concept("http://www.whocc.no/atc", "N07BB01")}]}),
                "R ETHUD",
            ),
            (json!({"resourceType": "Patient", "extension": [{"url": "x", "valueCodeableConcept": hiv()}]}), ""),
            (json!({"resourceType": "Consent", "provision": {"code": [hiv()]}}), ""),
            (
                json!({"resourceType": "ValueSet", "expansion": {"contains": [{"system": "http://snomed.info/sct", "code": "86406008"}]}}),
                "",
            ),
            (with(json!([{"system": CONFIDENTIALITY, "code": "N"}])), "N R HIV"),
            (with(json!([{"system": CONFIDENTIALITY, "code": "V"}])), "V HIV"),
            (
                with(json!([{"system": ACT_CODE, "code": "HIV"}, {"system": "http://example.org", "code": "R"}])),
                "HIV R R",
            ),
            (document(condition(hiv())), "R HIV"),
            (
                document(
                    json!({"resourceType": "Observation", "meta": {"security": [{"system": CONFIDENTIALITY, "code": "V"}, {"system": ACT_CODE, "code": "SDV"}]}}),
                ),
                "V SDV",
            ),
            (
                document(
                    json!({"resourceType": "Observation", "meta": {"security": [{"system": CONFIDENTIALITY, "code": "N"}]}}),
                ),
                "",
            ),
            (
                document(
                    json!({"resourceType": "Observation", "meta": {"security": [{"system": CONFIDENTIALITY, "code": "R"}]}}),
                ),
                "R",
            ),
        ]
    }

    #[test]
    fn labels_follow_codes_and_say_no_less_than_what_is_inside() {
        for (resource, expected) in resources() {
            assert_eq!(labelled(&CATALOG, resource.clone()).0, expected, "{resource}");
        }
    }

    #[test]
    fn labels_are_given_once() {
        for (resource, _) in resources() {
            let (codes, once) = labelled(&CATALOG, resource);
            assert_eq!(labelled(&CATALOG, once.clone()), (codes, once));
        }
    }

    #[test]
    fn nothing_is_labelled_where_labels_are_off() {
        let off = CATALOG.clone().without_labels();
        for (resource, _) in resources() {
            assert_eq!(labelled(&off, resource.clone()).1, resource);
        }
    }
}
