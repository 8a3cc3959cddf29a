//! Consents against resources: what is decided, by the conditions and by the reasons alike.

mod cases;
mod content;
mod malformed;
mod oracle;
mod pcf;
mod random;
mod several;

use super::code::{ACT_CODE, ACT_REASON, CONFIDENTIALITY};
use super::{Action, Asker, Decision, Reason, Rule, because, verdict};
use crate::fhir::Instant;
use crate::search::evaluate::{Indexed, is_local, matches};
use crate::search::period;
use crate::search::tests::matching::indexed;
use crate::search::tests::{BASE_URL, REGISTRY};
use serde_json::{Value, json};
use std::sync::Arc;

pub const NOW: &str = "2024-06-15T12:00:00Z";

pub fn now() -> Instant {
    Instant::parse(NOW).unwrap()
}

/// Returns who asks to read for a purpose.
pub fn asker(purpose: &str, actors: &[&str]) -> Asker {
    let mut actors: Vec<Box<str>> = actors.iter().map(|actor| (*actor).into()).collect();
    actors.sort_unstable();
    Asker { actors: actors.into(), purpose: purpose.into(), action: Action::Access, now: now() }
}

/// Returns Dr A, who works for the organization a.
pub fn doctor() -> Asker {
    asker("TREAT", &["Practitioner/a", "Organization/a", "Device/app"])
}

/// Returns a Consent of Patient/p with these elements in addition.
pub fn consent(more: Value) -> Value {
    let mut consent = json!({
        "resourceType": "Consent", "id": "c", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "patient": {"reference": "Patient/p"}, "dateTime": "2024-01-01",
    });
    for (name, value) in more.as_object().expect("an object") {
        consent[name] = value.clone();
    }
    consent
}

pub fn opt_in() -> Value {
    json!({"coding": [{"system": ACT_CODE, "code": "OPTIN"}]})
}

pub fn opt_out() -> Value {
    json!({"coding": [{"system": ACT_CODE, "code": "OPTOUT"}]})
}

/// Returns a Consent with this root provision and no base.
pub fn with(provision: Value) -> Value {
    consent(json!({"policy": [{"uri": "http://hospital.example/policy"}], "provision": provision}))
}

pub fn actor(reference: &str) -> Value {
    let role =
        json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]});
    json!([{"role": role, "reference": {"reference": reference}}])
}

pub fn purposes(codes: &[&str]) -> Value {
    codes.iter().map(|code| json!({"system": ACT_REASON, "code": code})).collect()
}

/// Returns the Codings of labels; single letters are levels of confidentiality.
pub fn labels(codes: &[&str]) -> Value {
    let system = |code: &str| if code.len() == 1 { CONFIDENTIALITY } else { ACT_CODE };
    codes.iter().map(|code| json!({"system": system(code), "code": code})).collect()
}

/// Returns an Observation of Patient/p with these elements in addition.
pub fn observation(more: Value) -> Value {
    let mut resource = json!({"resourceType": "Observation", "id": "o", "status": "final",
        "meta": {"lastUpdated": "2023-03-03T00:00:00Z"}, "subject": {"reference": "Patient/p"}});
    for (name, value) in more.as_object().expect("an object") {
        resource[name] = value.clone();
    }
    resource
}

pub fn labelled(codes: &[&str]) -> Value {
    observation(json!({"meta": {"security": labels(codes)}}))
}

pub fn rules(consents: &[Value]) -> Vec<Arc<Rule>> {
    consents.iter().filter_map(|consent| Rule::read(consent, BASE_URL)).map(Arc::new).collect()
}

pub fn known(resource: &Value) -> Indexed {
    let updated = resource.pointer("/meta/lastUpdated").and_then(Value::as_str);
    Indexed { updated: updated.and_then(period::parse).map(|period| period.lo), ..indexed(resource) }
}

/// Returns what is decided and why, and checks that the conditions of the verdict decide the same.
pub fn reason(rules: &[Arc<Rule>], asker: &Asker, it: &Indexed) -> Reason {
    let conditions = verdict(&REGISTRY, rules, asker, it.resource_type);
    assert!(is_local(&conditions.permits) && is_local(&conditions.denies), "{conditions:?}");
    let decided = match (matches(&conditions.denies, it), matches(&conditions.permits, it)) {
        (true, _) => Decision::Deny,
        (false, true) => Decision::Permit,
        (false, false) => Decision::Silent,
    };
    let reason = because(&REGISTRY, rules, asker, it.resource_type, &|expr| matches(expr, it));
    assert_eq!(reason.decision, decided, "{reason:?}");
    reason
}

pub fn decide(consents: &[Value], asker: &Asker, resource: &Value) -> Decision {
    reason(&rules(consents), asker, &known(resource)).decision
}

/// Checks what one Consent decides of an Observation without anything special.
pub fn check(consent: Value, asker: &Asker, expected: Decision) {
    let shown = consent.to_string();
    assert_eq!(decide(&[consent], asker, &observation(json!({}))), expected, "{shown}");
}
