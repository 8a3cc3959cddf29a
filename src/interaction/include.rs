//! `_include` and `_revinclude`: what comes along with the matches of a page.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#include>. Each resource comes once; what the grant does not show does not come.

use super::Context;
use crate::fault::{Fault, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::search::include::Include;
use crate::store::Stored;
use serde_json::Value;
use std::collections::HashSet;

/// Resources that may come along with one page.
const INCLUDED_MAX: usize = 5_000;
/// How often `:iterate` goes on from what the round before has brought.
const ROUNDS_MAX: usize = 16;

/// Returns what the includes bring to the matches of a page.
pub async fn included(ctx: &Context<'_>, includes: &[Include], matches: &[Stored]) -> Result<Vec<Stored>, Fault> {
    let mut seen: HashSet<(ResourceType, ResourceId)> = matches.iter().map(key).collect();
    let mut included = Vec::new();
    let mut latest = matches.to_vec();
    for round in 0..=ROUNDS_MAX {
        let followed: Vec<&Include> = includes.iter().filter(|i| round == 0 || i.iterate).collect();
        if followed.is_empty() || latest.is_empty() {
            return Ok(included);
        }
        let mut found = forward(ctx, &followed, &latest, &seen).await?;
        found.extend(backward(ctx, &followed, &latest).await?);
        found.retain(|stored| seen.insert(key(stored)));
        included.extend(found.iter().cloned());
        if included.len() > INCLUDED_MAX {
            return Err(too_many(&format!("more than {INCLUDED_MAX} resources")));
        }
        latest = found;
    }
    Err(too_many(&format!("more than {ROUNDS_MAX} rounds of :iterate")))
}

fn key(stored: &Stored) -> (ResourceType, ResourceId) {
    (stored.resource_type, stored.id.clone())
}

fn too_many(what: &str) -> Fault {
    let text = format!(
        "_include and _revinclude bring {what} to this page; ask for a smaller page or follow fewer references"
    );
    Fault::new(Kind::TooCostly, text)
}

/// Returns what resources refer to.
async fn forward(
    ctx: &Context<'_>,
    includes: &[&Include],
    from: &[Stored],
    seen: &HashSet<(ResourceType, ResourceId)>,
) -> Result<Vec<Stored>, Fault> {
    let registry = ctx.store.registry();
    let mut wanted = HashSet::new();
    for stored in from {
        let followed: Vec<&&Include> =
            includes.iter().filter(|i| !i.reverse && i.source == stored.resource_type).collect();
        let (Some(content), false) = (&stored.content, followed.is_empty()) else { continue };
        let resource: Value = serde_json::from_slice(content)
            .map_err(|e| Fault::internal(format!("stored {}/{} is damaged", stored.resource_type, stored.id), e))?;
        wanted.extend(followed.iter().flat_map(|i| i.targets(registry, &resource)));
    }
    let keys: Vec<(ResourceType, ResourceId)> = wanted.into_iter().filter(|key| !seen.contains(key)).collect();
    if keys.is_empty() { Ok(Vec::new()) } else { Ok(ctx.view.fetch(ctx.grant, &keys).await?) }
}

/// Returns what refers to resources.
async fn backward(ctx: &Context<'_>, includes: &[&Include], to: &[Stored]) -> Result<Vec<Stored>, Fault> {
    let registry = ctx.store.registry();
    let mut found = Vec::new();
    for include in includes.iter().filter(|i| i.reverse) {
        let keys: Vec<i64> = to.iter().flat_map(|s| include.keys_to(registry, s.resource_type, &s.id)).collect();
        if !keys.is_empty() {
            found.extend(ctx.view.referring(ctx.grant, include.source, &keys, INCLUDED_MAX + 1).await?);
        }
    }
    Ok(found)
}
