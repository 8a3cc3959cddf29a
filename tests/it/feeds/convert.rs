//! `$convert`: what it answers, in which forms it is asked, and that its transaction can be sent.

use super::{SETTINGS, register, result};
use crate::app::TestApp;
use crate::client::{Client, Response};
use serde_json::{Value, json};

const HL7: (&str, &str) = ("Content-Type", "application/hl7-v2");

fn convert(client: &Client, path: &str, message: &str) -> Response {
    client.request("POST", path, &[HL7], message.as_bytes())
}

fn types(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| entry["resource"]["resourceType"].as_str().unwrap_or_default().to_string()).collect()
}

#[test]
fn a_message_is_answered_as_a_transaction_in_every_form() {
    let app = TestApp::shared();
    let message = result("c1", "42^^^HOSP&1.2.3&ISO", "4.6");
    let bundle = convert(app.client(), "$convert", &message).expect(200).json();
    assert_eq!((bundle["resourceType"].as_str(), bundle["type"].as_str()), (Some("Bundle"), Some("transaction")));
    for name in ["Patient", "Observation", "DiagnosticReport"] {
        assert!(types(&bundle).contains(&name.to_string()), "{name}: {bundle}");
    }
    for kind in ["x-application/hl7-v2+er7", "text/plain", "text/plain; charset=utf-8"] {
        let same = app.client().request("POST", "$convert", &[("Content-Type", kind)], message.as_bytes());
        assert_eq!(same.expect(200).json(), bundle, "{kind}");
    }
    let lines = message.replace('\r', "\n");
    assert_eq!(convert(app.client(), "$convert", &lines).expect(200).json(), bundle, "lines may end in LF");
    let parameters = json!({"resourceType": "Parameters", "parameter": [{"name": "inputData", "valueString": lines}]});
    assert_eq!(app.client().post("$convert", &parameters).expect(200).json(), bundle);
    let found = app.client().get("Patient?identifier=urn:oid:1.2.3|42").expect(200).json();
    assert_eq!(found["total"], 0, "nothing is stored");
}

#[test]
fn what_cannot_be_taken_over_names_its_place() {
    let app = TestApp::shared();
    let place = |message: &str, status: u16| {
        let outcome = convert(app.client(), "$convert", message).expect(status).json();
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        outcome["issue"][0]["expression"][0].as_str().unwrap_or_default().to_string()
    };
    assert_eq!(place("nothing like it", 400), "");
    assert_eq!(place("MSH|^~\\&|LAB|HOSP|||20260102||XYZ^Q99|1|P|2.5", 400), "MSH-9.1");
    assert_eq!(place("MSH|^~\\&|LAB|HOSP|||20260102||ADT^A01|1|P|2.5\rEVN|A01", 400), "PID");
    app.client().get("$convert").expect(400);
    let known = json!({"resourceType": "Parameters", "parameter": [{"name": "input", "valueString": "x"}]});
    app.client().post("$convert", &known).expect(400);
    // Elsewhere a message is no body.
    convert(app.client(), "Patient", "MSH|^~\\&|").expect(415);
    convert(app.client(), "Patient/$match", "MSH|^~\\&|").expect(415);
}

#[test]
fn warnings_are_in_the_bundle_or_in_an_outcome() {
    let app = TestApp::shared();
    let message = result("c3", "42^^^HOSP&1.2.3&ISO", "4.6").replace("|19800102|F", "|19800102|?");
    let told = [HL7, ("Prefer", "return=OperationOutcome")];
    let outcome = app.client().request("POST", "$convert", &told, message.as_bytes()).expect(200).json();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    let places: Vec<&str> =
        outcome["issue"].as_array().unwrap().iter().filter_map(|issue| issue["expression"][0].as_str()).collect();
    assert!(places.iter().any(|place| place.starts_with("PID-8")), "{outcome}");
    let bundle = convert(app.client(), "$convert", &message).expect(200).json();
    assert!(bundle["meta"]["extension"][0]["valueString"].as_str().unwrap().contains("PID-8"), "{bundle}");
}

#[test]
fn the_transaction_can_be_sent_and_doubles_nothing() {
    let app = TestApp::start();
    let client = app.client();
    let bundle = convert(client, "$convert", &result("c4", "42^^^HOSP&1.2.3&ISO", "4.6")).expect(200).json();
    client.post("", &bundle).expect(200);
    let count = |name: &str| client.get(&format!("{name}?_summary=count")).expect(200).json()["total"].clone();
    let names = ["Patient", "Observation", "DiagnosticReport"];
    let first: Vec<Value> = names.iter().map(|name| count(name)).collect();
    assert_eq!(first, [1, 1, 1]);
    client.post("", &bundle).expect(200);
    assert_eq!(names.iter().map(|name| count(name)).collect::<Vec<_>>(), first);
}

#[test]
fn the_rules_of_a_feed_are_for_who_runs_feeds() {
    let app = TestApp::builder().secured().start();
    register(&app, SETTINGS);
    let message = result("c5", "42", "4.6");
    let any = app.client_with("patient/Patient.r");
    convert(&any, "$convert", &message);
    convert(&any, "$convert?feed=lab", &message).expect(403);
    convert(&app.client_with("system/*.cruds"), "$convert?feed=lab", &message).expect(403);
    let runs = app.client_with("__manage_feeds");
    let bundle = convert(&runs, "$convert?feed=lab", &message).expect(200).json();
    let patient = bundle["entry"].as_array().unwrap().iter().find(|it| it["resource"]["resourceType"] == "Patient");
    assert_eq!(patient.expect("there is one")["resource"]["identifier"][0]["system"], "urn:hosp:mrn");
    convert(&runs, "$convert?feed=none", &message).expect(404);
    convert(app.client(), "$convert", &message).expect(401);
}
