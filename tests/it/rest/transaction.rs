//! transaction: all or nothing, in the order of the specification.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#transaction>, <https://hl7.org/fhir/R4/http.html#trules>.

use serde_json::{Value, json};

use super::{by_identifier, check, count, given_identified, given_patient, identified, patient, unique};
use crate::app::TestApp;
use crate::client::{Client, Response};

fn transaction(client: &Client, entries: &[Value]) -> Response {
    client.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}))
}

fn entry(method: &str, url: &str, resource: Value) -> Value {
    match resource {
        Value::Null => json!({"request": {"method": method, "url": url}}),
        resource => json!({"request": {"method": method, "url": url}, "resource": resource}),
    }
}

#[test]
fn answers_stand_where_their_entries_stood() {
    let app = TestApp::shared();
    let client = app.client();
    let (kept, doomed, new) = (given_patient(client), given_patient(client), unique());
    let answer = transaction(
        client,
        &[
            entry("GET", &format!("Patient/{kept}"), Value::Null),
            entry("PUT", &format!("Patient/{kept}"), patient(&kept)),
            entry("POST", "Patient", identified(&new)),
            entry("DELETE", &format!("Patient/{doomed}"), Value::Null),
            entry("GET", &format!("Patient?{}", by_identifier(&new)), Value::Null),
            entry("GET", &format!("Patient/{kept}/_history"), Value::Null),
        ],
    )
    .expect(200);
    assert_eq!(answer.json()["type"], "transaction-response");
    let entries = answer.entries();
    let statuses: Vec<&str> =
        entries.iter().map(|e| &e["response"]["status"].as_str().expect("a status")[..3]).collect();
    assert_eq!(statuses, ["200", "200", "201", "204", "200", "200"]);
    // Reads come last, so they see what the others wrote.
    assert_eq!(entries[0]["resource"]["meta"]["versionId"], "2");
    assert_eq!(entries[4]["resource"]["entry"].as_array().map(Vec::len), Some(1));
    assert_eq!(entries[5]["resource"]["entry"].as_array().map(Vec::len), Some(2));
    check(client, &format!("GET Patient/{doomed}"), &[], 410, "deleted");
}

/// One bad entry, at either end, and nothing of the others stays.
#[test]
#[rustfmt::skip]
fn a_transaction_is_done_whole_or_not_at_all() {
    let app = TestApp::shared();
    let client = app.client();
    let never = unique();
    let twice = unique();
    given_identified(client, &twice);
    given_identified(client, &twice);
    let stale = given_patient(client);
    for (bad, status, issue) in [
        (entry("POST", "Patient", json!({"resourceType": "Patient", "nope": 1})), 400, "structure"),
        (entry("POST", "Patient", json!({"resourceType": "Patient", "gender": "x"})), 400, "code-invalid"),
        (entry("POST", "Observation", json!({"resourceType": "Patient"})), 400, "invalid"),
        (entry("PUT", "Patient/a", json!({"resourceType": "Patient", "id": "b"})), 400, "invalid"),
        (entry("GET", &format!("Patient/{never}"), Value::Null), 404, "not-found"),
        (entry("PUT", &format!("Patient?{}", by_identifier(&twice)), identified(&twice)), 412, "multiple-matches"),
        (json!({"request": {"method": "POST", "url": "Patient", "ifNoneExist": by_identifier(&twice)}, "resource": identified(&twice)}), 412, "multiple-matches"),
        (json!({"request": {"method": "PUT", "url": format!("Patient/{stale}"), "ifMatch": "W/\"7\""}, "resource": patient(&stale)}), 412, "conflict"),
        (json!({"request": {"method": "DELETE", "url": format!("Patient/{stale}"), "ifMatch": "W/\"7\""}}), 412, "conflict"),
        (entry("PATCH", &format!("Patient/{never}"), json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
            {"name": "type", "valueCode": "delete"}, {"name": "path", "valueString": "Patient.active"}]}]})), 404, "not-found"),
        (entry("POST", "Patient", json!({"resourceType": "Patient", "generalPractitioner": [{"reference": format!("Practitioner?identifier={never}")}]})), 422, "processing"),
    ] {
        for bad_first in [true, false] {
            let (id, doomed, value) = (given_patient(client), given_patient(client), unique());
            let mut entries = vec![
                entry("POST", "Patient", identified(&value)),
                entry("PUT", &format!("Patient/{id}"), patient(&id)),
                entry("DELETE", &format!("Patient/{doomed}"), Value::Null),
            ];
            let place = if bad_first { 0 } else { entries.len() };
            entries.insert(place, bad.clone());
            let answer = transaction(client, &entries);
            assert_eq!(answer.status, status, "{bad}: {}", answer.text());
            let said = answer.expect_issue(issue);
            assert!(said.contains(&format!("entry[{place}]")), "{bad}: {said}");
            assert_eq!(count(client, &value), 0, "{bad}");
            check(client, &format!("GET Patient/{id}"), &[], 200, "").expect_header("etag", "W/\"1\"");
            check(client, &format!("GET Patient/{doomed}"), &[], 200, "");
        }
    }
}

