//! The audit: what is read of it over REST, and who may.

mod create;
mod events;
mod log;
mod search;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use medilink::search::key::Keyer;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::Client;

/// Returns the secured server that the tests of AuditEvents share.
fn secured() -> &'static TestApp {
    static APP: OnceLock<TestApp> = OnceLock::new();
    APP.get_or_init(|| TestApp::builder().secured().start())
}

/// Returns somebody with a role who is this resource.
fn person(app: &TestApp, role: &str, fhir_user: &str, scope: &str) -> Client {
    let token = app.forged(|claims| {
        claims.scope = scope.into();
        claims.roles = vec![role.into()];
        claims.fhir_user = Some(fhir_user.into());
    });
    app.client().with_token(&token)
}

/// Returns the key under which rows know a patient.
fn key(patient: &str) -> i64 {
    Keyer::fixed().target("Patient", patient)
}

/// Returns what a search finds, asked again until it is as many: rows of reads come a moment after the answer.
fn found(client: &Client, query: &str, number: usize) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let found = client.get(query).expect(200).resources();
        if found.len() >= number || began.elapsed() > Duration::from_secs(10) {
            assert_eq!(found.len(), number, "{query}: {found:#?}");
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until so many rows are about a patient: to look by a search would add one each time.
fn wait(app: &TestApp, patient: &str, number: i64) {
    let query = format!("select count(*) from audit_patient where patient = {}", key(patient));
    let began = Instant::now();
    while app.sql(&query)[0].get::<_, i64>(0) < number {
        assert!(began.elapsed() < Duration::from_secs(20), "fewer than {number} rows");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Puts rows into the audit as a server would, apart from their mac: who, what, about which patients, when.
fn rows(app: &TestApp, rows: &[(i64, &str, &str, &[&str])]) {
    for (at, agent, request, patients) in rows {
        let keys: Vec<String> = patients.iter().map(|patient| key(patient).to_string()).collect();
        let keys = keys.join(",");
        let number = "nextval('number_block') * 1024";
        app.sql(&format!(
            "with made as (insert into audit (no, at, request, principal, action, type, status, agent, query, patients)
             values ({number}, {at}, '{request}', 'p', 'search-type', 102, 200, '{agent}', 'name=x', array[{keys}]::bigint[])
             returning no, patients)
             insert into audit_patient (patient, no) select unnest(patients), no from made"
        ));
    }
}

/// Returns an AuditEvent that another system would send.
fn event(patient: &str, who: &str) -> Value {
    json!({
        "resourceType": "AuditEvent",
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "action": "R", "recorded": "2021-03-04T05:06:07.000Z", "outcome": "0",
        "agent": [{"who": {"display": who}, "name": who, "requestor": true}],
        "source": {"site": "elsewhere", "observer": {"display": "Other"}},
        "entity": [{"what": {"reference": format!("Patient/{patient}")}}],
    })
}
