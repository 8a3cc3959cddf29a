//! What an event was about: resources, questions, patients, the request, the consent that decided.
//!
//! IHE Basic Audit Log Patterns. R4 invariant sev-1: an entity has a name or a query, never both.

use super::kind::{self, Deed};
use super::{Frame, MANY};
use crate::fhir::reference::Literal;
use crate::store::trail::{Row, Subject};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const BALP_TYPE: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";
const RESOURCE_TYPE: &str = "http://hl7.org/fhir/resource-types";

/// Returns the entities. `told_whole` is false where the question must not be told, since others are named in it.
pub fn entities(row: &Row, deed: Deed, patient: Option<&Subject>, frame: &Frame, told_whole: bool) -> Vec<Value> {
    let mut entities = Vec::new();
    // What was broken open is the patient's whole record, which the patient stands for.
    entities.extend(data(row).filter(|_| !(kind::is_override(row) && patient.is_some())));
    entities.extend(question(row, deed, told_whole));
    entities.extend(patient.map(|patient| self::patient(row, patient, frame)));
    entities.extend(consent(row));
    if !row.request.is_empty() && row.request != "-" {
        entities.push(json!({
            "what": {"identifier": {"value": row.request}},
            "type": {"system": BALP_TYPE, "code": "XrequestId"},
        }));
    }
    entities
}

fn typed(code: &str, display: &str) -> Value {
    json!({"system": ENTITY_TYPE, "code": code, "display": display})
}

fn data(row: &Row) -> Option<Value> {
    let (t, id) = (row.resource_type?, row.id.as_deref()?);
    let reference = match row.version {
        Some(version) => format!("{t}/{id}/_history/{version}"),
        None => format!("{t}/{id}"),
    };
    Some(json!({
        "what": {"reference": reference},
        "type": typed("2", "System Object"),
        "role": {"system": ROLE, "code": "4", "display": "Domain Resource"},
    }))
}

/// Returns the question of a search or an operation. The type stands before it, as in the address.
fn question(row: &Row, deed: Deed, told_whole: bool) -> Option<Value> {
    let asked = row.query.as_deref();
    if asked.is_none() && deed != Deed::Query {
        return None;
    }
    let role = json!({"system": ROLE, "code": "24", "display": "Query"});
    if !told_whole {
        return Some(json!({"type": typed("2", "System Object"), "role": role, "description": MANY}));
    }
    let path = row.resource_type.map(|t| t.name()).unwrap_or_default();
    let question = match asked {
        Some(asked) if asked.starts_with(['/', '$']) || asked.contains('?') => asked.to_string(),
        Some(asked) if !asked.is_empty() => format!("{path}?{asked}"),
        _ => path.to_string(),
    };
    let question = if question.is_empty() { "/".to_string() } else { question };
    Some(json!({
        "type": typed("2", "System Object"),
        "role": role,
        "description": question,
        "query": STANDARD.encode(&question),
    }))
}

fn patient(row: &Row, patient: &Subject, frame: &Frame) -> Value {
    let what = match &patient.id {
        Some(id) => json!({"reference": format!("Patient/{id}")}),
        // Nobody has this key any more, or never had: then the key is all that is known.
        None => json!({"identifier": {
            "system": format!("{}/sid/patient-key", frame.canonical_base), "value": patient.key.to_string(),
        }}),
    };
    let mut entity = json!({
        "what": what,
        "type": typed("1", "Person"),
        "role": {"system": ROLE, "code": "1", "display": "Patient"},
    });
    if kind::is_override(row) && row.status < 400 {
        let details = details(row.detail.as_deref().unwrap_or_default());
        if !details.is_empty() {
            entity["detail"] = details.into();
        }
    }
    entity
}

/// Returns what is told of an emergency, piece by piece, of `grant=g; expires=t; consent=c; reason-code=r; reason=…`. The reason is
/// the last: it may hold anything.
fn details(detail: &str) -> Vec<Value> {
    let mut pieces = Vec::new();
    let mut rest = detail;
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match name {
            "reason" => (after, ""),
            _ => after.split_once("; ").unwrap_or((after, "")),
        };
        let told = match name {
            "grant" => "grant-id",
            "by" => "ended-by",
            // It is an entity of its own.
            "consent" => "",
            name => name,
        };
        if !told.is_empty() && !value.trim().is_empty() {
            pieces.push(json!({"type": told, "valueString": value.trim()}));
        }
        rest = after;
    }
    pieces
}

fn consent(row: &Row) -> Option<Value> {
    let consent = row.consent.as_deref()?;
    let what = match Literal::parse(consent) {
        Some(_) => json!({ "reference": consent }),
        None => json!({"identifier": {"value": consent}}),
    };
    Some(json!({"what": what, "type": {"system": RESOURCE_TYPE, "code": "Consent"}}))
}
