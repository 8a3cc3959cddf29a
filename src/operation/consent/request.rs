//! `Consent/$request`: asks a patient to share parts of the record.
//!
//! Defined in `conformance/OperationDefinition-request.json`. Whom it is asked of need not be visible to who asks: that is what it is for. So
//! a patient who is not there, is not active or was merged away is answered in the same words, and every such answer counts as a
//! request: a stranger may try twenty a day.

use super::super::parameters::{Parameters, required};
use super::super::{Call, Operation, Places, health_id};
use super::narrow::{Names, limits};
use super::{OPEN_S_MAX, SECOND_US, answer, provenance, reason, task_code, words};
use crate::access::Principal;
use crate::access::consent::class::{self, DataClass};
use crate::access::policy::{self, Needs};
use crate::access::role::Right;
use crate::access::scope::Letter;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::interaction::Context;
use crate::operation::notice::{self, Notice, To};
use crate::operation::own;
use crate::rest::Reply;
use crate::search::key::Keyer;
use crate::store::View;
use crate::store::identity::attempt::Limit;
use crate::store::tx::{Found, Holds, Tx};
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value, json};

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const CONSENT_ACTION: &str = "http://terminology.hl7.org/CodeSystem/consentaction";
const CONSENT_SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";

/// Requests of one person, whatever became of them.
const LIMIT: Limit = Limit { count: 20, within_s: 86_400 };
const VALIDITY_S_MAX: i64 = 365 * 86_400;
const PURPOSES_MAX: usize = 8;
/// Codes of v3-ActReason that may be asked for. Broken glass is not asked for.
const PURPOSES: &[&str] = &[
    "TREAT",
    "ETREAT",
    "ERTREAT",
    "TREATDS",
    "CAREMGT",
    "HPAYMT",
    "COVERAGE",
    "HOPERAT",
    "PATADMIN",
    "PATSFTY",
    "HCOMPL",
    "RECORDMGT",
    "TRAIN",
    "DONAT",
    "HRESCH",
    "CLINTRCH",
    "PATRQT",
    "FAMRQT",
    "PWATRNY",
    "SUPNWK",
    "PUBHLTH",
    "DISASTER",
    "THREAT",
    "HMARKT",
];
const KNOWN: &[&str] =
    &["patient", "health-id", "requester", "purpose", "class", "dataPeriod", "validity", "note", "callback"];

pub struct Request;

