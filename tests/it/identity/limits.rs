//! What tokens of patients, of narrow scopes and of roles reach: by every kind of request.
//!
//! SMART App Launch 2.2 <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>.

use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::{Client, JSON_PATCH, Response};

const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

/// Returns the server that the tests here share, and what it holds: two patients, each with the same.
fn hospital() -> &'static TestApp {
    static APP: OnceLock<TestApp> = OnceLock::new();
    APP.get_or_init(filled)
}

fn filled() -> TestApp {
    let app = TestApp::builder().secured().start();
    let all = app.client_with("system/*.cruds");
    all.put("Practitioner/doc", &json!({"resourceType": "Practitioner", "id": "doc"})).expect(201);
    for patient in ["a", "b"] {
        let subject = json!({"reference": format!("Patient/{patient}")});
        let of = |name: &str, fields: Value| {
            let mut resource =
                json!({"resourceType": name, "id": format!("{}-{patient}", name.to_lowercase()), "subject": subject});
            resource.as_object_mut().expect("an object").extend(fields.as_object().expect("fields").clone());
            resource
        };
        let name = json!([{"family": format!("Family{patient}")}]);
        all.put(&format!("Patient/{patient}"), &json!({"resourceType": "Patient", "id": patient, "name": name}))
            .expect(201);
        let class = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"});
        put(&all, &of("Encounter", json!({"status": "finished", "class": class})));
        for (kind, category) in [("lab", "laboratory"), ("vital", "vital-signs")] {
            put(&all, &observation(&format!("{kind}-{patient}"), patient, category));
        }
        put(&all, &observation(&format!("gone-{patient}"), patient, "laboratory"));
        all.delete(&format!("Observation/gone-{patient}")).expect(204);
        let device = json!({"resourceType": "Device", "id": format!("device-{patient}"), "patient": subject});
        put(&all, &device);
    }
    app
}

fn change(client: &Client, address: &str, patch: &Value) -> Response {
    client.request("PATCH", address, &[JSON_PATCH], patch.to_string().as_bytes())
}

fn put(client: &Client, resource: &Value) {
    let address =
        format!("{}/{}", resource["resourceType"].as_str().expect("a type"), resource["id"].as_str().expect("an id"));
    client.put(&address, resource).expect(201);
}

fn observation(id: &str, patient: &str, category: &str) -> Value {
    json!({
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
        "code": {"text": "x"},
        "subject": {"reference": format!("Patient/{patient}")},
        "encounter": {"reference": format!("Encounter/encounter-{patient}")},
        "performer": [{"reference": "Practitioner/doc"}],
    })
}

fn client(app: &TestApp, scope: &str, patient: Option<&str>, roles: &[&str]) -> Client {
    app.client().with_token(&app.forged(|claims| {
        claims.scope = scope.into();
        claims.patient = patient.map(Into::into);
        claims.roles = roles.iter().map(ToString::to_string).collect();
    }))
}

/// Returns the status, and of a Bundle the ids in it and its total.
fn seen(client: &Client, path: &str) -> String {
    let answer = client.get(path);
    if answer.status != 200 {
        return answer.status.to_string();
    }
    let body = answer.json();
    if body["resourceType"] != "Bundle" {
        return "200".to_string();
    }
    let mut ids: Vec<String> = answer.resources().iter().map(|r| r["id"].as_str().unwrap_or("?").to_string()).collect();
    ids.sort();
    format!("{} of {}", ids.join(" "), body["total"])
}

#[test]
fn a_patient_token_opens_one_record_by_every_way() {
    let app = hospital();
    let patient = client(app, "patient/*.rs", Some("a"), &[]);
    for (path, found) in [
        ("Patient/a", "200"),
        ("Patient/b", "404"),
        ("Patient/a/_history/1", "200"),
        ("Patient/b/_history/1", "404"),
        ("Patient/b/_history", "404"),
        ("Observation/lab-a", "200"),
        ("Observation/lab-b", "404"),
        ("Observation/gone-a", "410"),
        ("Observation/gone-b", "404"),
        ("Observation/never", "404"),
        ("Practitioner/doc", "200"),
        ("Device/device-a", "200"),
        ("Device/device-b", "404"),
        ("Patient?_total=accurate", "a of 1"),
        ("Patient?_id=b", " of 0"),
        ("Patient?name=familyb", " of 0"),
        ("Observation?_total=accurate", "lab-a vital-a of 2"),
        ("Observation?_summary=count", " of 2"),
        ("Observation?subject=Patient/b", " of 0"),
        ("Observation?subject:Patient.name=familyb", " of 0"),
        ("Observation?subject:Patient.name=familya", "lab-a vital-a of 2"),
        ("Patient?_has:Observation:subject:_id=lab-b", " of 0"),
        ("Patient?_has:Observation:subject:_id=lab-a", "a of 1"),
        ("Practitioner?_has:Observation:performer:_id=lab-b", " of 0"),
        ("Practitioner?_has:Observation:performer:_id=lab-a", "doc of 1"),
        ("Practitioner?_id=doc&_revinclude=Observation:performer", "doc lab-a vital-a of 1"),
        (
            "Observation?_id=lab-a&_include=Observation:subject&_include=Observation:encounter",
            "a encounter-a lab-a of 1",
        ),
        ("Patient/b/Observation", " of 0"),
        ("Patient/a/Observation", "lab-a vital-a of 2"),
        ("Device?_total=accurate", "device-a of 1"),
        ("Observation/_history", "gone-a lab-a vital-a of null"),
        ("Encounter?_sort=date&_count=1", "encounter-a of 1"),
    ] {
        assert_eq!(seen(&patient, path), found, "{path}");
    }
    // The deletion is in the history too, without content.
    let entries = patient.get("Observation/_history").entries();
    assert_eq!(entries.len(), 4, "{entries:?}");
    let lost = client(app, "patient/*.rs", None, &[]);
    lost.get("Patient/a").expect(403);
}

