//! Conditional create, update, patch and delete.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#ccreate>, <https://hl7.org/fhir/R4/http.html#cond-update>,
//! <https://hl7.org/fhir/R4/http.html#3.1.0.7.1>.

use serde_json::{Value, json};

use super::{by_identifier, check, check_with, count, given_identified, identified, unique};
use crate::app::TestApp;
use crate::client::{Client, JSON_PATCH, Response};

/// Returns an identifier value that as many Patients have, and their ids.
fn given(client: &Client, number: usize) -> (String, Vec<String>) {
    let value = unique();
    let ids = (0..number).map(|_| given_identified(client, &value)).collect();
    (value, ids)
}

fn with_id(value: &str, id: &str) -> Value {
    let mut patient = identified(value);
    patient["id"] = json!(id);
    patient
}

#[test]
fn a_create_happens_when_nothing_is_there_yet() {
    let app = TestApp::shared();
    for (number, status) in [(0, 201), (1, 200), (2, 412)] {
        let (value, ids) = given(app.client(), number);
        let condition = by_identifier(&value);
        let headers = [("If-None-Exist", &*condition)];
        let answer = app.client().send("POST", "Patient", &headers, &identified(&value)).expect(status);
        match status {
            201 => assert!(answer.header("location").is_some()),
            200 => {
                assert_eq!(answer.id(), ids[0]);
                assert_eq!(answer.header("etag"), Some("W/\"1\""));
            }
            _ => drop(answer.expect_issue("multiple-matches")),
        }
        assert_eq!(count(app.client(), &value), number.max(1));
    }
}

#[test]
fn the_condition_may_be_written_in_several_ways() {
    let app = TestApp::shared();
    for form in ["{}", "?{}", "Patient?{}", "{}&_format=json"] {
        let (value, ids) = given(app.client(), 1);
        let condition = form.replace("{}", &by_identifier(&value));
        let headers = [("If-None-Exist", &*condition)];
        let answer = app.client().send("POST", "Patient", &headers, &identified(&value)).expect(200);
        assert_eq!(answer.id(), ids[0], "{condition}");
    }
}

#[test]
fn a_condition_must_ask_for_something_known() {
    let app = TestApp::shared();
    for (condition, issue) in [("", "invalid"), ("nope=1", "not-supported"), ("_format=json", "invalid")] {
        check_with(app.client(), "POST Patient", &[("If-None-Exist", condition)], &identified(&unique()), 400, issue);
        let query = format!("Patient?{condition}");
        check_with(app.client(), &format!("PUT {query}"), &[], &identified(&unique()), 400, issue);
        check(app.client(), &format!("DELETE {query}"), &[], 400, issue);
        let patch = br#"[{"op":"add","path":"/active","value":false}]"#;
        app.client().request("PATCH", &query, &[JSON_PATCH], patch).expect(400).expect_issue(issue);
    }
}

/// The table of R4 3.1.0.4.3: how many match, and whether the resource has an id.
#[test]
fn an_update_goes_to_the_one_that_matches() {
    let app = TestApp::shared();
    let client = app.client();
    let put = |value: &str, resource: &Value| -> Response {
        client.put(&format!("Patient?{}", by_identifier(value)), resource)
    };

    let (value, _) = given(client, 0);
    let made = put(&value, &identified(&value)).expect(201);
    assert!(made.header("location").is_some(), "no match, no id: created");

    let (value, _) = given(client, 0);
    let own = unique();
    assert_eq!(put(&value, &with_id(&value, &own)).expect(201).id(), own, "no match, an id: created under it");

    let (value, ids) = given(client, 1);
    let changed = put(&value, &identified(&value)).expect(200);
    assert_eq!((changed.id(), changed.header("etag")), (ids[0].clone(), Some("W/\"2\"")), "one match, no id");

    let (value, ids) = given(client, 1);
    assert_eq!(put(&value, &with_id(&value, &ids[0])).expect(200).id(), ids[0], "one match, its id");

    let (value, _) = given(client, 1);
    let said = put(&value, &with_id(&value, &unique())).expect(400).expect_issue("invalid");
    assert!(said.contains("Patient.id"), "one match, another id: {said}");

    let (value, _) = given(client, 2);
    put(&value, &identified(&value)).expect(412).expect_issue("multiple-matches");
    assert_eq!(count(client, &value), 2);
}

