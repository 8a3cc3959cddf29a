//! What the operations on Health IDs share: who may give them out, how a Patient is found, and how it is written.

pub mod candidates;
pub mod issue;
pub mod link;
pub mod qr;
mod review;
pub mod verify;

use super::own;
pub use super::own::{everyone, list, put, value, write};
use crate::access::Principal;
use crate::access::policy;
use crate::access::role::Right;
use crate::account::Accounts;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType, outcome};
use crate::health_id::{self, HealthId};
use crate::interaction::Context;
use crate::store::Stored;
use crate::store::audit::Entry;
use crate::store::tx::{Found, Tx};
use serde_json::{Map, Value, json};

/// Returns the people and the sealing key, without which no Health ID can be given out.
pub fn accounts<'a>(ctx: &Context<'a>) -> Result<&'a Accounts, Fault> {
    ctx.accounts.ok_or_else(|| Fault::new(Kind::NotSupported, "Health IDs are given out by a running server only"))
}

/// Refuses whoever has no right to manage the Health IDs of others.
pub fn may_manage(ctx: &Context) -> Result<(), Fault> {
    match ctx.grant.principal() {
        Principal::Token(token) if !policy::holds(token, Right::ManageHealthIds) => {
            let text = format!(
                "this needs a role that may manage the Health IDs of others, or for a system the scope '{}'",
                Right::ManageHealthIds.scope()
            );
            Err(Fault::new(Kind::Forbidden, text))
        }
        _ => Ok(()),
    }
}

/// Keeps an audit row of a call that no write stands for.
pub async fn record(ctx: &Context<'_>, action: &'static str, status: u16, detail: &str) {
    let entry = ctx.event(action, status).with_detail(detail);
    own::record(ctx, Entry { resource_type: Some(ResourceType::PATIENT), ..entry }).await;
}

/// Returns the content of a Patient that is there.
pub fn content(id: &ResourceId, stored: Option<&Stored>) -> Result<Map<String, Value>, Fault> {
    own::content(ResourceType::PATIENT, id, stored)
}

/// Returns a Patient as the caller may read it.
pub async fn readable(ctx: &Context<'_>, id: &ResourceId) -> Result<Map<String, Value>, Fault> {
    content(id, ctx.view.read(ctx.grant, ResourceType::PATIENT, id).await?.as_ref())
}

/// Locks Patients and returns their content, in the order in which they are named.
pub async fn locked(
    ctx: &Context<'_>,
    tx: &Tx,
    ids: &[&ResourceId],
) -> Result<(Vec<Map<String, Value>>, Found), Fault> {
    let keys: Vec<_> = ids.iter().map(|id| (ResourceType::PATIENT, (*id).clone())).collect();
    own::locked(ctx, tx, &keys).await
}

/// Returns the identifier that a Patient carries for a Health ID.
pub fn identifier(ctx: &Context, number: &str) -> Value {
    json!({
        "use": "official",
        "type": {"text": "Health ID"},
        "system": health_id::system(&ctx.settings.base_url),
        "value": number,
        "period": {"start": Instant::now().to_string().get(..10).unwrap_or_default()},
    })
}

/// Returns the identifiers of a Patient to change.
pub fn identifiers(patient: &mut Map<String, Value>) -> &mut Vec<Value> {
    list(patient, "identifier")
}

/// Links a Patient to another one; once, whatever is there already.
pub fn link(patient: &mut Map<String, Value>, other: &ResourceId, kind: &str) {
    let reference = format!("Patient/{other}");
    let links = list(patient, "link");
    links.retain(|link| link.pointer("/other/reference").and_then(Value::as_str) != Some(reference.as_str()));
    links.push(json!({"other": {"reference": reference}, "type": kind}));
}

/// Returns the number of an Identifier parameter that names a Health ID of ours; none when it cannot be one.
pub fn number_of(ctx: &Context, identifier: &Value) -> Option<HealthId> {
    let text = |name: &str| identifier.get(name).and_then(Value::as_str);
    let ours = text("system").is_none_or(|system| system == health_id::system(&ctx.settings.base_url));
    text("value").filter(|_| ours).and_then(HealthId::parse)
}

/// Returns an OperationOutcome that only informs.
pub fn told(text: &str) -> Value {
    outcome::informational(text)
}
