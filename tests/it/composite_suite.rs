//! The public cases of composite parameters, over HTTP.
//!
//! Data: `../shared/suites/ms-fhir-server` beside the package; without it the test says so and passes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::Client;

/// Makes arrays of the interpretations, which some fixtures write as objects against R4.
fn repair(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(repair),
        Value::Object(members) => {
            for (key, member) in members {
                repair(member);
                if key == "interpretation" && member.is_object() {
                    *member = json!([member.take()]);
                }
            }
        }
        _ => {}
    }
}

/// Returns a fixture as R4 allows it, under an identifier of its own.
fn fixture(folder: &Path, name: &str, tag: &str) -> Value {
    let path = |kind| folder.join("TestFiles").join(kind).join(format!("{name}.json"));
    let text = fs::read_to_string(path("R4")).or_else(|_| fs::read_to_string(path("Normative"))).expect("a fixture");
    let mut resource: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).expect("JSON");
    repair(&mut resource);
    resource["identifier"] = json!([{"value": tag}]);
    resource
}

fn encoded(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Returns the ids of what a query finds.
fn found(client: &Client, query: &str) -> BTreeSet<String> {
    let ids = client.get(query).expect(200).resources();
    ids.iter().map(|r| r["id"].as_str().unwrap_or_default().to_string()).collect()
}

#[test]
fn composites_find_what_the_public_cases_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites/ms-fhir-server");
    let Ok(text) = fs::read_to_string(folder.join("search-cases.json")) else {
        return println!("skipped: {} is not here", folder.display());
    };
    let suites: Value = serde_json::from_str(&text).expect("JSON");
    let suite = suites["suites"].as_array().expect("suites").iter().find(|s| s["suite"] == "composite");
    let cases = suite.expect("the suite is there")["cases"].as_array().expect("cases");
    let expected = |case: &Value| -> Vec<String> {
        case["expect_files"].as_array().expect("files").iter().map(|n| n.as_str().unwrap_or_default().into()).collect()
    };
    let (app, tag) = (TestApp::start(), "composite-suite");
    let names: BTreeSet<String> = cases.iter().flat_map(expected).collect();
    let stored = |name: &String| {
        let resource = fixture(&folder, name, tag);
        let answer = app.client().post(resource["resourceType"].as_str().unwrap_or_default(), &resource);
        assert_eq!(answer.status, 201, "{name}: {}", answer.text());
        (name.clone(), answer.id())
    };
    let ids: Vec<(String, String)> = names.iter().map(stored).collect();
    for case in cases {
        let (name, value) = case["query"].as_str().and_then(|q| q.split_once('=')).expect("a query");
        let query = format!("{}?{name}={}&identifier={tag}", case["type"].as_str().unwrap_or_default(), encoded(value));
        let wanted = expected(case);
        let wanted = ids.iter().filter(|(name, _)| wanted.contains(name)).map(|(_, id)| id.clone()).collect();
        assert_eq!(found(app.client(), &query), wanted, "{case}");
    }
    println!("{} cases", cases.len());
}

#[test]
fn a_composite_finds_the_values_of_a_patient_by_code() {
    let app = TestApp::shared();
    let patient = app.client().post("Patient", &json!({"resourceType": "Patient"})).expect(201).id();
    let rate = |value: u32, unit: &str| {
        let quantity = json!({"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit});
        let code = json!({"coding": [{"system": "http://loinc.org", "code": "8867-4"}]});
        let resource = json!({"resourceType": "Observation", "status": "final", "code": code, "valueQuantity": quantity,
            "subject": {"reference": format!("Patient/{patient}")}});
        app.client().post("Observation", &resource).expect(201).id()
    };
    let (fast, _, by_hour) = (rate(85, "/min"), rate(80, "/min"), rate(5100, "/h"));
    let query = |value: &str| {
        let query = format!("Observation?patient={patient}&code-value-quantity={}", encoded(value));
        found(app.client(), &query)
    };
    assert_eq!(query("http://loinc.org|8867-4$gt80"), BTreeSet::from([fast.clone(), by_hour.clone()]));
    assert_eq!(query("http://loinc.org|8867-4$gt80|http://unitsofmeasure.org|/min"), BTreeSet::from([fast, by_hour]));
    assert_eq!(query("8867-4$lt80"), BTreeSet::new());
    let listed = app.client().get("metadata").expect(200).json();
    let resources = listed["rest"][0]["resource"].as_array().expect("types").clone();
    let params = |r: &Value| r["searchParam"].as_array().cloned().unwrap_or_default();
    let composites = resources.iter().flat_map(params).filter(|p| p["type"] == "composite").count();
    assert!(composites > 60, "{composites} composites are listed");
}
