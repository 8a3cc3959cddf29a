//! `$break-glass`: the record of a patient is opened to a physician who says why.
//!
//! What is asked of the caller is looked at before anything is said of the patient. Counted under a lock on the person, so that of many at
//! once no more than the limit are let through; all effects are in one transaction.

use super::super::{Call, Operation, Places};
use super::asked::{Asked, asked};
use super::{ACT_CODE, ACT_REASON, CONFIDENTIALITY, finds, labels, own, patient, person, reference};
use crate::access::Grant;
use crate::access::policy::Needs;
use crate::access::principal::{Person, Token};
use crate::access::role::Right;
use crate::account::issue::{self, Basis, Issued};
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::interaction::Context;
use crate::interaction::condition::again;
use crate::operation::notice::{self, Notice, To};
use crate::rest::Reply;
use crate::store::View;
use crate::store::identity::break_glass::Broken;
use crate::store::tx::{Found, Tx};
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};

/// New grants of one person within a day.
const GRANTS_MAX: usize = 3;
const DAY_US: i64 = 86_400 * 1_000_000;
/// In how many hours a grant is to be reviewed.
const REVIEW_H: i64 = 72;
/// How long ago the second factor may be where the installation does not say.
const FRESH_S_MAX: i64 = 300;

pub struct BreakGlass;

impl Operation for BreakGlass {
    fn name(&self) -> &'static str {
        "break-glass"
    }

    fn places(&self) -> Places {
        Places { instances: &["Patient"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        true
    }

    fn is_fleeting(&self) -> bool {
        true
    }

    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Right(Right::BreakGlass)
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(perform(ctx, call))
    }
}

/// Who asks for which record, once that person may.
struct Grantee<'a> {
    token: &'a Token,
    /// `Practitioner/1`.
    who: String,
    patient: ResourceId,
}

/// A grant, and how many more the person may have today.
struct Given {
    glass: Broken,
    remaining: usize,
}

async fn perform(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    let at = Instant::now();
    let patient = call.id.clone().ok_or_else(|| Fault::new(Kind::NotFound, "the operation is called on a Patient"))?;
    let done = async {
        let grantee = grantee(ctx, &patient, at)?;
        let asked = asked(ctx, call.body)?;
        let given = again(async || given(ctx, &grantee, &asked).await).await?;
        Ok((grantee, given))
    };
    let (grantee, given) = match done.await {
        Ok(done) => done,
        Err(fault) => {
            refused(ctx, &patient, &fault).await?;
            return Err(fault);
        }
    };
    let issued = token(ctx, &grantee, &given.glass, at).await;
    Ok(Reply::value(200, &answer(&given, issued.as_ref())))
}

/// Returns who asks, once it is sure that this person may break the glass just now.
fn grantee<'a>(ctx: &'a Context, patient: &ResourceId, at: Instant) -> Result<Grantee<'a>, Fault> {
    let (token, person) = person(ctx)?;
    let who =
        reference(person).filter(|_| person.fhir_user.as_ref().is_some_and(|(t, _)| *t == ResourceType::PRACTITIONER));
    let who = who.ok_or_else(|| Fault::new(Kind::Forbidden, "the account is linked to no Practitioner"))?;
    let fresh_s_max = ctx.accounts.map_or(FRESH_S_MAX, |accounts| accounts.settings.fresh_s_max);
    if !is_fresh(person, at, fresh_s_max) {
        let text = format!(
            "this needs a second factor (a code or a passkey) that was shown within the last {fresh_s_max} seconds: sign in again"
        );
        return Err(Fault::new(Kind::FactorNeeded, text));
    }
    Ok(Grantee { token, who, patient: patient.clone() })
}

fn is_fresh(person: &Person, at: Instant, fresh_s_max: i64) -> bool {
    let is_second = person.methods.iter().any(|method| matches!(&**method, "otp" | "hwk"));
    is_second && at.0 / 1_000_000 - person.authenticated_s <= fresh_s_max
}

async fn given(ctx: &Context<'_>, grantee: &Grantee<'_>, asked: &Asked) -> Result<Given, Fault> {
    let tx = ctx.store.begin().await?;
    tx.hold_glass_of(&grantee.who).await?;
    // From here on nobody else counts the grants of this person.
    let now = Instant::now();
    let latest = tx.latest_glass(&grantee.who, Instant(now.0 - DAY_US), GRANTS_MAX as i64).await?;
    let mut open = tx.open_glass(&grantee.who, now).await?;
    open.retain(|glass| glass.patient == grantee.patient);
    if let Some(glass) = open.pop() {
        return Ok(Given { glass, remaining: GRANTS_MAX - latest.len().min(GRANTS_MAX) });
    }
    if let Some(oldest) = latest.get(GRANTS_MAX - 1) {
        return Err(throttled(*oldest, now));
    }
    let everyone = own::everyone(ctx)?;
    check(ctx, &tx, &everyone, grantee, asked).await?;
    let glass = made(ctx, &tx, &everyone, (grantee, asked), now).await?;
    tx.commit().await?;
    Ok(Given { glass, remaining: GRANTS_MAX - 1 - latest.len() })
}

