//! patch: a change to a resource, sent as JSON Patch or FHIRPath Patch.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#patch>, <https://hl7.org/fhir/R4/fhirpatch.html>. The row is locked before it is
//! read, so two patches never lose one another.

use super::{Context, body, hidden, prepare, read, settled, stale, update};
use crate::access::grant::Way;
use crate::access::scope::Letter;
use crate::fault::{Fault, Issue, Kind};
use crate::fhir::{ResourceId, ResourceType, json_patch};
use crate::fhirpath::patch as fhirpath_patch;
use crate::rest::{Body, Reply};
use crate::store::tx::Tx;
use crate::store::{Condition, Effect, Outcome, Write};
use crate::validation::Valid;
use serde_json::Value;

/// A patch that was read, not applied yet.
#[derive(Debug, Clone)]
pub enum Patch {
    Json(Value),
    FhirPath(Value),
}

pub async fn patch(ctx: &Context<'_>, t: ResourceType, id: &ResourceId, body: Body) -> Result<Reply, Fault> {
    let condition = update::precondition(&ctx.request.conditions)?;
    let patch = parse(ctx, body)?;
    let tx = ctx.store.begin().await?;
    within(ctx, tx, t, id, &patch, condition).await
}

/// Returns the patch of a body; in a Bundle it is a Parameters resource, or a Binary with a JSON Patch inside.
pub fn parse(ctx: &Context, body: Body) -> Result<Patch, Fault> {
    if let Body::JsonPatch(bytes) = &body {
        return Ok(Patch::Json(crate::format::json::read(bytes, &ctx.settings.limits)?));
    }
    let value = body::read(ctx.catalog(), ctx.settings, body)?;
    match value.get("resourceType").and_then(Value::as_str) {
        Some("Parameters") => {
            Valid::check(ctx.catalog(), value.clone())?;
            Ok(Patch::FhirPath(value))
        }
        Some("Binary") => binary(ctx, &value),
        _ => {
            let text =
                "a patch is a JSON Patch (application/json-patch+json) or a Parameters resource (FHIRPath Patch)";
            Err(Fault::from_issues(vec![Issue::at(Kind::UnsupportedMedia, "resourceType", text)]))
        }
    }
}

fn binary(ctx: &Context, value: &Value) -> Result<Patch, Fault> {
    use base64::Engine;
    let kind = value.get("contentType").and_then(Value::as_str).unwrap_or("");
    if kind != "application/json-patch+json" {
        let text = format!("the Binary of a patch holds application/json-patch+json, not '{kind}'");
        return Err(Fault::from_issues(vec![Issue::at(Kind::UnsupportedMedia, "Binary.contentType", text)]));
    }
    let data = value.get("data").and_then(Value::as_str).unwrap_or("");
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(data)
        .map_err(|e| Fault::from_issues(vec![Issue::at(Kind::Value, "Binary.data", format!("not base64: {e}"))]))?;
    Ok(Patch::Json(crate::format::json::read(&bytes, &ctx.settings.limits)?))
}

/// Patches a resource within a transaction and commits it.
pub async fn within(
    ctx: &Context<'_>,
    tx: Tx,
    t: ResourceType,
    id: &ResourceId,
    patch: &Patch,
    condition: Condition,
) -> Result<Reply, Fault> {
    let key = (t, id.clone());
    let found = tx.lock(ctx.grant, std::slice::from_ref(&key)).await?;
    let write = planned(ctx, t, id, found.get(&key), patch, condition).await?;
    let outcome = tx.write(ctx.grant, std::slice::from_ref(&write), &found).await?.pop();
    tx.commit().await?;
    settled(ctx, outcome.unwrap_or(Outcome::Refused(None))).await
}

/// Returns the write that a patch comes to, given the current version, which is locked.
pub async fn planned(
    ctx: &Context<'_>,
    t: ResourceType,
    id: &ResourceId,
    current: Option<&crate::store::Stored>,
    patch: &Patch,
    condition: Condition,
) -> Result<Write, Fault> {
    let current = current.ok_or_else(|| read::not_found(t, id))?;
    let Some(content) = &current.content else {
        // Who may not see that it was there is told what is told of what never was.
        let is_seen = ctx.view.read(ctx.grant, t, id).await?.is_some();
        let deleted = || Fault::new(Kind::Deleted, format!("{t}/{id} was deleted"));
        return Err(if is_seen { deleted() } else { read::not_found(t, id) });
    };
    // Before anything of it shows in what the patch runs into.
    if !ctx.view.shows_content(ctx.grant, t, id, content, Way::Letter(Letter::Update)).await? {
        let is_seen = ctx.view.shows_content(ctx.grant, t, id, content, Way::Seen).await?;
        return Err(if is_seen { hidden() } else { read::not_found(t, id) });
    }
    if matches!(condition, Condition::Version(v) if v != current.version) || condition == Condition::Absent {
        return Err(stale(Some(current.version)));
    }
    let mut value: Value =
        serde_json::from_slice(content).map_err(|e| Fault::internal(format!("stored {t}/{id} is damaged"), e))?;
    match patch {
        Patch::Json(patch) => json_patch::apply(&mut value, patch)?,
        Patch::FhirPath(patch) => fhirpath_patch::apply(ctx.catalog().as_ref(), &mut value, patch)?,
    }
    let valid = update::check_identified(ctx.catalog(), value, t, id)?;
    let prepared = prepare::prepare(ctx.store.registry(), valid, id)?;
    Ok(Write {
        resource_type: t,
        id: id.clone(),
        effect: Effect::Put(Box::new(prepared)),
        condition: Condition::Version(current.version),
        sight: ctx.grant.sight(t, Letter::Update),
        audit: ctx.audit(t, id),
    })
}
