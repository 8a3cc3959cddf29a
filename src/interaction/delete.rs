//! delete: a last version without content.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#delete>. Deleting what is not there is a success, as the specification allows.

use super::{Context, hidden, stale, update};
use crate::access::scope::Letter;
use crate::fault::Fault;
use crate::fhir::{ResourceId, ResourceType};
use crate::rest::Reply;
use crate::store::{Condition, Effect, Outcome, Write};

pub async fn delete(ctx: &Context<'_>, t: ResourceType, id: &ResourceId) -> Result<Reply, Fault> {
    let condition = update::precondition(&ctx.request.conditions)?;
    let (audit, sight) = (ctx.audit(t, id), ctx.grant.sight(t, Letter::Delete));
    let write = Write { resource_type: t, id: id.clone(), effect: Effect::Delete, condition, sight, audit };
    let outcome = ctx.store.write(ctx.grant, write).await?;
    if matches!(outcome, Outcome::Hidden) && ctx.view.read(ctx.grant, t, id).await?.is_none() {
        return absent(condition);
    }
    answer(outcome)
}

/// Returns the reply for what is not there, and for what the caller may not know of: the refusal stands in the audit alone.
fn absent(condition: Condition) -> Result<Reply, Fault> {
    match condition {
        Condition::Version(_) => Err(stale(None)),
        _ => Ok(Reply::empty(204)),
    }
}

/// Returns the reply for what became of a delete.
pub fn answer(outcome: Outcome) -> Result<Reply, Fault> {
    match outcome {
        Outcome::Deleted(w) => {
            Ok(Reply { version: Some(w.version), last_modified: Some(w.updated), ..Reply::empty(204) })
        }
        Outcome::Nothing => Ok(Reply::empty(204)),
        Outcome::Hidden => Err(hidden()),
        Outcome::Refused(current) => Err(stale(current)),
        Outcome::Created(_) | Outcome::Updated(_) => Err(Fault::internal("a delete ended as a put", "wrong outcome")),
    }
}
