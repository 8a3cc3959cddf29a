//! Searches within a compartment.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#vsearch>, <https://hl7.org/fhir/R4/compartmentdefinition.html>.

use serde_json::json;

use super::unique;
use crate::app::TestApp;
use crate::client::Client;

fn given(client: &Client, id: &str) {
    let to = |t: &str| json!({"reference": format!("{t}/{id}")});
    for resource in [
        json!({"resourceType": "Practitioner", "id": id}),
        json!({"resourceType": "Device", "id": id}),
        json!({"resourceType": "Patient", "id": id, "generalPractitioner": [to("Practitioner")]}),
        json!({"resourceType": "RelatedPerson", "id": id, "patient": to("Patient")}),
        json!({"resourceType": "Encounter", "id": id, "status": "finished", "class": {"code": "AMB"}, "subject": to("Patient"),
               "participant": [{"individual": to("Practitioner")}]}),
        json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}, "subject": to("Patient"),
               "encounter": to("Encounter"), "performer": [to("RelatedPerson")], "device": to("Device")}),
        json!({"resourceType": "Condition", "id": id, "subject": to("Patient"), "asserter": to("Practitioner")}),
    ] {
        client.put(&format!("{}/{id}", resource["resourceType"].as_str().unwrap_or("")), &resource).expect(201);
    }
}

#[test]
fn a_compartment_holds_what_refers_to_its_owner_and_the_owner() {
    let app = TestApp::shared();
    let id = unique();
    given(app.client(), &id);
    for (path, expected) in [
        (format!("Patient/{id}/*"), "Condition Encounter Observation Patient RelatedPerson"),
        (format!("Patient/{id}/Observation"), "Observation"),
        (format!("Patient/{id}/Observation?status=final"), "Observation"),
        (format!("Patient/{id}/Observation?status=amended"), ""),
        (format!("Patient/{id}/Practitioner"), ""),
        (format!("Encounter/{id}/*"), "Encounter Observation"),
        (format!("Encounter/{id}/Observation"), "Observation"),
        (format!("Encounter/{id}/Condition"), ""),
        (format!("Practitioner/{id}/*"), "Condition Encounter Patient Practitioner"),
        (format!("Practitioner/{id}/Condition?asserter=Practitioner/{id}"), "Condition"),
        (format!("RelatedPerson/{id}/*"), "Observation RelatedPerson"),
        (format!("Device/{id}/*"), "Device Observation"),
        (format!("Device/{id}/*?_type=Observation"), "Observation"),
        (format!("Encounter/{id}/Observation?patient.general-practitioner=Practitioner/{id}"), "Observation"),
        (format!("Encounter/{id}-none/*"), ""),
    ] {
        let bundle = app.client().get(&path).expect(200).json();
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let mut types: Vec<&str> = entries.iter().filter_map(|e| e["resource"]["resourceType"].as_str()).collect();
        types.sort_unstable();
        assert_eq!(types.join(" "), expected, "{path}");
        assert_eq!(bundle["total"], types.len(), "{path}");
    }
    let refused = app.client().get(&format!("Organization/{id}/*")).expect(404);
    assert!(refused.text().contains("compartments of Patient, Encounter"), "{}", refused.text());
}
