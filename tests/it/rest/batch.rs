//! batch: every entry by itself.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#brules>.

use serde_json::{Value, json};

use super::{by_identifier, given_patient, identified, patient, unique};
use crate::app::TestApp;

#[test]
fn an_entry_that_fails_spoils_no_other() {
    let app = TestApp::shared();
    let (id, new, never) = (given_patient(app.client()), unique(), unique());
    let entries = [
        (json!({"request": {"method": "POST", "url": "Patient"}, "resource": identified(&new)}), "201"),
        (json!({"request": {"method": "PUT", "url": format!("Patient/{id}")}, "resource": patient(&id)}), "200"),
        (json!({"request": {"method": "GET", "url": format!("Patient/{id}")}}), "200"),
        (json!({"request": {"method": "GET", "url": format!("Patient/{never}")}}), "404"),
        (json!({"request": {"method": "GET", "url": format!("Patient?{}", by_identifier(&new))}}), "200"),
        (
            json!({"request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient", "nope": 1}}),
            "400",
        ),
        (json!({"request": {"method": "POST", "url": "Patient"}}), "400"),
        (json!({"request": {"method": "GET", "url": "Nope/1"}}), "404"),
        (
            json!({"request": {"method": "PUT", "url": format!("Patient/{id}"), "ifMatch": "W/\"9\""}, "resource": patient(&id)}),
            "412",
        ),
        (json!({"request": {"method": "DELETE", "url": format!("Patient/{never}")}}), "204"),
        (json!({"request": {"method": "GET", "url": "metadata"}}), "200"),
        (json!({"request": {"method": "GET", "url": format!("{}/Patient/{id}/_history/1", app.base())}}), "200"),
        (json!({"request": {"method": "GET", "url": "http://elsewhere.example.org/fhir/Patient/1"}}), "400"),
    ];
    let list: Vec<&Value> = entries.iter().map(|(entry, _)| entry).collect();
    let answer = app.client().post("", &json!({"resourceType": "Bundle", "type": "batch", "entry": list})).expect(200);
    assert_eq!(answer.json()["type"], "batch-response");
    let answers = answer.entries();
    assert_eq!(answers.len(), entries.len());
    for (i, ((asked, want), answer)) in entries.iter().zip(&answers).enumerate() {
        let status = answer["response"]["status"].as_str().unwrap_or_default();
        assert!(status.starts_with(want), "{asked}: {answer}");
        if status.starts_with('4') {
            let issue = &answer["response"]["outcome"]["issue"][0];
            assert!(issue["diagnostics"].is_string(), "{asked}: {answer}");
            let place = issue["expression"][0].as_str().unwrap_or_default();
            assert!(place.starts_with(&format!("Bundle.entry[{i}]")), "{asked}: {answer}");
        }
    }
    assert!(
        answers[0]["response"]["location"]
            .as_str()
            .is_some_and(|l| l.contains("Patient/") && l.ends_with("/_history/1"))
    );
    assert_eq!(answers[1]["response"]["etag"], "W/\"2\"");
    assert!(answers[1]["response"]["lastModified"].is_string());
    assert_eq!(answers[2]["resource"]["id"], json!(id));
    assert_eq!(answers[4]["resource"]["resourceType"], "Bundle");
    assert_eq!(answers[10]["resource"]["resourceType"], "CapabilityStatement");
}

#[test]
fn an_empty_bundle_has_an_empty_answer() {
    let app = TestApp::shared();
    for (kind, answer) in [("batch", "batch-response"), ("transaction", "transaction-response")] {
        let done = app.client().post("", &json!({"resourceType": "Bundle", "type": kind})).expect(200);
        assert_eq!(done.json()["type"], answer);
        assert!(done.entries().is_empty());
    }
}

#[test]
fn the_bundle_comes_back_with_what_was_asked_for() {
    let app = TestApp::shared();
    let bundle = |kind: &str| {
        json!({"resourceType": "Bundle", "type": kind, "entry": [
            {"request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient", "active": true}},
        ]})
    };
    for kind in ["batch", "transaction"] {
        let whole = app.client().send("POST", "", &[("Prefer", "return=representation")], &bundle(kind)).expect(200);
        assert_eq!(whole.entries()[0]["resource"]["active"], true, "{kind}");
        let small = app.client().send("POST", "", &[("Prefer", "return=minimal")], &bundle(kind)).expect(200);
        assert!(small.entries()[0].get("resource").is_none(), "{kind}");
    }
}

#[test]
fn what_is_no_batch_is_refused() {
    let app = TestApp::builder().set("bundle-entries-max", "3").start();
    let get = json!({"request": {"method": "GET", "url": "metadata"}});
    for (bundle, status, issue, words) in [
        (json!({"resourceType": "Patient"}), 400, "invalid", "Bundle"),
        (json!({"resourceType": "Bundle"}), 400, "", "type"),
        (json!({"resourceType": "Bundle", "type": "collection"}), 400, "invalid", "Bundle.type"),
        (json!({"resourceType": "Bundle", "type": "nope"}), 400, "", "Bundle.type"),
        (json!({"resourceType": "Bundle", "type": "batch", "entry": {}}), 400, "structure", "Bundle.entry"),
        (json!({"resourceType": "Bundle", "type": "batch", "entry": []}), 400, "structure", "Bundle.entry"),
        (
            json!({"resourceType": "Bundle", "type": "batch", "entry": [get, {"resource": {"resourceType": "Patient"}}]}),
            400,
            "required",
            "Bundle.entry[1].request",
        ),
        (json!({"resourceType": "Bundle", "type": "batch", "nope": 1}), 400, "structure", "Bundle.nope"),
        (
            json!({"resourceType": "Bundle", "type": "batch", "entry": [get, get, get, get]}),
            413,
            "too-long",
            "Bundle.entry",
        ),
        (
            json!({"resourceType": "Bundle", "type": "transaction", "entry": [get, get, get, get]}),
            413,
            "too-long",
            "Bundle.entry",
        ),
    ] {
        let answer = app.client().post("", &bundle).expect(status);
        let code = answer.json()["issue"][0]["code"].as_str().unwrap_or_default().to_string();
        assert!(issue.is_empty() || code == issue, "{bundle}: {}", answer.text());
        let said = answer.expect_issue(&code);
        assert!(said.contains(words), "{bundle}: {said}");
    }
}
