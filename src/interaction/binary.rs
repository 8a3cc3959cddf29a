//! Who may read a Binary: whoever may see what it belongs to.
//!
//! R4 <https://hl7.org/fhir/R4/binary.html#security>: a Binary says nothing of whom it is about. `securityContext` names the resource
//! that decides; where it names none, the DocumentReferences decide whose attachment it is, all of them; and what nobody has linked,
//! only systems see that may see all Binaries. The grant shows Binaries to these alone, so that searches, histories and includes
//! hold none for others: they read one by one, here.

use super::Context;
use crate::access::facts::Knowledge;
use crate::access::policy::{Needs, decide};
use crate::access::scope::{Context as ScopeContext, Letter};
use crate::access::{Grant, Principal};
use crate::fault::Fault;
use crate::fhir::reference::Literal;
use crate::fhir::{ResourceId, ResourceType};
use crate::search::Expr;
use crate::store::Stored;
use serde::Deserialize;

/// DocumentReferences that are looked at. A Binary with more of them is nobody's attachment.
const LINKS_MAX: usize = 16;

/// What of a Binary decides; its data are passed over.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "securityContext")]
    context: Option<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    reference: Option<String>,
}

/// Returns the current version, if the caller may see it.
pub async fn read(ctx: &Context<'_>, id: &ResourceId) -> Result<Option<Stored>, Fault> {
    let shown = ctx.view.read(ctx.grant, ResourceType::BINARY, id).await?;
    if shown.is_some() || ctx.grant.sight(ResourceType::BINARY, Letter::Read) == Expr::None {
        return Ok(shown);
    }
    match ctx.view.read(&everyone(ctx)?, ResourceType::BINARY, id).await? {
        Some(stored) if visible(ctx, &stored).await? => Ok(Some(stored)),
        _ => Ok(None),
    }
}

/// Returns one version, if the caller may see it and what has become of it.
pub async fn vread(ctx: &Context<'_>, id: &ResourceId, version: i32) -> Result<Option<Stored>, Fault> {
    let shown = ctx.view.vread(ctx.grant, ResourceType::BINARY, id, version).await?;
    if shown.is_some() || read(ctx, id).await?.is_none() {
        return Ok(shown);
    }
    match ctx.view.vread(&everyone(ctx)?, ResourceType::BINARY, id, version).await? {
        Some(stored) if visible(ctx, &stored).await? => Ok(Some(stored)),
        _ => Ok(None),
    }
}

/// Returns whether the caller may see a version of a Binary.
pub async fn visible(ctx: &Context<'_>, stored: &Stored) -> Result<bool, Fault> {
    let Some(content) = stored.content.as_deref() else { return Ok(false) };
    if is_keeper(ctx.grant) {
        return Ok(true);
    }
    let head: Head = serde_json::from_slice(content).map_err(|e| Fault::internal("a stored Binary is damaged", e))?;
    match head.context {
        Some(context) => match named(&ctx.settings.base_url, context.reference.as_deref()) {
            Some((t, id)) if t != ResourceType::BINARY => shows(ctx, t, &id).await,
            _ => Ok(false),
        },
        None => linked(ctx, &stored.id).await,
    }
}

/// Returns the patient whom a Binary is about, where its security context says so directly.
pub fn about(base_url: &str, binary: &serde_json::Value) -> Option<ResourceId> {
    let reference = binary.pointer("/securityContext/reference").and_then(serde_json::Value::as_str);
    named(base_url, reference).filter(|(t, _)| *t == ResourceType::PATIENT).map(|(_, id)| id)
}

/// Returns the resource of this server that a reference names.
fn named(base_url: &str, reference: Option<&str>) -> Option<(ResourceType, ResourceId)> {
    let literal = Literal::parse(reference?)?;
    let is_ours = literal.base.is_empty() || literal.base == base_url;
    is_ours.then(|| Some((literal.resource_type, ResourceId::parse(literal.id)?))).flatten()
}

/// Returns whether all Binaries are open: to the server itself, and to systems by a scope that narrows nothing.
fn is_keeper(grant: &Grant) -> bool {
    let is_open = |scope: &crate::access::scope::Scope| {
        scope.context == ScopeContext::System
            && scope.query().is_none()
            && scope.allows(Letter::Read, Some(ResourceType::BINARY))
    };
    match grant.principal() {
        Principal::Token(token) => {
            let is_bound = token.person.is_some() || !matches!(grant.knowledge(), Knowledge::Keeper);
            !is_bound && token.scopes.iter().any(is_open)
        }
        _ => grant.is_unlimited(),
    }
}

/// What decides must not depend on who asks: nothing of it is shown.
fn everyone(ctx: &Context) -> Result<Grant, Fault> {
    decide(&Principal::Unrestricted, &Needs::Nothing, ctx.store.registry(), &Knowledge::Keeper)
}

async fn shows(ctx: &Context<'_>, t: ResourceType, id: &ResourceId) -> Result<bool, Fault> {
    Ok(ctx.view.read(ctx.grant, t, id).await?.is_some_and(|stored| !stored.is_deleted()))
}

/// Returns whether there are DocumentReferences with this attachment and the caller may see them all: so nobody opens a Binary by
/// linking it again.
async fn linked(ctx: &Context<'_>, id: &ResourceId) -> Result<bool, Fault> {
    let Some(document) = ResourceType::parse("DocumentReference") else { return Ok(false) };
    let urls = format!("Binary/{id},{}/Binary/{id}", ctx.settings.base_url);
    let search = crate::search::parse(ctx.store.registry(), Some(document), &[("location".to_string(), urls)], false)?;
    let links = ctx.view.matching(&everyone(ctx)?, &search, LINKS_MAX + 1).await?;
    if links.is_empty() || links.len() > LINKS_MAX {
        return Ok(false);
    }
    for link in &links {
        if !shows(ctx, document, &link.id).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_binary_is_about_the_patient_of_its_security_context() {
        for (context, expected) in [
            (json!({"reference": "Patient/p"}), Some("p")),
            (json!({"reference": "Patient/p/_history/2"}), Some("p")),
            (json!({"reference": "http://here/fhir/Patient/p"}), Some("p")),
            (json!({"reference": "http://there/fhir/Patient/p"}), None),
            (json!({"reference": "Observation/p"}), None),
            (json!({"reference": "#p"}), None),
            (json!({"identifier": {"value": "p"}}), None),
            (json!(null), None),
        ] {
            let binary = json!({"resourceType": "Binary", "contentType": "text/plain", "securityContext": context});
            let found = about("http://here/fhir", &binary);
            assert_eq!(found.as_ref().map(ResourceId::as_str), expected, "{context}");
        }
    }
}
