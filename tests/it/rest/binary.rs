//! Binary as a resource and as its own content.
//!
//! R4 <https://hl7.org/fhir/R4/binary.html#rest>.

use serde_json::json;

use super::unique;
use crate::app::TestApp;

/// Above a megabyte, and not text.
fn picture() -> Vec<u8> {
    (0..1_500_000_u32).map(|i| (i * 7 % 251) as u8).collect()
}

#[test]
fn content_goes_in_and_out_as_itself() {
    let app = TestApp::shared();
    let client = app.client();
    let headers = [("Content-Type", "image/png"), ("X-Security-Context", "Patient/1")];
    let made = client.request("POST", "Binary", &headers, &picture()).expect(201);
    let path = format!("Binary/{}", made.id());
    let native = client.get_with(&path, &[("Accept", "image/png")]).expect(200);
    assert_eq!(native.header("content-type"), Some("image/png"));
    assert_eq!(native.header("x-security-context"), Some("Patient/1"));
    assert_eq!(native.header("content-security-policy"), Some("default-src 'none'; sandbox"));
    assert_eq!(native.header("etag"), Some("W/\"1\""));
    assert!(native.bytes == picture());
    let resource = client.get(&path).expect(200).json();
    assert_eq!((&resource["contentType"], &resource["resourceType"]), (&json!("image/png"), &json!("Binary")));
    client.get_with(&path, &[("Accept", "image/png"), ("If-None-Match", "W/\"1\"")]).expect(304);
    client.get_with("Patient/1", &[("Accept", "image/png")]).expect(406);
    client.get_with(&format!("Binary/{}", unique()), &[("Accept", "image/png")]).expect(404);
}

#[test]
fn content_is_put_under_a_clients_id() {
    let app = TestApp::shared();
    let client = app.client();
    let path = format!("Binary/{}", unique());
    client.request("PUT", &path, &[("Content-Type", "text/plain")], b"one").expect(201);
    client.request("PUT", &path, &[("Content-Type", "text/plain")], b"two").expect(200);
    let first = client.get_with(&format!("{path}/_history/1"), &[("Accept", "text/plain")]).expect(200);
    assert_eq!(first.text(), "one");
    let empty = client.request("POST", "Binary", &[("Content-Type", "text/plain")], b"").expect(201);
    assert_eq!(client.get_with(&format!("Binary/{}", empty.id()), &[("Accept", "text/plain")]).expect(200).text(), "");
}

#[test]
fn a_content_type_that_is_no_code_is_refused() {
    let app = TestApp::shared();
    let refused = app.client().request("POST", "Binary", &[("Content-Type", "image/png; a=b  c")], b"x").expect(400);
    assert!(
        refused.expect_issue("value").contains("Binary.contentType") || refused.text().contains("Binary.contentType")
    );
}
