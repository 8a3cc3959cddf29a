//! Well-formed bodies that are not the resource they should be.

use serde_json::json;

use super::{refused, still_answers};
use crate::app::TestApp;
use crate::client::JSON;

/// Posts bodies to a type; each names the element at fault in the first issue.
#[track_caller]
fn each(t: &str, before: &str, after: &str, cases: &[(&str, &str, &str)]) {
    let app = TestApp::shared();
    for (inside, issue, words) in cases {
        let body = format!("{before}{inside}{after}");
        let mut answer = app.client().request("POST", t, &[JSON], body.as_bytes());
        answer.asked = body;
        refused(&answer, 400, issue, words);
    }
    still_answers(&app);
}

#[test]
#[rustfmt::skip]
fn elements_that_do_not_belong_or_do_not_fit_are_named() {
    each("Patient", r#"{"resourceType":"Patient","#, "}", &[
        (r#""nope":1"#, "structure", "Patient.nope"),
        (r#""Active":true"#, "structure", "Patient.Active"),
        (r#""name":[{"given":["A"],"nope":1}]"#, "structure", "Patient.name[0].nope"),
        (r#""contact":[{"name":{"nope":1}}]"#, "structure", "Patient.contact[0].name.nope"),
        (r#""deceased":true"#, "structure", "Patient.deceased"),
        (r#""active":"true""#, "structure", "Patient.active"),
        (r#""active":null"#, "structure", "Patient.active"),
        (r#""name":{"family":"A"}"#, "structure", "Patient.name"),
        (r#""name":[]"#, "structure", "Patient.name"),
        (r#""name":[{}]"#, "structure", "Patient.name[0]"),
        (r#""name":[{"given":[""]}]"#, "value", "Patient.name[0].given[0]"),
        (r#""birthDate":"1970-02-30""#, "value", "Patient.birthDate"),
        (r#""birthDate":"01/02/1970""#, "value", "Patient.birthDate"),
        (r#""birthDate":1970"#, "structure", "Patient.birthDate"),
        (r#""gender":"m""#, "code-invalid", "Patient.gender"),
        (r#""deceasedBoolean":true,"deceasedDateTime":"2020""#, "structure", "Patient.deceased"),
        (r#""deceasedDateTime":"2020-01-01T10:00""#, "value", "Patient.deceased"),
        (r#""communication":[{"preferred":true}]"#, "required", "Patient.communication[0].language"),
        (r#""text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>x</div>"}"#, "value", "Patient.text.div"),
        (r#""text":{"status":"generated","div":"no markup"}"#, "value", "Patient.text.div"),
        (r#""generalPractitioner":[{"reference":"Patient/1"}]"#, "value", "Patient.generalPractitioner[0].reference"),
        (r#""generalPractitioner":[{"reference":"Nope/1"}]"#, "value", "Patient.generalPractitioner[0].reference"),
        (r#""extension":[{"valueString":"x"}]"#, "required", "Patient.extension[0].url"),
        (r#""contained":[{"resourceType":"Nope","id":"a"}]"#, "value", "Patient.contained[0]"),
        (r#""contained":[{"resourceType":"Organization","id":"a","nope":1}]"#, "structure", "Patient.contained[0].nope"),
        (r#""meta":{"lastUpdated":"yesterday"}"#, "value", "Patient.meta.lastUpdated"),
        (r#""meta":{"nope":1}"#, "structure", "Patient.meta.nope"),
        (r#""_active":true"#, "structure", "Patient.active"),
        (r#""photo":[{"data":"*"}]"#, "value", "Patient.photo[0].data"),
        (r#""identifier":[{"system":"a b"}]"#, "value", "Patient.identifier[0].system"),
        (r#""telecom":[{"rank":0}]"#, "value", "Patient.telecom[0].rank"),
    ]);
}

#[test]
#[rustfmt::skip]
fn absurd_numbers_are_refused() {
    let long = "9".repeat(1000);
    each("Observation",
        r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"#, "}",
        &[
            (r#""valueQuantity":{"value":1e400}"#, "value", "Observation.value.value"),
            (r#""valueQuantity":{"value":-1e400}"#, "value", "Observation.value.value"),
            (r#""valueQuantity":{"value":1e-400}"#, "value", "Observation.value.value"),
            (r#""valueQuantity":{"value":1e99999999999999999999}"#, "value", "Observation.value.value"),
            (&format!(r#""valueQuantity":{{"value":{long}}}"#), "value", "Observation.value"),
            (&format!(r#""valueQuantity":{{"value":0.{long}}}"#), "value", "Observation.value"),
            (r#""valueQuantity":{"value":NaN}"#, "structure", "line 1"),
            (r#""valueQuantity":{"value":Infinity}"#, "structure", "line 1"),
            (r#""valueQuantity":{"value":-}"#, "structure", "line 1"),
            (r#""valueQuantity":{"value":01}"#, "structure", "line 1"),
            (r#""valueQuantity":{"value":+1}"#, "structure", "line 1"),
            (r#""valueQuantity":{"value":.5}"#, "structure", "line 1"),
            (r#""valueQuantity":{"value":5.}"#, "structure", "line 1"),
            (r#""valueQuantity":{"value":0x1F}"#, "structure", "line 1"),
            (r#""valueQuantity":{"value":1_000}"#, "structure", "line 1"),
            (r#""valueQuantity":{"value":"1.5"}"#, "structure", "Observation.value.value"),
            (r#""valueInteger":2147483648"#, "value", "Observation.value"),
            (r#""valueInteger":-2147483649"#, "value", "Observation.value"),
            (r#""valueInteger":1.0"#, "value", "Observation.value"),
            (r#""valueInteger":1e3"#, "value", "Observation.value"),
            (r#""valueInteger":99999999999999999999999999"#, "value", "Observation.value"),
            (r#""valueSampledData":{"origin":{"value":0},"period":1,"dimensions":0}"#, "value", "Observation.value.dimensions"),
            (r#""valueBoolean":1"#, "structure", "Observation.value"),
            (r#""valueTime":"25:00:00""#, "value", "Observation.value"),
            (r#""effectiveInstant":"2020-01-01T00:00:00""#, "value", "Observation.effective"),
        ],
    );
}

#[test]
fn types_that_cannot_be_stored_are_refused() {
    let app = TestApp::shared();
    for (address, body, status, issue, words) in [
        ("Nope", json!({"resourceType": "Nope"}), 404, "not-found", "Nope"),
        ("patient", json!({"resourceType": "Patient"}), 404, "not-found", "patient"),
        ("DomainResource", json!({"resourceType": "DomainResource"}), 404, "not-found", "DomainResource"),
        ("HumanName", json!({"resourceType": "HumanName"}), 404, "not-found", "HumanName"),
        ("Patient", json!({"resourceType": "Practitioner"}), 400, "invalid", "Practitioner"),
        ("Patient", json!({"resourceType": "patient"}), 400, "invalid", "patient"),
        ("Patient", json!({"resourceType": 1}), 400, "structure", "resourceType"),
        ("Patient", json!({"resourceType": null}), 400, "structure", "resourceType"),
        ("Patient", json!({"resourceType": ["Patient"]}), 400, "structure", "resourceType"),
    ] {
        refused(&app.client().post(address, &body), status, issue, words);
    }
    // These only travel; the CapabilityStatement does not list them.
    for body in [
        json!({"resourceType": "Parameters"}),
        json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]}),
    ] {
        let t = body["resourceType"].as_str().expect("it is there");
        super::refused_somehow(&app.client().post(t, &body));
    }
    still_answers(&app);
}

#[test]
fn ids_that_are_none_are_refused() {
    let app = TestApp::shared();
    let long = "a".repeat(65);
    for id in ["a_b", "a b", "ä", "a%2Fb", &long, "'", "a;drop", "%00", "*"] {
        let encoded = id.replace(' ', "%20").replace('ä', "%C3%A4");
        for method in ["GET", "DELETE"] {
            let answer = app.client().request(method, &format!("Patient/{encoded}"), &[], b"");
            refused(&answer, 400, "invalid", "");
        }
        let body = json!({"resourceType": "Patient", "id": id});
        refused(&app.client().put(&format!("Patient/{encoded}"), &body), 400, "invalid", "");
    }
    for (id, words) in
        [(json!("b"), "Patient.id"), (json!(""), "Patient.id"), (json!(7), "Patient.id"), (json!(null), "Patient.id")]
    {
        let answer = app.client().put("Patient/a", &json!({"resourceType": "Patient", "id": id}));
        super::refused_somehow(&answer);
        assert!(answer.text().contains(words), "{id}: {}", answer.text());
    }
    still_answers(&app);
}
