//! The small hospital that the tables of checks play in.

use serde_json::{Value, json};

use super::browser::{Browser, add_person};
use crate::app::TestApp;

pub const PASSWORD: &str = "correct horse battery staple";

/// A secured server with a patient, another one, and a physician, all signed in.
pub struct Stage {
    pub server: TestApp,
    /// `Patient/ada`.
    pub ada: Browser,
    /// `Patient/ben`.
    pub ben: Browser,
    /// `Practitioner/house`, a physician.
    pub house: Browser,
}

impl Stage {
    pub fn set() -> Stage {
        let server = TestApp::builder().secured().start();
        let operator = server.client_with("system/*.cruds");
        operator.post("", &records()).expect(200);
        let ada = signed_in(&server, "ada", "patient", Some("Patient/ada"));
        let ben = signed_in(&server, "ben", "patient", Some("Patient/ben"));
        let house = signed_in(&server, "house", "physician", Some("Practitioner/house"));
        Stage { server, ada, ben, house }
    }
}

/// Adds a person and signs in.
pub fn signed_in(server: &TestApp, login: &str, role: &str, fhir_user: Option<&str>) -> Browser {
    let more: Vec<&str> = fhir_user.iter().flat_map(|who| ["--fhir-user", *who]).collect();
    add_person(server, login, PASSWORD, role, &more);
    let mut browser = Browser::new(server);
    browser.sign_in(login, PASSWORD).expect(303);
    browser
}

/// The resource types of US Core that (g)(10) asks for, each with one resource of Ada.
pub const TYPES: [&str; 16] = [
    "AllergyIntolerance",
    "CarePlan",
    "CareTeam",
    "Condition",
    "Coverage",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "Goal",
    "Immunization",
    "MedicationDispense",
    "MedicationRequest",
    "Observation",
    "Patient",
    "Procedure",
    "ServiceRequest",
];

pub const CONDITION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/condition-category";
pub const US_CONDITION_CATEGORY: &str = "http://hl7.org/fhir/us/core/CodeSystem/condition-category";
pub const OBSERVATION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
pub const US_CATEGORY: &str = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category";

/// The categories by which fine-grained scopes choose: type, system, code.
pub const CATEGORIES: [(&str, &str, &str); 8] = [
    ("Condition", CONDITION_CATEGORY, "encounter-diagnosis"),
    ("Condition", US_CONDITION_CATEGORY, "health-concern"),
    ("Condition", CONDITION_CATEGORY, "problem-list-item"),
    ("Observation", OBSERVATION_CATEGORY, "laboratory"),
    ("Observation", OBSERVATION_CATEGORY, "social-history"),
    ("Observation", OBSERVATION_CATEGORY, "vital-signs"),
    ("Observation", OBSERVATION_CATEGORY, "survey"),
    ("Observation", US_CATEGORY, "sdoh"),
];

fn records() -> Value {
    let concept = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
    let (ada, text) = (json!({"reference": "Patient/ada"}), json!({"text": "something"}));
    let mut all = vec![
        json!({"resourceType": "Practitioner", "id": "house", "name": [{"family": "House"}]}),
        json!({"resourceType": "Organization", "id": "payer", "name": "Payer"}),
        json!({"resourceType": "Patient", "id": "ada", "name": [{"family": "Lovelace", "given": ["Ada"]}],
               "generalPractitioner": [{"reference": "Practitioner/house"}]}),
        json!({"resourceType": "Patient", "id": "ben", "name": [{"family": "Banneker", "given": ["Ben"]}]}),
        json!({"resourceType": "AllergyIntolerance", "id": "allergyintolerance", "patient": ada}),
        json!({"resourceType": "CarePlan", "id": "careplan", "status": "active", "intent": "plan", "subject": ada}),
        json!({"resourceType": "CareTeam", "id": "careteam", "status": "active", "subject": ada}),
        json!({"resourceType": "Coverage", "id": "coverage", "status": "active", "beneficiary": ada,
               "payor": [{"reference": "Organization/payer"}]}),
        json!({"resourceType": "DiagnosticReport", "id": "diagnosticreport", "status": "final", "code": text, "subject": ada}),
        json!({"resourceType": "DocumentReference", "id": "documentreference", "status": "current", "subject": ada,
               "content": [{"attachment": {"url": "urn:uuid:0c3a8a4c-3f0e-4b0a-9b1e-5a2f6c1d2e3f"}}]}),
        json!({"resourceType": "Encounter", "id": "encounter", "status": "finished", "subject": ada,
               "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}}),
        json!({"resourceType": "Goal", "id": "goal", "lifecycleStatus": "active", "description": text, "subject": ada}),
        json!({"resourceType": "Immunization", "id": "immunization", "status": "completed", "vaccineCode": text,
               "patient": ada, "occurrenceDateTime": "2024-05-01"}),
        json!({"resourceType": "MedicationDispense", "id": "medicationdispense", "status": "completed",
               "medicationCodeableConcept": text, "subject": ada}),
        json!({"resourceType": "MedicationRequest", "id": "medicationrequest", "status": "active", "intent": "order",
               "medicationCodeableConcept": text, "subject": ada}),
        json!({"resourceType": "Procedure", "id": "procedure", "status": "completed", "subject": ada}),
        json!({"resourceType": "ServiceRequest", "id": "servicerequest", "status": "active", "intent": "order", "subject": ada}),
        json!({"resourceType": "Observation", "id": "of-ben", "status": "final", "code": text,
               "subject": {"reference": "Patient/ben"}}),
    ];
    for (t, system, code) in CATEGORIES {
        let category = [concept(system, code)];
        all.push(match t {
            "Condition" => json!({"resourceType": t, "id": code, "category": category, "subject": ada}),
            _ => json!({"resourceType": t, "id": code, "category": category, "subject": ada, "status": "final", "code": text}),
        });
    }
    let entry: Vec<Value> = all
        .into_iter()
        .map(|resource| {
            let url = format!(
                "{}/{}",
                resource["resourceType"].as_str().unwrap_or(""),
                resource["id"].as_str().unwrap_or("")
            );
            json!({"resource": resource, "request": {"method": "PUT", "url": url}})
        })
        .collect();
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entry})
}
