//! The audit rows of writes, reads and refusals.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{patient, unique};
use crate::app::TestApp;
use crate::client::{Client, Response};

/// Returns the audit rows of a request as `principal action id version status`, waiting until there are as many.
fn rows(app: &TestApp, request: &str, number: usize) -> Vec<String> {
    let query = format!(
        "select principal || ' ' || action || ' ' || coalesce(t.name, '-') || ' ' || coalesce(a.id, '-') || ' ' \
         || coalesce(a.version::text, '-') || ' ' || a.status \
         from audit a left join resource_type t on t.number = a.type where request = '{request}' order by no"
    );
    let began = Instant::now();
    loop {
        let rows: Vec<String> = app.sql(&query).iter().map(|row| row.get(0)).collect();
        if rows.len() >= number || began.elapsed() > Duration::from_secs(5) {
            return rows;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn send(client: &Client, request: &str, line: &str, resource: &serde_json::Value) -> Response {
    let (method, path) = line.split_once(' ').expect("a line is a method and a path");
    let headers = [("X-Request-Id", request)];
    match resource {
        serde_json::Value::Null => client.request(method, path, &headers, b""),
        resource => client.send(method, path, &headers, resource),
    }
}

#[test]
fn who_did_what_is_kept() {
    let app = TestApp::builder().secured().start();
    let client = app.client_with("system/*.cruds");
    let forged = app.client().with_token("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.");
    let narrow = app.client_with("system/Observation.r");
    let id = unique();
    let address = format!("Patient/{id}");
    let null = json!(null);
    for (client, line, resource, status, want) in [
        (&client, format!("PUT {address}"), patient(&id), 201, format!("Practitioner/test update Patient {id} 1 201")),
        (&client, format!("PUT {address}"), patient(&id), 200, format!("Practitioner/test update Patient {id} 2 200")),
        (&client, format!("GET {address}"), null.clone(), 200, format!("Practitioner/test read Patient {id} 2 200")),
        (
            &client,
            format!("GET {address}/_history/1"),
            null.clone(),
            200,
            format!("Practitioner/test vread Patient {id} 1 200"),
        ),
        (
            &client,
            format!("GET Patient?_id={id}"),
            null.clone(),
            200,
            "Practitioner/test search-type Patient - - 200".into(),
        ),
        (
            &client,
            format!("GET {address}/_history"),
            null.clone(),
            200,
            format!("Practitioner/test history-instance Patient {id} - 200"),
        ),
        (&narrow, format!("GET {address}"), null.clone(), 403, format!("Practitioner/test read Patient {id} - 403")),
        (&narrow, format!("PUT {address}"), patient(&id), 403, format!("Practitioner/test update Patient {id} - 403")),
        (app.client(), format!("GET {address}"), null.clone(), 401, format!("anonymous read Patient {id} - 401")),
        (app.client(), format!("PUT {address}"), patient(&id), 401, format!("anonymous update Patient {id} - 401")),
        (&forged, format!("GET {address}"), null.clone(), 401, format!("anonymous read Patient {id} - 401")),
        (
            &client,
            format!("DELETE {address}"),
            null.clone(),
            204,
            format!("Practitioner/test delete Patient {id} 3 204"),
        ),
    ] {
        let request = unique();
        send(client, &request, &line, &resource).expect(status);
        assert_eq!(rows(&app, &request, 1), [want], "{line}");
    }
}

#[test]
fn every_entry_of_a_bundle_has_its_row() {
    let app = TestApp::start();
    for kind in ["batch", "transaction"] {
        let ids = [unique(), unique()];
        let entries: Vec<serde_json::Value> = ids
            .iter()
            .map(|id| json!({"request": {"method": "PUT", "url": format!("Patient/{id}")}, "resource": patient(id)}))
            .collect();
        let request = unique();
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entries});
        send(app.client(), &request, "POST ", &bundle).expect(200);
        let mut want = ids.map(|id| format!("unrestricted update Patient {id} 1 201"));
        let mut found = rows(&app, &request, 2);
        want.sort();
        found.sort();
        assert_eq!(found, want, "{kind}");
    }
}

#[test]
fn a_transaction_that_leaves_nothing_leaves_no_row_of_a_write() {
    let app = TestApp::start();
    let id = unique();
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"request": {"method": "PUT", "url": format!("Patient/{id}")}, "resource": patient(&id)},
        {"request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient", "nope": 1}},
    ]});
    let request = unique();
    send(app.client(), &request, "POST ", &bundle).expect(400);
    assert!(rows(&app, &request, 0).is_empty());
}

/// Rows of reads wait in a queue; a server that may end in peace writes them before it goes.
#[test]
fn a_stop_loses_no_row() {
    let app = TestApp::builder().secured().start();
    let client = app.client_with("system/*.cruds");
    let (request, number) = (unique(), 200);
    for _ in 0..number {
        send(&client, &request, "GET Patient/1/_history/1", &json!(null)).expect(404);
        send(app.client(), &request, "GET Patient/1", &json!(null)).expect(401);
    }
    assert!(app.stop(), "{}", app.log());
    let refused = rows(&app, &request, number);
    assert_eq!(refused.len(), number);
}
