//! update, update as create, and the version that a client expects.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#update>, <https://hl7.org/fhir/R4/http.html#concurrency>.

use serde_json::json;

use super::{check, check_with, given_patient, patient, unique};
use crate::app::TestApp;

#[test]
fn an_update_makes_the_next_version() {
    let app = TestApp::shared();
    let id = unique();
    let address = format!("Patient/{id}");
    let first = app.client().put(&address, &patient(&id)).expect(201);
    assert_eq!(first.header("location"), Some(&*format!("{}/{address}/_history/1", app.base())));
    assert_eq!(first.header("etag"), Some("W/\"1\""));
    let second = app.client().put(&address, &json!({"resourceType": "Patient", "id": id, "active": false})).expect(200);
    assert_eq!(second.header("etag"), Some("W/\"2\""));
    assert_eq!(second.header("content-location"), Some(&*format!("{}/{address}/_history/2", app.base())));
    assert_eq!(second.header("location"), None);
    assert!(second.header("last-modified").is_some());
    let body = second.json();
    assert_eq!((&body["meta"]["versionId"], &body["active"]), (&json!("2"), &json!(false)));
    assert!(body.get("name").is_none(), "an update replaces the whole: {body}");
}

#[test]
fn the_id_stands_in_the_address_and_in_the_resource() {
    let app = TestApp::shared();
    let id = unique();
    let line = format!("PUT Patient/{id}");
    for (resource, words) in [
        (json!({"resourceType": "Patient", "id": "other"}), "other"),
        (json!({"resourceType": "Patient"}), "id"),
        (json!({"resourceType": "Patient", "id": id.to_uppercase()}), "id"),
    ] {
        let said = check_with(app.client(), &line, &[], &resource, 400, "invalid").expect_issue("invalid");
        assert!(said.contains("Patient.id") && said.contains(words), "{said}");
    }
    let other_type = json!({"resourceType": "Observation", "id": id});
    check_with(app.client(), &line, &[], &other_type, 400, "invalid");
    check(app.client(), &format!("GET Patient/{id}"), &[], 404, "not-found");
}

#[test]
fn a_deleted_resource_can_be_brought_back() {
    let app = TestApp::shared();
    let id = unique();
    let address = format!("Patient/{id}");
    app.client().put(&address, &patient(&id)).expect(201);
    app.client().delete(&address).expect(204);
    app.client().put(&address, &patient(&id)).expect(201).expect_header("etag", "W/\"3\"");
    app.client().get(&address).expect(200).expect_header("etag", "W/\"3\"");
    app.client().get(&format!("{address}/_history/2")).expect(410);
}

/// If-Match and If-None-Match of every interaction that writes; the resource has version 2.
#[test]
fn a_write_can_name_the_version_it_expects() {
    let app = TestApp::shared();
    let client = app.client();
    let patch = json!([{"op": "add", "path": "/active", "value": false}]);
    for (header, status, issue) in [
        (("If-Match", "W/\"2\""), 200, ""),
        (("If-Match", "\"2\""), 200, ""),
        (("If-Match", "W/\"1\""), 412, "conflict"),
        (("If-Match", "W/\"3\""), 412, "conflict"),
        (("If-Match", "W/\"abc\""), 412, "conflict"),
        (("If-Match", "2"), 400, "invalid"),
        (("If-Match", "W/2"), 400, "invalid"),
        (("If-Match", ""), 400, "invalid"),
        (("If-None-Match", "*"), 412, "conflict"),
    ] {
        let id = given_patient(client);
        client.put(&format!("Patient/{id}"), &patient(&id)).expect(200);
        check_with(client, &format!("PUT Patient/{id}"), &[header], &patient(&id), status, issue);
        let id = given_patient(client);
        client.put(&format!("Patient/{id}"), &patient(&id)).expect(200);
        let headers = [crate::client::JSON_PATCH, header];
        let answer = client.request("PATCH", &format!("Patient/{id}"), &headers, patch.to_string().as_bytes());
        assert_eq!(answer.status, status, "PATCH {header:?}: {}", answer.text());
        let status = if status == 200 { 204 } else { status };
        let id = given_patient(client);
        client.put(&format!("Patient/{id}"), &patient(&id)).expect(200);
        check(client, &format!("DELETE Patient/{id}"), &[header], status, issue);
        let left = if status == 204 { 410 } else { 200 };
        check(client, &format!("GET Patient/{id}"), &[], left, "");
    }
}

#[test]
fn an_expected_version_of_nothing_is_stale() {
    let app = TestApp::shared();
    let id = unique();
    let line = format!("PUT Patient/{id}");
    check_with(app.client(), &line, &[("If-Match", "W/\"1\"")], &patient(&id), 412, "conflict");
    check(app.client(), &format!("GET Patient/{id}"), &[], 404, "not-found");
    check_with(app.client(), &line, &[("If-None-Match", "*")], &patient(&id), 201, "");
    check_with(app.client(), &line, &[("If-None-Match", "*")], &patient(&id), 412, "conflict");
}
