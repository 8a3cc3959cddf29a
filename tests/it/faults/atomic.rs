//! A transaction with one bad entry, and what it leaves: nothing.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#transaction>: all entries or none.

use serde_json::{Value, json};

use super::sound;
use crate::app::TestApp;

/// Every table that a write touches.
const COUNTS: &str = "select jsonb_build_object(
    'resource', (select count(*) from resource), 'versions', (select sum(version) from resource),
    'history', (select count(*) from resource_history), 'outbox', (select count(*) from outbox),
    'audit', (select count(*) from audit), 'term', (select count(*) from term),
    'string', (select count(*) from string_value), 'date', (select count(*) from date_value),
    'quantity', (select count(*) from quantity_value), 'timeline', (select count(*) from timeline))::text";

/// The last entry of a transaction, and the status it earns.
fn bad_entries() -> Vec<(&'static str, u16, Value)> {
    let patient = json!({"resourceType": "Patient"});
    let observation = |subject: &str| json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": subject}});
    let post =
        |resource: Value| json!({"request": {"method": "POST", "url": resource["resourceType"]}, "resource": resource});
    let with_id = json!({"resourceType": "Patient", "id": "there"});
    vec![
        ("an unknown element", 400, post(json!({"resourceType": "Patient", "nonsense": 1}))),
        ("a wrong date", 400, post(json!({"resourceType": "Patient", "birthDate": "soon"}))),
        ("no resource", 400, json!({"request": {"method": "POST", "url": "Patient"}})),
        (
            "a stale version",
            412,
            json!({"resource": with_id, "request": {"method": "PUT", "url": "Patient/there", "ifMatch": "W/\"7\""}}),
        ),
        (
            "a stale version of a delete",
            412,
            json!({"request": {"method": "DELETE", "url": "Patient/there", "ifMatch": "W/\"7\""}}),
        ),
        ("a conditional reference to nobody", 422, post(observation("Patient?identifier=nobody"))),
        (
            "a condition that two meet",
            412,
            json!({"resource": patient, "request": {"method": "PUT", "url": "Patient?family=twin"}}),
        ),
        ("a read of what is not there", 404, json!({"request": {"method": "GET", "url": "Patient/nobody"}})),
        (
            "a patch of what is not there",
            404,
            json!({"request": {"method": "PATCH", "url": "Patient/nobody"},
                   "resource": {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
                       {"name": "type", "valueCode": "delete"}, {"name": "path", "valueString": "Patient.gender"}]}]}}),
        ),
        (
            "a resource that an entry before has changed",
            400,
            json!({"resource": with_id, "request": {"method": "PUT", "url": "Patient/there"}}),
        ),
    ]
}

/// Entries that are good by themselves: a create, an update, a delete, a conditional create.
fn good_entries() -> Vec<Value> {
    vec![
        json!({"request": {"method": "POST", "url": "Patient"}, "fullUrl": "urn:uuid:7d2e6f0c-5b8a-4c53-9d86-6f3a3fb0b0a1",
               "resource": {"resourceType": "Patient", "name": [{"family": "new"}], "birthDate": "1970-01-01"}}),
        json!({"request": {"method": "POST", "url": "Observation"},
               "resource": {"resourceType": "Observation", "status": "final", "code": {"coding": [{"code": "x"}]},
                            "effectiveDateTime": "2020-01-01", "valueQuantity": {"value": 1.50, "code": "kg"},
                            "subject": {"reference": "urn:uuid:7d2e6f0c-5b8a-4c53-9d86-6f3a3fb0b0a1"}}}),
        json!({"request": {"method": "PUT", "url": "Patient/updated"},
               "resource": {"resourceType": "Patient", "id": "updated", "gender": "other"}}),
        json!({"request": {"method": "DELETE", "url": "Patient/deleted"}}),
        json!({"request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=new"},
               "resource": {"resourceType": "Patient", "identifier": [{"value": "new"}]}}),
    ]
}

#[test]
fn a_transaction_with_a_bad_last_entry_leaves_nothing_behind() {
    let app = TestApp::start();
    let client = app.client();
    for id in ["there", "updated", "deleted"] {
        client.put(&format!("Patient/{id}"), &json!({"resourceType": "Patient", "id": id})).expect(201);
    }
    for _ in 0..2 {
        client.post("Patient", &json!({"resourceType": "Patient", "name": [{"family": "twin"}]})).expect(201);
    }
    let counts = || app.sql(COUNTS)[0].get::<_, String>(0);
    let before = counts();
    for (name, status, bad) in bad_entries() {
        let mut entries = good_entries();
        if name.starts_with("a resource that an entry before") {
            entries.push(bad.clone());
        }
        let place = format!("Bundle.entry[{}]", entries.len());
        entries.push(bad);
        let answer = client.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}));
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        let outcome = answer.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{name}");
        let expression = outcome["issue"][0]["expression"][0].as_str().unwrap_or_default();
        assert!(expression.starts_with(&place), "{name}: the entry at fault is {place}, not '{expression}'");
        assert_eq!(counts(), before, "{name}");
    }
    sound::expect_sound(&app);
    sound::expect_index(&app);
    // The good ones by themselves are taken.
    client.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": good_entries()})).expect(200);
    assert_ne!(counts(), before);
}
