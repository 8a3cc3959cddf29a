//! The operations that make the steps of a Consent's life: asked for, given, refused, withdrawn; and what the clock makes of it.
//!
//! R4 <https://hl7.org/fhir/R4/consent.html>. Each step is one transaction: the version of the Consent, the Task that waits for an
//! answer, the notices to those it concerns, the Provenance of who did it, and the audit rows.

pub mod answer;
pub mod due;
pub mod explain;
mod narrow;
pub mod request;
pub mod revoke;
#[cfg(test)]
mod tests;
mod verify;
mod words;

use super::own;
use super::parameters::Parameters;
use crate::access::consent_life::{State, Status};
use crate::access::label;
use crate::access::policy::Needs;
use crate::access::scope::Letter;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::interaction::condition::again;
use crate::interaction::{Context, read, stale, update};
use crate::operation::notice::{self, Notice, To};
use crate::rest::Reply;
use crate::store::tx::{Found, Tx};
use crate::store::{Condition, View, Write, Written};
use serde_json::{Map, Value, json};

/// How long a request waits for its answer.
pub const OPEN_S_MAX: i64 = 72 * 3_600;
const SECOND_US: i64 = 1_000_000;
/// People that one Consent tells of a step at most.
const TOLD_MAX: usize = 10;

/// Answering and withdrawing change a Consent, and take that it can be read.
fn needs() -> Needs {
    Needs::Type(vec![Letter::Read, Letter::Update], ResourceType::CONSENT)
}

/// A Consent, locked, with the Task that waits for an answer to it.
struct Held {
    id: ResourceId,
    version: i32,
    patient: ResourceId,
    status: Status,
    is_break_glass: bool,
    consent: Map<String, Value>,
    task: Option<(ResourceId, i32, Map<String, Value>)>,
    found: Found,
}

/// One step, beside the Consent as it becomes.
struct Step<'a> {
    /// The action in the audit: `consent-grant`.
    action: &'static str,
    /// What becomes of the Task.
    task: Option<&'static str>,
    /// Why, in the words of who made it.
    reason: Option<&'a str>,
    /// Who made the step, as a Reference; none where the clock did.
    author: Option<Value>,
    /// The code of the notices.
    notice: &'static str,
    to_patient: Option<&'static str>,
    to_actors: Option<&'static str>,
}

/// Returns the Consent of a call as the caller may read it: what is not shown is as if it were not there.
async fn seen(ctx: &Context<'_>, id: Option<&ResourceId>) -> Result<(ResourceId, State), Fault> {
    let id = id.ok_or_else(|| Fault::new(Kind::Invalid, "the operation is called on a Consent"))?;
    let stored = ctx.view.read(ctx.grant, ResourceType::CONSENT, id).await?;
    let consent = own::content(ResourceType::CONSENT, id, stored.as_ref())?;
    let state = State::read(&Value::Object(consent), &ctx.settings.base_url);
    if state.patient.is_none() {
        return Err(Fault::at(Kind::BusinessRule, "Consent.patient", "the Consent names no patient of this server"));
    }
    Ok((id.clone(), state))
}

/// Makes a step that others may be in the way of. The inner refusal stands, whoever asks again.
async fn decided<T>(attempt: impl AsyncFnMut() -> Result<Result<T, Fault>, Fault>) -> Result<T, Fault> {
    again(attempt).await?
}

/// Locks a Consent and the Task that waits for its answer.
async fn hold(ctx: &Context<'_>, tx: &Tx, id: &ResourceId) -> Result<Held, Fault> {
    let key = (ResourceType::CONSENT, id.clone());
    let (mut contents, mut found) = own::locked(ctx, tx, std::slice::from_ref(&key)).await?;
    let consent = contents.pop().unwrap_or_default();
    let version = found.get(&key).map_or(0, |stored| stored.version);
    let state = State::read(&Value::Object(consent.clone()), &ctx.settings.base_url);
    let patient = state.patient.ok_or_else(|| read::not_found(ResourceType::CONSENT, id))?;
    let mut task = None;
    if let Some(known) = open_task(ctx, tx, id).await? {
        let (mut contents, locked) = own::locked(ctx, tx, &[(ResourceType::TASK, known.clone())]).await?;
        let version = locked.get(&(ResourceType::TASK, known.clone())).map_or(0, |stored| stored.version);
        task = contents.pop().map(|content| (known, version, content));
        found.extend(locked);
    }
    Ok(Held {
        id: id.clone(),
        version,
        patient,
        status: state.status,
        is_break_glass: state.is_break_glass,
        consent,
        task,
        found,
    })
}

/// Returns the Task that waits for the answer to a request.
async fn open_task(ctx: &Context<'_>, tx: &Tx, consent: &ResourceId) -> Result<Option<ResourceId>, Fault> {
    let code = format!("{}|consent-request", task_code(ctx));
    let pairs = [("focus", format!("Consent/{consent}")), ("code", code), ("status", "requested".to_string())];
    let pairs: Vec<(String, String)> = pairs.map(|(name, value)| (name.to_string(), value)).into();
    let search = crate::search::parse(ctx.store.registry(), Some(ResourceType::TASK), &pairs, false)?;
    let found = View::Tx(tx).matching(&own::everyone(ctx)?, &search, 1).await?;
    Ok(found.into_iter().next().map(|task| task.id))
}

