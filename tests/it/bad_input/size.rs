//! Bodies that are too large, too deep, or larger than they look.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::{refused, still_answers};
use crate::app::TestApp;
use crate::client::{JSON, Response, XML};

const MIB: usize = 1 << 20;

/// Sends a JSON string of so many MiB in pieces, with its length declared or in chunks.
fn send_large(app: &TestApp, mib: usize, chunked: bool) -> Response {
    let body = vec![b'a'; MIB];
    let framing =
        if chunked { "Transfer-Encoding: chunked".to_string() } else { format!("Content-Length: {}", mib * MIB) };
    let head = format!(
        "POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/fhir+json\r\n{framing}\r\n\r\n"
    );
    let mut pieces = vec![head.as_bytes()];
    for _ in 0..mib {
        if chunked {
            pieces.extend([&b"100000\r\n"[..], &body, b"\r\n"]);
        } else {
            pieces.push(&body);
        }
    }
    if chunked {
        pieces.push(b"0\r\n\r\n");
    }
    app.client().raw(&pieces)
}

#[test]
fn a_hundred_megabytes_are_refused() {
    let app = TestApp::shared();
    for chunked in [false, true] {
        refused(&send_large(&app, 100, chunked), 413, "too-long", "67108864");
        still_answers(&app);
    }
}

#[test]
fn the_limit_of_a_body_is_a_setting() {
    let app = TestApp::builder().set("body-bytes-max", "2048").start();
    let patient = |bytes: usize| {
        let empty = json!({"resourceType": "Patient", "name": [{"text": ""}]}).to_string().len();
        json!({"resourceType": "Patient", "name": [{"text": "a".repeat(bytes - empty)}]}).to_string()
    };
    let post = |headers: &[(&str, &str)], body: &[u8]| app.client().request("POST", "Patient", headers, body);
    post(&[JSON], patient(2048).as_bytes()).expect(201);
    refused(&post(&[JSON], patient(2049).as_bytes()), 413, "too-long", "2048");
    refused(&send_large(&app, 1, true), 413, "too-long", "2048");
    // What counts is what comes out of the packing.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(patient(200 * 1024).as_bytes()).expect("memory can be written");
    let packed = encoder.finish().expect("memory can be written");
    assert!(packed.len() < 2048);
    refused(&post(&[JSON, ("Content-Encoding", "gzip")], &packed), 413, "too-long", "2048");
    let xml = format!("<Patient xmlns=\"http://hl7.org/fhir\"><!--{}--></Patient>", "a".repeat(3000));
    refused(&post(&[XML], xml.as_bytes()), 413, "too-long", "2048");
    let form = app.client().request(
        "POST",
        "Patient/_search",
        &[("Content-Type", "application/x-www-form-urlencoded")],
        format!("_id={}", "a".repeat(3000)).as_bytes(),
    );
    refused(&form, 413, "too-long", "2048");
    still_answers(&app);
}

#[test]
fn ten_thousand_levels_are_refused() {
    let app = TestApp::shared();
    let wrap = |open: &str, close: &str, n: usize| format!("{}{}", open.repeat(n), close.repeat(n));
    for (name, body) in [
        ("arrays", wrap("[", "]", 10_000)),
        ("open arrays", "[".repeat(100_000)),
        ("objects", format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000))),
        ("open objects", "{\"a\":".repeat(100_000)),
        ("inside an unknown element", format!("{{\"resourceType\":\"Patient\",\"a\":{}}}", wrap("[", "]", 10_000))),
        (
            "extensions",
            format!(
                "{{\"resourceType\":\"Patient\",\"extension\":[{}{{\"url\":\"x\",\"valueCode\":\"a\"}}{}]}}",
                "{\"url\":\"x\",\"extension\":[".repeat(10_000),
                "]}".repeat(10_000)
            ),
        ),
        (
            "contained",
            format!(
                "{}{{\"resourceType\":\"Patient\"}}{}",
                "{\"resourceType\":\"Patient\",\"contained\":[".repeat(10_000),
                "]}".repeat(10_000)
            ),
        ),
    ] {
        for address in ["Patient", ""] {
            let mut answer = app.client().request("POST", address, &[JSON], body.as_bytes());
            answer.asked = format!("{name} to '{address}'");
            refused(&answer, 413, "too-long", "levels deep");
        }
    }
    still_answers(&app);
}

#[test]
fn the_limit_of_depth_is_a_setting() {
    let app = TestApp::builder().set("depth-max", "8").start();
    let extension = |depth: usize| {
        let mut value = json!({"url": "x", "valueCode": "a"});
        for _ in 1..depth {
            value = json!({"url": "x", "extension": [value]});
        }
        json!({"resourceType": "Patient", "extension": [value]})
    };
    app.client().post("Patient", &extension(2)).expect(201);
    refused(&app.client().post("Patient", &extension(8)), 413, "too-long", "8 levels");
}

#[test]
fn a_very_long_string_is_refused_by_its_element() {
    let app = TestApp::shared();
    let patient = json!({"resourceType": "Patient", "name": [{"family": "a".repeat(MIB + 1)}]});
    refused(&app.client().post("Patient", &patient), 400, "value", "Patient.name[0].family");
    let many: Vec<_> = (0..5000).map(|_| json!({"nope": 1})).collect();
    let answer = app.client().post("Patient", &json!({"resourceType": "Patient", "name": many}));
    refused(&answer, 400, "structure", "Patient.name[0].nope");
    still_answers(&app);
}
