//! A Task for people: whom a message means, where its identifiers do not say it.
//!
//! R4 <https://hl7.org/fhir/R4/task.html>. Who manages patients finds it by its code; the table of roles says that patients do not. Its id
//! is made of the message's own, so that a message has one of each kind, however often it comes.

use super::entry::{Origin, request};
use super::sender;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::rest::Interaction;
use crate::service::Service;
use serde_json::{Value, json};
use uuid::Uuid;

/// What the Task asks for.
const CODE: &str = "patient-identification";

const UNIDENTIFIED: &str = "A message did not say which patient it is about, and a new Patient was made of what it says. Find out who it \
    is: merge this Patient into theirs, or give it an identifier. Then complete this Task.";
const SEVERAL: &str = "A message was not taken over: its identifiers are those of the Patients of 'input'. Merge them where they are one \
    person, or have the message corrected; then replay it. This Task is completed by that.";

/// Returns the entry of a transaction that asks who the Patients are that it makes.
pub fn unidentified(origin: &Origin, patients: &[&str]) -> Value {
    let mut task = task(origin.canonical_base, origin.message, UNIDENTIFIED, patients);
    if let Some(first) = patients.first() {
        task["focus"] = json!({"reference": first});
        task["for"] = json!({"reference": first});
    }
    task["requester"] = json!({"display": origin.sender});
    made(task, &format!("hl7v2-{}", origin.message))
}

/// Asks which of several Patients is meant by a message that is refused. That it cannot be asked changes nothing for the message, which
/// waits for people all the same.
pub async fn several(service: &Service, message: Uuid, patients: &[ResourceId]) {
    let patients: Vec<String> = patients.iter().map(|id| format!("Patient/{id}")).collect();
    let patients: Vec<&str> = patients.iter().map(String::as_str).collect();
    let task = task(&service.settings().canonical_base, message, SEVERAL, &patients);
    match transact(service, message, made(task, &match_id(message))).await {
        Ok(()) => {}
        // It was asked before.
        Err(fault) if matches!(fault.kind(), Kind::Stale | Kind::Conflict) => {}
        Err(fault) => tracing::warn!(?fault, %message, "nobody could be asked which patient a message means"),
    }
}

/// Completes the Task of a message that was refused, where there is one: something has become of the message.
pub async fn settle(service: &Service, message: Uuid) {
    if let Err(fault) = completed(service, message).await {
        tracing::warn!(?fault, %message, "the Task of a message could not be completed");
    }
}

async fn completed(service: &Service, message: Uuid) -> Result<(), Fault> {
    let Some(id) = ResourceId::parse(&match_id(message)) else { return Ok(()) };
    let Some(stored) = service.look(&sender::keeper(), task_type()?, &id).await? else { return Ok(()) };
    let bytes = stored.content.as_deref().unwrap_or_default();
    let mut task: Value =
        serde_json::from_slice(bytes).map_err(|e| Fault::internal(format!("stored Task/{id} is damaged"), e))?;
    if task["status"] != "requested" {
        return Ok(());
    }
    task["status"] = json!("completed");
    task["lastModified"] = json!(Instant::now().to_string());
    let version = format!("W/\"{}\"", stored.version);
    let request = json!({"method": "PUT", "url": format!("Task/{id}"), "ifMatch": version});
    transact(service, message, json!({"resource": task, "request": request})).await
}

fn match_id(message: Uuid) -> String {
    format!("hl7v2-match-{message}")
}

fn task_type() -> Result<ResourceType, Fault> {
    ResourceType::parse("Task").ok_or_else(|| Fault::internal("there is no type Task", "unknown"))
}

fn task(canonical_base: &str, message: Uuid, description: &str, patients: &[&str]) -> Value {
    let now = Instant::now().to_string();
    let patient = |reference: &&str| json!({"type": {"text": "patient"}, "valueReference": {"reference": reference}});
    json!({
        "resourceType": "Task",
        "identifier": [{"system": format!("{canonical_base}/hl7v2-message"), "value": message.to_string()}],
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{
            "system": format!("{canonical_base}/CodeSystem/task-code"), "code": CODE, "display": "Find out who a patient is"
        }]},
        "description": description,
        "authoredOn": now,
        "lastModified": now,
        "input": patients.iter().map(patient).collect::<Vec<_>>(),
    })
}

fn made(mut task: Value, id: &str) -> Value {
    task["id"] = json!(id);
    json!({"resource": task, "request": {"method": "PUT", "url": format!("Task/{id}"), "ifNoneMatch": "*"}})
}

async fn transact(service: &Service, message: Uuid, entry: Value) -> Result<(), Fault> {
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]});
    let request = request(message, "", Interaction::BatchOrTransaction, bundle);
    service.perform(&sender::keeper(), request).await.map(drop)
}
