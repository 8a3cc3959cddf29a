//! JSON Patch and FHIRPath Patch, the latter in JSON and XML.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#patch>, <https://hl7.org/fhir/R4/fhirpatch.html>, RFC 6902.

use serde_json::{Value, json};

use super::unique;
use crate::app::TestApp;
use crate::client::{Client, JSON, JSON_PATCH, Response, XML};

/// Puts a Patient and returns its address.
fn given(client: &Client) -> String {
    let id = unique();
    let patient = json!({
        "resourceType": "Patient", "id": id, "active": true, "birthDate": "1970-01-01",
        "name": [{"family": "A", "given": ["B", "C"]}], "multipleBirthInteger": 2,
    });
    client.put(&format!("Patient/{id}"), &patient).expect(201);
    format!("Patient/{id}")
}

fn json_patch(client: &Client, address: &str, patch: &Value) -> Response {
    client.request("PATCH", address, &[JSON_PATCH], patch.to_string().as_bytes())
}

#[test]
#[rustfmt::skip]
fn a_json_patch_changes_what_it_names() {
    let app = TestApp::shared();
    for (patch, pointer, want) in [
        (json!([{"op": "replace", "path": "/active", "value": false}]), "/active", json!(false)),
        (json!([{"op": "add", "path": "/gender", "value": "female"}]), "/gender", json!("female")),
        (json!([{"op": "add", "path": "/name/0/given/-", "value": "D"}]), "/name/0/given", json!(["B", "C", "D"])),
        (json!([{"op": "add", "path": "/name/0/given/0", "value": "D"}]), "/name/0/given", json!(["D", "B", "C"])),
        (json!([{"op": "remove", "path": "/name/0/given/0"}]), "/name/0/given", json!(["C"])),
        (json!([{"op": "move", "from": "/name/0/given/0", "path": "/name/0/given/1"}]), "/name/0/given", json!(["C", "B"])),
        (json!([{"op": "copy", "from": "/name/0/family", "path": "/name/0/given/0"}]), "/name/0/given", json!(["A", "B", "C"])),
        (json!([{"op": "test", "path": "/active", "value": true}, {"op": "replace", "path": "/active", "value": false}]), "/active", json!(false)),
        (json!([]), "/active", json!(true)),
    ] {
        let address = given(app.client());
        let body = json_patch(app.client(), &address, &patch).expect(200).expect_header("etag", "W/\"2\"").json();
        assert_eq!(body.pointer(pointer), Some(&want), "{patch}");
        assert_eq!(app.client().get(&address).expect(200).json(), body);
    }
}

#[test]
#[rustfmt::skip]
fn a_json_patch_that_cannot_be_applied_changes_nothing() {
    let app = TestApp::shared();
    for (patch, words) in [
        (json!([{"op": "test", "path": "/active", "value": false}]), "/active"),
        (json!([{"op": "replace", "path": "/active", "value": false}, {"op": "remove", "path": "/photo"}]), "/photo"),
        (json!([{"op": "add", "path": "/name/7", "value": {}}]), "/name/7"),
        (json!([{"op": "add", "path": "active", "value": true}]), "active"),
        (json!([{"op": "spell", "path": "/active"}]), "spell"),
        (json!([{"path": "/active"}]), "op"),
        (json!([{"op": "add", "path": "/active"}]), "value"),
        (json!({"op": "remove", "path": "/active"}), ""),
        (json!("x"), ""),
        // What comes out must be a valid resource, and the same one.
        (json!([{"op": "replace", "path": "/birthDate", "value": "yesterday"}]), "Patient.birthDate"),
        (json!([{"op": "add", "path": "/nope", "value": 1}]), "Patient.nope"),
        (json!([{"op": "replace", "path": "/id", "value": "other"}]), "Patient.id"),
        (json!([{"op": "remove", "path": "/id"}]), "Patient.id"),
        (json!([{"op": "replace", "path": "/resourceType", "value": "Observation"}]), "Observation"),
        (json!([{"op": "remove", "path": "/resourceType"}]), ""),
        (json!([{"op": "replace", "path": "", "value": {"resourceType": "Patient"}}]), "Patient.id"),
        (json!([{"op": "remove", "path": "/name/0/given/0"}, {"op": "remove", "path": "/name/0/given/0"}]), "Patient.name[0].given"),
    ] {
        let address = given(app.client());
        let answer = json_patch(app.client(), &address, &patch);
        assert!((400..=422).contains(&answer.status), "{patch}: {} {}", answer.status, answer.text());
        let code = answer.json()["issue"][0]["code"].as_str().unwrap_or_default().to_string();
        let said = answer.expect_issue(&code);
        assert!(said.contains(words), "{patch}: {said}");
        app.client().get(&address).expect(200).expect_header("etag", "W/\"1\"");
    }
}

#[test]
fn what_is_not_there_cannot_be_patched() {
    let app = TestApp::shared();
    let patch = json!([{"op": "replace", "path": "/active", "value": false}]);
    json_patch(app.client(), &format!("Patient/{}", unique()), &patch).expect(404).expect_issue("not-found");
    let address = given(app.client());
    app.client().delete(&address).expect(204);
    json_patch(app.client(), &address, &patch).expect(410).expect_issue("deleted");
}

/// Returns one operation of a FHIRPath Patch; a `value` is given as the name of its part and its content.
fn operation(kind: &str, parts: &[(&str, &str, Value)]) -> Value {
    let mut all = vec![json!({"name": "type", "valueCode": kind})];
    all.extend(parts.iter().map(|(name, typed, value)| json!({"name": name, (*typed): value})));
    json!({"name": "operation", "part": all})
}

