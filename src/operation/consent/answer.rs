//! `Consent/[id]/$grant` and `$deny`: the answer of the patient to a request.
//!
//! Defined in `conformance/OperationDefinition-grant.json` and `-deny.json`. What is given is what was asked for, or less. Of two answers
//! at the same time one is the answer, and the other is told so.

use super::super::parameters::Parameters;
use super::super::{Call, Operation, Places};
use super::narrow::{Names, limits, shorten};
use super::verify::verified;
use super::words::giver;
use super::{Step, answer, check_version, decided, hold, needs, no_step, reason, seen, write};
use crate::access::consent::class::DataClass;
use crate::access::consent_life::Status;
use crate::access::policy::Needs;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::interaction::{Context, read};
use crate::rest::Reply;
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value, json};

pub struct Grant;

impl Operation for Grant {
    fn name(&self) -> &'static str {
        "grant"
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
        Box::pin(grant(ctx, call))
    }
}

pub struct Deny;

impl Operation for Deny {
    fn name(&self) -> &'static str {
        "deny"
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
        Box::pin(deny(ctx, call))
    }
}

/// What the patient makes of what was asked for.
struct Given {
    /// With the paths to them; empty for all that was asked for.
    classes: Vec<(String, &'static DataClass)>,
    period: Option<(String, Value)>,
    giver: Value,
    /// A second factor was shown.
    is_verified: bool,
}

async fn grant(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    let (id, state) = seen(ctx, call.id.as_ref()).await?;
    let parameters = Parameters::read_or_none(ctx, call.body, &["class", "period", "verification"])?;
    let patient = state.patient.ok_or_else(|| read::not_found(ResourceType::CONSENT, &id))?;
    let giver = giver(ctx, &patient).await?;
    // Before a code is used up for nothing; it is decided again under the lock.
    if state.status != Status::Proposed {
        return Err(not_asked(state.status));
    }
    let names = Names::of(&ctx.settings.canonical_base);
    let classes = parameters.values("class", "valueCoding")?;
    let classes: Result<Vec<_>, Fault> =
        classes.into_iter().map(|(path, coding)| Ok((path.clone(), names.class(&path, coding)?))).collect();
    let period = parameters.single("period", "valuePeriod")?.map(|(path, value)| (path, value.clone()));
    let mut given = Given { classes: classes?, period, giver, is_verified: false };
    given.is_verified = verified(ctx, &parameters).await?;
    decided(async || granted(ctx, &id, &given).await).await
}

fn not_asked(status: Status) -> Fault {
    no_step(status, "only a proposed one can be granted or denied")
}

async fn granted(ctx: &Context<'_>, id: &ResourceId, given: &Given) -> Result<Result<Reply, Fault>, Fault> {
    let tx = ctx.store.begin().await?;
    let mut held = hold(ctx, &tx, id).await?;
    check_version(ctx, &held)?;
    if held.status != Status::Proposed {
        return Ok(Err(not_asked(held.status)));
    }
    apply(&mut held.consent, given, &Names::of(&ctx.settings.canonical_base), Instant::now())?;
    let step = Step {
        action: "consent-grant",
        task: Some("completed"),
        reason: None,
        author: Some(given.giver.clone()),
        notice: "consent-granted",
        to_patient: Some("You have agreed to share parts of your record. You can withdraw that at any time."),
        to_actors: Some("A patient has agreed to a request of yours."),
    };
    let written = write(ctx, &tx, held, &step).await?;
    tx.commit().await?;
    Ok(Ok(answer(200, written)))
}

/// Makes a proposed Consent an active one.
fn apply(consent: &mut Map<String, Value>, given: &Given, names: &Names, now: Instant) -> Result<(), Fault> {
    let Some(provision) = consent.get_mut("provision").and_then(Value::as_object_mut) else {
        let text = "the Consent has no provision: there is nothing to agree to";
        return Err(Fault::at(Kind::BusinessRule, "Consent.provision", text));
    };
    if !given.classes.is_empty() {
        names.narrow_to(provision, &given.classes)?;
    }
    if let Some((path, period)) = &given.period {
        shorten(provision, path, period)?;
    }
    let period = provision.get("period").cloned().unwrap_or_else(|| json!({}));
    let (_, end) = limits("Consent.provision.period", &period)?;
    if end.is_some_and(|end| end.hi <= now.0) {
        let text = "the time for which it was asked is over";
        return Err(Fault::at(Kind::BusinessRule, "Consent.provision.period", text));
    }
    consent.insert("status".into(), "active".into());
    consent.insert("dateTime".into(), now.to_string().into());
    consent.insert("performer".into(), json!([given.giver]));
    if given.is_verified {
        consent.insert(
            "verification".into(),
            json!([{"verified": true, "verifiedWith": given.giver, "verificationDate": now.to_string()}]),
        );
    }
    Ok(())
}

async fn deny(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    let (id, state) = seen(ctx, call.id.as_ref()).await?;
    let parameters = Parameters::read_or_none(ctx, call.body, &["reason"])?;
    let reason = reason(&parameters, "reason")?;
    let patient = state.patient.ok_or_else(|| read::not_found(ResourceType::CONSENT, &id))?;
    let giver = giver(ctx, &patient).await?;
    decided(async || denied(ctx, &id, &giver, reason).await).await
}

async fn denied(
    ctx: &Context<'_>,
    id: &ResourceId,
    giver: &Value,
    reason: Option<&str>,
) -> Result<Result<Reply, Fault>, Fault> {
    let tx = ctx.store.begin().await?;
    let mut held = hold(ctx, &tx, id).await?;
    check_version(ctx, &held)?;
    if held.status != Status::Proposed {
        return Ok(Err(not_asked(held.status)));
    }
    held.consent.insert("status".into(), "rejected".into());
    held.consent.insert("dateTime".into(), Instant::now().to_string().into());
    held.consent.insert("performer".into(), json!([giver]));
    let step = Step {
        action: "consent-deny",
        task: Some("rejected"),
        reason,
        author: Some(giver.clone()),
        notice: "consent-denied",
        to_patient: None,
        to_actors: Some("A patient has not agreed to a request of yours."),
    };
    let written = write(ctx, &tx, held, &step).await?;
    tx.commit().await?;
    Ok(Ok(answer(200, written)))
}
