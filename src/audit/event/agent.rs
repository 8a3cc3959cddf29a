//! Who took part in an event: the person, the client, this server.
//!
//! R4 <https://hl7.org/fhir/R4/auditevent.html>; the parts they play are those of IHE Basic Audit Log Patterns.

use super::Frame;
use super::kind::{Code, DCM, Deed};
use crate::fhir::ResourceId;
use crate::store::trail::Row;
use serde_json::{Map, Value, json};
use std::net::IpAddr;

const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
pub const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const SOURCE: Code = (DCM, "110153", "Source Role ID");
const DESTINATION: Code = (DCM, "110152", "Destination Role ID");
const APPLICATION: Code = (DCM, "110150", "Application");
const RECIPIENT: Code = (PARTICIPATION, "IRCP", "information recipient");
const AUTHOR: Code = (PARTICIPATION, "AUT", "author (originator)");
const CUSTODIAN: Code = ("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian", "Custodian");
const AUTHORIZER: Code =
    ("http://terminology.hl7.org/CodeSystem/extra-security-role-type", "authserver", "authorization server");

/// Returns the agents. One of them at least is the requestor, as R4 wants.
pub fn agents(row: &Row, deed: Deed, frame: &Frame) -> Vec<Value> {
    let (client, server, user) = match deed {
        Deed::Read => (DESTINATION, SOURCE, RECIPIENT),
        Deed::Query | Deed::Operate => (SOURCE, DESTINATION, RECIPIENT),
        Deed::Create | Deed::Update => (SOURCE, DESTINATION, AUTHOR),
        Deed::Delete => (APPLICATION, CUSTODIAN, RECIPIENT),
        Deed::Security => (APPLICATION, AUTHORIZER, RECIPIENT),
    };
    let person = person(row, user);
    let client = self::client(row, client, person.is_none());
    let server = agent(
        server,
        json!({"identifier": {"system": "urn:ietf:rfc:3986", "value": frame.base_url}, "display": "MediLink"}),
        false,
    );
    person.into_iter().chain([Value::Object(client), Value::Object(server)]).collect()
}

fn agent(part: Code, who: Value, requestor: bool) -> Map<String, Value> {
    let coding = json!({"system": part.0, "code": part.1, "display": part.2});
    let mut agent = Map::new();
    agent.insert("type".into(), json!({ "coding": [coding] }));
    agent.insert("who".into(), who);
    agent.insert("requestor".into(), requestor.into());
    agent
}

/// Returns the person, or the operator, who asked; none for a system and for nobody in particular.
fn person(row: &Row, part: Code) -> Option<Value> {
    let is_system = row.client.as_deref() == Some(&row.principal) || row.principal == "anonymous";
    if row.agent.is_none() && is_system {
        return None;
    }
    let who = match row.agent.as_deref() {
        Some(reference) => json!({ "reference": reference }),
        None if row.principal == "unrestricted" => {
            json!({"display": "anyone on this machine: security was switched off"})
        }
        None => json!({"identifier": {"value": row.principal}}),
    };
    let mut agent = agent(part, who, true);
    if row.agent.is_some() && row.agent.as_deref() != Some(&row.principal) {
        agent.insert("altId".into(), row.principal.as_str().into());
    }
    with_authority(row, &mut agent);
    Some(Value::Object(agent))
}

fn client(row: &Row, part: Code, requestor: bool) -> Map<String, Value> {
    let who = match row.client.as_deref() {
        Some(id) if ResourceId::parse(id).is_some() => {
            json!({"reference": format!("Device/{id}"), "identifier": {"value": id}})
        }
        Some(id) => json!({"identifier": {"value": id}}),
        None => json!({"display": "a client that gave no name"}),
    };
    let mut agent = agent(part, who, requestor);
    if requestor {
        with_authority(row, &mut agent);
    }
    if let Some(address) = row.address.as_deref().filter(|address| !address.is_empty()) {
        // R4 network-type: 2 is an IP address, 1 the name of a machine.
        let kind = if address.parse::<IpAddr>().is_ok() { "2" } else { "1" };
        agent.insert("network".into(), json!({"address": address, "type": kind}));
    }
    agent
}

/// Adds what the requestor asked by: the token, and what for.
fn with_authority(row: &Row, agent: &mut Map<String, Value>) {
    if let Some(token) = &row.token {
        agent.insert("policy".into(), json!([token]));
    }
    let breaks = (row.action == "emergency-override-start").then_some("BTG");
    if let Some(purpose) = breaks.or(row.purpose.as_deref()) {
        agent.insert("purposeOfUse".into(), json!([self::purpose(purpose)]));
    }
}

/// Returns a purpose of use as a CodeableConcept.
pub fn purpose(code: &str) -> Value {
    json!({"coding": [{"system": ACT_REASON, "code": code}]})
}
