//! The RESTful API as a client sees it, over HTTP.
//!
//! R4 <https://hl7.org/fhir/R4/http.html>. Most tests share one server and keep to ids and identifiers of their own; those
//! that look at everything have a server to themselves.

mod audit;
mod auth;
mod batch;
mod binary;
mod bundle_entries;
mod capabilities;
mod chains;
mod compartments;
mod conditional;
mod contained;
mod create;
mod delete;
mod filter;
mod format;
mod health;
mod history;
mod include;
mod links;
mod near;
mod paging;
mod patch;
mod prefer;
mod protocol;
mod read;
mod search;
mod search_parameters;
mod sort;
mod subset;
mod terms;
mod text;
mod transaction;
mod update;

use serde_json::{Value, json};

use crate::client::{Client, Response};

/// Returns an id, or identifier value, that no other test has.
pub fn unique() -> String {
    uuid::Uuid::new_v4().to_string()
}

pub const SYSTEM: &str = "https://example.org/mrn";

/// Returns a Patient with this id.
pub fn patient(id: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "active": true, "name": [{"family": "Ås", "given": ["Eva"]}]})
}

/// Returns a Patient without an id that is found by `identifier=SYSTEM|value`.
pub fn identified(value: &str) -> Value {
    json!({"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": value}], "active": true})
}

/// Returns the search that finds [`identified`].
pub fn by_identifier(value: &str) -> String {
    format!("identifier={SYSTEM}|{value}")
}

/// Creates a Patient and returns its id.
pub fn given_patient(client: &Client) -> String {
    client.post("Patient", &json!({"resourceType": "Patient", "active": true})).expect(201).id()
}

/// Creates a resource with this identifier and returns its id.
pub fn given_identified(client: &Client, value: &str) -> String {
    client.post("Patient", &identified(value)).expect(201).id()
}

/// Returns how many Patients have this identifier.
pub fn count(client: &Client, value: &str) -> usize {
    client.get(&format!("Patient?{}", by_identifier(value))).expect(200).resources().len()
}

/// Sends `"METHOD path"` without a body and checks status and, unless empty, the issue code.
#[track_caller]
pub fn check(client: &Client, line: &str, headers: &[(&str, &str)], status: u16, issue: &str) -> Response {
    check_with(client, line, headers, &Value::Null, status, issue)
}

/// As [`check`], with a resource, unless that is null.
#[track_caller]
pub fn check_with(
    client: &Client,
    line: &str,
    headers: &[(&str, &str)],
    resource: &Value,
    status: u16,
    issue: &str,
) -> Response {
    let (method, path) = line.split_once(' ').expect("a line is a method and a path");
    let response = if resource.is_null() {
        client.request(method, path, headers, b"")
    } else {
        client.send(method, path, headers, resource)
    };
    assert_eq!(response.status, status, "{line} {headers:?}: {}", response.text());
    if !issue.is_empty() {
        response.expect_issue(issue);
    }
    response
}