fn throttled(oldest: Instant, now: Instant) -> Fault {
    let wait_s = (oldest.0 + DAY_US - now.0).div_euclid(1_000_000) + 1;
    let text = format!(
        "the glass can be broken {GRANTS_MAX} times in 24 hours; the next time is at {}",
        Instant(oldest.0 + DAY_US)
    );
    Fault::new(Kind::Throttled, text).after(u32::try_from(wait_s).unwrap_or(1))
}

/// Refuses what is about nobody, about the caller, or about a visit of somebody else.
async fn check(
    ctx: &Context<'_>,
    tx: &Tx,
    everyone: &Grant,
    grantee: &Grantee<'_>,
    asked: &Asked,
) -> Result<(), Fault> {
    let id = &grantee.patient;
    patient(tx, everyone, id).await?;
    let both = format!("practitioner={}&patient=Patient/{id}", grantee.who);
    if finds(ctx, tx, everyone, "Person", &both).await.unwrap_or(false) {
        return Err(Fault::new(Kind::Forbidden, "nobody breaks the glass over their own record"));
    }
    let Some(encounter) = &asked.encounter else { return Ok(()) };
    let stored = View::Tx(tx).read(everyone, encounter.resource_type, &encounter.id).await?;
    let visit: Value = stored.and_then(|stored| serde_json::from_slice(&stored.content?).ok()).unwrap_or(Value::Null);
    if visit["subject"]["reference"] == format!("Patient/{id}") {
        return Ok(());
    }
    let text = "there is no such encounter of this patient";
    Err(Fault::at(Kind::BusinessRule, encounter.at.clone(), text))
}

