//! What the physicians of the demo hospital asked of patients: by `Consent/$request`, as the page of a clinician does it.

use medilink::access::Principal;
use medilink::access::principal::{Person, Token};
use medilink::access::role::Role;
use medilink::access::scope::Scope;
use medilink::app::{Factory, Failure};
use medilink::fault::{Fault, Kind};
use medilink::fhir::{Instant, ResourceId, ResourceType};
use medilink::rest::{Body, Conditions, Interaction, Prefer, Request};
use medilink::service::Service;
use serde_json::{Value, json};
use std::sync::Arc;

const DAY_US: i64 = 86_400_000_000;
const PURPOSES: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

/// Who asks, whom, for which kinds of data, and in which words.
const REQUESTS: [(&str, &str, &[&str], &str); 2] = [
    ("marsh", "amina", &["labs", "meds", "allergies"], "You see me on Ward 3 next week. I would like to prepare."),
    ("okafor", "tomas", &["labs", "conditions", "meds"], "Dr. Marsh has asked me for a second opinion."),
];

/// Asks each patient who has neither been asked nor shares with the physician.
pub async fn make(factory: &Factory) -> Result<(), Failure> {
    let failed = |e: Fault| Failure(format!("failed to make the requests of the demo: {e}"));
    let service = factory.service().map_err(failed)?;
    for (physician, patient, classes, note) in REQUESTS {
        let asker = physician_of(physician);
        if !knows(&service, &asker, physician, patient).await.map_err(failed)? {
            let body = parameters(&service, patient, classes, note);
            let interaction = Interaction::Operation {
                name: "request".into(),
                by_get: false,
                resource_type: Some(ResourceType::CONSENT),
                id: None,
            };
            match ask(&service, &asker, interaction, Vec::new(), Body::Value(Box::new(body))).await {
                // Another start of this server asked at the same time, or somebody plays with the demo a lot.
                Err(fault) if matches!(fault.kind(), Kind::Duplicate | Kind::Throttled | Kind::NotFound) => {}
                asked => drop(asked.map_err(failed)?),
            }
        }
    }
    Ok(())
}

fn physician_of(id: &str) -> Principal {
    let person = Person {
        roles: vec![Role::Physician],
        fhir_user: ResourceId::parse(id).map(|id| (ResourceType::PRACTITIONER, id)),
        ..Person::default()
    };
    Principal::Token(Arc::new(Token {
        subject: "demo".into(),
        scopes: Scope::parse("user/*.cruds").into_iter().collect(),
        person: Some(person),
        ..Token::default()
    }))
}

/// Returns whether a physician has asked a patient and waits for the answer, or was given it.
async fn knows(service: &Service, asker: &Principal, physician: &str, patient: &str) -> Result<bool, Fault> {
    let query = [
        ("patient", format!("Patient/{patient}")),
        ("actor", format!("Practitioner/{physician}")),
        ("status", "proposed,active".into()),
    ];
    let query = query.map(|(name, value)| (name.to_string(), value)).into();
    let found = ask(service, asker, Interaction::SearchType(ResourceType::CONSENT), query, Body::None).await?;
    Ok(found["entry"].as_array().is_some_and(|entries| !entries.is_empty()))
}

fn parameters(service: &Service, patient: &str, classes: &[&str], note: &str) -> Value {
    let now = Instant::now();
    let class_system = format!("{}/CodeSystem/data-class", service.settings().canonical_base);
    let mut parameters = vec![
        json!({"name": "patient", "valueReference": {"reference": format!("Patient/{patient}")}}),
        json!({"name": "purpose", "valueCoding": {"system": PURPOSES, "code": "TREAT"}}),
        json!({"name": "validity", "valuePeriod": {
            "start": now.to_string(), "end": Instant(now.0 + 90 * DAY_US).to_string()
        }}),
        json!({"name": "note", "valueString": note}),
    ];
    let class = |code: &&str| json!({"name": "class", "valueCoding": {"system": class_system, "code": code}});
    parameters.extend(classes.iter().map(class));
    json!({"resourceType": "Parameters", "parameter": parameters})
}

async fn ask(
    service: &Service,
    asker: &Principal,
    interaction: Interaction,
    query: Vec<(String, String)>,
    body: Body,
) -> Result<Value, Fault> {
    let request = Request {
        interaction,
        query,
        body,
        conditions: Conditions::default(),
        prefer: Prefer::default(),
        id: "demo".into(),
        address: "".into(),
    };
    let reply = service.perform(asker, request).await?;
    serde_json::from_slice(&reply.body).map_err(|e| Fault::internal("an answer of ours is not JSON", e))
}