fn parameters(operations: &[Value]) -> Value {
    json!({"resourceType": "Parameters", "parameter": operations})
}

fn path(text: &str) -> (&'static str, &'static str, Value) {
    ("path", "valueString", json!(text))
}

#[test]
#[rustfmt::skip]
fn a_fhirpath_patch_changes_what_it_names() {
    let app = TestApp::shared();
    let named = |name: &str| ("name", "valueString", json!(name));
    let index = |name: &'static str, n: i32| (name, "valueInteger", json!(n));
    for (operations, pointer, want) in [
        (vec![operation("replace", &[path("Patient.active"), ("value", "valueBoolean", json!(false))])], "/active", json!(false)),
        (vec![operation("add", &[path("Patient"), named("gender"), ("value", "valueCode", json!("female"))])], "/gender", json!("female")),
        (vec![operation("add", &[path("Patient.name[0]"), named("given"), ("value", "valueString", json!("D"))])], "/name/0/given", json!(["B", "C", "D"])),
        (vec![operation("insert", &[path("Patient.name[0].given"), index("index", 0), ("value", "valueString", json!("D"))])], "/name/0/given", json!(["D", "B", "C"])),
        (vec![operation("move", &[path("Patient.name[0].given"), index("source", 0), index("destination", 1)])], "/name/0/given", json!(["C", "B"])),
        (vec![operation("delete", &[path("Patient.birthDate")])], "/birthDate", Value::Null),
        (vec![operation("delete", &[path("Patient.name.given.where($this = 'B')")])], "/name/0/given", json!(["C"])),
        (vec![
            operation("delete", &[path("Patient.birthDate")]),
            operation("replace", &[path("Patient.multipleBirth"), ("value", "valueInteger", json!(3))]),
        ], "/multipleBirthInteger", json!(3)),
        (vec![operation("add", &[path("Patient"), named("maritalStatus"), ("value", "valueCodeableConcept", json!({"text": "M"}))])], "/maritalStatus/text", json!("M")),
    ] {
        let address = given(app.client());
        let patch = parameters(&operations);
        let body = app.client().send("PATCH", &address, &[], &patch).expect(200).expect_header("etag", "W/\"2\"").json();
        assert_eq!(body.pointer(pointer).unwrap_or(&Value::Null), &want, "{patch}");
        assert_eq!(app.client().get(&address).expect(200).json(), body);
    }
}

#[test]
#[rustfmt::skip]
fn a_fhirpath_patch_that_cannot_be_applied_changes_nothing() {
    let app = TestApp::shared();
    let value = ("value", "valueBoolean", json!(false));
    for patch in [
        parameters(&[operation("replace", &[path("Patient.photo"), value.clone()])]),
        parameters(&[operation("replace", &[path("Patient.name.given"), ("value", "valueString", json!("x"))])]),
        parameters(&[operation("replace", &[path("Patient.active.("), value.clone()])]),
        parameters(&[operation("replace", std::slice::from_ref(&value))]),
        parameters(&[operation("replace", &[path("Patient.active")])]),
        parameters(&[operation("spell", &[path("Patient.active"), value.clone()])]),
        parameters(&[operation("insert", &[path("Patient.name[0].given"), ("index", "valueInteger", json!(9)), ("value", "valueString", json!("x"))])]),
        parameters(&[operation("move", &[path("Patient.name[0].given"), ("source", "valueInteger", json!(0)), ("destination", "valueInteger", json!(9))])]),
        parameters(&[operation("replace", &[path("Patient.birthDate"), ("value", "valueString", json!("yesterday"))])]),
        parameters(&[operation("replace", &[path("Patient.id"), ("value", "valueId", json!("other"))])]),
        parameters(&[operation("add", &[path("Patient"), ("name", "valueString", json!("nope")), value])]),
        json!({"resourceType": "Parameters", "parameter": [{"name": "other"}]}),
    ] {
        let address = given(app.client());
        let answer = app.client().send("PATCH", &address, &[], &patch);
        assert!((400..=422).contains(&answer.status), "{patch}: {} {}", answer.status, answer.text());
        assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{patch}");
        app.client().get(&address).expect(200).expect_header("etag", "W/\"1\"");
    }
}

#[test]
fn a_fhirpath_patch_may_come_as_xml() {
    let app = TestApp::shared();
    let address = given(app.client());
    let patch = br#"<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>
        <part><name value="type"/><valueCode value="replace"/></part>
        <part><name value="path"/><valueString value="Patient.birthDate"/></part>
        <part><name value="value"/><valueDate value="1999-12-31"/></part></parameter></Parameters>"#;
    let body = app.client().request("PATCH", &address, &[XML], patch).expect(200).json();
    assert_eq!(body["birthDate"], "1999-12-31");
}

#[test]
fn a_patch_of_another_kind_is_not_read() {
    let app = TestApp::shared();
    let address = given(app.client());
    for (content_type, body) in [
        ("application/fhir+json", r#"{"resourceType":"Patient"}"#),
        ("application/xml-patch+xml", "<diff/>"),
        ("application/merge-patch+json", "{}"),
        ("text/plain", "x"),
        ("application/x-www-form-urlencoded", "a=b"),
    ] {
        let headers = [("Content-Type", content_type)];
        let answer = app.client().request("PATCH", &address, &headers, body.as_bytes());
        assert_eq!(answer.status, 415, "{content_type}: {}", answer.text());
        answer.expect_issue("not-supported");
    }
    let empty = app.client().request("PATCH", &address, &[JSON], b"");
    empty.expect(400);
}