/// Writes the grant and all that goes with it.
async fn made(
    ctx: &Context<'_>,
    tx: &Tx,
    everyone: &Grant,
    (grantee, asked): (&Grantee<'_>, &Asked),
    now: Instant,
) -> Result<Broken, Fault> {
    let expires = Instant(now.0 + asked.lasts_s * 1_000_000);
    let grant = uuid::Uuid::new_v4().to_string();
    let what = "break-glass";
    let (consent, consent_write) =
        own::made(ctx, ResourceType::CONSENT, consent(ctx, (grantee, &grant), now, expires), what)?;
    let review = task(ctx, grantee, (&consent, &grant), asked, now);
    let (task, task_write) = own::made(ctx, ResourceType::TASK, review, what)?;
    let notice = Notice {
        to: To::Patient(&grantee.patient),
        patient: &grantee.patient,
        code: "break-glass",
        text: "A clinician has opened your record in an emergency. Sign in to see who it was, and to end it.",
        is_urgent: true,
        about: &[format!("Consent/{consent}")],
    };
    let labels = labels(ctx, tx, everyone, &grantee.patient).await?;
    let writes = [consent_write, task_write, notice::labelled(ctx, &notice, &labels)?];
    own::put(ctx, tx, &writes, &Found::new()).await?;
    let glass = Broken {
        id: grant,
        practitioner: grantee.who.clone(),
        patient: grantee.patient.clone(),
        consent,
        task,
        reason: asked.reason.clone(),
        client: grantee.token.client.as_deref().map(str::to_string),
        started: now,
        expires,
        ended: None,
        ended_by: None,
    };
    tx.add_glass(&glass).await?;
    let code = asked.reason_code.as_ref().map(|code| format!("reason-code={code}; ")).unwrap_or_default();
    // The reason comes last: it may hold anything.
    let detail = format!(
        "grant={}; expires={expires}; consent=Consent/{}; {code}reason={}",
        glass.id, glass.consent, glass.reason
    );
    let entry = ctx.event("emergency-override-start", 200).of(ResourceType::PATIENT, &glass.patient);
    let entry = entry.about_patient(&glass.patient).by_consent(format!("Consent/{}", glass.consent));
    tx.record(&[entry.with_detail(detail)]).await?;
    Ok(glass)
}

/// Returns the Consent that tells of the grant: IHE PCF, with the practitioner and not the patient as its performer.
fn consent(ctx: &Context, (grantee, grant): (&Grantee, &str), now: Instant, expires: Instant) -> Value {
    let concept = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
    json!({
        "resourceType": "Consent",
        "meta": {"tag": [{"system": format!("{}/CodeSystem/tag", ctx.settings.canonical_base), "code": "break-glass"}]},
        // What `$end-break-glass` is called with.
        "identifier": [{"system": format!("{}/sid/break-glass", ctx.settings.canonical_base), "value": grant}],
        "status": "active",
        "scope": concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [concept("http://loinc.org", "59284-0"), concept(ACT_CODE, "EMRGONLY")],
        "patient": {"reference": format!("Patient/{}", grantee.patient)},
        "dateTime": now.to_string(),
        "performer": [{"reference": grantee.who}],
        "policy": [{"uri": "https://profiles.ihe.net/ITI/PCF/Policy-break-glass-only"}],
        "provision": {
            "type": "permit",
            "period": {"start": now.to_string(), "end": expires.to_string()},
            "actor": [{
                "role": concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP"),
                "reference": {"reference": grantee.who}
            }],
            // What is very restricted stays closed.
            "securityLabel": [{"system": CONFIDENTIALITY, "code": "R"}],
            "purpose": [{"system": ACT_REASON, "code": "BTG"}]
        }
    })
}

/// Returns the Task that asks compliance for a review. The reason is not in it: it may tell of the patient.
fn task(ctx: &Context, grantee: &Grantee, (consent, grant): (&ResourceId, &str), asked: &Asked, now: Instant) -> Value {
    let due = Instant(now.0 + REVIEW_H * 3_600 * 1_000_000);
    let mut task = json!({
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "priority": "stat",
        "code": {"coding": [{
            "system": format!("{}/CodeSystem/task-code", ctx.settings.canonical_base), "code": "break-glass-review"
        }]},
        "focus": {"reference": format!("Consent/{consent}")},
        "for": {"reference": format!("Patient/{}", grantee.patient)},
        "authoredOn": now.to_string(),
        "restriction": {"period": {"end": due.to_string()}},
        "input": [{"type": {"text": "grant"}, "valueString": grant}]
    });
    if let Some(encounter) = &asked.encounter {
        task["encounter"] = json!({"reference": format!("{}/{}", encounter.resource_type, encounter.id)});
    }
    task
}

/// Returns a token for the app that asked on behalf of the person. Without one, the app asks for it with its refresh token: the grant
/// stands all the same.
async fn token(ctx: &Context<'_>, grantee: &Grantee<'_>, glass: &Broken, at: Instant) -> Option<Issued> {
    let accounts = ctx.accounts?;
    let issuer = accounts.issuer.as_ref().filter(|_| issue::is_of_an_app(grantee.token))?;
    let basis = Basis::Glass { grant: &glass.id, expires: glass.expires };
    match issuer.issue(accounts, grantee.token, basis, at).await {
        Ok(issued) => {
            let entry = ctx.event("token", 200).of(ResourceType::PATIENT, &glass.patient);
            own::record(ctx, entry.with_detail(format!("break-glass: token {}", issued.token_id))).await;
            Some(issued)
        }
        Err(fault) => {
            tracing::warn!(request = %ctx.request.id, %fault, "no token could be given for broken glass");
            None
        }
    }
}

fn answer(given: &Given, issued: Option<&Issued>) -> Value {
    let glass = &given.glass;
    let mut parameters = vec![
        json!({"name": "consent", "valueReference": {"reference": format!("Consent/{}", glass.consent)}}),
        json!({"name": "grant", "valueString": glass.id}),
        json!({"name": "expires", "valueInstant": glass.expires.to_string()}),
        json!({"name": "remaining", "valueInteger": given.remaining}),
    ];
    if let Some(issued) = issued {
        parameters.push(json!({"name": "access_token", "valueString": issued.access_token}));
        parameters.push(json!({"name": "expires_in", "valueInteger": issued.expires_in_s}));
    }
    json!({"resourceType": "Parameters", "parameter": parameters})
}

/// Writes an audit row of a try that was refused, before that is said: it is an alert as much as one that was let through.
async fn refused(ctx: &Context<'_>, patient: &ResourceId, fault: &Fault) -> Result<(), Fault> {
    if fault.status() < 500 {
        let entry = ctx.event("emergency-override-start", fault.status()).of(ResourceType::PATIENT, patient);
        let entry = entry.about_patient(patient);
        ctx.store.audit(&[entry.with_detail(fault.to_string())]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_alone_is_never_fresh_enough() {
        for (methods, age_s, want) in [
            (&["pwd", "otp"][..], 0, true),
            (&["hwk"], 300, true),
            (&["hwk"], 301, false),
            (&["pwd"], 0, false),
            (&["fed"], 0, false),
            (&[], 0, false),
        ] {
            let methods: Vec<Box<str>> = methods.iter().map(|method| (*method).into()).collect();
            let person = Person { methods, authenticated_s: 1_000_000 - age_s, ..Person::default() };
            assert_eq!(is_fresh(&person, Instant(1_000_000_000_000), 300), want, "{age_s} {:?}", person.methods);
        }
    }

    #[test]
    fn who_has_broken_the_glass_too_often_waits_for_the_oldest_to_be_a_day_old() {
        let now = Instant(10 * DAY_US);
        for (ago_us, wait_s) in [(DAY_US - 1, 1), (DAY_US - 60_000_000, 61), (0, 86_401)] {
            assert_eq!(throttled(Instant(now.0 - ago_us), now).retry_after_s(), Some(wait_s), "{ago_us}");
        }
    }
}
