//! `$end-break-glass`: a grant ends before its time, by who has it, by the patient or by compliance.

use super::super::parameters::{Parameters, required};
use super::super::{Call, Operation, Places};
use super::{labels, own, reference};
use crate::access::Principal;
use crate::access::policy::{self, Needs};
use crate::access::role::Right;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::interaction::Context;
use crate::interaction::condition::again;
use crate::operation::notice::{self, Notice, To};
use crate::rest::Reply;
use crate::store::Write;
use crate::store::identity::break_glass::Broken;
use crate::store::tx::{Found, Tx};
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value, json};

/// Who or what ends a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Grantee,
    Patient,
    Compliance,
    /// A review that found it unjustified.
    Review,
    /// Who runs the server.
    Operator,
    Expiry,
}

impl By {
    pub fn name(self) -> &'static str {
        match self {
            By::Grantee => "grantee",
            By::Patient => "patient",
            By::Compliance => "compliance",
            By::Review => "review",
            By::Operator => "operator",
            By::Expiry => "expiry",
        }
    }
}

pub struct EndBreakGlass;

impl Operation for EndBreakGlass {
    fn name(&self) -> &'static str {
        "end-break-glass"
    }

    fn places(&self) -> Places {
        Places { instances: &["Patient"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        true
    }

    fn needs(&self, _: Option<ResourceType>) -> Needs {
        // Who may end which grant is looked at here: see `may_end`.
        Needs::Token
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(perform(ctx, call))
    }
}

async fn perform(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    let parameters = Parameters::read(ctx, call.body, &["grant"])?;
    let grant = parameters.text("grant")?.ok_or_else(|| required("grant"))?;
    // What does not exist, what is over another record and what is not the caller's to end are told alike.
    let unknown = || Fault::new(Kind::NotFound, "there is no grant of this id over this record that you may end");
    let known = ctx.store.broken_glass(grant).await?.filter(|glass| Some(&glass.patient) == call.id.as_ref());
    let (glass, by) = known.and_then(|glass| may_end(ctx, &glass).map(|by| (glass, by))).ok_or_else(unknown)?;
    again(async || end(ctx, &glass, by).await).await?;
    let glass = ctx.store.broken_glass(grant).await?.ok_or_else(unknown)?;
    let ended = glass.ended.ok_or_else(|| Fault::internal("a grant was ended", "it is open"))?;
    Ok(Reply::value(
        200,
        &json!({"resourceType": "Parameters", "parameter": [
            {"name": "grant", "valueString": glass.id},
            {"name": "consent", "valueReference": {"reference": format!("Consent/{}", glass.consent)}},
            {"name": "ended", "valueInstant": ended.to_string()},
        ]}),
    ))
}

/// Returns as what the caller may end a grant; none where not at all.
fn may_end(ctx: &Context, glass: &Broken) -> Option<By> {
    let token = match ctx.grant.principal() {
        Principal::Unrestricted => return Some(By::Operator),
        Principal::Anonymous => return None,
        Principal::Token(token) => token,
    };
    if policy::holds(token, Right::Audit) {
        return Some(By::Compliance);
    }
    let Some(person) = &token.person else { return token.client.is_none().then_some(By::Operator) };
    let who = reference(person)?;
    if who == glass.practitioner {
        return Some(By::Grantee);
    }
    (who == format!("Patient/{}", glass.patient)).then_some(By::Patient)
}

/// Ends a grant in a transaction of its own; false when it has ended already.
pub async fn end(ctx: &Context<'_>, glass: &Broken, by: By) -> Result<bool, Fault> {
    let tx = ctx.store.begin().await?;
    tx.hold_glass_of(&glass.practitioner).await?;
    let found = tx.lock(ctx.grant, &[(ResourceType::CONSENT, glass.consent.clone())]).await?;
    let is_ended = end_within(ctx, &tx, glass, by, &found).await?;
    tx.commit().await?;
    Ok(is_ended)
}

/// Ends a grant in a transaction that has locked its Consent, which is among `found`; false when it has ended already.
pub async fn end_within(ctx: &Context<'_>, tx: &Tx, glass: &Broken, by: By, found: &Found) -> Result<bool, Fault> {
    let now = Instant::now();
    if !tx.end_glass(glass, now, by.name()).await? {
        return Ok(false);
    }
    let mut writes: Vec<Write> = consent_ended(ctx, glass, now, found)?.into_iter().collect();
    writes.extend(notices(ctx, tx, glass, by).await?);
    own::put(ctx, tx, &writes, found).await?;
    let entry = ctx.event("emergency-override-stop", 200).of(ResourceType::PATIENT, &glass.patient);
    let entry = entry.about_patient(&glass.patient).by_consent(format!("Consent/{}", glass.consent));
    let detail = format!("grant={}; consent=Consent/{}; by={}", glass.id, glass.consent, by.name());
    tx.record(&[entry.with_detail(detail)]).await?;
    Ok(true)
}

/// Returns the write that takes the Consent back; none where it says so already, or is gone.
fn consent_ended(ctx: &Context, glass: &Broken, now: Instant, found: &Found) -> Result<Option<Write>, Fault> {
    let t = ResourceType::CONSENT;
    let Some(stored) = found.get(&(t, glass.consent.clone())) else { return Ok(None) };
    let content = stored.content.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
    let Some(mut consent) = content.filter(|consent: &Map<String, Value>| consent["status"] == "active") else {
        return Ok(None);
    };
    consent.insert("status".into(), json!("inactive"));
    if now < glass.expires
        && let Some(period) = consent.get_mut("provision").and_then(|provision| provision.get_mut("period"))
    {
        period["end"] = json!(now.to_string());
    }
    own::write(ctx, t, &glass.consent, consent, Some(stored.version), "end-break-glass").map(Some)
}

async fn notices(ctx: &Context<'_>, tx: &Tx, glass: &Broken, by: By) -> Result<Vec<Write>, Fault> {
    let about = [format!("Consent/{}", glass.consent)];
    let notice = |to, text| Notice {
        to,
        patient: &glass.patient,
        code: "break-glass-ended",
        text,
        is_urgent: false,
        about: &about,
    };
    let labels = labels(ctx, tx, &own::everyone(ctx)?, &glass.patient).await?;
    let patient: &ResourceId = &glass.patient;
    let to_patient = notice(To::Patient(patient), "The emergency access to your record has ended.");
    let mut writes = vec![notice::labelled(ctx, &to_patient, &labels)?];
    if matches!(by, By::Patient | By::Compliance | By::Review | By::Operator) {
        let text = "An emergency access of yours to a record was ended before its time.";
        writes.push(notice::labelled(ctx, &notice(To::Actor(&glass.practitioner), text), &labels)?);
    }
    Ok(writes)
}
