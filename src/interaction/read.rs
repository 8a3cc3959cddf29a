//! read: the current version of a resource.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#read>, conditional read: <https://hl7.org/fhir/R4/http.html#cread>.

use super::{Context, binary};
use crate::access::role::Right;
use crate::access::{Principal, policy};
use crate::fault::{Fault, Issue, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::rest::conditions::{Conditions, NoneMatch};
use crate::rest::{Reply, reply};
use crate::store::{Ahead, Stored};

pub async fn read(ctx: &Context<'_>, t: ResourceType, id: &ResourceId) -> Result<Reply, Fault> {
    let stored = match t {
        ResourceType::BINARY => binary::read(ctx, id).await?,
        t => ctx.view.read(ctx.grant, t, id).await?,
    };
    reply(ctx, t, id, stored)
}

/// Answers with what was read ahead, if the grant shows it.
pub async fn read_ahead(ctx: &Context<'_>, t: ResourceType, id: &ResourceId, ahead: Ahead) -> Result<Reply, Fault> {
    reply(ctx, t, id, ctx.view.seen(ctx.grant, t, ahead).await?)
}

fn reply(ctx: &Context, t: ResourceType, id: &ResourceId, stored: Option<Stored>) -> Result<Reply, Fault> {
    match stored {
        None => Err(missing(ctx, not_found(t, id))),
        stored => answer(stored, t, id, &ctx.request.conditions),
    }
}

/// Returns the reply for what was found.
pub fn answer(
    stored: Option<Stored>,
    t: ResourceType,
    id: &ResourceId,
    conditions: &Conditions,
) -> Result<Reply, Fault> {
    let stored = stored.ok_or_else(|| not_found(t, id))?;
    let Some(content) = stored.content else {
        let text =
            format!("{t}/{id} was deleted; its history is at {t}/{id}/_history ({})", reply::etag(stored.version));
        return Err(Fault::new(Kind::Deleted, text));
    };
    let mut reply = Reply {
        status: 200,
        version: Some(stored.version),
        last_modified: Some(stored.updated),
        location: None,
        body: content,
        ..Reply::default()
    };
    // RFC 9110 13.2.2: a tag decides alone where there is one.
    let unchanged = match (&conditions.if_none_match, conditions.if_modified_since) {
        (Some(NoneMatch::Any), _) => true,
        (Some(NoneMatch::Versions(versions)), _) => versions.contains(&stored.version),
        (None, Some(since)) => stored.updated.to_second() <= since,
        (None, None) => false,
    };
    if unchanged {
        reply.status = 304;
        reply.body.clear();
    }
    Ok(reply)
}

pub fn not_found(t: ResourceType, id: &ResourceId) -> Fault {
    Fault::new(Kind::NotFound, format!("there is no {t}/{id}"))
}

/// Returns what is said where nothing is shown: that there is nothing, also of what is hidden. A person who cares for the patient, or whose house
/// does, and who may break the glass is told that it can be broken; that the record is there they know.
pub fn missing(ctx: &Context, absent: Fault) -> Fault {
    let hidden = ctx.grant.shown().hidden;
    let breaks = match ctx.grant.principal() {
        Principal::Token(token) => token.person.is_some() && policy::holds(token, Right::BreakGlass),
        _ => false,
    };
    match hidden {
        Some(hidden) if breaks && hidden.by_patients && hidden.is_cared => {
            let text = "Consent access denied or the resource being accessed does not exist";
            let hint =
                "Additional information may be available using the Break-The-Glass Protocol: Patient/[id]/$break-glass";
            Fault::from_issues(vec![Issue::new(Kind::Forbidden, text), Issue::new(Kind::Withheld, hint)])
        }
        _ => absent,
    }
}
