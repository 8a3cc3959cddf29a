//! `$verify-health-id`: whether a Health ID is that of a person born on this day.
//!
//! Defined in `conformance/OperationDefinition-verify-health-id.json`. Whatever is wrong, the answer is the same and takes as long:
//! who guesses learns nothing but that the guess was wrong, and may guess five times.

use super::super::parameters::{Parameters, required};
use super::super::{Call, Operation, Places};
use super::{accounts, everyone, number_of, record};
use crate::access::policy::Needs;
use crate::fault::{Fault, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::health_id::{HealthId, mask};
use crate::interaction::Context;
use crate::rest::Reply;
use crate::store::identity::attempt::Limit;
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Wrong answers for one number, and for one caller.
const LIMIT: Limit = Limit { count: 5, within_s: 15 * 60 };

/// No answer comes sooner: the work behind it takes a fraction, whether the number is known or not.
const TIME_MIN: Duration = Duration::from_millis(60);

/// How long, and how often, a caller waits for tries of theirs that are not decided yet.
const TURN: Duration = Duration::from_millis(20);
const TURNS_MAX: u32 = 20;

pub struct Verify;

impl Operation for Verify {
    fn name(&self) -> &'static str {
        "verify-health-id"
    }

    fn places(&self) -> Places {
        Places { types: &["Patient"], ..Places::default() }
    }

    /// It counts tries, and what it is asked must not stand in a URL.
    fn affects_state(&self) -> bool {
        true
    }

    /// Open to whoever has a token: that is what it is for, and why it says so little.
    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Token
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(verify(ctx, call))
    }
}

async fn verify(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    let began = tokio::time::Instant::now();
    let parameters = Parameters::read(ctx, call.body, &["identifier", "birthDate", "otp", "challenge"])?;
    if parameters.has("otp") || parameters.has("challenge") {
        return Err(Fault::new(
            Kind::NotSupported,
            "codes are not sent by this server: leave out 'otp' and 'challenge'",
        ));
    }
    let identifier = parameters.identifier("identifier")?.ok_or_else(|| required("identifier"))?;
    let birth_date = parameters.text("birthDate")?;
    let number = number_of(ctx, identifier);
    let (caller, tried) = keys(ctx, identifier, number.as_ref())?;
    count(ctx, &caller).await?;
    if let Err(refused) = count(ctx, &tried).await {
        ctx.store.give_back_attempt(&caller).await?;
        return Err(refused);
    }
    let holder = holder(ctx, number.as_ref()).await?;
    let matches = |patient: &Map<String, Value>| {
        birth_date.is_none_or(|date| patient.get("birthDate").and_then(Value::as_str) == Some(date))
    };
    let verified = holder.filter(matches);
    if verified.is_some() {
        ctx.store.give_back_attempt(&caller).await?;
        ctx.store.give_back_attempt(&tried).await?;
    }
    record(ctx, "verify-health-id", 200, if verified.is_some() { "verified" } else { "not verified" }).await;
    let mut answer = vec![json!({"name": "verified", "valueBoolean": verified.is_some()})];
    // Who does not know the birthday learns that the number is good, and not whose it is.
    if let Some(patient) = verified.filter(|_| birth_date.is_some()) {
        answer.push(json!({"name": "patient", "resource": mask::patient(&patient)}));
    }
    tokio::time::sleep_until(began + TIME_MIN).await;
    Ok(Reply::value(200, &json!({"resourceType": "Parameters", "parameter": answer})))
}

/// Counts a try before it is known to be right, so that many at once are no more than five. Right ones are taken back a moment
/// later; whoever comes in between waits for that.
async fn count(ctx: &Context<'_>, key: &str) -> Result<(), Fault> {
    let mut turn = 1;
    loop {
        let Some(seconds) = ctx.store.attempt(key, LIMIT).await? else { return Ok(()) };
        ctx.store.give_back_attempt(key).await?;
        if turn == TURNS_MAX {
            record(ctx, "verify-health-id", 429, "too many tries").await;
            return Err(Fault::new(Kind::Throttled, "too many tries; wait before the next").after(seconds));
        }
        tokio::time::sleep(TURN).await;
        turn += 1;
    }
}

/// Returns under which names tries are counted: for the caller, and for the number, which does not stand there in clear.
fn keys(ctx: &Context, identifier: &Value, number: Option<&HealthId>) -> Result<(String, String), Fault> {
    let asked = identifier.get("value").and_then(Value::as_str).unwrap_or_default();
    let text = number.map_or(asked, HealthId::as_str);
    let hash = accounts(ctx)?.seal.hash("health-id-attempt", text);
    let number = crate::store::identity::hex(&hash[..16]);
    let principal = ctx.grant.principal();
    // Not by app: a person may register any number of those.
    let caller = principal.name();
    Ok((format!("health-id:caller:{caller}"), format!("health-id:number:{number}")))
}

/// Returns the person whose number this is, also one that a merge has brought. The same is asked of the database for a number that
/// cannot be right.
async fn holder(ctx: &Context<'_>, number: Option<&HealthId>) -> Result<Option<Map<String, Value>>, Fault> {
    let nobody = ResourceId::random();
    let holder = ctx.store.holder_of_health_id(number.map_or("0", HealthId::as_str)).await?;
    let id = holder.as_ref().unwrap_or(&nobody);
    let stored = ctx.view.read(&everyone(ctx)?, ResourceType::PATIENT, id).await?;
    let Some(content) = stored.and_then(|stored| stored.content) else { return Ok(None) };
    let patient: Map<String, Value> =
        serde_json::from_slice(&content).map_err(|e| Fault::internal("a stored Patient is damaged", e))?;
    Ok(Some(patient).filter(|patient| patient.get("active").and_then(Value::as_bool) != Some(false)))
}
