//! What a plain write may make of a Consent: it does not go round the question, the answer and the notices.

use serde_json::{Value, json};

use super::{Somebody, app, asked, keeper, located};
use crate::client::{Client, JSON_PATCH};

fn consent(patient: &Somebody, status: &str) -> Value {
    json!({"resourceType": "Consent", "status": status,
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": patient.record},
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTOUT"}]}})
}

fn with(mut consent: Value, key: &str, value: Value) -> Value {
    consent[key] = value;
    consent
}

/// Sends a Consent in another status than it has.
fn put(client: &Client, id: &str, status: &str) -> u16 {
    let now = keeper(app()).get(&format!("Consent/{id}")).expect(200).json();
    client.put(&format!("Consent/{id}"), &with(now, "status", status.into())).status
}

#[test]
fn clinicians_propose_and_never_make_a_consent_active() {
    let (doctor, patient) = (Somebody::physician(app()), Somebody::patient(app()));
    let client = doctor.client();
    for (status, answer) in [("draft", 201), ("proposed", 201), ("active", 403), ("inactive", 403), ("rejected", 403)] {
        assert_eq!(client.post("Consent", &consent(&patient, status)).status, answer, "{status}");
    }
    let id = asked(&doctor, &patient);
    assert_eq!(put(&client, &id, "active"), 403);
    assert_eq!(put(&client, &id, "proposed"), 403, "what the patient is looking at does not change");
    let patch = json!([{"op": "replace", "path": "/status", "value": "active"}]).to_string();
    let path = format!("Consent/{id}");
    assert_eq!(client.request("PATCH", &path, &[JSON_PATCH], patch.as_bytes()).status, 403);
    let entry = json!({"request": {"method": "POST", "url": "Consent"}, "resource": consent(&patient, "active")});
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]});
    client.post("", &bundle).expect(403);
    assert_eq!(client.delete(&path).status, 403);
}

#[test]
fn patients_write_their_own_and_answer_what_they_are_asked_by_the_operations() {
    let (doctor, patient, other) = (Somebody::physician(app()), Somebody::patient(app()), Somebody::patient(app()));
    let client = patient.client();
    let id = client.post("Consent", &consent(&patient, "active")).expect(201).id();
    client.post("Consent", &consent(&other, "active")).expect(403);
    assert_eq!(client.post("Consent", &consent(&patient, "proposed")).status, 403);
    assert_eq!(put(&client, &id, "active"), 403, "what was given stays as it was");
    assert_eq!(put(&other.client(), &id, "inactive"), 403);
    assert_eq!(put(&client, &id, "inactive"), 200);
    assert_eq!(put(&client, &id, "active"), 403, "what has ended does not come back");
    let draft = client.post("Consent", &consent(&patient, "draft")).expect(201).id();
    assert_eq!(put(&client, &draft, "active"), 200);

    let id = asked(&doctor, &patient);
    let patch = json!([{"op": "replace", "path": "/status", "value": "active"}]).to_string();
    let answer = client.request("PATCH", &format!("Consent/{id}"), &[JSON_PATCH], patch.as_bytes());
    assert!(answer.expect(403).expect_issue("forbidden").contains("$grant"));
}

#[test]
fn reception_records_paper_alone() {
    let reception = Somebody::new(app(), "receptionist", &json!({"resourceType": "Practitioner"}), &[]);
    let patient = Somebody::patient(app());
    let refused = reception.client().post("Consent", &consent(&patient, "active")).expect(403);
    assert!(refused.expect_issue("forbidden").starts_with("Consent.source "));
    let paper = json!({"contentType": "application/pdf", "data": "JVBERg=="});
    let signed = with(consent(&patient, "active"), "sourceAttachment", paper);
    let made = reception.client().post("Consent", &signed).expect(201);
    assert_eq!(made.text(), "", "who is not named in a Consent does not read it, nor by having written it");
    let id = located(&made);
    assert_eq!(put(&reception.client(), &id, "inactive"), 403);
    let waiting = app().sql(&format!("select at from consent_paper where consent = '{id}'"));
    assert_eq!(waiting.len(), 1, "the patient will be told");
    let systems = keeper(app()).post("Consent", &signed).expect(201).id();
    assert_eq!(app().sql(&format!("select at from consent_paper where consent = '{systems}'")).len(), 0);
}

#[test]
fn nobody_writes_what_broken_glass_leaves() {
    let patient = Somebody::patient(app());
    let tag = json!({"tag": [{"system": "https://medilink.example/fhir/CodeSystem/tag", "code": "break-glass"}]});
    let tagged = with(consent(&patient, "active"), "meta", tag);
    for client in [patient.client(), keeper(app())] {
        let refused = client.post("Consent", &tagged).expect(403);
        assert!(refused.expect_issue("forbidden").starts_with("Consent.meta.tag "), "{}", refused.text());
    }
    let id = keeper(app()).post("Consent", &consent(&patient, "draft")).expect(201).id();
    let path = format!("Consent/{id}");
    keeper(app()).put(&path, &with(tagged, "id", json!(id))).expect(403);
    keeper(app()).put(&path, &with(consent(&patient, "active"), "id", json!(id))).expect(200);
    keeper(app()).delete(&path).expect(204);
}

#[test]
fn an_active_consent_about_privacy_has_a_patient() {
    let patient = Somebody::patient(app());
    let mut nobody = consent(&patient, "active");
    nobody.as_object_mut().expect("an object").remove("patient");
    let refused = keeper(app()).post("Consent", &nobody).expect(422);
    assert!(refused.expect_issue("business-rule").starts_with("Consent.patient "));
    keeper(app()).post("Consent", &with(nobody, "status", json!("draft"))).expect(201);
}
