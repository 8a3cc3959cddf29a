//! `Prefer: return=`: what the answer to a write holds.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#ops>.

use serde_json::{Value, json};

use super::{by_identifier, given_identified, given_patient, identified, patient, unique};
use crate::app::TestApp;
use crate::client::{Client, JSON_PATCH, Response};

/// Every kind of write, as a request that succeeds.
fn writes(client: &Client, prefer: &[(&str, &str)]) -> Vec<Response> {
    let id = given_patient(client);
    let known = unique();
    given_identified(client, &known);
    let condition = by_identifier(&known);
    let none_exist: Vec<(&str, &str)> = [("If-None-Exist", &*condition)].iter().chain(prefer).copied().collect();
    let patch_headers: Vec<(&str, &str)> = [JSON_PATCH].iter().chain(prefer).copied().collect();
    let patch = json!([{"op": "add", "path": "/active", "value": false}]).to_string();
    vec![
        client.send("POST", "Patient", prefer, &identified(&unique())).expect(201),
        client.send("POST", "Patient", &none_exist, &identified(&known)).expect(200),
        client.send("PUT", &format!("Patient/{id}"), prefer, &patient(&id)).expect(200),
        client.send("PUT", &format!("Patient?{condition}"), prefer, &identified(&known)).expect(200),
        client.request("PATCH", &format!("Patient/{id}"), &patch_headers, patch.as_bytes()).expect(200),
        client.request("PATCH", &format!("Patient?{condition}"), &patch_headers, patch.as_bytes()).expect(200),
    ]
}

#[test]
fn the_client_chooses_what_comes_back() {
    let app = TestApp::shared();
    for (prefer, want) in [
        ("", "Patient"),
        ("return=representation", "Patient"),
        ("return=minimal", ""),
        ("return=OperationOutcome", "OperationOutcome"),
        ("return=\"minimal\"", ""),
        ("respond-async, return=minimal", ""),
        ("handling=strict; return=minimal", ""),
        ("return=everything", "Patient"),
        ("nonsense", "Patient"),
    ] {
        let headers: &[(&str, &str)] = if prefer.is_empty() { &[] } else { &[("Prefer", prefer)] };
        for answer in writes(app.client(), headers) {
            let found = if answer.bytes.is_empty() { Value::from("") } else { answer.json()["resourceType"].clone() };
            assert_eq!(found, want, "{} with '{prefer}'", answer.asked);
            assert!(answer.header("etag").is_some(), "{} with '{prefer}'", answer.asked);
            let location = answer.header("location").or(answer.header("content-location"));
            assert!(location.is_some(), "{} with '{prefer}'", answer.asked);
        }
    }
}
