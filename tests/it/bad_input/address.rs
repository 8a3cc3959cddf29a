//! Addresses, parameters and methods that lead nowhere.

use super::{refused, still_answers};
use crate::app::TestApp;

/// Sends a line as it is, so that no client tidies it up.
fn send(app: &TestApp, line: &str) -> crate::client::Response {
    let request = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    app.client().raw(&[request.as_bytes()])
}

#[test]
#[rustfmt::skip]
fn addresses_that_lead_nowhere_are_refused() {
    let app = TestApp::shared();
    let long = "a".repeat(9000);
    for (line, status, issue, words) in [
        ("GET /fhir/Patient/%zz", 400, "invalid", "encoded"),
        ("GET /fhir/Patient/%", 400, "invalid", "encoded"),
        ("GET /fhir/Patient/%ff", 400, "invalid", "encoded"),
        ("GET /fhir/Patient/%00", 400, "invalid", ""),
        ("GET /fhir/Patient/a%2Fb", 400, "invalid", "a/b"),
        ("GET /fhir/%50atient/a_b", 400, "invalid", "a_b"),
        ("GET /fhir/Patient/..", 404, "not-found", ""),
        ("GET /fhir/Patient/../../etc/passwd", 404, "not-found", ""),
        ("GET /fhir/../../../etc/passwd", 404, "not-found", ""),
        ("GET /fhir/..%2f..%2fetc%2fpasswd", 404, "not-found", ""),
        ("GET /fhir/Patient/1/2/3/4", 404, "not-found", ""),
        ("GET /fhir/Patient/1/Nope", 404, "not-found", "Nope"),
        ("GET /fhir/Nope", 404, "not-found", "Nope"),
        ("GET /fhir/$nope", 404, "not-found", "$nope"),
        ("GET /fhir/Patient/1/$nope", 404, "not-found", "$nope"),
        ("GET /fhir/Patient/1/_history/1/2", 404, "not-found", ""),
        ("GET /fhir/Patient?nope=1", 400, "not-supported", "nope"),
        ("GET /fhir/Patient?identifier=%zz", 400, "invalid", "identifier"),
        ("GET /fhir/Patient?identifier=%00", 400, "invalid", "identifier"),
        ("GET /fhir/Patient?identifier=%ff", 400, "invalid", "identifier"),
        ("GET /fhir/Patient?%zz=1", 400, "invalid", "name of a parameter"),
        ("GET /fhir/Patient?identifier:nope=1", 400, "", "nope"),
        ("GET /fhir/Patient?_lastUpdated=yesterday", 400, "", "_lastUpdated"),
        ("GET /fhir/Patient?_count=x", 400, "", "_count"),
        ("GET /fhir/Patient/1?_summary=x", 400, "invalid", "_summary"),
        ("GET /fhir/Patient/1?_format=x", 406, "not-supported", "_format"),
        ("GET /fhir?_count=1", 200, "", ""),
        (&format!("GET /fhir/Patient?_id={long}"), 414, "too-long", "URL"),
        (&format!("GET /fhir/Patient/{long}"), 414, "too-long", "URL"),
        (&format!("GET /fhir/Patient/{}", &long[..8000]), 400, "invalid", ""),
        (&format!("GET /fhir/Patient{}", "/a".repeat(3000)), 404, "not-found", ""),
        (&format!("GET /fhir/Patient?{}", "_id=1&".repeat(1000)), 400, "too-costly", "parameters"),
        ("BREW /fhir/Patient/1", 405, "not-supported", "BREW"),
        ("get /fhir/Patient/1", 405, "not-supported", "get"),
        ("TRACE /fhir/Patient/1", 405, "not-supported", "TRACE"),
        ("PROPFIND /fhir/Patient/1", 405, "not-supported", "PROPFIND"),
        ("POST /fhir/Patient/1", 405, "not-supported", ""),
        ("PUT /fhir", 405, "not-supported", ""),
        ("DELETE /fhir/metadata", 405, "not-supported", ""),
        ("GET /fhir/Patient/_search", 405, "not-supported", ""),
        ("PUT /fhir/Patient/1/_history/1", 405, "not-supported", ""),
        ("DELETE /fhir/Patient", 400, "invalid", "Patient"),
    ] {
        let mut answer = send(&app, line);
        answer.asked = line.chars().take(120).collect();
        if status == 200 {
            answer.expect(200);
            continue;
        }
        let code = answer.json()["issue"][0]["code"].as_str().unwrap_or_default().to_string();
        refused(&answer, status, if issue.is_empty() { &code } else { issue }, words);
    }
    still_answers(&app);
}

#[test]
fn a_request_line_without_end_is_cut_off() {
    let app = TestApp::shared();
    let answer = send(&app, &format!("GET /fhir/Patient?_id={}", "a".repeat(1_000_000)));
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    still_answers(&app);
}
