//! create, and create with the server's part of the content.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#create>.

use serde_json::json;

use super::{check_with, unique};
use crate::app::TestApp;
use crate::client::json;

#[test]
fn a_create_tells_where_the_resource_is() {
    let app = TestApp::shared();
    let made = app.client().post("Patient", &json!({"resourceType": "Patient", "active": true})).expect(201);
    let id = made.id();
    assert_eq!(made.header("location"), Some(&*format!("{}/Patient/{id}/_history/1", app.base())));
    assert_eq!(made.header("etag"), Some("W/\"1\""));
    assert!(made.header("last-modified").is_some());
    assert_eq!(made.json(), app.client().get(&format!("Patient/{id}")).expect(200).json());
    let there = app.client().get(made.header("location").expect("checked above")).expect(200);
    assert_eq!(there.id(), id);
}

#[test]
fn id_version_and_time_are_the_servers() {
    let app = TestApp::shared();
    let wished = unique();
    let made = app.client().post(
        "Patient",
        &json!({
            "resourceType": "Patient",
            "id": wished,
            "meta": {
                "versionId": "77",
                "lastUpdated": "2000-01-01T00:00:00Z",
                "source": "urn:a",
                "profile": ["http://example.org/p"],
                "security": [{"code": "R"}],
                "tag": [{"code": "t"}],
            },
        }),
    );
    let body = made.expect(201).json();
    assert_ne!(body["id"], json!(wished));
    assert_eq!(body["meta"]["versionId"], "1");
    assert_ne!(body["meta"]["lastUpdated"], "2000-01-01T00:00:00Z");
    for (part, want) in [
        ("source", json!("urn:a")),
        ("profile", json!(["http://example.org/p"])),
        ("security", json!([{"code": "R"}])),
        ("tag", json!([{"code": "t"}])),
    ] {
        assert_eq!(body["meta"][part], want, "{part}");
    }
}

#[test]
fn what_does_not_fit_its_address_is_refused() {
    let app = TestApp::shared();
    let patient = json!({"resourceType": "Patient"});
    for (line, resource, status, issue, words) in [
        ("POST Observation", patient.clone(), 400, "invalid", "Observation"),
        ("POST Patient", json!({"resourceType": "Nope"}), 400, "invalid", "Nope"),
        ("POST Patient", json!({"active": true}), 400, "required", "resourceType"),
        ("POST Patient/1", patient.clone(), 405, "not-supported", ""),
        ("POST Nope", patient.clone(), 404, "not-found", "Nope"),
        ("POST metadata", patient.clone(), 405, "not-supported", ""),
    ] {
        let said = check_with(app.client(), line, &[], &resource, status, issue).expect_issue(issue);
        assert!(said.contains(words), "{line}: {said}");
    }
}

/// Digits of decimals, precision and zone of dates, order of elements, text of any script: as they came.
#[test]
fn content_comes_back_as_it_was_sent() {
    let app = TestApp::shared();
    let text = br#"{"resourceType":"Observation","status":"final","code":{"text":"\u00e5 \ud83d\ude00 \u4e2d"},
        "effectiveDateTime":"2020-02-03T04:05:06.700+05:30","issued":"2020-02-03T04:05:06Z",
        "component":[{"code":{"text":"a"},"valueQuantity":{"value":1.00}},{"code":{"text":"b"},"valueQuantity":{"value":0.000}},
        {"code":{"text":"c"},"valueQuantity":{"value":1e-3}},{"code":{"text":"d"},"valueQuantity":{"value":-12345678901234567890.1234567890}},
        {"code":{"text":"e"},"_valueString":{"extension":[{"url":"http://x","valueDate":"2020"}]}},
        {"code":{"text":"f"},"valueTime":"23:59:60"},{"code":{"text":"g"},"valueString":"  a\tb\n"}]}"#;
    let made = app.client().request("POST", "Observation", &[crate::client::JSON], text).expect(201);
    let mut back = app.client().get(&format!("Observation/{}", made.id())).expect(200).json();
    let mut want = json(text);
    let object = back.as_object_mut().expect("a resource is an object");
    object.shift_remove("id");
    object.shift_remove("meta");
    assert_eq!(back.to_string(), want.take().to_string());
}

/// Only `POST [base]` does what a Bundle says; below its type a Bundle is a resource as any other.
#[test]
fn a_bundle_sent_to_its_type_is_stored_as_it_is() {
    let app = TestApp::shared();
    let (inner, url) = (unique(), format!("urn:uuid:{}", unique()));
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"fullUrl": url, "resource": {"resourceType": "Patient", "id": inner},
            "request": {"method": "PUT", "url": format!("Patient/{inner}")}},
        {"resource": {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": url},
            "performer": [{"reference": "Practitioner?identifier=1"}]},
            "request": {"method": "POST", "url": "Observation"}},
    ]});
    let id = app.client().post("Bundle", &bundle).expect(201).id();
    let stored = app.client().get(&format!("Bundle/{id}")).expect(200).json();
    assert_eq!(stored["entry"], bundle["entry"]);
    app.client().get(&format!("Patient/{inner}")).expect(404);
}