impl Operation for Request {
    fn name(&self) -> &'static str {
        "request"
    }

    fn places(&self) -> Places {
        Places { types: &["Consent"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        true
    }

    fn needs(&self, _: Option<ResourceType>) -> Needs {
        // And the right to ask: see `may_ask`.
        Needs::Type(vec![Letter::Create], ResourceType::CONSENT)
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(perform(ctx, call))
    }
}

struct Asked {
    /// `Practitioner/1`, and how people call them.
    requester: String,
    name: Option<String>,
    purposes: Vec<Value>,
    classes: Vec<&'static DataClass>,
    data_period: Option<Value>,
    validity: Value,
    note: Option<String>,
}

async fn perform(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    may_ask(ctx)?;
    let parameters = Parameters::read(ctx, call.body, KNOWN)?;
    if parameters.has("callback") {
        return Err(Fault::at(
            Kind::NotSupported,
            parameters.path(),
            "this server does not call back yet: leave out 'callback', and read the Consent or its Task",
        ));
    }
    let asked = read(ctx, &parameters).await?;
    let key = format!("consent-request:{}", counted_as(ctx));
    count(ctx, &key).await?;
    let done = match patient(ctx, &parameters).await {
        Ok(Some(patient)) => super::decided(async || requested(ctx, &asked, &patient).await).await,
        Ok(None) => {
            let entry = ctx.event("consent-request", 404).with_detail("no such patient");
            own::record(ctx, entry).await;
            return Err(Fault::new(Kind::NotFound, "there is no patient here whose consent can be asked for by this"));
        }
        Err(fault) => Err(fault),
    };
    if done.is_err() {
        // Nobody was asked anything.
        ctx.store.give_back_attempt(&key).await?;
    }
    done
}

fn may_ask(ctx: &Context) -> Result<(), Fault> {
    match ctx.grant.principal() {
        Principal::Token(token) if !policy::holds(token, Right::AskConsent) => {
            let text = format!(
                "consent is asked for by those who treat patients; a system needs the scope '{}'",
                Right::AskConsent.scope()
            );
            Err(Fault::new(Kind::Forbidden, text))
        }
        _ => Ok(()),
    }
}

/// Returns whose requests are counted: a person has one count, whatever apps and accounts they use.
fn counted_as(ctx: &Context) -> String {
    let person = ctx.grant.principal().person().and_then(|person| person.fhir_user.as_ref());
    person.map_or_else(|| ctx.grant.principal().name().to_string(), |(t, id)| format!("{t}/{id}"))
}

/// Counts a request before anything is looked at, so that many at once are not more.
async fn count(ctx: &Context<'_>, key: &str) -> Result<(), Fault> {
    let Some(seconds) = ctx.store.attempt(key, LIMIT).await? else { return Ok(()) };
    ctx.store.give_back_attempt(key).await?;
    own::record(ctx, ctx.event("consent-request", 429).with_detail("too many requests")).await;
    let text = format!("consent was asked for {} times within a day; that is the limit", LIMIT.count);
    Err(Fault::new(Kind::Throttled, text).after(seconds))
}

async fn read(ctx: &Context<'_>, parameters: &Parameters) -> Result<Asked, Fault> {
    let names = Names::of(&ctx.settings.canonical_base);
    let purposes = purposes(parameters)?;
    let classes = parameters.values("class", "valueCoding")?;
    let mut classes: Vec<&'static DataClass> =
        classes.iter().map(|(path, coding)| names.class(path, coding)).collect::<Result<_, _>>()?;
    if classes.is_empty() {
        classes.extend(class::of("all"));
    }
    classes.sort_unstable_by_key(|class| class.code);
    classes.dedup();
    let data_period = parameters.single("dataPeriod", "valuePeriod")?;
    if let Some((path, period)) = &data_period {
        let (start, end) = limits(path, period)?;
        if start.zip(end).is_some_and(|(start, end)| start.lo > end.hi) {
            return Err(Fault::at(Kind::Value, path.as_str(), "the period ends before it begins"));
        }
    }
    let (requester, name) = requester(ctx, parameters).await?;
    Ok(Asked {
        requester,
        name,
        purposes,
        classes,
        data_period: data_period.map(|(_, period)| period.clone()),
        validity: validity(parameters, Instant::now())?,
        note: reason(parameters, "note")?.map(str::to_string),
    })
}

fn purposes(parameters: &Parameters) -> Result<Vec<Value>, Fault> {
    let purposes = parameters.values("purpose", "valueCoding")?;
    if purposes.is_empty() {
        return Err(required("purpose"));
    }
    if purposes.len() > PURPOSES_MAX {
        let text = format!("there are more than {PURPOSES_MAX} parameters 'purpose'");
        return Err(Fault::at(Kind::TooCostly, parameters.path(), text));
    }
    let coding = |(path, coding): (String, &Value)| {
        let system = coding.get("system").and_then(Value::as_str);
        let name = coding.get("code").and_then(Value::as_str).unwrap_or_default();
        if system.is_some_and(|system| system != ACT_REASON) || !PURPOSES.contains(&name) {
            let text = format!("a purpose is one of {} of the system {}", PURPOSES.join(", "), ACT_REASON);
            return Err(Fault::at(Kind::Code, path, text));
        }
        Ok(json!({"system": ACT_REASON, "code": name}))
    };
    purposes.into_iter().map(coding).collect()
}

/// Returns for how long the Consent is to hold: with an end, which is to come, and for a year at most.
fn validity(parameters: &Parameters, now: Instant) -> Result<Value, Fault> {
    let (path, period) = parameters.single("validity", "valuePeriod")?.ok_or_else(|| required("validity"))?;
    let refused = |text: &str| Err(Fault::at(Kind::BusinessRule, path.as_str(), text));
    let (start, end) = limits(&path, period)?;
    let Some(end) = end else {
        return Err(Fault::at(Kind::Required, format!("{path}.end"), "a request says when the consent is to end"));
    };
    let from = start.map_or(now.0, |start| start.lo);
    // A day that is named is meant to its end.
    let day_s = if period["end"].as_str().is_some_and(|text| text.len() <= 10) { 86_400 } else { 1 };
    if end.hi <= from || end.hi <= now.0 {
        return refused("the consent would have ended before it begins, or by now");
    }
    if end.hi - from > (VALIDITY_S_MAX + day_s) * SECOND_US {
        return refused("a consent is asked for 365 days at most");
    }
    let mut validity = json!({"start": Instant(now.0).to_string(), "end": period["end"]});
    if start.is_some() {
        validity["start"] = period["start"].clone();
    }
    Ok(validity)
}

/// Returns who asks, and how people call them: the person of the token, or a role or place of theirs.
async fn requester(ctx: &Context<'_>, parameters: &Parameters) -> Result<(String, Option<String>), Fault> {
    let own = ctx.grant.principal().person().map(|person| person.fhir_user.clone());
    let named = parameters.target("requester", None)?;
    let (t, id) = match (own, named) {
        (Some(None), _) => {
            let text = "your account is linked to no Practitioner, so that nobody could say who asks";
            return Err(Fault::new(Kind::BusinessRule, text));
        }
        (Some(Some(own)), None) => own,
        (Some(Some(own)), Some(it)) => {
            if (it.resource_type, &it.id) != (own.0, &own.1) && !belongs(ctx, &own, (it.resource_type, &it.id)).await? {
                let text = "a person asks in their own name, or in that of a role or organization they have now";
                return Err(Fault::at(Kind::Forbidden, it.at, text));
            }
            (it.resource_type, it.id)
        }
        (None, Some(it)) => {
            const KINDS: [ResourceType; 3] =
                [ResourceType::PRACTITIONER, ResourceType::PRACTITIONER_ROLE, ResourceType::ORGANIZATION];
            let is_there = ctx.view.read(&own::everyone(ctx)?, it.resource_type, &it.id).await?;
            if !KINDS.contains(&it.resource_type) || is_there.is_none_or(|stored| stored.is_deleted()) {
                let text = "the requester is a Practitioner, PractitionerRole or Organization of this server";
                return Err(Fault::at(Kind::Invalid, it.at, text));
            }
            (it.resource_type, it.id)
        }
        (None, None) => match ctx.grant.principal().client() {
            Some(client) => return Ok((format!("Device/{client}"), Some(client.to_string()))),
            None => return Err(required("requester")),
        },
    };
    let name = words::name(ctx, t, &id).await?;
    Ok((format!("{t}/{id}"), name))
}

/// Returns whether a person has this role, or one at this organization.
async fn belongs(
    ctx: &Context<'_>,
    own: &(ResourceType, ResourceId),
    other: (ResourceType, &ResourceId),
) -> Result<bool, Fault> {
    let pair = match other.0 {
        ResourceType::PRACTITIONER_ROLE => ("_id", other.1.to_string()),
        ResourceType::ORGANIZATION => ("organization", format!("Organization/{}", other.1)),
        _ => return Ok(false),
    };
    let pairs = [("practitioner", format!("{}/{}", own.0, own.1)), pair, ("active:not", "false".to_string())];
    let pairs: Vec<(String, String)> = pairs.map(|(name, value)| (name.to_string(), value)).into();
    let search = crate::search::parse(ctx.store.registry(), Some(ResourceType::PRACTITIONER_ROLE), &pairs, false)?;
    Ok(!ctx.view.matching(&own::everyone(ctx)?, &search, 1).await?.is_empty())
}

/// Returns the patient who is asked; none where there is none that could answer.
async fn patient(ctx: &Context<'_>, parameters: &Parameters) -> Result<Option<ResourceId>, Fault> {
    let reference = parameters.reference("patient", ResourceType::PATIENT)?;
    let identifier = parameters.identifier("health-id")?;
    let id = match (reference, identifier) {
        (Some(_), Some(_)) => {
            let text = "the patient is named by 'patient' or by 'health-id', not by both";
            return Err(Fault::at(Kind::Invalid, parameters.path(), text));
        }
        (None, None) => return Err(required("patient")),
        (Some(id), None) => Some(id),
        (None, Some(identifier)) => match health_id::number_of(ctx, identifier) {
            Some(number) => ctx.store.holder_of_health_id(number.as_str()).await?,
            None => None,
        },
    };
    let Some(id) = id else { return Ok(None) };
    let stored = ctx.view.read(&own::everyone(ctx)?, ResourceType::PATIENT, &id).await?;
    let Some(stored) = stored.filter(|stored| !stored.is_deleted()) else { return Ok(None) };
    let patient = own::content(ResourceType::PATIENT, &id, Some(&stored))?;
    let is_active = patient.get("active").and_then(Value::as_bool) != Some(false);
    Ok(Some(id).filter(|_| is_active))
}

/// Writes the request; one that waits for its answer already is refused.
async fn requested(ctx: &Context<'_>, asked: &Asked, patient: &ResourceId) -> Result<Result<Reply, Fault>, Fault> {
    let tx = ctx.store.begin().await?;
    tx.hold(&hold(asked, patient)).await?;
    if is_open(ctx, &tx, asked, patient).await? {
        let text = "this patient was asked by the same requester already and has not answered yet";
        return Ok(Err(Fault::at(Kind::Duplicate, "Parameters.parameter", text)));
    }
    let now = Instant::now();
    let (id, mut consent) =
        own::made(ctx, ResourceType::CONSENT, consent(ctx, asked, patient, now), "consent-request")?;
    consent.audit.action = "consent-request";
    let (task_id, task) = own::made(ctx, ResourceType::TASK, task(ctx, asked, patient, &id, now), "consent-request")?;
    let who = asked.name.as_deref().unwrap_or("Somebody");
    let text = format!("{who} asks to see parts of your record. You decide: open the page to answer.");
    let about = [format!("Consent/{id}"), format!("Task/{task_id}")];
    let notice = Notice {
        to: To::Patient(patient),
        patient,
        code: "consent-request",
        text: &text,
        is_urgent: false,
        about: &about,
    };
    let author = named(asked);
    let writes =
        [consent, task, notice::write(ctx, &notice)?, provenance(ctx, (&id, 1), &author, "consent-request", None)?];
    let written = own::put(ctx, &tx, &writes, &Found::new()).await?.into_iter().next();
    tx.commit().await?;
    let written = written.ok_or_else(|| Fault::internal("a request wrote nothing", "no version"))?;
    Ok(Ok(answer(201, written)))
}

/// Returns what is held meanwhile: requests of the same person to the same patient.
fn hold(asked: &Asked, patient: &ResourceId) -> Holds {
    let key = Keyer::fixed().hash(&[b"consent-request", asked.requester.as_bytes(), patient.as_str().as_bytes()]);
    Holds { keyed: vec![ResourceType::CONSENT], keys: vec![key], ..Holds::default() }
}

async fn is_open(ctx: &Context<'_>, tx: &Tx, asked: &Asked, patient: &ResourceId) -> Result<bool, Fault> {
    let pairs = [
        ("status", "proposed".to_string()),
        ("patient", format!("Patient/{patient}")),
        ("actor", asked.requester.clone()),
    ];
    let pairs: Vec<(String, String)> = pairs.map(|(name, value)| (name.to_string(), value)).into();
    let search = crate::search::parse(ctx.store.registry(), Some(ResourceType::CONSENT), &pairs, false)?;
    Ok(!View::Tx(tx).matching(&own::everyone(ctx)?, &search, 1).await?.is_empty())
}

fn named(asked: &Asked) -> Value {
    match &asked.name {
        Some(name) => json!({"reference": asked.requester, "display": name}),
        None => json!({"reference": asked.requester}),
    }
}

fn consent(ctx: &Context, asked: &Asked, patient: &ResourceId, now: Instant) -> Value {
    let base = &ctx.settings.canonical_base;
    let mut provision = json!({
        "type": "permit",
        "period": asked.validity,
        "actor": [{
            "role": {"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"
            }]},
            "reference": named(asked),
        }],
        "action": [{"coding": [{"system": CONSENT_ACTION, "code": "access"}]}],
        "purpose": asked.purposes,
    });
    if let Some(period) = &asked.data_period {
        provision["dataPeriod"] = period.clone();
    }
    if let Value::Object(provision) = &mut provision {
        Names::of(base).permit(provision, &asked.classes);
    }
    json!({
        "resourceType": "Consent",
        "status": "proposed",
        "scope": {"coding": [{"system": CONSENT_SCOPE, "code": "patient-privacy"}]},
        "category": [
            {"coding": [{"system": "http://loinc.org", "code": "59284-0"}]},
            {"coding": [{"system": ACT_CODE, "code": "IDSCL"}]},
        ],
        "patient": {"reference": format!("Patient/{patient}")},
        "dateTime": now.to_string(),
        // What the provision does not name, this Consent says nothing about.
        "policy": [{"uri": format!("{base}/Policy/shared-by-request")}],
        "provision": provision,
    })
}

fn task(ctx: &Context, asked: &Asked, patient: &ResourceId, consent: &ResourceId, now: Instant) -> Value {
    let patient = json!({"reference": format!("Patient/{patient}")});
    let mut task: Map<String, Value> = Map::new();
    task.insert("resourceType".into(), "Task".into());
    task.insert("status".into(), "requested".into());
    task.insert("intent".into(), "order".into());
    task.insert("code".into(), json!({"coding": [{"system": task_code(ctx), "code": "consent-request"}]}));
    task.insert("focus".into(), json!({"reference": format!("Consent/{consent}")}));
    task.insert("for".into(), patient.clone());
    task.insert("authoredOn".into(), now.to_string().into());
    task.insert("lastModified".into(), now.to_string().into());
    task.insert("requester".into(), named(asked));
    task.insert("owner".into(), patient);
    let end = Instant(now.0 + OPEN_S_MAX * SECOND_US);
    task.insert("restriction".into(), json!({"period": {"end": end.to_string()}}));
    if let Some(note) = &asked.note {
        task.insert("note".into(), json!([{"time": now.to_string(), "text": note}]));
    }
    Value::Object(task)
}
