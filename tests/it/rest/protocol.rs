//! HEAD, OPTIONS, CORS, compression, request ids, and the addresses around the interactions.
//!
//! R4 <https://hl7.org/fhir/R4/http.html>, RFC 9110, Fetch standard <https://fetch.spec.whatwg.org/#http-cors-protocol>.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::json;

use super::{check, given_patient, patient, unique};
use crate::app::TestApp;
use crate::client::JSON;

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

#[test]
fn head_is_get_without_its_body() {
    let app = TestApp::shared();
    let id = given_patient(app.client());
    for path in [
        format!("Patient/{id}"),
        format!("Patient/{id}/_history/1"),
        format!("Patient/{id}/_history"),
        format!("Patient?_id={id}"),
        "metadata".to_string(),
        format!("Patient/{}", unique()),
        "Nope/1".to_string(),
    ] {
        let get = app.client().get(&path);
        let head = app.client().request("HEAD", &path, &[], b"").expect(get.status);
        assert!(head.bytes.is_empty(), "{path}");
        for name in ["etag", "last-modified", "content-type", "content-length"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
}

#[test]
fn options_tells_the_methods_of_an_address() {
    let app = TestApp::shared();
    for (path, want) in [
        ("Patient/1", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        ("Patient", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("Patient/1/_history", "GET, HEAD, OPTIONS"),
        ("Patient/_search", "POST, OPTIONS"),
        ("metadata", "GET, HEAD, OPTIONS"),
        ("", "GET, HEAD, POST, OPTIONS"),
    ] {
        let answer = app.client().request("OPTIONS", path, &[], b"");
        assert!([200, 204].contains(&answer.status), "{path}: {}", answer.status);
        assert_eq!(answer.header("allow"), Some(want), "{path}");
    }
}

#[test]
fn a_method_that_an_address_does_not_take_is_named_with_those_it_takes() {
    let app = TestApp::shared();
    for (line, want) in [
        ("POST Patient/1", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        ("PUT Patient/1/_history", "GET, HEAD, OPTIONS"),
        ("PUT Patient/1/_history/1", "GET, HEAD, OPTIONS"),
        ("DELETE metadata", "GET, HEAD, OPTIONS"),
        ("GET Patient/_search", "POST, OPTIONS"),
        ("PUT ", "GET, HEAD, POST, OPTIONS"),
        ("BREW Patient/1", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
    ] {
        check(app.client(), line, &[], 405, "not-supported").expect_header("allow", want);
    }
}

#[test]
fn a_page_of_another_origin_may_call() {
    let app = TestApp::builder().secured().start();
    let asked = [
        ("Origin", "https://app.example.org"),
        ("Access-Control-Request-Method", "PUT"),
        ("Access-Control-Request-Headers", "authorization, content-type, if-match"),
    ];
    // A preflight carries no token, and must do without.
    let preflight = app.client().request("OPTIONS", "Patient/1", &asked, b"");
    assert!([200, 204].contains(&preflight.status), "{}", preflight.status);
    assert!(matches!(preflight.header("access-control-allow-origin"), Some("*" | "https://app.example.org")));
    let allowed = |name: &str| preflight.header(name).unwrap_or_default().to_ascii_lowercase();
    let methods = allowed("access-control-allow-methods");
    assert!(["get", "put", "post", "patch", "delete"].iter().all(|m| methods.contains(m)), "{methods}");
    let headers = allowed("access-control-allow-headers");
    for header in ["authorization", "content-type", "if-match", "if-none-exist", "if-none-match", "prefer"] {
        assert!(headers.contains(header), "{header}: {headers}");
    }
    let client = app.client_with("system/*.cruds");
    let made = client.send("POST", "Patient", &asked[..1], &json!({"resourceType": "Patient"})).expect(201);
    assert!(made.header("access-control-allow-origin").is_some());
    let exposed = made.header("access-control-expose-headers").unwrap_or_default().to_ascii_lowercase();
    for header in ["etag", "location", "last-modified", "x-request-id"] {
        assert!(exposed.contains(header), "{header}: {exposed}");
    }
    let refused = app.client().get_with("Patient/1", &asked[..1]).expect(401);
    assert!(refused.header("access-control-allow-origin").is_some(), "a page must be able to read a refusal");
    assert_eq!(app.client().get("metadata").expect(200).header("access-control-allow-origin"), None);
}

#[test]
fn a_large_answer_is_packed_for_who_can_unpack() {
    let app = TestApp::shared();
    let plain = app.client().get("metadata").expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    let packed = app.client().get_with("metadata", &[("Accept-Encoding", "gzip")]).expect(200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.header("vary").unwrap_or_default().to_ascii_lowercase().contains("accept-encoding"));
    assert!(packed.bytes.len() * 3 < plain.bytes.len(), "{} of {}", packed.bytes.len(), plain.bytes.len());
    let mut unpacked = Vec::new();
    GzDecoder::new(&*packed.bytes).read_to_end(&mut unpacked).expect("the answer is gzip");
    assert_eq!(unpacked, plain.bytes);
}

#[test]
fn a_request_may_be_packed() {
    let app = TestApp::shared();
    let id = unique();
    let headers = [JSON, ("Content-Encoding", "gzip")];
    let body = packed(patient(&id).to_string().as_bytes());
    app.client().request("PUT", &format!("Patient/{id}"), &headers, &body).expect(201);
    let read = app.client().get(&format!("Patient/{id}")).expect(200).json();
    assert_eq!(read["name"], patient(&id)["name"]);
}

#[test]
fn every_answer_carries_a_request_id() {
    let app = TestApp::shared();
    let id = given_patient(app.client());
    for path in [format!("Patient/{id}"), "Nope/1".to_string(), "metadata".to_string(), "/nowhere".to_string()] {
        let own = app.client().get_with(&path, &[("X-Request-Id", "my-id.1")]);
        assert_eq!(own.header("x-request-id"), Some("my-id.1"), "{path}");
        let first = app.client().get(&path).header("x-request-id").map(str::to_string);
        let second = app.client().get(&path).header("x-request-id").map(str::to_string);
        assert!(first.as_ref().is_some_and(|id| id.len() >= 8) && first != second, "{path}: {first:?} {second:?}");
    }
    // What could garble a log is not taken over.
    for odd in ["a b", "", &"x".repeat(500)] {
        let answer = app.client().get_with(&format!("Patient/{id}"), &[("X-Request-Id", odd)]).expect(200);
        assert_ne!(answer.header("x-request-id"), Some(odd));
    }
}

#[test]
fn an_address_outside_the_base_says_where_the_base_is() {
    let app = TestApp::shared();
    for path in ["/", "/fhi", "/Patient/1", "/fhirx/Patient/1"] {
        let said = app.client().get(path).expect(404).expect_issue("not-found");
        assert!(said.contains("/fhir"), "{path}: {said}");
    }
}

#[test]
fn answers_are_never_kept_by_strangers() {
    let app = TestApp::shared();
    let id = given_patient(app.client());
    let answer = app.client().get(&format!("Patient/{id}")).expect(200);
    let control = answer.header("cache-control").unwrap_or_default();
    assert!(control.contains("private") || control.contains("no-store"), "{control}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn the_public_address_is_what_links_say() {
    let app = TestApp::builder().set("base-url", "https://fhir.example.org/r4").start();
    let body = json!({"resourceType": "Patient"});
    let made = app.client().post("/r4/Patient", &body).expect(201);
    let id = made.id();
    let url = format!("https://fhir.example.org/r4/Patient/{id}");
    assert_eq!(made.header("location"), Some(&*format!("{url}/_history/1")));
    let history = app.client().get(&format!("/r4/Patient/{id}/_history")).expect(200);
    assert_eq!(history.entries()[0]["fullUrl"], json!(url));
    assert_eq!(history.link("self"), Some(format!("{url}/_history")));
    let page = app.client().get("/r4/Patient?_count=1").expect(200);
    assert!(page.link("self").is_some_and(|link| link.starts_with("https://fhir.example.org/r4/Patient?")));
    let statement = app.client().get("/r4/metadata").expect(200).json();
    assert_eq!(statement["implementation"]["url"], "https://fhir.example.org/r4");
    app.client().get("/fhir/metadata").expect(404);
}

#[test]
fn a_slash_at_the_end_changes_nothing() {
    let app = TestApp::shared();
    let id = given_patient(app.client());
    for path in [format!("Patient/{id}/"), format!("/fhir//Patient/{id}"), "metadata/".to_string()] {
        check(app.client(), &format!("GET {path}"), &[], 200, "");
    }
}

/// What a refused request carries is never taken for the next request on its connection.
#[test]
fn the_body_of_a_refused_request_is_no_request() {
    let app = TestApp::builder().secured().start();
    let hidden = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2000);
    let last = "GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for head in
        ["POST /fhir/Patient", "GET /fhir/Patient/1", "BREW /fhir/Patient/1", "POST /nowhere", "DELETE /fhir/Patient/1"]
    {
        let length = hidden.len();
        let request = format!("{head} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{hidden}{last}");
        let answer = app.client().raw(&[request.as_bytes()]);
        assert!((400..500).contains(&answer.status), "{head}: {}", answer.status);
        assert!(!answer.text().contains("live"), "{head}: {}", answer.text());
    }
}
