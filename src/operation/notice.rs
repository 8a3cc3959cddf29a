//! Notices to people: what happened to their record, or what they are asked. A Communication in the transaction of what happened.
//!
//! A notice may stand on a locked screen: it has no clinical word in it.

use super::own;
use crate::fault::Fault;
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::interaction::Context;
use crate::store::tx::Tx;
use crate::store::{Write, Written};
use serde_json::{Value, json};

/// Whom a notice is for.
#[derive(Debug, Clone, Copy)]
pub enum To<'a> {
    Patient(&'a ResourceId),
    /// `Practitioner/1` and the like.
    Actor(&'a str),
}

/// What a notice says.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    pub to: To<'a>,
    /// Whose record it is about.
    pub patient: &'a ResourceId,
    /// What happened, as a code: `consent-request`, `consent-granted`, `break-glass`, `emergency-view`.
    pub code: &'static str,
    pub text: &'a str,
    pub is_urgent: bool,
    /// What it is about: `Consent/1`, `Task/2`.
    pub about: &'a [String],
}

/// Returns the write of the Communication that carries a notice.
pub fn write(ctx: &Context, notice: &Notice) -> Result<Write, Fault> {
    labelled(ctx, notice, &[])
}

/// The same with security labels (`meta.security`), by which others than the recipient may be kept from it.
pub fn labelled(ctx: &Context, notice: &Notice, labels: &[Value]) -> Result<Write, Fault> {
    let recipient = match notice.to {
        To::Patient(id) => format!("Patient/{id}"),
        To::Actor(reference) => reference.to_string(),
    };
    let about: Vec<_> = notice.about.iter().map(|reference| json!({"reference": reference})).collect();
    let mut communication = json!({
        "resourceType": "Communication",
        "status": "completed",
        "category": [{
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/communication-category", "code": "notification"}]
        }],
        "priority": if notice.is_urgent { "urgent" } else { "routine" },
        "subject": {"reference": format!("Patient/{}", notice.patient)},
        "topic": {
            "coding": [{"system": system(ctx), "code": notice.code}]
        },
        "sent": Instant::now().to_string(),
        "recipient": [{"reference": recipient}],
        "payload": [{"contentString": notice.text}],
    });
    if !about.is_empty() {
        communication["about"] = about.into();
    }
    if !labels.is_empty() {
        communication["meta"] = json!({"security": labels});
    }
    let t = ResourceType::COMMUNICATION;
    own::made(ctx, t, communication, notice.code).map(|(_, write)| write)
}

fn system(ctx: &Context) -> String {
    format!("{}/CodeSystem/notice", ctx.settings.canonical_base)
}

/// Has a mail sent for every notice among what was written, in the same transaction. [`own::put`] does so for all.
pub async fn send(ctx: &Context<'_>, tx: &Tx, written: &[Written]) -> Result<(), Fault> {
    if !ctx.settings.sends_mail {
        return Ok(());
    }
    for it in written.iter().filter(|it| it.resource_type == ResourceType::COMMUNICATION && it.version == 1) {
        let communication = own::value(it)?;
        if let Some(recipient) = recipient(&communication, &system(ctx)) {
            tx.add_mail(recipient, &it.id).await?;
        }
    }
    Ok(())
}

/// Returns whom a Communication tells, where it is a notice of ours.
fn recipient<'a>(communication: &'a Value, system: &str) -> Option<&'a str> {
    let is_notice = communication.pointer("/topic/coding/0/system").and_then(Value::as_str) == Some(system);
    communication.pointer("/recipient/0/reference").and_then(Value::as_str).filter(|_| is_notice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_notices_are_told_by_mail() {
        let of = |system: &str| json!({"topic": {"coding": [{"system": system}]}, "recipient": [{"reference": "Patient/1"}]});
        assert_eq!(recipient(&of("http://ours/notice"), "http://ours/notice"), Some("Patient/1"));
        assert_eq!(recipient(&of("http://theirs/notice"), "http://ours/notice"), None);
        assert_eq!(recipient(&json!({"recipient": [{"reference": "Patient/1"}]}), "http://ours/notice"), None);
    }
}
