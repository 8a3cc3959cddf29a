//! Grants of broken glass that have run out are ended: the Consent, the audit and the patient are told.
//!
//! Nothing is open for longer because of a delay here: the policy looks at the time itself.

use super::end::{By, end};
use crate::access::Principal;
use crate::access::policy::{Needs, decide};
use crate::access::principal::Token;
use crate::fault::Fault;
use crate::fhir::{Instant, ResourceType};
use crate::interaction::{Context, Settings};
use crate::rest::{Body, Conditions, Interaction, Prefer, Request};
use crate::store::{Store, View};
use std::sync::Arc;

/// Grants that are ended at a time.
const BATCH: i64 = 100;

/// Ends what has run out; returns how many grants that were. Processes that do so side by side end each grant once.
pub async fn expire(store: &Store, settings: &Arc<Settings>) -> Result<usize, Fault> {
    let overdue = store.overdue_glass(Instant::now(), BATCH).await?;
    if overdue.is_empty() {
        return Ok(0);
    }
    // Writes are made with what is indexed by now.
    let store = &store.newer().unwrap_or_else(|| store.clone());
    let principal = Principal::Token(Arc::new(Token { subject: "server".to_string(), ..Token::default() }));
    let grant = &decide(&principal, &Needs::Nothing, store.registry())?;
    let mut ended = 0;
    for id in &overdue {
        let Some(glass) = store.broken_glass(id).await? else { continue };
        let request = &Request {
            interaction: Interaction::Operation {
                name: "end-break-glass".into(),
                by_get: false,
                resource_type: Some(ResourceType::PATIENT),
                id: Some(glass.patient.clone()),
            },
            query: Vec::new(),
            body: Body::None,
            conditions: Conditions::default(),
            prefer: Prefer::default(),
            id: uuid::Uuid::now_v7().to_string().into(),
            address: "".into(),
        };
        let ctx = &Context { store, view: View::Pool(store), settings, request, grant, text: None, accounts: None };
        match end(ctx, &glass, By::Expiry).await {
            Ok(is_ended) => ended += usize::from(is_ended),
            // Somebody else may be at it; the next round sees what is left. One that fails does not keep the others open.
            Err(fault) => {
                tracing::warn!(grant = %glass.id, ?fault, "failed to end an emergency access that has run out")
            }
        }
    }
    Ok(ended)
}
