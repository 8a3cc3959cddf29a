//! Rows of the audit as AuditEvents, made when somebody asks for them.
//!
//! R4 <https://hl7.org/fhir/R4/auditevent.html>, IHE Basic Audit Log Patterns <https://profiles.ihe.net/ITI/BALP/>. A row about several
//! patients is one event for each, so that nobody's log shows another patient.

mod agent;
mod entity;
pub mod kind;

use self::kind::{Code, OWN};
use crate::store::trail::{Link, Row, Subject};
use serde_json::{Map, Value, json};
use std::fmt::Write;

const BALP: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition";

/// What stands before the moment at which an event of a client's came, in the detail of its row.
pub const RECEIVED: &str = "received ";

/// What stands in the place of a question whose answer held others, too.
pub const MANY: &str = "a question that found several patients";

/// What an installation adds to every event.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    pub base_url: &'a str,
    pub canonical_base: &'a str,
}

/// One event of a row.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: String,
    /// The patient it is about, of those of the row.
    pub patient: Option<i64>,
    pub value: Value,
}

/// Returns the events of a row: one for each patient, and one where it is about none. `told_whole` is false for who may not know
/// what else a question found.
pub fn events(row: &Row, frame: &Frame, told_whole: bool) -> Vec<Event> {
    let event = |index: Option<usize>, patient: Option<&Subject>| {
        let id = id(row, index);
        let value = match &row.content {
            Some(content) => submitted(row, content, &id, frame),
            None => rendered(row, &id, patient, frame, told_whole || index.is_none()),
        };
        Event { id, patient: patient.map(|patient| patient.key), value }
    };
    match &row.patients[..] {
        _ if row.content.is_some() => vec![event(None, None)],
        [] => vec![event(None, None)],
        [one] => vec![event(None, Some(one))],
        several => several.iter().enumerate().map(|(i, patient)| event(Some(i), Some(patient))).collect(),
    }
}

fn id(row: &Row, index: Option<usize>) -> String {
    match (row.content.is_some(), &row.id, index) {
        (true, Some(own), _) => own.clone(),
        (_, _, Some(index)) => format!("{}-{}", row.no, index + 1),
        _ => row.no.to_string(),
    }
}

/// Returns the number of the row and the place of the patient that an id of an event names; none for an id of another's making.
pub fn place(id: &str) -> Option<(i64, Option<usize>)> {
    let number = |text: &str| {
        let plain = !text.is_empty() && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<i64>().ok()).flatten()
    };
    match id.split_once('-') {
        None => Some((number(id)?, None)),
        Some((no, index)) => Some((number(no)?, Some(usize::try_from(number(index)?).ok()? - 1))),
    }
}

fn rendered(row: &Row, id: &str, patient: Option<&Subject>, frame: &Frame, told_whole: bool) -> Value {
    let kind = kind::of(row);
    let mut event = Map::new();
    event.insert("resourceType".into(), "AuditEvent".into());
    event.insert("id".into(), id.into());
    let mut meta = json!({"versionId": "1", "lastUpdated": row.at.to_string()});
    if let Some(profile) = kind.profile {
        meta["profile"] = json!([format!("{BALP}/{profile}")]);
    }
    event.insert("meta".into(), meta);
    if let Some(extensions) = chain(row.link.as_ref(), frame) {
        event.insert("extension".into(), extensions.into());
    }
    event.insert("type".into(), coding(kind.code, frame));
    let mut subtypes: Vec<Value> = kind.subtypes.iter().map(|code| coding(*code, frame)).collect();
    if kind::has_own_name(row) {
        let display = row.action.replace('-', " ");
        subtypes.push(json!({"system": own_system(frame), "code": row.action, "display": display}));
    }
    if !subtypes.is_empty() {
        event.insert("subtype".into(), subtypes.into());
    }
    event.insert("action".into(), kind.action.into());
    event.insert("recorded".into(), row.at.to_string().into());
    event.insert("outcome".into(), kind::outcome(row).into());
    if let Some(detail) = row.detail.as_deref().filter(|detail| !detail.trim().is_empty() && !is_reason(row)) {
        event.insert("outcomeDesc".into(), detail.trim().into());
    }
    if let Some(purposes) = purposes(row) {
        event.insert("purposeOfEvent".into(), purposes.into());
    }
    event.insert("agent".into(), agent::agents(row, kind.deed, frame).into());
    event.insert("source".into(), source(frame));
    let entities = entity::entities(row, kind.deed, patient, frame, told_whole);
    if !entities.is_empty() {
        event.insert("entity".into(), entities.into());
    }
    Value::Object(event)
}