/// R4 does not say; the id is taken by a resource that the condition does not want, so this must not overwrite it.
#[test]
fn an_update_never_takes_over_what_does_not_match() {
    let app = TestApp::shared();
    let (_, ids) = given(app.client(), 1);
    let value = unique();
    let path = format!("Patient?{}", by_identifier(&value));
    app.client().put(&path, &with_id(&value, &ids[0])).expect(409).expect_issue("duplicate");
    app.client().get(&format!("Patient/{}", ids[0])).expect(200).expect_header("etag", "W/\"1\"");
}

#[test]
fn a_conditional_write_minds_the_version_too() {
    let app = TestApp::shared();
    let (value, ids) = given(app.client(), 1);
    let path = format!("Patient?{}", by_identifier(&value));
    let line = format!("PUT {path}");
    check_with(app.client(), &line, &[("If-Match", "W/\"9\"")], &identified(&value), 412, "conflict");
    check_with(app.client(), &line, &[("If-Match", "W/\"1\"")], &identified(&value), 200, "");
    check(app.client(), &format!("DELETE {path}"), &[("If-Match", "W/\"1\"")], 412, "conflict");
    check(app.client(), &format!("DELETE {path}"), &[("If-Match", "W/\"2\"")], 204, "");
    check(app.client(), &format!("GET Patient/{}", ids[0]), &[], 410, "deleted");
}

#[test]
fn a_delete_takes_all_that_match() {
    let app = TestApp::shared();
    for number in [0, 1, 3] {
        let (value, ids) = given(app.client(), number);
        app.client().delete(&format!("Patient?{}", by_identifier(&value))).expect(204);
        assert_eq!(count(app.client(), &value), 0);
        for id in ids {
            app.client().get(&format!("Patient/{id}")).expect(410);
        }
    }
}

#[test]
fn a_delete_that_would_take_too_many_takes_none() {
    let app = TestApp::builder().set("conditional-delete-max", "2").start();
    let (value, _) = given(app.client(), 3);
    let path = format!("Patient?{}", by_identifier(&value));
    app.client().delete(&path).expect(400).expect_issue("too-costly");
    assert_eq!(count(app.client(), &value), 3);
}

#[test]
fn a_patch_goes_to_the_one_that_matches() {
    let app = TestApp::shared();
    let patch = br#"[{"op":"replace","path":"/active","value":false}]"#;
    for (number, status, issue) in [(0, 404, "not-found"), (1, 200, ""), (2, 412, "multiple-matches")] {
        let (value, ids) = given(app.client(), number);
        let path = format!("Patient?{}", by_identifier(&value));
        let answer = app.client().request("PATCH", &path, &[JSON_PATCH], patch).expect(status);
        if issue.is_empty() {
            assert_eq!((answer.id(), &answer.json()["active"]), (ids[0].clone(), &json!(false)));
        } else {
            answer.expect_issue(issue);
        }
    }
}

#[test]
fn conditions_understand_the_types_that_the_foundation_needs() {
    let app = TestApp::shared();
    let client = app.client();
    let (family, value) = (unique(), unique());
    let patient = json!({
        "resourceType": "Patient", "identifier": [{"system": super::SYSTEM, "value": value}],
        "name": [{"family": family}], "gender": "other",
    });
    let id = client.post("Patient", &patient).expect(201).id();
    let observation = json!({
        "resourceType": "Observation", "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": value}]}, "subject": {"reference": format!("Patient/{id}")},
    });
    let observed = client.post("Observation", &observation).expect(201).id();
    for (t, condition, resource, want) in [
        ("Patient", format!("_id={id}"), &patient, &id),
        ("Patient", format!("family={family}"), &patient, &id),
        ("Patient", format!("family:exact={family}&gender=other"), &patient, &id),
        ("Patient", format!("identifier={value}"), &patient, &id),
        ("Patient", format!("identifier={}%7C{value}", super::SYSTEM), &patient, &id),
        ("Patient", format!("identifier={value}&_lastUpdated=gt2020-01-01"), &patient, &id),
        ("Observation", format!("subject=Patient/{id}"), &observation, &observed),
        ("Observation", format!("patient={id}&status=final"), &observation, &observed),
        ("Observation", format!("code=http://loinc.org|{value}"), &observation, &observed),
    ] {
        let answer = client.send("POST", t, &[("If-None-Exist", &condition)], resource);
        assert_eq!(answer.status, 200, "{condition}: {}", answer.text());
        assert_eq!(answer.id(), *want, "{condition}");
    }
}
