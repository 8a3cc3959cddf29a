//! What is wrong is refused with a 4xx and an OperationOutcome that names it, and the server goes on.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#3.1.0.1.6>; the codes are those of `src/fault.rs`.

mod address;
mod content;
mod header;
mod json;
mod mutation;
mod queries;
mod size;
mod xml;

use crate::app::TestApp;
use crate::client::Response;

/// Checks a refusal: its status, its issue code, and words that its expression or diagnostics must hold.
#[track_caller]
fn refused(response: &Response, status: u16, issue: &str, words: &str) {
    let told = shown(response);
    assert_eq!(response.status, status, "{told}");
    let outcome = response.json();
    assert_eq!(outcome["resourceType"], "OperationOutcome", "{told}");
    let first = &outcome["issue"][0];
    assert_eq!(first["code"], issue, "{told}");
    assert_eq!(first["severity"], "error", "{told}");
    let said = format!(
        "{} {}",
        first["expression"][0].as_str().unwrap_or_default(),
        first["diagnostics"].as_str().unwrap_or_default()
    );
    assert!(said.contains(words), "'{words}' is not in: {said} ({})", response.asked);
    assert!(response.bytes.len() < 100_000, "a refusal is short: {}", response.bytes.len());
}

/// Checks that the answer is some refusal.
#[track_caller]
fn refused_somehow(response: &Response) {
    let told = shown(response);
    assert!((400..500).contains(&response.status), "{told}");
    assert_eq!(response.json()["resourceType"], "OperationOutcome", "{told}");
}

fn shown(response: &Response) -> String {
    let text: String = response.text().chars().take(500).collect();
    format!("{}: {} {text}", response.asked, response.status)
}

/// Checks that the server is as well as before.
#[track_caller]
fn still_answers(app: &TestApp) {
    app.client().get("/health/ready").expect(200);
    let id = app.client().post("Patient", &serde_json::json!({"resourceType": "Patient"})).expect(201).id();
    app.client().get(&format!("Patient/{id}")).expect(200);
}
