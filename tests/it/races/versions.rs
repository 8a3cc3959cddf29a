//! One resource, many writers: versions follow each other without a gap and preconditions let one through.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#concurrency>, <https://hl7.org/fhir/R4/http.html#patch>.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{CLIENTS, SYSTEM, count, expect_current, expect_statuses, identifier, together, unique, whole_history};
use crate::app::TestApp;
use crate::client::{JSON, JSON_PATCH};

fn patient(id: &str, family: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "name": [{"family": family}]})
}

#[test]
fn of_a_hundred_updates_of_one_version_one_succeeds() {
    const WRITERS: usize = 100;
    let app = TestApp::shared();
    let id = unique("match");
    let path = format!("Patient/{id}");
    app.client().put(&path, &patient(&id, "first")).expect(201);
    for version in 1..=3 {
        let etag = format!("W/\"{version}\"");
        let update =
            |i: usize| app.client().send("PUT", &path, &[("If-Match", &etag)], &patient(&id, &format!("family-{i}")));
        let answers = together(WRITERS, update);
        expect_statuses("If-Match", &answers, &[(200, 1), (412, WRITERS - 1)]);
        for refused in answers.iter().filter(|answer| answer.status == 412) {
            refused.expect_issue("conflict");
        }
        let winner = answers.iter().position(|answer| answer.status == 200).expect("one succeeded");
        let now = app.client().get(&path).expect(200).json();
        assert_eq!(now["name"][0]["family"], format!("family-{winner}"));
        assert_eq!(whole_history(app.client(), &path).len(), version + 1);
    }
}

#[test]
fn parallel_puts_to_a_new_id_create_it_once() {
    let app = TestApp::shared();
    let id = unique("new");
    let path = format!("Patient/{id}");
    let answers = together(CLIENTS, |i| app.client().put(&path, &patient(&id, &format!("family-{i}"))));
    expect_statuses("PUT", &answers, &[(200, CLIENTS - 1), (201, 1)]);
    let history = whole_history(app.client(), &path);
    assert_eq!(history.len(), CLIENTS);
    for answer in &answers {
        // What a client was told is what its version holds.
        let told = answer.json();
        let version: usize = told["meta"]["versionId"].as_str().and_then(|v| v.parse().ok()).expect("a version");
        assert_eq!(Some(&told), history[version - 1].as_ref());
        assert_eq!(answer.status == 201, version == 1);
    }
    expect_current(app.client(), &path, &history);
}

#[test]
fn parallel_puts_that_demand_a_new_id_create_it_once() {
    let app = TestApp::shared();
    let id = unique("absent");
    let path = format!("Patient/{id}");
    let put = |i| app.client().send("PUT", &path, &[("If-None-Match", "*")], &patient(&id, &format!("family-{i}")));
    expect_statuses("If-None-Match: *", &together(CLIENTS, put), &[(201, 1), (412, CLIENTS - 1)]);
    assert_eq!(whole_history(app.client(), &path).len(), 1);
}

#[test]
fn parallel_patches_lose_none() {
    let app = TestApp::shared();
    let id = unique("patched");
    let path = format!("Patient/{id}");
    app.client().put(&path, &patient(&id, "first")).expect(201);
    let answers = together(CLIENTS, |i| {
        let family = format!("family-{i}");
        let json_patch = json!([{"op": "add", "path": "/name/-", "value": {"family": family}}]);
        let fhirpath_patch = json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
            {"name": "type", "valueCode": "add"},
            {"name": "path", "valueString": "Patient"},
            {"name": "name", "valueString": "name"},
            {"name": "value", "valueHumanName": {"family": family}},
        ]}]});
        let (kind, patch) = if i % 2 == 0 { (JSON_PATCH, json_patch) } else { (JSON, fhirpath_patch) };
        app.client().request("PATCH", &path, &[kind], patch.to_string().as_bytes())
    });
    expect_statuses("PATCH", &answers, &[(200, CLIENTS)]);
    let history = whole_history(app.client(), &path);
    assert_eq!(history.len(), CLIENTS + 1);
    let newest = history.last().and_then(Option::as_ref).expect("it is not deleted");
    let families: BTreeSet<String> =
        newest["name"].as_array().into_iter().flatten().map(|name| name["family"].to_string()).collect();
    assert_eq!(families.len(), CLIENTS + 1, "{newest}");
    expect_current(app.client(), &path, &history);
}

/// Every update carries an identifier of its own; afterwards the resource is found by that of its newest version alone.
#[test]
fn the_index_knows_the_newest_version_only() {
    let app = TestApp::shared();
    let id = unique("indexed");
    let path = format!("Patient/{id}");
    let answers = together(CLIENTS, |i| {
        let mut resource = patient(&id, "same");
        resource["identifier"] = json!([identifier(&format!("{id}-{i}"))]);
        app.client().put(&path, &resource)
    });
    expect_statuses("PUT", &answers, &[(200, CLIENTS - 1), (201, 1)]);
    let current = app.client().get(&path).expect(200).json();
    for i in 0..CLIENTS {
        let value = format!("{id}-{i}");
        let expected = u64::from(current["identifier"][0]["value"] == *value);
        assert_eq!(count(app.client(), &format!("Patient?identifier={SYSTEM}|{value}")), expected, "{value}");
    }
}

/// However PUT and DELETE meet, the outcome is one of the two, and read, history and search agree on it.
#[test]
fn put_and_delete_leave_the_resource_whole_or_gone() {
    const ROUNDS: usize = 24;
    let app = TestApp::shared();
    for round in 0..ROUNDS {
        let id = unique("put-delete");
        let path = format!("Patient/{id}");
        let resource = |family: &str| {
            let mut resource = patient(&id, family);
            resource["identifier"] = json!([identifier(&id)]);
            resource
        };
        if round % 2 == 0 {
            app.client().put(&path, &resource("first")).expect(201);
        }
        let answers = together(4, |i| match i % 2 {
            0 => app.client().put(&path, &resource(&format!("family-{i}"))),
            _ => app.client().delete(&path),
        });
        for (i, answer) in answers.iter().enumerate() {
            let allowed: &[u16] = if i % 2 == 0 { &[200, 201] } else { &[200, 204] };
            assert!(allowed.contains(&answer.status), "{} {}: {}", answer.asked, answer.status, answer.text());
        }
        let history = whole_history(app.client(), &path);
        expect_current(app.client(), &path, &history);
        let is_live = history.last().is_some_and(Option::is_some);
        let found = count(app.client(), &format!("Patient?identifier={SYSTEM}|{id}"));
        assert_eq!(found, u64::from(is_live), "search and read agree on {path}");
        assert!(!history.windows(2).any(|pair| pair[0].is_none() && pair[1].is_none()), "{path} was deleted twice");
    }
}
