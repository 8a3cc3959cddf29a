//! One Health ID for life: given, verified, linked and merged.

mod foreign;
mod issue;
mod merge;
mod races;
mod verify;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::{Client, Response};

/// Returns somebody of whom nobody else in a shared database is like.
fn somebody() -> Value {
    let bytes = *uuid::Uuid::new_v4().as_bytes();
    let letters = |from: usize| -> String { bytes[from..from + 7].iter().map(|b| char::from(b'a' + b % 26)).collect() };
    let birth_date = format!("{}-{:02}-{:02}", 1930 + u32::from(bytes[14] % 80), 1 + bytes[15] % 12, 1 + bytes[0] % 28);
    json!({"resourceType": "Patient", "active": true, "gender": "female", "birthDate": birth_date,
        "name": [{"family": letters(0), "given": [letters(7)]}],
        "telecom": [{"system": "phone", "value": format!("+49 30 {:07}", u32::from_le_bytes([bytes[1], bytes[2], bytes[3], 0]))}]})
}

fn parameters(list: Value) -> Value {
    match list.as_array() {
        Some(none) if none.is_empty() => json!({"resourceType": "Parameters"}),
        _ => json!({"resourceType": "Parameters", "parameter": list}),
    }
}

fn issue(client: &Client, patient: &Value) -> Response {
    client.post("Patient/$issue-health-id", &parameters(json!([{"name": "patient", "resource": patient}])))
}

fn issue_to(client: &Client, id: &str) -> Response {
    let reference = json!({"reference": format!("Patient/{id}")});
    client.post("Patient/$issue-health-id", &parameters(json!([{"name": "patient", "valueReference": reference}])))
}

/// Returns a named parameter of an answer.
#[track_caller]
fn part(answer: &Response, name: &str) -> Value {
    let list = answer.json()["parameter"].take();
    let found = list.as_array().and_then(|list| list.iter().find(|part| part["name"] == name).cloned());
    found.unwrap_or_else(|| panic!("{}: no '{name}': {}", answer.asked, answer.text()))
}

#[track_caller]
fn number(answer: &Response) -> String {
    part(answer, "health-id")["valueIdentifier"]["value"].as_str().expect("a number").to_string()
}

/// Returns the id of the Patient in an answer.
#[track_caller]
fn patient_id(answer: &Response) -> String {
    part(answer, "return")["resource"]["id"].as_str().expect("a Patient").to_string()
}

/// Registers somebody and returns the id and the number.
#[track_caller]
fn registered(client: &Client, patient: &Value) -> (String, String) {
    let answer = issue(client, patient).expect(201);
    (patient_id(&answer), number(&answer))
}

fn system(app: &TestApp) -> String {
    format!("{}/sid/health-id", app.base())
}

fn identifier(app: &TestApp, number: &str) -> Value {
    json!({"system": system(app), "value": number})
}
