//! Headers that make no sense.
//!
//! R4 <https://hl7.org/fhir/R4/http.html>, RFC 9110, RFC 7240 (what is not understood in Prefer is ignored).

use serde_json::json;

use super::{refused, still_answers};
use crate::app::TestApp;
use crate::client::{JSON, JSON_PATCH};

#[test]
#[rustfmt::skip]
fn headers_that_make_no_sense_are_refused_by_name() {
    let app = TestApp::shared();
    let id = app.client().post("Patient", &json!({"resourceType": "Patient"})).expect(201).id();
    let address = format!("Patient/{id}");
    let patient = json!({"resourceType": "Patient", "id": id}).to_string();
    let body = patient.as_bytes();
    for (method, headers, body, status, issue, words) in [
        ("PUT", &[JSON, ("If-Match", "1")][..], body, 400, "invalid", "If-Match"),
        ("PUT", &[JSON, ("If-Match", "W/1")], body, 400, "invalid", "If-Match"),
        ("PUT", &[JSON, ("If-Match", "\"1")], body, 400, "invalid", "If-Match"),
        ("PUT", &[JSON, ("If-Match", "")], body, 400, "invalid", "If-Match"),
        ("PUT", &[JSON, ("If-Match", "*")], body, 400, "invalid", "If-Match"),
        ("PUT", &[JSON, ("If-Match", "W/\"1\", W/\"2\"")], body, 400, "invalid", "If-Match"),
        ("PUT", &[JSON, ("If-None-Match", "W/\"1\"")], body, 400, "invalid", "If-None-Match"),
        ("PUT", &[JSON, ("If-None-Match", "x")], body, 400, "invalid", "If-None-Match"),
        ("PUT", &[JSON, ("If-Match", "W/\"1\""), ("If-None-Match", "*")], body, 400, "invalid", "If-Match"),
        ("PUT", &[JSON, ("If-None-Exist", "identifier=x")], body, 400, "invalid", "If-None-Exist"),
        ("DELETE", &[("If-None-Exist", "identifier=x")], b"", 400, "invalid", "If-None-Exist"),
        ("DELETE", &[("If-Match", "x")], b"", 400, "invalid", "If-Match"),
        ("PATCH", &[JSON_PATCH, ("If-Match", "x")], b"[]", 400, "invalid", "If-Match"),
        ("GET", &[("If-None-Match", "x")], b"", 400, "invalid", "If-None-Match"),
        ("GET", &[("If-None-Match", "")], b"", 400, "invalid", "If-None-Match"),
        ("GET", &[("Accept", "text/html")], b"", 406, "not-supported", "Accept"),
        ("GET", &[("Accept", "application/fhir+json;q=x")], b"", 400, "invalid", "Accept"),
        ("GET", &[("Accept", "application/fhir+json;q=2")], b"", 400, "invalid", "Accept"),
        ("GET", &[("Accept", ";;;")], b"", 406, "not-supported", "Accept"),
        ("PUT", &[("Content-Type", "text/plain")], body, 415, "not-supported", "Content-Type"),
        ("PUT", &[("Content-Type", "application/pdf")], body, 415, "not-supported", "Content-Type"),
        ("PUT", &[("Content-Type", "")], body, 415, "not-supported", "Content-Type"),
        ("PUT", &[("Content-Type", "nonsense")], body, 415, "not-supported", "Content-Type"),
        ("PUT", &[("Content-Type", "application/fhir+json; charset=latin1")], body, 415, "not-supported", "latin1"),
        ("PUT", &[("Content-Type", "application/fhir+json; fhirVersion=5.0")], body, 415, "not-supported", "fhirVersion"),
        ("PUT", &[("Content-Type", "application/x-www-form-urlencoded")], body, 415, "not-supported", "form"),
        ("PUT", &[JSON_PATCH], b"[]", 415, "not-supported", "PATCH"),
        ("PUT", &[JSON, ("Content-Encoding", "gzip")], body, 400, "invalid", "body"),
        ("PUT", &[JSON, ("Content-Encoding", "br")], body, 415, "not-supported", "Content-Encoding"),
        ("PUT", &[JSON, ("Content-Encoding", "gzip, gzip")], body, 415, "not-supported", "Content-Encoding"),
        ("PUT", &[("Content-Type", "application/fhir+xml")], body, 400, "structure", ""),
        ("PUT", &[JSON], b"<Patient/>", 400, "structure", ""),
    ] {
        let answer = app.client().request(method, &address, headers, body);
        let answer = crate::client::Response { asked: format!("{method} {headers:?}"), ..answer };
        refused(&answer, status, issue, words);
    }
    app.client().get(&address).expect(200).expect_header("etag", "W/\"1\"");
    for address in ["Patient", ""] {
        let bundle = r#"{"resourceType":"Bundle","type":"batch"}"#;
        let body = if address.is_empty() { bundle } else { r#"{"resourceType":"Patient"}"# };
        let answer = app.client().request("POST", address, &[JSON, ("If-Match", "W/\"1\"")], body.as_bytes());
        refused(&answer, 400, "invalid", "If-Match");
    }
    for condition in ["nope=1", "identifier=%zz", "identifier=%00", "identifier:nope=1", "birthdate=x", "?", "Observation?status=final"] {
        let answer = app.client().send("POST", "Patient", &[("If-None-Exist", condition)], &json!({"resourceType": "Patient"}));
        super::refused_somehow(&answer);
    }
    still_answers(&app);
}

#[test]
fn what_may_be_ignored_is_ignored() {
    let app = TestApp::shared();
    let id = app.client().post("Patient", &json!({"resourceType": "Patient"})).expect(201).id();
    let address = format!("Patient/{id}");
    for (name, value) in [
        ("Prefer", "=;,;="),
        ("Prefer", "return="),
        ("Prefer", ""),
        ("Cookie", "a=b"),
        ("Range", "bytes=0-1"),
        ("X-Anything", "\u{7f}".trim_matches('\u{7f}')),
        ("Accept-Language", "!!"),
        ("Accept-Charset", "latin1"),
        ("Accept", ""),
    ] {
        app.client().get_with(&address, &[(name, value)]).expect(200);
    }
    // A body of a known shape with no type is taken for FHIR JSON.
    let made = app
        .client()
        .raw(&[b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 26\r\n\r\n\
        {\"resourceType\":\"Patient\"} "]);
    assert_eq!(made.status, 201, "{}", made.text());
}

/// What the HTTP layer itself cannot read gets a 4xx too, and hurts nobody else.
#[test]
fn requests_that_are_not_http_are_refused() {
    let app = TestApp::shared();
    for request in [
        &b"NONSENSE\r\n\r\n"[..],
        b"GET /fhir/metadata HTTP/9.9\r\n\r\n",
        b"GET /fhir/ metadata HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /fhir/metadata HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    ] {
        let answer = app.client().raw(&[request]);
        assert!((400..500).contains(&answer.status), "{}: {} {}", answer.asked, answer.status, answer.text());
    }
    still_answers(&app);
}
