//! A Patient carries no Health ID but its own, whatever way it is written.

use serde_json::{Value, json};

use super::{identifier, registered, somebody, system};
use crate::app::TestApp;
use crate::client::{JSON_PATCH, Response};

#[track_caller]
fn refused(answer: Response) {
    let said = answer.expect(422).expect_issue("business-rule");
    assert!(said.contains("identifier") && said.contains("$issue-health-id"), "{said}");
}

#[test]
fn a_foreign_health_id_is_refused_on_every_way_in() {
    let app = TestApp::shared();
    let client = app.client();
    let (_, theirs) = registered(client, &somebody());
    let (own_id, own) = registered(client, &somebody());
    let known = client.get(&format!("Patient/{own_id}")).json();
    let unissued = medilink::health_id::HealthId::random().as_str().to_string();
    let no_value = json!({"system": system(&app)});
    for wrong in [identifier(&app, &theirs), identifier(&app, &unissued), identifier(&app, "anything"), no_value] {
        let mut fresh = somebody();
        fresh["identifier"] = json!([wrong]);
        let mut changed = known.clone();
        changed["identifier"].as_array_mut().expect("it has one").push(wrong.clone());
        refused(client.post("Patient", &fresh));
        refused(client.send("POST", "Patient", &[("If-None-Exist", "identifier=urn:nobody|1")], &fresh));
        refused(client.put(&format!("Patient/{own_id}"), &changed));
        refused(client.put(&format!("Patient?identifier={}|{own}", system(&app)), &changed));
        let id = uuid::Uuid::new_v4().to_string();
        fresh["id"] = id.as_str().into();
        refused(client.put(&format!("Patient/{id}"), &fresh));
        let patch = json!([{"op": "add", "path": "/identifier/-", "value": wrong}]).to_string();
        refused(client.request("PATCH", &format!("Patient/{own_id}"), &[JSON_PATCH], patch.as_bytes()));
        refused(client.request(
            "PATCH",
            &format!("Patient?identifier={}|{own}", system(&app)),
            &[JSON_PATCH],
            patch.as_bytes(),
        ));
        let entries = json!([
            {"resource": fresh, "request": {"method": "POST", "url": "Patient"}},
            {"resource": {"resourceType": "Group", "type": "person", "actual": true}, "request": {"method": "POST", "url": "Group"}},
        ]);
        refused(client.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})));
        let batch =
            client.post("", &json!({"resourceType": "Bundle", "type": "batch", "entry": entries})).expect(200).json();
        assert_eq!(batch["entry"][0]["response"]["status"], "422 Unprocessable Entity", "{batch}");
        assert_eq!(batch["entry"][1]["response"]["status"], "201 Created", "{batch}");
    }
    assert_eq!(client.get(&format!("Patient/{own_id}")).json(), known, "nothing was written");
    // The Patient's own Health ID may come along with every write.
    client.put(&format!("Patient/{own_id}"), &known).expect(200);
    let patch = json!([{"op": "add", "path": "/active", "value": true}]).to_string();
    client.request("PATCH", &format!("Patient/{own_id}"), &[JSON_PATCH], patch.as_bytes()).expect(200);
    let entry: Value = json!({"resource": known, "request": {"method": "PUT", "url": format!("Patient/{own_id}")}});
    client.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})).expect(200);
}

#[test]
fn a_load_straight_into_the_database_is_no_way_around() {
    let app = TestApp::start();
    let file = app.data_dir().join("patient.json");
    let mut patient = somebody();
    patient["id"] = "loaded".into();
    patient["identifier"] = json!([identifier(&app, "123456789012346")]);
    std::fs::write(&file, patient.to_string()).expect("a file can be written");
    let output = app.run("load", &[file.to_str().expect("a path")]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("Health ID"), "{said}");
    app.client().get("Patient/loaded").expect(404);
}
