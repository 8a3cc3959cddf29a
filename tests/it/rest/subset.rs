//! `_summary` and `_elements` on reads, searches and histories.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#summary>, <https://hl7.org/fhir/R4/search.html#elements>.

use serde_json::{Value, json};

use super::{SYSTEM, by_identifier, check, unique};
use crate::app::TestApp;

fn given(app: &TestApp, value: &str) -> String {
    let patient = json!({
        "resourceType": "Patient",
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},
        "identifier": [{"system": SYSTEM, "value": value}], "name": [{"family": "A"}], "gender": "female",
        "maritalStatus": {"text": "M"}, "communication": [{"language": {"text": "no"}}],
    });
    app.client().post("Patient", &patient).expect(201).id()
}

fn keys(resource: &Value) -> String {
    let mut keys: Vec<&str> =
        resource.as_object().expect("a resource is an object").keys().map(String::as_str).collect();
    keys.retain(|key| !["resourceType", "id", "meta"].contains(key));
    keys.sort_unstable();
    keys.join(" ")
}

fn is_tagged(resource: &Value) -> bool {
    resource["meta"]["tag"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag["code"] == "SUBSETTED"))
}

#[test]
fn a_client_may_ask_for_a_part() {
    let app = TestApp::shared();
    let value = unique();
    let id = given(&app, &value);
    for (query, want) in [
        ("_summary=true", "gender identifier name"),
        ("_summary=text", "text"),
        ("_summary=data", "communication gender identifier maritalStatus name"),
        ("_summary=false", "communication gender identifier maritalStatus name text"),
        ("_elements=gender", "gender"),
        ("_elements=gender,name", "gender name"),
        ("_elements=Patient.gender", "gender"),
        ("_elements=id", ""),
    ] {
        let paths = [
            format!("Patient/{id}?{query}"),
            format!("Patient/{id}/_history/1?{query}"),
            format!("Patient?{}&{query}", by_identifier(&value)),
            format!("Patient/{id}/_history?{query}"),
        ];
        for path in paths {
            let answer = app.client().get(&path).expect(200);
            let body = answer.json();
            let resource = if body["resourceType"] == "Bundle" { body["entry"][0]["resource"].clone() } else { body };
            assert_eq!(keys(&resource), want, "{path}");
            assert_eq!(is_tagged(&resource), query != "_summary=false", "{path}");
            assert_eq!(resource["id"], json!(id), "{path}");
            assert_eq!(resource["meta"]["versionId"], "1", "{path}");
        }
    }
    let stored = app.client().get(&format!("Patient/{id}")).expect(200).json();
    assert!(!is_tagged(&stored), "a part is marked, what is stored is not");
}

#[test]
fn a_count_has_no_entries() {
    let app = TestApp::shared();
    let value = unique();
    given(&app, &value);
    given(&app, &value);
    let answer = app.client().get(&format!("Patient?{}&_summary=count", by_identifier(&value))).expect(200);
    assert_eq!(answer.json()["total"], 2);
    assert!(answer.entries().is_empty());
}

#[test]
fn a_part_that_does_not_exist_is_refused() {
    let app = TestApp::shared();
    let id = given(&app, &unique());
    for (query, words) in [("_summary=some", "_summary"), ("_elements=nope", "nope"), ("_elements=Nope.name", "Nope")] {
        let said =
            check(app.client(), &format!("GET Patient/{id}?{query}"), &[], 400, "invalid").expect_issue("invalid");
        assert!(said.contains(words), "{query}: {said}");
    }
}
