//! `Consent/[id]/$revoke`: the patient takes back what was given. It bites on the next request, and on every token that stands on it.
//!
//! Defined in `conformance/OperationDefinition-revoke.json`. By the patient, a related person who speaks for the patient, and the operator
//! as the keeper of the record; by nobody else.

use super::super::parameters::Parameters;
use super::super::{Call, Operation, Places};
use super::words::giver;
use super::{Step, answer, check_version, decided, hold, needs, no_step, reason, seen, write};
use crate::access::Principal;
use crate::access::consent_life::Status;
use crate::access::policy::Needs;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::interaction::{Context, read};
use crate::rest::Reply;
use crate::search::period;
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value, json};

pub struct Revoke;

impl Operation for Revoke {
    fn name(&self) -> &'static str {
        "revoke"
    }

    fn places(&self) -> Places {
        Places { instances: &["Consent"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        true
    }

    fn needs(&self, _: Option<ResourceType>) -> Needs {
        needs()
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(revoke(ctx, call))
    }
}

async fn revoke(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    let (id, state) = seen(ctx, call.id.as_ref()).await?;
    let parameters = Parameters::read_or_none(ctx, call.body, &["reason"])?;
    // It is for the patient's own memory: nobody has to say why.
    let reason = reason(&parameters, "reason")?;
    let patient = state.patient.ok_or_else(|| read::not_found(ResourceType::CONSENT, &id))?;
    let by = by(ctx, &patient).await?;
    if state.is_break_glass {
        let text = "this Consent records that the glass was broken; it is ended by $end-break-glass";
        return Err(Fault::new(Kind::BusinessRule, text));
    }
    let done = decided(async || revoked(ctx, &id, &by, reason).await).await?;
    // After the commit, so that the next look here finds what was written.
    ctx.store.has_revoked();
    Ok(done)
}

/// Returns who takes it back, as a Reference.
async fn by(ctx: &Context<'_>, patient: &ResourceId) -> Result<Value, Fault> {
    match ctx.grant.principal() {
        Principal::Token(token) if token.person.is_none() && token.client.is_none() => {
            Ok(json!({"display": "the operator of this server"}))
        }
        _ => giver(ctx, patient).await,
    }
}

async fn revoked(
    ctx: &Context<'_>,
    id: &ResourceId,
    by: &Value,
    reason: Option<&str>,
) -> Result<Result<Reply, Fault>, Fault> {
    let tx = ctx.store.begin().await?;
    let mut held = hold(ctx, &tx, id).await?;
    if held.status == Status::Inactive {
        let version = Some(held.version);
        return Ok(Ok(Reply { version, ..Reply::value(200, &Value::Object(held.consent)) }));
    }
    check_version(ctx, &held)?;
    if held.status != Status::Active {
        return Ok(Err(no_step(held.status, "only an active one can be revoked; a request is answered by $deny")));
    }
    end(&mut held.consent, Instant::now());
    tx.revoke_consent(id).await?;
    let step = Step {
        action: "consent-revoke",
        task: None,
        reason,
        author: Some(by.clone()),
        notice: "consent-revoked",
        to_patient: Some("A permission to see parts of your record was withdrawn."),
        to_actors: Some("A patient has withdrawn a permission that you had."),
    };
    let written = write(ctx, &tx, held, &step).await?;
    tx.commit().await?;
    Ok(Ok(answer(200, written)))
}

/// Makes an active Consent one that has ended now; a period that was over before stays as it was.
pub fn end(consent: &mut Map<String, Value>, now: Instant) {
    consent.insert("status".into(), "inactive".into());
    let Some(provision) = consent.get_mut("provision").and_then(Value::as_object_mut) else { return };
    let Some(period) = provision.entry("period").or_insert_with(|| Value::Object(Map::new())).as_object_mut() else {
        return;
    };
    let moment = |key: &str| period.get(key).and_then(Value::as_str).and_then(period::parse);
    let is_over = moment("end").is_some_and(|end| end.hi <= now.0);
    // What was to begin later never has.
    let starts_later = moment("start").is_some_and(|start| start.lo > now.0);
    if starts_later {
        period.insert("start".into(), now.to_string().into());
    }
    if !is_over {
        period.insert("end".into(), now.to_string().into());
    }
}
