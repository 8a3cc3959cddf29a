//! What the clock makes of Consents: requests that nobody answered lapse, permissions end, and patients are told of papers.
//!
//! The statuses of R4 <https://hl7.org/fhir/R4/valueset-consent-state-codes.html>. A Consent whose period is over permits nothing whether
//! this has run or not; here its status comes to say so. What broken glass left is ended by its own job.

use super::{OPEN_S_MAX, SECOND_US, Step, hold, revoke, writes};
use crate::access::Principal;
use crate::access::consent_life::Status;
use crate::access::facts::Knowledge;
use crate::access::policy::{Needs, decide};
use crate::fault::Fault;
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::interaction::{Context, Settings};
use crate::operation::notice::{self, Notice, To};
use crate::operation::own;
use crate::rest::{Body, Conditions, Interaction, Prefer, Request};
use crate::store::tx::{Found, Tx};
use crate::store::{Store, View, Write};
use std::sync::Arc;

/// Consents that are looked at together.
const BATCH: u32 = 100;

/// Does what is due, once; of many processes one does it. Returns how many Consents were changed or told of.
pub async fn run(store: &Store, settings: &Arc<Settings>) -> Result<usize, Fault> {
    let grant = decide(&Principal::Unrestricted, &Needs::Nothing, store.registry(), &Knowledge::Keeper)?;
    let request = Request {
        interaction: Interaction::Operation {
            name: "expire".to_string(),
            by_get: false,
            resource_type: Some(ResourceType::CONSENT),
            id: None,
        },
        query: Vec::new(),
        body: Body::None,
        conditions: Conditions::default(),
        prefer: Prefer::default(),
        id: "due".into(),
        address: "".into(),
    };
    let view = View::Pool(store);
    let ctx = &Context { store, view, settings, request: &request, grant: &grant, text: None, accounts: None };
    let turn = store.begin().await?;
    if !turn.has_turn().await? {
        return Ok(0);
    }
    let now = Instant::now();
    let asked_before = Instant(now.0 - OPEN_S_MAX * SECOND_US);
    let lapsed = [("status", "proposed".to_string()), ("_lastUpdated", format!("lt{asked_before}"))];
    let ended = [("status", "active".to_string()), ("period", format!("eb{now}"))];
    let mut done = 0;
    for (pairs, status) in [(lapsed, Status::Proposed), (ended, Status::Active)] {
        done += all(ctx, &pairs, status, asked_before).await?;
    }
    for consent in store.consent_papers(i64::from(BATCH)).await? {
        done += usize::from(told(ctx, &consent).await?);
    }
    turn.commit().await?;
    Ok(done)
}

/// Ends every Consent that a search finds and that is still in this state under its lock.
async fn all(
    ctx: &Context<'_>,
    pairs: &[(&str, String)],
    status: Status,
    asked_before: Instant,
) -> Result<usize, Fault> {
    let pairs: Vec<(String, String)> = pairs.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    let search = crate::search::parse(ctx.store.registry(), Some(ResourceType::CONSENT), &pairs, false)?;
    let (mut after, mut done) = (i64::MIN, 0);
    loop {
        let found = ctx.view.by_number(ctx.grant, &search, after, BATCH).await?;
        for stored in &found {
            after = stored.no;
            match ended(ctx, &stored.id, status, asked_before).await {
                Ok(is_done) => done += usize::from(is_done),
                // One that cannot be ended must not keep the others.
                Err(error) => tracing::warn!(consent = %stored.id, %error, "failed to end a Consent; trying again"),
            }
        }
        if found.len() < BATCH as usize {
            return Ok(done);
        }
    }
}

async fn ended(ctx: &Context<'_>, id: &ResourceId, status: Status, asked_before: Instant) -> Result<bool, Fault> {
    let tx = ctx.store.begin().await?;
    let mut held = hold(ctx, &tx, id).await?;
    let key = (ResourceType::CONSENT, id.clone());
    let is_old = held.found.get(&key).is_some_and(|stored| stored.updated < asked_before);
    if held.status != status || held.is_break_glass || (status == Status::Proposed && !is_old) {
        return Ok(false);
    }
    let (task, to_patient, to_actors) = match status {
        Status::Proposed => {
            held.consent.insert("status".into(), "rejected".into());
            let to_actors = "A request of yours was not answered in time.";
            (Some("failed"), "A request to see parts of your record was not answered and has lapsed.", to_actors)
        }
        _ => {
            revoke::end(&mut held.consent, Instant::now());
            (None, "A permission to see parts of your record has ended.", "A permission that you had has ended.")
        }
    };
    let step = Step {
        action: "consent-expire",
        task,
        reason: task.map(|_| "not answered in time"),
        author: None,
        notice: "consent-expired",
        to_patient: Some(to_patient),
        to_actors: Some(to_actors),
    };
    let writes = writes(ctx, &held, &step)?;
    put(ctx, &tx, writes, &held.found).await?;
    tx.commit().await?;
    Ok(true)
}

/// Writes what the server itself did.
async fn put(ctx: &Context<'_>, tx: &Tx, mut writes: Vec<Write>, found: &Found) -> Result<(), Fault> {
    writes.iter_mut().for_each(|write| write.audit.principal = "server".into());
    own::put(ctx, tx, &writes, found).await.map(drop)
}

/// Tells a patient of a Consent that somebody else recorded.
async fn told(ctx: &Context<'_>, id: &ResourceId) -> Result<bool, Fault> {
    let tx = ctx.store.begin().await?;
    if !tx.take_paper(id).await? {
        return Ok(false);
    }
    let held = match hold(ctx, &tx, id).await {
        Ok(held) => held,
        // It was deleted meanwhile: there is nothing to tell.
        Err(fault) if matches!(fault.status(), 404 | 410) => {
            tx.commit().await?;
            return Ok(false);
        }
        Err(fault) => return Err(fault),
    };
    let about = [format!("Consent/{id}")];
    let notice = Notice {
        to: To::Patient(&held.patient),
        patient: &held.patient,
        code: "consent-recorded",
        text: "A permission that you signed on paper was recorded. If you signed none, withdraw it.",
        is_urgent: false,
        about: &about,
    };
    put(ctx, &tx, vec![notice::write(ctx, &notice)?], &held.found).await?;
    tx.commit().await?;
    Ok(true)
}
