//! update: the next version of a resource, or its first under a client's id.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#update>, conditional update: <https://hl7.org/fhir/R4/http.html#cond-update>.

use super::{Context, body, delete, prepare, settled, stale};
use crate::access::scope::Letter;
use crate::catalog::Catalog;
use crate::fault::{Fault, Issue, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::rest::conditions::{Conditions, NoneMatch, VersionMatch};
use crate::rest::{Body, Reply};
use crate::store::{Condition, Effect, Outcome, Write};
use crate::validation::Valid;
use serde_json::Value;

pub async fn update(ctx: &Context<'_>, t: ResourceType, id: &ResourceId, body: Body) -> Result<Reply, Fault> {
    let condition = precondition(&ctx.request.conditions)?;
    let (store, settings, own_id) = (ctx.store.clone(), ctx.settings.clone(), id.clone());
    let prepared = body::work(body, move |body| {
        let value = body::read(store.catalog(), &settings, body)?;
        let valid = check_identified(store.catalog(), value, t, &own_id)?;
        prepare::prepare(store.registry(), valid, &own_id)
    })
    .await?;
    let write = Write {
        resource_type: t,
        audit: ctx.audit(t, id),
        id: id.clone(),
        effect: Effect::Put(Box::new(prepared)),
        condition,
        sight: ctx.grant.sight(t, Letter::Update),
    };
    match ctx.store.write(ctx.grant, write).await? {
        // To who does not see it, there is no version to compare with.
        Outcome::Hidden if matches!(condition, Condition::Version(_)) && !delete::sees(ctx, t, id).await? => {
            Err(stale(None))
        }
        outcome => settled(ctx, outcome).await,
    }
}

/// Checks a resource that must carry the id of the URL: R4 3.1.0.4.
pub fn check_identified(catalog: &Catalog, value: Value, t: ResourceType, id: &ResourceId) -> Result<Valid, Fault> {
    match value.get("id").and_then(Value::as_str) {
        Some(own) if own == id.as_str() => {}
        Some(own) => {
            let own: String = own.chars().take(64).collect();
            let text = format!("the resource has the id '{own}', the address has '{id}'; they must be the same");
            return Err(Fault::from_issues(vec![Issue::at(Kind::Invalid, format!("{t}.id"), text)]));
        }
        None => {
            let text = format!("the resource must carry the id of its address: \"id\": \"{id}\"");
            return Err(Fault::from_issues(vec![Issue::at(Kind::Invalid, format!("{t}.id"), text)]));
        }
    }
    Valid::check_as(catalog, value, t)
}

/// Returns what the headers demand of the current version.
pub fn precondition(conditions: &Conditions) -> Result<Condition, Fault> {
    match (&conditions.if_match, &conditions.if_none_match) {
        (Some(_), Some(_)) => Err(Fault::new(Kind::Invalid, "If-Match and If-None-Match cannot both decide a write")),
        (Some(VersionMatch::Version(version)), None) => Ok(Condition::Version(*version)),
        // No resource has this version; 0 is never given out.
        (Some(VersionMatch::Unknown), None) => Ok(Condition::Version(0)),
        (None, Some(NoneMatch::Any)) => Ok(Condition::Absent),
        (None, Some(NoneMatch::Versions(_))) => Err(Fault::new(Kind::Invalid, "a write takes If-None-Match: * only")),
        (None, None) => Ok(Condition::None),
    }
}
