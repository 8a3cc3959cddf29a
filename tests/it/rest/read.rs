//! read, vread and conditional read.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#read>, <https://hl7.org/fhir/R4/http.html#cread>.

use serde_json::json;

use super::{check, patient, unique};
use crate::app::TestApp;

#[test]
fn a_read_tells_version_and_time() {
    let app = TestApp::shared();
    let id = unique();
    app.client().put(&format!("Patient/{id}"), &patient(&id)).expect(201);
    let read = app.client().get(&format!("Patient/{id}")).expect(200);
    assert_eq!(read.header("etag"), Some("W/\"1\""));
    assert_eq!(read.header("content-type"), Some("application/fhir+json; charset=utf-8"));
    let modified = read.header("last-modified").expect("a read tells when it was changed");
    assert!(modified.ends_with(" GMT") && modified.len() == 29, "{modified}");
    let body = read.json();
    assert_eq!(body["meta"]["versionId"], "1");
    assert!(body["meta"]["lastUpdated"].as_str().is_some_and(|at| at.ends_with('Z')), "{body}");
    assert_eq!(body["name"][0]["family"], "Ås");
}

#[test]
fn what_cannot_be_read_says_why() {
    let app = TestApp::shared();
    let (gone, never) = (unique(), unique());
    app.client().put(&format!("Patient/{gone}"), &patient(&gone)).expect(201);
    app.client().delete(&format!("Patient/{gone}")).expect(204);
    for (line, status, issue) in [
        (format!("GET Patient/{never}"), 404, "not-found"),
        (format!("GET Patient/{gone}"), 410, "deleted"),
        (format!("GET Observation/{gone}"), 404, "not-found"),
        (format!("GET Patient/{gone}/_history/1"), 200, ""),
        (format!("GET Patient/{gone}/_history/2"), 410, "deleted"),
        (format!("GET Patient/{gone}/_history/3"), 404, "not-found"),
        (format!("GET Patient/{gone}/_history/0"), 404, "not-found"),
        (format!("GET Patient/{gone}/_history/01"), 404, "not-found"),
        (format!("GET Patient/{gone}/_history/abc"), 404, "not-found"),
        (format!("GET Patient/{gone}/_history/99999999999999999999"), 404, "not-found"),
        (format!("GET Patient/{never}/_history/1"), 404, "not-found"),
        (format!("GET Patient/{never}/_history"), 404, "not-found"),
    ] {
        check(app.client(), &line, &[], status, issue);
    }
}

#[test]
fn every_version_can_be_read() {
    let app = TestApp::shared();
    let id = unique();
    for city in ["Bergen", "Oslo", "Tromsø"] {
        let patient = json!({"resourceType": "Patient", "id": id, "address": [{"city": city}]});
        app.client().put(&format!("Patient/{id}"), &patient);
    }
    for (version, city) in [("1", "Bergen"), ("2", "Oslo"), ("3", "Tromsø")] {
        let read = app.client().get(&format!("Patient/{id}/_history/{version}")).expect(200);
        assert_eq!(read.header("etag"), Some(&*format!("W/\"{version}\"")));
        assert!(read.header("last-modified").is_some());
        let body = read.json();
        assert_eq!((&body["meta"]["versionId"], &body["address"][0]["city"]), (&json!(version), &json!(city)));
    }
}

#[test]
fn a_conditional_read_sends_only_what_is_new() {
    let app = TestApp::shared();
    let id = unique();
    app.client().put(&format!("Patient/{id}"), &patient(&id)).expect(201);
    let second = app.client().put(&format!("Patient/{id}"), &patient(&id)).expect(200);
    let modified = second.header("last-modified").expect("an update tells its time").to_string();
    let line = format!("GET Patient/{id}");
    for (headers, status) in [
        (&[("If-None-Match", "W/\"2\"")][..], 304),
        (&[("If-None-Match", "\"2\"")], 304),
        (&[("If-None-Match", "W/\"1\", W/\"2\"")], 304),
        (&[("If-None-Match", "*")], 304),
        (&[("If-None-Match", "W/\"1\"")], 200),
        (&[("If-None-Match", "W/\"other\"")], 200),
        (&[("If-Modified-Since", &modified)], 304),
        (&[("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")], 304),
        // RFC 9110 13.1.3: what is no date is ignored.
        (&[("If-Modified-Since", "yesterday")], 200),
        (&[("If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT")], 200),
        (&[("If-None-Match", "W/\"1\""), ("If-Modified-Since", &modified)], 200),
        (&[("If-None-Match", "W/\"2\""), ("If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT")], 304),
    ] {
        let answer = check(app.client(), &line, headers, status, "");
        assert_eq!(answer.header("etag"), Some("W/\"2\""), "{headers:?}");
        assert_eq!(answer.bytes.is_empty(), status == 304, "{headers:?}");
    }
    // What is gone is gone, whatever the client has.
    app.client().delete(&format!("Patient/{id}")).expect(204);
    check(app.client(), &line, &[("If-None-Match", "W/\"2\"")], 410, "deleted");
}

#[test]
fn ids_are_told_apart_by_case() {
    let app = TestApp::shared();
    let lower = unique();
    let upper = lower.to_uppercase();
    app.client().put(&format!("Patient/{lower}"), &patient(&lower)).expect(201);
    app.client().get(&format!("Patient/{upper}")).expect(404);
    app.client().put(&format!("Patient/{upper}"), &patient(&upper)).expect(201);
    let longest = format!("{}-{}", "a.".repeat(13), &lower)[..64.min(27 + lower.len())].to_string();
    app.client().put(&format!("Patient/{longest}"), &patient(&longest)).expect(201);
    assert_eq!(app.client().get(&format!("Patient/{longest}")).expect(200).id(), longest);
}
