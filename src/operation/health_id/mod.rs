//! What the operations on Health IDs share: who may give them out, how a Patient is found, and how it is written.

pub mod candidates;
pub mod issue;
pub mod link;
pub mod qr;
mod review;
pub mod verify;

use crate::access::policy::{self, Needs, decide};
use crate::access::role::Right;
use crate::access::{Grant, Principal};
use crate::account::Accounts;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType, outcome};
use crate::health_id::{self, HealthId};
use crate::interaction::{Context, hidden, prepare, read, stale};
use crate::search::Expr;
use crate::store::audit::Entry;
use crate::store::tx::{Found, Tx};
use crate::store::{Condition, Effect, Outcome, Stored, Write, Written};
use crate::validation::Valid;
use serde_json::{Map, Value, json};

/// Returns the grant that sees every Patient: whether somebody has a Health ID must not depend on who asks. Nothing of what it finds
/// is shown but by the grant of the request.
pub fn everyone(ctx: &Context) -> Result<Grant, Fault> {
    decide(&Principal::Unrestricted, &Needs::Nothing, ctx.store.registry())
}

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
    let Some(accounts) = ctx.accounts else { return };
    let principal = ctx.grant.principal();
    let entry = Entry::event(action, &ctx.request.id, principal.name(), status).with_detail(detail);
    let entry = match principal.client() {
        Some(client) => entry.of_client(client),
        None => entry,
    };
    accounts.recorder.record(Entry { resource_type: Some(ResourceType::PATIENT), ..entry }).await;
}

/// Returns the content of a Patient that is there.
pub fn content(id: &ResourceId, stored: Option<&Stored>) -> Result<Map<String, Value>, Fault> {
    let t = ResourceType::PATIENT;
    let stored = stored.ok_or_else(|| read::not_found(t, id))?;
    let bytes = stored.content.as_ref().ok_or_else(|| Fault::new(Kind::Deleted, format!("{t}/{id} was deleted")))?;
    serde_json::from_slice(bytes).map_err(|e| Fault::internal(format!("stored {t}/{id} is damaged"), e))
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
    let found = tx.lock(ctx.grant, &keys).await?;
    let contents: Result<_, Fault> = keys.iter().map(|key| content(&key.1, found.get(key))).collect();
    Ok((contents?, found))
}

/// Returns the write of a resource that the server has changed or made, checked as any other.
pub fn write(
    ctx: &Context,
    t: ResourceType,
    id: &ResourceId,
    resource: Map<String, Value>,
    was: Option<i32>,
    what: &str,
) -> Result<Write, Fault> {
    let valid = Valid::check_as(ctx.catalog(), Value::Object(resource), t)?;
    let prepared = prepare::prepare(ctx.store.registry(), valid, id)?;
    Ok(Write {
        resource_type: t,
        id: id.clone(),
        effect: Effect::Put(Box::new(prepared)),
        condition: was.map_or(Condition::New, Condition::Version),
        // Who may call the operation was decided; what it writes is the server's doing.
        sight: Expr::All,
        audit: ctx.audit(t, id).with_detail(what),
    })
}

/// Writes within a transaction and returns what was written; a refusal is a fault.
pub async fn put(ctx: &Context<'_>, tx: &Tx, writes: &[Write], found: &Found) -> Result<Vec<Written>, Fault> {
    let outcomes = tx.write(ctx.grant, writes, found).await?;
    let written = outcomes.into_iter().map(|outcome| match outcome {
        Outcome::Created(written) | Outcome::Updated(written) => Ok(written),
        Outcome::Hidden => Err(hidden()),
        Outcome::Refused(current) => Err(stale(current)),
        Outcome::Deleted(_) | Outcome::Nothing => Err(Fault::internal("a put ended as a delete", "wrong outcome")),
    });
    written.collect()
}

/// Returns what was written, as a value.
pub fn value(written: &Written) -> Result<Value, Fault> {
    serde_json::from_slice(written.content.as_deref().unwrap_or_default())
        .map_err(|e| Fault::internal("failed to read what was written", e))
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

/// Returns a list of a resource to change; an empty one where there is none.
pub fn list<'a>(resource: &'a mut Map<String, Value>, name: &str) -> &'a mut Vec<Value> {
    let value = resource.entry(name.to_string()).or_insert_with(|| json!([]));
    if !value.is_array() {
        *value = json!([]);
    }
    value.as_array_mut().expect("it was made an array a line before")
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
