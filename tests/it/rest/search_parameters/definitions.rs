//! What a SearchParameter must be, told by element when it is not.

use serde_json::{Value, json};

use super::{expect_unknown, parameter, put, settled, total};
use crate::app::TestApp;

/// Returns a parameter with one element changed; null removes it.
fn with(element: &str, value: Value) -> Value {
    let mut parameter = parameter("bad", "bad", "token", "Patient.name.use");
    match value {
        Value::Null => drop(parameter.as_object_mut().expect("an object").remove(element)),
        value => parameter[element] = value,
    }
    parameter
}

fn of(kind: &str, expression: &str) -> Value {
    parameter("bad", "bad", kind, expression)
}

fn composite(components: Value) -> Value {
    let mut parameter = of("composite", "Patient.name");
    parameter["component"] = components;
    parameter
}

#[test]
#[rustfmt::skip]
fn a_parameter_that_could_not_be_answered_is_refused_by_element() {
    let app = TestApp::start();
    let client = app.client();
    put(client, &parameter("taken", "taken", "token", "Patient.name.use"));
    let part = |url: &str| json!({"definition": url, "expression": "use"});
    let gender = "http://hl7.org/fhir/SearchParameter/individual-gender";
    let long = "a".repeat(65);
    let rows = [
        (with("code", Value::Null), "code"),
        (with("code", json!("")), "code"),
        (with("code", json!("two words")), "code"),
        (with("code", json!("a:b")), "code"),
        (with("code", json!("a.b")), "code"),
        (with("code", json!("_own")), "code"),
        (with("code", json!("1st")), "code"),
        (with("code", json!(long)), "code"),
        (with("code", json!("birthdate")), "code"),
        (with("code", json!("taken")), "code"),
        (with("url", Value::Null), "url"),
        (with("url", json!("http://example.org/taken")), "url"),
        (with("url", json!("http://example.org/bad|1")), "url"),
        (with("url", json!(gender)), "url"),
        (with("base", Value::Null), "base"),
        (with("base", json!([])), "base"),
        (with("base", json!(["Patients"])), "base"),
        (with("base", json!(["Parameters"])), "base"),
        (with("type", Value::Null), "type"),
        (with("type", json!("text")), "type"),
        (with("type", json!("special")), "type"),
        (with("expression", Value::Null), "expression"),
        (with("expression", json!("Patient.name.")), "expression"),
        (with("expression", json!("Patient.name.where(")), "expression"),
        (with("expression", json!("Patient.unknown")), "expression"),
        (with("expression", json!("Patient.name.use | Patient.nope")), "expression"),
        (with("expression", json!("Observation.code")), "expression"),
        (with("expression", json!("Patient.nope.exists()")), "expression"),
        (with("expression", json!("Patient.name.frobnicate()")), "expression"),
        (with("base", json!(["Patient", "Observation"])), "expression"),
        (of("number", "Patient.name.family"), "expression"),
        (of("date", "Patient.gender"), "expression"),
        (of("reference", "Patient.birthDate"), "expression"),
        (of("quantity", "Patient.name"), "expression"),
        (of("uri", "Patient.managingOrganization"), "expression"),
        (with("status", json!("live")), "status"),
        (with("target", json!(["Nobody"])), "target"),
        (composite(json!([])), "component"),
        (composite(json!([part(gender)])), "component"),
        (composite(json!([part(gender), part("http://example.org/nowhere")])), "component[1].definition"),
        (composite(json!([part(gender), {"definition": gender, "expression": "use ="}])), "component[1].expression"),
    ];
    for (resource, element) in rows {
        for answer in [client.put("SearchParameter/bad", &resource), client.post("SearchParameter", &resource)] {
            assert!(matches!(answer.status, 400 | 422), "{} {resource}: {}", answer.status, answer.text());
            let outcome = answer.json();
            let named = outcome["issue"].as_array().into_iter().flatten().any(|issue| {
                issue["expression"][0].as_str().is_some_and(|e| e.starts_with(&format!("SearchParameter.{element}")))
            });
            assert!(named, "{element} is not named: {outcome}");
        }
    }
    expect_unknown(client, "Patient?bad=1");
}

#[test]
fn only_an_active_parameter_counts() {
    let app = TestApp::start();
    let client = app.client();
    client.post("Patient", &json!({"resourceType": "Patient", "name": [{"use": "old"}]})).expect(201);
    for status in ["draft", "retired", "unknown"] {
        let mut parameter = parameter("use", "name-use", "token", "Patient.name.use");
        parameter["status"] = status.into();
        put(client, &parameter);
        expect_unknown(client, "Patient?name-use=old");
    }
    // What has no effect need not be answerable.
    let mut odd = parameter("odd", "birthdate", "token", "Patient.nope");
    odd["status"] = "draft".into();
    put(client, &odd);
    put(client, &parameter("use", "name-use", "token", "Patient.name.use"));
    settled(client);
    assert_eq!(total(client, "Patient?name-use=old"), 1);
}

/// Two that are stored at the same moment are checked against neither; the first keeps the name.
#[test]
fn of_two_parameters_of_one_name_in_a_transaction_one_counts() {
    let app = TestApp::start();
    let client = app.client();
    client.post("Patient", &json!({"resourceType": "Patient", "name": [{"use": "old"}]})).expect(201);
    let entry = |id: &str| {
        let resource = parameter(id, "name-use", "token", "Patient.name.use");
        json!({"resource": resource, "request": {"method": "PUT", "url": format!("SearchParameter/{id}")}})
    };
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry("one"), entry("two")]});
    client.post("", &bundle).expect(200);
    // A transaction is noticed by the next look.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    settled(client);
    assert_eq!(total(client, "Patient?name-use=old"), 1);
    client.put("SearchParameter/three", &parameter("three", "name-use", "token", "Patient.name.use")).expect(422);
}