fn task_code(ctx: &Context) -> String {
    format!("{}/CodeSystem/task-code", ctx.settings.canonical_base)
}

/// Refuses a step from a version other than the one that the caller has seen.
fn check_version(ctx: &Context, held: &Held) -> Result<(), Fault> {
    match update::precondition(&ctx.request.conditions)? {
        Condition::Version(version) if version != held.version => Err(stale(Some(held.version))),
        Condition::Absent => Err(stale(Some(held.version))),
        _ => Ok(()),
    }
}

/// Writes a step: the Consent, its Task, the notices, the Provenance. The caller commits.
async fn write(ctx: &Context<'_>, tx: &Tx, held: Held, step: &Step<'_>) -> Result<Written, Fault> {
    let writes = writes(ctx, &held, step)?;
    let written = own::put(ctx, tx, &writes, &held.found).await?;
    written.into_iter().next().ok_or_else(|| Fault::internal("a step wrote nothing", "no version"))
}

fn writes(ctx: &Context, held: &Held, step: &Step<'_>) -> Result<Vec<Write>, Fault> {
    let consent = held.consent.clone();
    let mut write = own::write(ctx, ResourceType::CONSENT, &held.id, consent, Some(held.version), step.notice)?;
    write.audit.action = step.action;
    let mut writes = vec![write];
    if let (Some(status), Some((id, version, task))) = (step.task, &held.task) {
        let mut task = task.clone();
        task.insert("status".into(), status.into());
        task.insert("lastModified".into(), Instant::now().to_string().into());
        if let Some(reason) = step.reason {
            task.insert("statusReason".into(), json!({"text": reason}));
        }
        writes.push(own::write(ctx, ResourceType::TASK, id, task, Some(*version), step.notice)?);
    }
    let about = [format!("Consent/{}", held.id)];
    let patient = &held.patient;
    let notice = |to, text| Notice { to, patient, code: step.notice, text, is_urgent: false, about: &about };
    if let Some(text) = step.to_patient {
        writes.push(notice::write(ctx, &notice(To::Patient(patient), text))?);
    }
    if let Some(text) = step.to_actors {
        for actor in actors(&held.consent) {
            writes.push(notice::write(ctx, &notice(To::Actor(actor), text))?);
        }
    }
    if let Some(author) = &step.author {
        writes.push(provenance(ctx, (&held.id, held.version + 1), author, step.action, step.reason)?);
    }
    Ok(writes)
}

/// Returns those whom a Consent names as receivers and who can be told something.
fn actors(consent: &Map<String, Value>) -> Vec<&str> {
    const TOLD: [&str; 3] = ["Practitioner/", "PractitionerRole/", "Organization/"];
    let actors = consent.get("provision").and_then(|it| it.get("actor")).and_then(Value::as_array);
    let named = actors.into_iter().flatten().filter_map(|actor| actor.pointer("/reference/reference")?.as_str());
    named.filter(|name| TOLD.iter().any(|kind| name.starts_with(kind))).take(TOLD_MAX).collect()
}

/// Returns the write of the Provenance of a version: who is the author of it.
fn provenance(
    ctx: &Context,
    (consent, version): (&ResourceId, i32),
    author: &Value,
    what: &'static str,
    reason: Option<&str>,
) -> Result<Write, Fault> {
    let activity = if version == 1 { "CREATE" } else { "UPDATE" };
    let mut provenance = json!({
        "resourceType": "Provenance",
        "target": [{"reference": format!("Consent/{consent}/_history/{version}")}],
        "recorded": Instant::now().to_string(),
        "activity": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation", "code": activity}]
        },
        "agent": [{
            "type": {"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "author"
            }]},
            "who": author,
        }],
    });
    if let Some(reason) = reason {
        provenance["reason"] = json!([{"text": reason}]);
        // Why somebody shares or does not is for the keeper of the record alone.
        provenance["meta"] = json!({"security": [{"system": label::CONFIDENTIALITY, "code": "V"}]});
    }
    own::made(ctx, ResourceType::PROVENANCE, provenance, what).map(|(_, write)| write)
}

/// Returns the answer to a step.
fn answer(status: u16, written: Written) -> Reply {
    Reply {
        status,
        version: Some(written.version),
        last_modified: Some(written.updated),
        location: (status == 201).then_some((written.resource_type, written.id, written.version)),
        body: written.content.unwrap_or_default(),
        patients: Vec::new(),
    }
}

/// Returns the refusal of a step that does not follow from the state the Consent is in.
fn no_step(status: Status, text: &str) -> Fault {
    Fault::at(Kind::Conflict, "Consent.status", format!("the Consent is {}; {text}", status.code()))
}

/// Returns a text of a call that people will read, none where it is blank.
fn reason<'a>(parameters: &'a Parameters, name: &'a str) -> Result<Option<&'a str>, Fault> {
    const CHARACTERS_MAX: usize = 2_000;
    let text = parameters.text(name)?.map(str::trim).filter(|text| !text.is_empty());
    if text.is_some_and(|text| text.chars().count() > CHARACTERS_MAX) {
        let text = format!("the parameter '{name}' has more than {CHARACTERS_MAX} characters");
        return Err(Fault::at(Kind::TooCostly, parameters.path(), text));
    }
    Ok(text)
}
