//! delete.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#delete>.

use super::{check, patient, unique};
use crate::app::TestApp;

#[test]
fn a_delete_is_a_version_without_content() {
    let app = TestApp::shared();
    let id = unique();
    let address = format!("Patient/{id}");
    app.client().put(&address, &patient(&id)).expect(201);
    let deleted = app.client().delete(&address).expect(204);
    assert_eq!(deleted.header("etag"), Some("W/\"2\""));
    assert!(deleted.bytes.is_empty());
    check(app.client(), &format!("GET {address}"), &[], 410, "deleted");
    let entries = app.client().get(&format!("{address}/_history")).expect(200).entries();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["request"]["method"], "DELETE");
    assert!(entries[0].get("resource").is_none());
}

#[test]
fn deleting_again_changes_nothing() {
    let app = TestApp::shared();
    let id = unique();
    let address = format!("Patient/{id}");
    app.client().delete(&address).expect(204);
    check(app.client(), &format!("GET {address}"), &[], 404, "not-found");
    app.client().put(&address, &patient(&id)).expect(201);
    app.client().delete(&address).expect(204);
    app.client().delete(&address).expect(204);
    assert_eq!(app.client().get(&format!("{address}/_history")).expect(200).entries().len(), 2);
}

#[test]
fn a_deleted_resource_is_not_found_by_search() {
    let app = TestApp::shared();
    let value = unique();
    let id = super::given_identified(app.client(), &value);
    assert_eq!(super::count(app.client(), &value), 1);
    app.client().delete(&format!("Patient/{id}")).expect(204);
    assert_eq!(super::count(app.client(), &value), 0);
}

#[test]
fn an_expected_version_of_what_is_gone_is_stale() {
    let app = TestApp::shared();
    let id = unique();
    let line = format!("DELETE Patient/{id}");
    check(app.client(), &line, &[("If-Match", "W/\"1\"")], 412, "conflict");
    app.client().put(&format!("Patient/{id}"), &patient(&id)).expect(201);
    check(app.client(), &line, &[("If-Match", "W/\"1\"")], 204, "");
    check(app.client(), &line, &[("If-Match", "W/\"1\"")], 412, "conflict");
}
