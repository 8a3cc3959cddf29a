//! Search parameters of one's own: stored as resources, searchable once the index has them, and refused until then.
//!
//! R4 <https://hl7.org/fhir/R4/searchparameter.html>.

mod definitions;
mod reindex;

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::Client;

const SETTLED_TIME_MAX: Duration = Duration::from_secs(60);

/// Returns an active SearchParameter for Patient.
fn parameter(id: &str, code: &str, kind: &str, expression: &str) -> Value {
    json!({
        "resourceType": "SearchParameter", "id": id, "url": format!("http://example.org/{id}"), "name": "Test",
        "status": "active", "description": "A test.", "code": code, "base": ["Patient"], "type": kind,
        "expression": expression,
    })
}

fn put(client: &Client, parameter: &Value) {
    let id = parameter["id"].as_str().expect("parameters have ids here");
    let answer = client.put(&format!("SearchParameter/{id}"), parameter);
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
}

/// Stores Patients in batches; `make` gives each its content.
fn patients(client: &Client, count: usize, make: impl Fn(usize) -> Value) {
    let entry = |i: usize| {
        let id = format!("p{i}");
        let mut resource = make(i);
        resource["resourceType"] = "Patient".into();
        resource["id"] = id.as_str().into();
        json!({"resource": resource, "request": {"method": "PUT", "url": format!("Patient/{id}")}})
    };
    for first in (0..count).step_by(500) {
        let entries: Vec<Value> = (first..count.min(first + 500)).map(entry).collect();
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        client.post("", &bundle).expect(200);
    }
}

