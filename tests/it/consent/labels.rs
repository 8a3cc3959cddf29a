//! Security labels that the server gives: on every way in, kept through updates, found by search.
//!
//! R4 <https://hl7.org/fhir/R4/security-labels.html>.

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::JSON_PATCH;
use crate::rest::unique;

const SNOMED: &str = "http://snomed.info/sct";
const HIV: &str = "86406008";
const HYPERTENSION: &str = "38341003";

fn condition(id: &str, code: &str) -> Value {
    json!({"resourceType": "Condition", "id": id, "subject": {"reference": "Patient/labelled"},
           "code": {"coding": [{"system": SNOMED, "code": code}]}})
}

fn labels(resource: &Value) -> String {
    let labels = resource["meta"]["security"].as_array().cloned().unwrap_or_default();
    let codes: Vec<&str> = labels.iter().filter_map(|label| label["code"].as_str()).collect();
    codes.join(" ")
}

#[test]
fn every_way_in_gives_labels() {
    let app = TestApp::shared();
    let client = app.client();
    let stored = |id: &str| labels(&client.get(&format!("Condition/{id}")).expect(200).json());
    let made = client.post("Condition", &condition("x", HIV)).expect(201);
    assert_eq!(labels(&made.json()), "R HIV", "the answer to a create tells what is stored");
    assert_eq!(stored(&made.id()), "R HIV");
    let put = unique();
    client.put(&format!("Condition/{put}"), &condition(&put, HIV)).expect(201);
    assert_eq!(stored(&put), "R HIV");
    let patched = unique();
    client.put(&format!("Condition/{patched}"), &condition(&patched, HYPERTENSION)).expect(201);
    assert_eq!(stored(&patched), "");
    let patch = json!([{"op": "replace", "path": "/code/coding/0/code", "value": HIV}]).to_string();
    client.request("PATCH", &format!("Condition/{patched}"), &[JSON_PATCH], patch.as_bytes()).expect(200);
    assert_eq!(stored(&patched), "R HIV");
    for kind in ["batch", "transaction"] {
        let id = unique();
        let entry =
            json!({"resource": condition(&id, HIV), "request": {"method": "PUT", "url": format!("Condition/{id}")}});
        client.post("", &json!({"resourceType": "Bundle", "type": kind, "entry": [entry]})).expect(200);
        assert_eq!(stored(&id), "R HIV", "{kind}");
    }
    let security = "_security=http://terminology.hl7.org/CodeSystem/v3-ActCode|HIV";
    let found = client.get(&format!("Condition?_id={put},{patched}&{security}")).expect(200).json();
    assert_eq!(found["total"], 2, "labels are found as they are told");
}

#[test]
fn labels_stay_while_the_code_does_and_are_given_once() {
    let app = TestApp::shared();
    let (client, id) = (app.client(), unique());
    let path = format!("Condition/{id}");
    let put = |resource: &Value| labels(&client.put(&path, resource).json());
    assert_eq!(put(&condition(&id, HIV)), "R HIV");
    assert_eq!(put(&condition(&id, HIV)), "R HIV", "an update without labels");
    let read = client.get(&path).expect(200).json();
    assert_eq!(put(&read), "R HIV", "an update with them");
    let mut own = condition(&id, HIV);
    own["meta"] = json!({"security": [{"system": "http://example.org/labels", "code": "own"}]});
    assert_eq!(put(&own), "own R HIV", "what a client gave is kept");
    assert_eq!(put(&condition(&id, HYPERTENSION)), "");
}

#[test]
fn labels_can_be_turned_off() {
    let app = TestApp::builder().set("sensitivity-labels", "off").start();
    let made = app.client().post("Condition", &condition("x", HIV)).expect(201);
    assert_eq!(labels(&app.client().get(&format!("Condition/{}", made.id())).expect(200).json()), "");
}