/// Returns whether the detail of a row is told with the patient instead: the reason for breaking the glass.
fn is_reason(row: &Row) -> bool {
    kind::is_override(row) && row.status < 400 && !row.patients.is_empty()
}

fn coding((system, code, display): Code, frame: &Frame) -> Value {
    let system = if system == OWN { own_system(frame) } else { system.to_string() };
    json!({"system": system, "code": code, "display": display})
}

fn own_system(frame: &Frame) -> String {
    format!("{}/CodeSystem/audit-event", frame.canonical_base)
}

/// Returns why it happened. Broken glass is emergency treatment too, for those who look for that.
fn purposes(row: &Row) -> Option<Vec<Value>> {
    let code = match (row.action.as_str(), row.purpose.as_deref()) {
        ("emergency-override-start" | "emergency-override-stop", _) | (_, Some("BTG")) => "BTG",
        ("emergency-view" | "emergency", _) => "ETREAT",
        (_, Some(purpose)) => purpose,
        (_, None) => return None,
    };
    let codes: &[&str] = if code == "BTG" { &["ETREAT", "BTG"] } else { &[code] };
    Some(codes.iter().map(|code| agent::purpose(code)).collect())
}

fn source(frame: &Frame) -> Value {
    json!({
        "site": frame.base_url,
        "observer": {"identifier": {"system": "urn:ietf:rfc:3986", "value": frame.base_url}, "display": "MediLink"},
        "type": [{
            "system": "http://terminology.hl7.org/CodeSystem/security-source-type", "code": "4", "display": "Application Server",
        }],
    })
}

/// Returns the place of the row in the chain; none until it has one, which takes a moment.
fn chain(link: Option<&Link>, frame: &Frame) -> Option<Vec<Value>> {
    let link = link?;
    let one = |name: &str, value: String| json!({"url": format!("{}/StructureDefinition/audit-{name}", frame.canonical_base), "valueString": value});
    Some(vec![
        one("sequence", link.seq.to_string()),
        one("previous-hash", hex(&link.previous)),
        one("record-hash", hex(&link.hash)),
    ])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Returns an event that a client sent, as it was sent, with who sent it and its place in the chain.
fn submitted(row: &Row, content: &str, id: &str, frame: &Frame) -> Value {
    let mut event: Map<String, Value> = serde_json::from_str(content).unwrap_or_default();
    let rest: Map<String, Value> = event
        .iter()
        .filter(|(name, _)| !["resourceType", "id", "meta"].contains(&name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    let mut meta = event.remove("meta").filter(Value::is_object).unwrap_or_else(|| json!({}));
    meta["versionId"] = "1".into();
    // The moment of the row is that of the event, as its sender tells it.
    let received = row.detail.as_deref().and_then(|detail| detail.strip_prefix(RECEIVED));
    meta["lastUpdated"] = received.map_or_else(|| row.at.to_string(), str::to_string).into();
    let submitter = json!({
        "url": format!("{}/StructureDefinition/audit-submitter", frame.canonical_base), "valueString": row.principal,
    });
    let mut whole = Map::new();
    whole.insert("resourceType".into(), "AuditEvent".into());
    whole.insert("id".into(), id.into());
    whole.insert("meta".into(), meta);
    let mut extensions = event.remove("extension").and_then(|e| e.as_array().cloned()).unwrap_or_default();
    extensions.retain(|one| !is_ours(one, frame));
    extensions.push(submitter);
    extensions.extend(chain(row.link.as_ref(), frame).unwrap_or_default());
    whole.insert("extension".into(), extensions.into());
    whole.extend(rest.into_iter().filter(|(name, _)| name != "extension"));
    Value::Object(whole)
}

/// Returns whether an extension says what only this server may say.
fn is_ours(extension: &Value, frame: &Frame) -> bool {
    let url = extension["url"].as_str().unwrap_or_default();
    url.strip_prefix(frame.canonical_base).is_some_and(|rest| rest.starts_with("/StructureDefinition/audit-"))
}

#[cfg(test)]
pub mod tests;
