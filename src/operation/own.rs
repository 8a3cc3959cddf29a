//! What operations share that write resources of the server's own making, several in one transaction.

use super::notice;
use crate::access::facts::Knowledge;
use crate::access::policy::{Needs, decide};
use crate::access::{Grant, Principal};
use crate::fault::{Fault, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::interaction::{Context, hidden, prepare, read, stale};
use crate::rest::Interaction;
use crate::search::Expr;
use crate::store::audit::Entry;
use crate::store::tx::{Found, Tx};
use crate::store::{Condition, Effect, Outcome, Stored, Write, Written};
use crate::validation::Valid;
use serde_json::{Map, Value, json};

/// Returns the grant that sees everything: what the server has to know must not depend on who asks. Nothing of what it finds
/// is shown but by the grant of the request.
pub fn everyone(ctx: &Context) -> Result<Grant, Fault> {
    decide(&Principal::Unrestricted, &Needs::Nothing, ctx.store.registry(), &Knowledge::Keeper)
}

/// Keeps an audit row of a call that no write stands for: see [`Context::event`].
pub async fn record(ctx: &Context<'_>, entry: Entry) {
    if let Some(accounts) = ctx.accounts {
        accounts.recorder.note(entry).await;
    }
}

/// Returns the content of a resource that is there.
pub fn content(t: ResourceType, id: &ResourceId, stored: Option<&Stored>) -> Result<Map<String, Value>, Fault> {
    let stored = stored.ok_or_else(|| read::not_found(t, id))?;
    let bytes = stored.content.as_ref().ok_or_else(|| Fault::new(Kind::Deleted, format!("{t}/{id} was deleted")))?;
    serde_json::from_slice(bytes).map_err(|e| Fault::internal(format!("stored {t}/{id} is damaged"), e))
}

/// Locks resources and returns their content, in the order in which they are named.
pub async fn locked(
    ctx: &Context<'_>,
    tx: &Tx,
    keys: &[(ResourceType, ResourceId)],
) -> Result<(Vec<Map<String, Value>>, Found), Fault> {
    let found = tx.lock(ctx.grant, keys).await?;
    let contents: Result<_, Fault> = keys.iter().map(|key| content(key.0, &key.1, found.get(key))).collect();
    Ok((contents?, found))
}

/// Returns a new id, and the write that makes a resource under it.
pub fn made(ctx: &Context, t: ResourceType, resource: Value, what: &str) -> Result<(ResourceId, Write), Fault> {
    let id = ResourceId::random();
    let Value::Object(resource) = resource else {
        return Err(Fault::internal("failed to make a resource", "not an object"));
    };
    let write = write(ctx, t, &id, resource, None, what)?;
    Ok((id, write))
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
        effect: Effect::Put(Box::new(prepared.by_server())),
        condition: was.map_or(Condition::New, Condition::Version),
        // Who may call the operation was decided; what it writes is the server's doing.
        sight: Expr::All,
        audit: Entry { action: action(ctx), ..ctx.audit(t, id) }.with_detail(what),
    })
}

/// Returns what the audit calls the request: the name of the operation.
fn action(ctx: &Context) -> &'static str {
    match &ctx.request.interaction {
        Interaction::Operation { name, .. } => super::named(name).map_or("operation", |operation| operation.name()),
        other => other.code(),
    }
}

/// Writes within a transaction and returns what was written; a refusal is a fault. Notices among it are told by mail, too.
pub async fn put(ctx: &Context<'_>, tx: &Tx, writes: &[Write], found: &Found) -> Result<Vec<Written>, Fault> {
    let outcomes = tx.write(ctx.grant, writes, found).await?;
    let written = outcomes.into_iter().map(|outcome| match outcome {
        Outcome::Created(written) | Outcome::Updated(written) => Ok(written),
        Outcome::Hidden => Err(hidden()),
        Outcome::Refused(current) => Err(stale(current)),
        Outcome::Deleted(_) | Outcome::Nothing => Err(Fault::internal("a put ended as a delete", "wrong outcome")),
    });
    let written: Vec<Written> = written.collect::<Result<_, Fault>>()?;
    notice::send(ctx, tx, &written).await?;
    Ok(written)
}

/// Returns what was written, as a value.
pub fn value(written: &Written) -> Result<Value, Fault> {
    serde_json::from_slice(written.content.as_deref().unwrap_or_default())
        .map_err(|e| Fault::internal("failed to read what was written", e))
}

/// Returns a list of a resource to change; an empty one where there is none.
pub fn list<'a>(resource: &'a mut Map<String, Value>, name: &str) -> &'a mut Vec<Value> {
    let value = resource.entry(name.to_string()).or_insert_with(|| json!([]));
    if !value.is_array() {
        *value = json!([]);
    }
    value.as_array_mut().expect("it was made an array a line before")
}
