//! Many at once, two servers, and a server that is killed: a patient has one number, and a number one patient.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::{issue_to, number, parameters, somebody};
use crate::app::TestApp;
use crate::client::JSON;
use crate::races::together;

const CLIENTS: usize = 64;
const BASE: (&str, &str) = ("base-url", "http://ours.example/fhir");

/// Checks that numbers and Patients know the same of each other.
fn expect_sound(app: &TestApp) {
    let given = app.sql("select h.patient, h.number from health_id h where h.ended is null");
    let carried = app.sql(
        "select r.id, i->>'value' from resource r, json_array_elements(r.content->'identifier') i
         where r.type = (select type from resource where id = (select patient from health_id limit 1) limit 1)
           and i->>'system' like '%/sid/health-id'",
    );
    let pairs = |rows: Vec<tokio_postgres::Row>| -> BTreeSet<(String, String)> {
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    };
    assert_eq!(pairs(given), pairs(carried));
}

#[test]
fn of_many_at_once_each_patient_gets_one_number() {
    let first = TestApp::builder().set(BASE.0, BASE.1).start();
    let second =
        TestApp::builder().set(BASE.0, BASE.1).database(&first.database_url()).data_dir(&first.data_dir()).start();
    let client = |i: usize| if i.is_multiple_of(2) { first.client() } else { second.client() };

    let id = client(0).post("Patient", &somebody()).expect(201).id();
    let one: BTreeSet<String> =
        together(CLIENTS, |i| number(&issue_to(client(i), &id).expect(200))).into_iter().collect();
    assert_eq!(one.len(), 1, "one patient has one number");

    let ids: Vec<String> = (0..CLIENTS).map(|i| client(i).post("Patient", &somebody()).expect(201).id()).collect();
    let many: BTreeSet<String> =
        together(CLIENTS, |i| number(&issue_to(client(i), &ids[i]).expect(200))).into_iter().collect();
    assert_eq!(many.len(), CLIENTS, "each patient has their own");

    let newcomer = parameters(json!([{"name": "patient", "resource": somebody()}]));
    let answers = together(CLIENTS, |i| client(i).post("Patient/$issue-health-id", &newcomer).status);
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 409).count(), CLIENTS - 1, "{answers:?}");

    let proof = json!({"system": "http://state.example", "value": "4711"});
    let proven = |_| {
        parameters(json!([{"name": "patient", "resource": somebody()}, {"name": "proof", "valueIdentifier": proof}]))
    };
    let answers = together(16, |i| client(i).post("Patient/$issue-health-id", &proven(i)).status);
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 1, "{answers:?}");
    expect_sound(&first);
}

#[test]
fn a_killed_server_leaves_number_and_patient_or_neither() {
    let app = TestApp::start();
    for _ in 0..3 {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let body = parameters(json!([{"name": "patient", "resource": somebody()}])).to_string();
                        let sent =
                            app.client().try_request("POST", "Patient/$issue-health-id", &[JSON], body.as_bytes());
                        if sent.is_err() {
                            return;
                        }
                    }
                });
            }
            thread::sleep(Duration::from_millis(600));
            app.kill9();
            stop.store(true, Ordering::Relaxed);
        });
        app.restart();
        expect_sound(&app);
    }
    let given: i64 = app.sql("select count(*) from health_id")[0].get(0);
    assert!(given > 20, "too few to show anything: {given}");
    println!("{given} numbers given over three kills");
}
