//! Tells a patient that somebody has looked at the emergency view.
//!
//! At most one notice an hour for each who looked: the audit has every look. A notice that cannot be written holds nothing up.

use crate::access::Principal;
use crate::fault::Fault;
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::interaction::Context;
use crate::operation::notice::{self, Notice, To};
use crate::operation::own;
use crate::store::identity::attempt::Limit;
use crate::store::identity::{hash, hex};
use serde_json::{Map, Value};

const LIMIT: Limit = Limit { count: 1, within_s: 3_600 };

/// Who looked.
pub enum Viewer<'a> {
    /// Whoever the request is from.
    Known,
    /// Somebody who holds the card: what they said of themselves, and their address.
    Holder { recipient: &'a str, address: &'a str },
}

/// Writes the notice, unless this viewer was told of within the last hour.
pub async fn patient(ctx: &Context<'_>, id: &ResourceId, viewer: &Viewer<'_>) {
    if let Err(error) = told(ctx, id, viewer).await {
        tracing::warn!(request = %ctx.request.id, %error, "failed to notify a patient of an emergency view");
    }
}

async fn told(ctx: &Context<'_>, id: &ResourceId, viewer: &Viewer<'_>) -> Result<(), Fault> {
    let who = match viewer {
        Viewer::Known => ctx.grant.principal().name().to_string(),
        // Not by the name that a reader gives: it can be another one each time.
        Viewer::Holder { address, .. } => format!("card|{address}"),
    };
    let key = format!("emergency-notice:{}", hex(&hash(&format!("{id}|{who}"))[..16]));
    if ctx.store.attempt(&key, LIMIT).await?.is_some() {
        return Ok(());
    }
    let done = write(ctx, id, viewer).await;
    if done.is_err() {
        ctx.store.give_back_attempt(&key).await?;
    }
    done
}

async fn write(ctx: &Context<'_>, id: &ResourceId, viewer: &Viewer<'_>) -> Result<(), Fault> {
    let when = crate::page::when(Instant::now());
    let text = match viewer {
        Viewer::Known => {
            let name = name(ctx).await?;
            format!("Your emergency information was viewed on {when} by {name}. Your access log has the details.")
        }
        Viewer::Holder { recipient, .. } => format!(
            "Your emergency card was read on {when}. The reader gave the name '{recipient}'. If this was not an emergency, \
             make a new card: the old one then opens nothing."
        ),
    };
    let about = [format!("Patient/{id}")];
    let notice = Notice {
        to: To::Patient(id),
        patient: id,
        code: "emergency-view",
        text: &text,
        is_urgent: false,
        about: &about,
    };
    ctx.store.write(ctx.grant, notice::write(ctx, &notice)?).await?;
    Ok(())
}

/// Returns a name for who asks, as a patient knows people.
async fn name(ctx: &Context<'_>) -> Result<String, Fault> {
    let Principal::Token(token) = ctx.grant.principal() else { return Ok("the hospital".into()) };
    let Some((t, id)) = token.person.as_ref().and_then(|person| person.fhir_user.clone()) else {
        return Ok(token.client.as_ref().map_or_else(|| "a system".into(), |client| format!("the system '{client}'")));
    };
    let stored = ctx.view.read(&own::everyone(ctx)?, t, &id).await?;
    let person = own::content(t, &id, stored.as_ref()).ok();
    Ok(person.and_then(|person| human_name(&person)).unwrap_or_else(|| words(t).to_string()))
}

fn words(t: ResourceType) -> &'static str {
    if t.name().starts_with("Practitioner") { "a clinician" } else { "a person" }
}

fn human_name(person: &Map<String, Value>) -> Option<String> {
    let name = person.get("name")?.as_array()?.first()?;
    if let Some(text) = name["text"].as_str() {
        return Some(text.to_string());
    }
    let list = |key: &str| name[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    let parts: Vec<&str> = list("prefix").chain(list("given")).chain(name["family"].as_str()).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}