/// Waits until all is indexed, and returns the last progress.
#[track_caller]
fn settled(client: &Client) -> Value {
    let began = Instant::now();
    loop {
        let progress = client.get("$reindex").expect(200).json();
        if value(&progress, "state") == "complete" {
            return progress;
        }
        assert!(began.elapsed() < SETTLED_TIME_MAX, "the index is not complete: {progress}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the value of a parameter of a Parameters resource.
fn value(parameters: &Value, name: &str) -> Value {
    let found = parameters["parameter"].as_array().into_iter().flatten().find(|p| p["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no parameter {name}: {parameters}"));
    let value = found.as_object().and_then(|p| p.iter().find(|(key, _)| key.starts_with("value")));
    value.expect("it has a value").1.clone()
}

fn total(client: &Client, query: &str) -> i64 {
    client.get(&format!("{query}&_summary=count")).expect(200).json()["total"].as_i64().expect("a total")
}

fn ids(client: &Client, query: &str) -> BTreeSet<String> {
    let found = client.get(query).expect(200).resources();
    found.iter().map(|r| r["id"].as_str().unwrap_or_default().to_string()).collect()
}

#[track_caller]
fn expect_unknown(client: &Client, query: &str) {
    let text = client.get(query).expect(400).expect_issue("not-supported");
    assert!(text.contains("is not a search parameter of"), "{text}");
}

/// Returns the parameters of Patient that the CapabilityStatement lists, by name, with their canonical URLs.
fn listed(client: &Client) -> Vec<(String, String)> {
    let statement = client.get("metadata").expect(200).json();
    let resources = statement["rest"][0]["resource"].as_array().expect("resources").clone();
    let patient = resources.iter().find(|r| r["type"] == "Patient").expect("Patient is there");
    let texts = |p: &Value| {
        let text = |name: &str| p[name].as_str().unwrap_or_default().to_string();
        (text("name"), text("definition"))
    };
    patient["searchParam"].as_array().expect("parameters").iter().map(texts).collect()
}

#[test]
fn a_parameter_finds_what_was_stored_before_it_and_after() {
    let app = TestApp::start();
    let client = app.client();
    patients(client, 30, |i| json!({"name": [{"use": if i % 3 == 0 { "old" } else { "usual" }, "family": "A"}]}));
    expect_unknown(client, "Patient?name-use=old");
    put(client, &parameter("use", "name-use", "token", "Patient.name.use"));
    settled(client);
    assert_eq!(total(client, "Patient?name-use=old"), 10);
    assert_eq!(total(client, "Patient?name-use:not=old"), 20);
    client.put("Patient/p1", &json!({"resourceType": "Patient", "id": "p1", "name": [{"use": "old"}]})).expect(200);
    client.delete("Patient/p0").expect(204);
    let found = ids(client, "Patient?name-use=old&_count=100");
    assert_eq!(found.len(), 10);
    assert!(found.contains("p1") && !found.contains("p0"));
    assert_eq!(total(client, "Patient?name-use:missing=true"), 0);
    assert_eq!(total(client, "Patient?family:missing=true"), 1);
    crate::faults::sound::expect_index(&app);
}

#[test]
fn the_capability_statement_follows() {
    let app = TestApp::start();
    let client = app.client();
    let one = ("name-use".to_string(), "http://example.org/use".to_string());
    assert!(!listed(client).contains(&one));
    put(client, &parameter("use", "name-use", "token", "Patient.name.use"));
    settled(client);
    assert!(listed(client).contains(&one));
    client.delete("SearchParameter/use").expect(204);
    assert!(!listed(client).contains(&one));
    expect_unknown(client, "Patient?name-use=old");
}

#[test]
fn every_kind_of_parameter_is_answered() {
    let app = TestApp::start();
    let client = app.client();
    patients(client, 10, |i| {
        json!({
            "multipleBirthInteger": i, "birthDate": format!("19{i}0-01-01"), "maritalStatus": {"text": format!("state {i}")},
            "contact": [{"name": {"family": format!("Family {i}")}, "organization": {"reference": format!("Organization/o{i}")}}],
            "photo": [{"url": format!("http://photos.example.org/{i}")}],
            "extension": [{"url": "http://example.org/weight", "valueQuantity": {"value": i, "code": "kg", "system": "http://unitsofmeasure.org"}}],
        })
    });
    let rows = [
        ("births", "number", "(Patient.multipleBirth as integer)", "births=gt7", 2),
        ("born", "date", "Patient.birthDate", "born=lt1920", 2),
        ("contact-name", "string", "Patient.contact.name.family", "contact-name=family%203", 1),
        ("contact-place", "reference", "Patient.contact.organization", "contact-place=Organization/o4", 1),
        ("photo", "uri", "Patient.photo.url", "photo=http://photos.example.org/5", 1),
        (
            "weight",
            "quantity",
            "Patient.extension('http://example.org/weight').value as Quantity",
            "weight=ge8%7C%7Ckg",
            2,
        ),
        ("has-photo", "token", "Patient.photo.exists()", "has-photo=true", 10),
        ("single", "token", "Patient.multipleBirth.exists() and Patient.photo.empty()", "single=true", 0),
    ];
    for (code, kind, expression, _, _) in rows {
        put(client, &parameter(code, code, kind, expression));
    }
    settled(client);
    for (code, _, _, query, want) in rows {
        assert_eq!(total(client, &format!("Patient?{query}")), want, "{code}");
    }
    assert_eq!(ids(client, "Patient?_sort=-born&_count=1"), ["p9".to_string()].into());
    assert_eq!(client.get("Patient?_id=p4&_include=Patient:contact-place").expect(200).resources().len(), 1);
    crate::faults::sound::expect_index(&app);
}

/// The parameters of the public suite, active as its description says.
#[test]
fn the_parameters_of_the_candle_suite_work() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites/fhir-candle/r4");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let app = TestApp::start();
    let client = app.client();
    for file in ["searchparameter-patient-name-use.json", "searchparameter-patient-multiplebirth.json"] {
        let text = std::fs::read_to_string(folder.join(file)).expect("the suite has the file");
        let mut parameter: Value = serde_json::from_str(&text).expect("it is JSON");
        put(client, &parameter);
        parameter["status"] = "active".into();
        put(client, &parameter);
    }
    for letter in ['a', 'b', 'c', 'd'] {
        let path = folder.join(format!("patient-example-{letter}.json"));
        let text = std::fs::read_to_string(path).expect("the suite has the file");
        let patient: Value = serde_json::from_str(&text).expect("it is JSON");
        client.put(&format!("Patient/{}", patient["id"].as_str().expect("an id")), &patient);
    }
    settled(client);
    for query in ["name-use=official", "multiplebirth=3", "multiplebirth=le3"] {
        client.get(&format!("Patient?{query}")).expect(200);
    }
}