#[test]
fn a_granular_scope_opens_what_meets_it() {
    let app = hospital();
    let laboratory = format!("patient/Observation.rs?category={CATEGORY}|laboratory");
    let escaped = laboratory.replace('|', "%7C");
    for scope in [&laboratory, &escaped] {
        let patient = client(app, &format!("{scope} patient/Patient.r"), Some("a"), &[]);
        for (path, found) in [
            ("Observation/lab-a", "200"),
            ("Observation/vital-a", "404"),
            ("Observation/lab-b", "404"),
            ("Observation?_total=accurate", "lab-a of 1"),
            ("Observation?category=vital-signs", " of 0"),
            ("Patient/a", "200"),
            ("Patient?_id=a", "403"),
            ("Encounter", "403"),
            ("Patient/a/Observation", "lab-a of 1"),
        ] {
            assert_eq!(seen(&patient, path), found, "{scope}: {path}");
        }
    }
    let both =
        client(app, &format!("{laboratory} patient/Observation.rs?category={CATEGORY}|vital-signs"), Some("a"), &[]);
    assert_eq!(seen(&both, "Observation"), "lab-a vital-a of 2");
}

#[test]
fn roles_are_a_ceiling_that_no_scope_lifts() {
    let app = hospital();
    for (role, path, found) in [
        ("physician", "Observation/lab-b", "200"),
        ("receptionist", "Patient/a", "200"),
        ("receptionist", "Observation/lab-a", "403"),
        ("admin", "Observation/lab-a", "403"),
        ("system-auditor", "Patient/a", "403"),
        ("pharmacist", "Patient/a", "200"),
        ("patient", "Observation/lab-a", "200"),
        ("patient", "Observation/lab-b", "404"),
        // Whoever speaks for a patient does so by a RelatedPerson, which this one has not.
        ("patient", "Observation?_total=accurate", "lab-a vital-a of 2"),
    ] {
        let person = client(app, "user/*.cruds", Some("a"), &[role]);
        assert_eq!(seen(&person, path), found, "{role}: {path}");
    }
    let refusal = client(app, "user/*.cruds", None, &["receptionist"]).get("Observation/lab-a").expect(403);
    assert!(refusal.text().contains("receptionist"), "the refusal says which layer it was: {}", refusal.text());
}

#[test]
fn writes_stay_within_what_the_token_reaches() {
    let app = &filled();
    let patient = client(app, "patient/*.cruds", Some("a"), &[]);
    let laboratory = client(app, "system/Observation.cruds?category=laboratory", None, &[]);
    let mut own = observation("x", "a", "laboratory");
    let others = observation("x", "b", "laboratory");
    patient.post("Observation", &own).expect(201);
    patient.post("Observation", &others).expect(403);
    patient.post("Patient", &json!({"resourceType": "Patient"})).expect(403);
    patient.post("Organization", &json!({"resourceType": "Organization", "name": "x"})).expect(403);
    // What is there decides, and what would be there.
    own["id"] = "lab-b".into();
    patient.put("Observation/lab-b", &own).expect(403);
    let mut moved = others.clone();
    moved["id"] = "lab-a".into();
    patient.put("Observation/lab-a", &moved).expect(403);
    own["id"] = "made-by-put".into();
    patient.put("Observation/made-by-put", &own).expect(201);
    // What is not seen is not there, and stays.
    patient.delete("Observation/lab-b").expect(204);
    client(app, "system/*.rs", None, &[]).get("Observation/lab-b").expect(200);
    patient.delete("Observation/made-by-put").expect(204);
    // A patch shows nothing of what it may not touch, not even by what it runs into.
    for test in ["final", "amended"] {
        let patch = json!([{"op": "test", "path": "/status", "value": test}]);
        change(&patient, "Observation/lab-b", &patch).expect(404);
    }
    let patch = json!([{"op": "replace", "path": "/category/0/coding/0/code", "value": "vital-signs"}]);
    change(&laboratory, "Observation/lab-a", &patch).expect(403);
    change(&laboratory, "Observation/vital-a", &patch).expect(404);
    // A condition finds what the token shows; a transaction is whole or not at all.
    patient.delete("Observation?_id=lab-b").expect(204);
    let entry = |resource: &Value, url: &str, method: &str| json!({"resource": resource, "request": {"method": method, "url": url}});
    let bundle = |kind: &str| {
        json!({"resourceType": "Bundle", "type": kind, "entry": [
            entry(&observation("t", "a", "laboratory"), "Observation/t", "PUT"),
            entry(&observation("lab-b", "b", "vital-signs"), "Observation/lab-b", "PUT"),
        ]})
    };
    patient.post("", &bundle("transaction")).expect(403);
    patient.get("Observation/t").expect(404);
    let answers = patient.post("", &bundle("batch")).expect(200).entries();
    let statuses: Vec<_> =
        answers.iter().map(|e| e["response"]["status"].as_str().unwrap_or("?")[..3].to_string()).collect();
    assert_eq!(statuses, ["201", "403"]);
    let all = app.client_with("system/*.rs");
    assert_eq!(all.get("Observation/lab-b").expect(200).json()["meta"]["versionId"], "1", "nothing was changed");
}