#[test]
fn no_resource_is_named_twice() {
    let app = TestApp::shared();
    let client = app.client();
    let value = unique();
    let id = given_identified(client, &value);
    let (address, condition) = (format!("Patient/{id}"), format!("Patient?{}", by_identifier(&value)));
    let put = entry("PUT", &address, patient(&id));
    let put_where = entry("PUT", &condition, identified(&value));
    let delete = entry("DELETE", &address, Value::Null);
    let delete_where = entry("DELETE", &condition, Value::Null);
    for (first, second) in [
        (&put, &put),
        (&put, &delete),
        (&put_where, &put),
        (&delete_where, &put),
        (&delete_where, &put_where),
        (&delete, &delete),
    ] {
        let answer = transaction(client, &[first.clone(), second.clone()]).expect(400);
        let said = answer.expect_issue("invalid");
        assert!(said.contains("entry[1]") || said.contains("entry[0]"), "{said}");
        client.get(&address).expect(200).expect_header("etag", "W/\"1\"");
    }
    let same_url = |url: &str| json!({"fullUrl": url, "request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient"}});
    let url = format!("urn:uuid:{}", unique());
    transaction(client, &[same_url(&url), same_url(&url)]).expect(400).expect_issue("invalid");
}

/// Two creates under one condition are what two clients at once would be: the second finds the first.
#[test]
fn equal_conditional_creates_make_one_resource() {
    let app = TestApp::shared();
    let value = unique();
    let create = json!({
        "request": {"method": "POST", "url": "Patient", "ifNoneExist": by_identifier(&value)}, "resource": identified(&value),
    });
    let entries = transaction(app.client(), &[create.clone(), create]).expect(200).entries();
    let location = |entry: &Value| entry["response"]["location"].as_str().map(str::to_string);
    assert!(location(&entries[0]).is_some() && location(&entries[0]) == location(&entries[1]), "{entries:?}");
    assert_eq!(count(app.client(), &value), 1);
}

/// Deletes come first: what they remove, a conditional create of the same transaction does not find.
#[test]
fn deletes_come_before_creates() {
    let app = TestApp::shared();
    let client = app.client();
    let value = unique();
    let old = given_identified(client, &value);
    let create = json!({
        "request": {"method": "POST", "url": "Patient", "ifNoneExist": by_identifier(&value)}, "resource": identified(&value),
    });
    let answer = transaction(client, &[create, entry("DELETE", &format!("Patient/{old}"), Value::Null)]).expect(200);
    let status = answer.entries()[0]["response"]["status"].as_str().unwrap_or_default().to_string();
    assert!(status.starts_with("201"), "{}", answer.text());
    check(client, &format!("GET Patient/{old}"), &[], 410, "deleted");
    assert_eq!(count(client, &value), 1);
}

#[test]
fn a_transaction_may_be_large() {
    let app = TestApp::shared();
    let value = unique();
    let entries: Vec<Value> = (0..500).map(|_| entry("POST", "Patient", identified(&value))).collect();
    let answers = transaction(app.client(), &entries).expect(200).entries();
    assert!(answers.len() == 500 && answers.iter().all(|a| a["response"]["status"] == "201 Created"));
    let found = app.client().get(&format!("Patient?{}&_summary=count", by_identifier(&value))).expect(200);
    assert_eq!(found.json()["total"], 500);
}

#[test]
fn a_transaction_that_takes_too_long_leaves_nothing() {
    let app = TestApp::builder().set("request-time-ms-max", "150").start();
    let value = unique();
    let entries: Vec<Value> = (0..9000).map(|_| entry("POST", "Patient", identified(&value))).collect();
    let answer = transaction(app.client(), &entries).expect(503);
    answer.expect_issue("timeout");
    assert!(answer.header("retry-after").is_some());
    std::thread::sleep(std::time::Duration::from_secs(2));
    let found = app.sql("select count(*) from resource");
    assert_eq!(found[0].get::<_, i64>(0), 0);
    // Nothing is left locked either.
    app.client().put("Patient/a", &patient("a")).expect(201);
}
