//! `$issue-health-id`: the one number of a patient for life.
//!
//! Defined in `conformance/OperationDefinition-issue-health-id.json`. Number and Patient are written in one transaction under a lock
//! on the birthday, so that of many who register one person at the same time one does, and a crash leaves both or neither.

use super::super::parameters::{Parameters, required};
use super::super::{Call, Operation, Places};
use super::candidates::{Candidate, candidates};
use super::{
    accounts, everyone, identifier, identifiers, locked, may_manage, put, readable, record, review, value, write,
};
use crate::access::Grant;
use crate::access::policy::Needs;
use crate::access::scope::Letter;
use crate::fault::{Fault, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::health_id::{self, Grade, HealthId, Person, person};
use crate::interaction::Context;
use crate::interaction::condition::again;
use crate::rest::Reply;
use crate::search::Expr;
use crate::search::key::Keyer;
use crate::store::View;
use crate::store::identity::Hash;
use crate::store::tx::{Found, Holds, Tx};
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value, json};

/// How often a number is drawn until one was never given out. The second time is already not to be expected.
const DRAWS_MAX: usize = 8;

/// Identifiers by which one person is proven.
const PROOFS_MAX: usize = 16;

pub struct Issue;

impl Operation for Issue {
    fn name(&self) -> &'static str {
        "issue-health-id"
    }

    fn places(&self) -> Places {
        Places { types: &["Patient"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        true
    }

    fn needs(&self, _: Option<ResourceType>) -> Needs {
        // Enough for one's own; for others see `may_register`.
        Needs::Type(vec![Letter::Read], ResourceType::PATIENT)
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(issue(ctx, call))
    }
}

/// Whom a number is wanted for.
enum Whom {
    /// Somebody new.
    New(Map<String, Value>),
    /// A Patient who is there already.
    Known(ResourceId),
}

struct Asked {
    whom: Whom,
    proofs: Vec<(String, Hash)>,
    /// The Task that says that this person is none of those who resemble it.
    review: Option<ResourceId>,
}

async fn issue(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    let parameters = Parameters::read(ctx, call.body, &["patient", "proof", "otp", "review"])?;
    if parameters.has("otp") {
        return Err(Fault::new(Kind::NotSupported, "codes are not sent by this server: leave out 'otp'"));
    }
    let asked = read(ctx, &parameters)?;
    match &asked.whom {
        Whom::Known(id) if is_self(ctx, id) => {}
        _ => may_register(ctx)?,
    }
    let done = again(async || issued(ctx, &asked).await).await;
    // What gave out a number has its audit row in the transaction; that none was given out is noted here.
    match &done {
        Ok(reply) if reply.status == 202 => record(ctx, "issue-health-id", 202, "a review was asked for").await,
        Err(fault) if fault.kind() == Kind::Duplicate => {
            record(ctx, "issue-health-id", 409, "already known as another Patient").await;
        }
        _ => {}
    }
    done
}

fn read(ctx: &Context, parameters: &Parameters) -> Result<Asked, Fault> {
    if !parameters.has("patient") {
        return Err(required("patient"));
    }
    let whom = match parameters.resource("patient")? {
        Some((path, patient)) => {
            if patient.get("resourceType").and_then(Value::as_str) != Some("Patient") {
                return Err(Fault::at(
                    Kind::Invalid,
                    path,
                    "the parameter 'patient' is a Patient or a reference to one",
                ));
            }
            if !Person::of(patient).is_told_apart() {
                let text = "a person is told from others by a name and the day of birth";
                return Err(Fault::at(Kind::Required, format!("{path}.birthDate"), text));
            }
            let mut patient = patient.clone();
            patient.shift_remove("id");
            Whom::New(patient)
        }
        None => {
            Whom::Known(parameters.reference("patient", ResourceType::PATIENT)?.ok_or_else(|| required("patient"))?)
        }
    };
    let identifiers = parameters.identifiers("proof")?;
    if identifiers.len() > PROOFS_MAX {
        let text = format!("there are more than {PROOFS_MAX} parameters 'proof'");
        return Err(Fault::at(Kind::TooCostly, "Parameters.parameter", text));
    }
    let mut proofs = Vec::new();
    for (system, value) in identifiers {
        let value = person::normal_identifier(value);
        if value.is_empty() {
            let text = "the value of a 'proof' must have letters or digits";
            return Err(Fault::at(Kind::Value, "Parameters.parameter", text));
        }
        let hash = accounts(ctx)?.seal.hash(&format!("identity-proof|{system}"), &value);
        proofs.push((system.to_string(), hash));
    }
    // Locks are taken in the same order by everybody.
    proofs.sort_unstable();
    Ok(Asked { whom, proofs, review: parameters.reference("review", task()?)? })
}

fn task() -> Result<ResourceType, Fault> {
    ResourceType::parse("Task").ok_or_else(|| Fault::internal("there is no type Task", "unknown"))
}

/// Refuses who may not give a number to others: it takes the right, and the letters to look for people and to add one.
fn may_register(ctx: &Context) -> Result<(), Fault> {
    let lacks = |letter: &Letter| ctx.grant.sight(ResourceType::PATIENT, *letter) == Expr::None;
    if [Letter::Create, Letter::Search].iter().any(lacks) {
        return Err(Fault::new(
            Kind::Forbidden,
            "a Health ID for somebody else needs the scope and the role for Patient.cs",
        ));
    }
    may_manage(ctx)
}

/// Returns whether the caller is this patient.
fn is_self(ctx: &Context, id: &ResourceId) -> bool {
    let own = ctx.grant.principal().person().and_then(|person| person.fhir_user.as_ref());
    own.is_some_and(|(t, own)| *t == ResourceType::PATIENT && own == id)
}

async fn issued(ctx: &Context<'_>, asked: &Asked) -> Result<Reply, Fault> {
    let (id, sought) = match &asked.whom {
        Whom::New(patient) => (ResourceId::random(), patient.clone()),
        Whom::Known(id) => (id.clone(), readable(ctx, id).await?),
    };
    let person = told_apart(&id, &sought)?;
    let tx = ctx.store.begin().await?;
    tx.hold(&hold(&person)).await?;
    // From here on nobody else registers anybody born on this day.
    let (patient, found) = match &asked.whom {
        Whom::New(_) => (sought, Found::new()),
        Whom::Known(id) => {
            let (mut contents, found) = locked(ctx, &tx, &[id]).await?;
            (contents.pop().unwrap_or_default(), found)
        }
    };
    if told_apart(&id, &patient)?.birth_date != person.birth_date {
        return Err(Fault::new(Kind::Conflict, format!("Patient/{id} was changed at the same time; try again")));
    }
    prove(ctx, &tx, &asked.proofs, &id).await?;
    if let Some(number) = tx.health_id_of(&id).await? {
        return give(ctx, tx, &id, patient, &number, &found).await;
    }
    let everyone = everyone(ctx)?;
    let mut alike = candidates(ctx, View::Tx(&tx), &everyone, &patient).await?;
    alike.retain(|candidate| candidate.id != id && candidate.score.grade >= Grade::Probable);
    match (alike.first(), &asked.review) {
        (None, _) => {}
        (Some(other), _) if other.score.grade == Grade::Certain => {
            return Err(taken(ctx, &other.id, "this person is already known as another Patient").await?);
        }
        (Some(_), Some(task)) => review::is_done(ctx, task, &person).await?,
        (Some(_), None) => {
            let known = matches!(asked.whom, Whom::Known(_)).then_some(&id);
            return asked_review(ctx, tx, &everyone, (&patient, known), &alike).await;
        }
    }
    for _ in 0..DRAWS_MAX {
        let number = HealthId::random();
        if tx.give_health_id(number.as_str(), &id).await? {
            return give(ctx, tx, &id, patient, number.as_str(), &found).await;
        }
    }
    Err(Fault::internal("failed to draw a Health ID", "every number drawn was given out before"))
}

/// Returns the person of a Patient that a number can be given to.
fn told_apart(id: &ResourceId, patient: &Map<String, Value>) -> Result<Person, Fault> {
    let person = Person::of(patient);
    if !person.is_told_apart() {
        let text = format!("Patient/{id} has no name or no day of birth; without them nobody is told from others");
        return Err(Fault::at(Kind::BusinessRule, "Patient.birthDate", text));
    }
    if patient.get("active").and_then(Value::as_bool) == Some(false) {
        let text = format!("Patient/{id} is not active; a Health ID is given to a record that is in use");
        return Err(Fault::at(Kind::BusinessRule, "Patient.active", text));
    }
    Ok(person)
}

/// Notes the proofs; one that was shown for somebody else is refused.
async fn prove(ctx: &Context<'_>, tx: &Tx, proofs: &[(String, Hash)], id: &ResourceId) -> Result<(), Fault> {
    for (system, hash) in proofs {
        if let Some(other) = tx.prove(system, *hash, id).await? {
            let text = "one of the parameters 'proof' was already shown for another Patient";
            return Err(taken(ctx, &other, text).await?);
        }
    }
    Ok(())
}

/// A review is asked for in a transaction that notes no proof: the person may turn out to be somebody else.
async fn asked_review(
    ctx: &Context<'_>,
    tx: Tx,
    everyone: &Grant,
    asked: (&Map<String, Value>, Option<&ResourceId>),
    alike: &[Candidate],
) -> Result<Reply, Fault> {
    drop(tx);
    let tx = ctx.store.begin().await?;
    tx.hold(&hold(&Person::of(asked.0))).await?;
    review::ask(ctx, tx, everyone, asked, alike).await
}

/// Puts the number into the Patient, where it is not there yet, and commits both.
async fn give(
    ctx: &Context<'_>,
    tx: Tx,
    id: &ResourceId,
    mut patient: Map<String, Value>,
    number: &str,
    found: &Found,
) -> Result<Reply, Fault> {
    let system = health_id::system(&ctx.settings.base_url);
    let before = found.get(&(ResourceType::PATIENT, id.clone())).map(|stored| stored.version);
    let wanted = identifier(ctx, number);
    let carries = identifiers(&mut patient).iter().find(|it| it["system"] == wanted["system"] && it["value"] == number);
    if let (Some(identifier), Some(version)) = (carries.cloned(), before) {
        tx.commit().await?;
        return Ok(Reply { version: Some(version), ..answer(200, &Value::Object(patient), &identifier) });
    }
    if before.is_none() && !health_id::carried(&system, &patient).is_empty() {
        let text = "a person who is new has no Health ID yet; one is not brought along";
        return Err(Fault::at(Kind::BusinessRule, "Patient.identifier", text));
    }
    identifiers(&mut patient).insert(0, wanted.clone());
    let write = write(ctx, ResourceType::PATIENT, id, patient, before, "issue-health-id")?;
    let written = put(ctx, &tx, &[write], found).await?.pop();
    let written = written.ok_or_else(|| Fault::internal("nothing was written", "no version"))?;
    tx.commit().await?;
    let status = if before.is_none() { 201 } else { 200 };
    Ok(Reply {
        version: Some(written.version),
        last_modified: Some(written.updated),
        location: Some((ResourceType::PATIENT, id.clone(), written.version)),
        ..answer(status, &value(&written)?, &wanted)
    })
}

fn answer(status: u16, patient: &Value, identifier: &Value) -> Reply {
    let parameters = json!({"resourceType": "Parameters", "parameter": [
        {"name": "return", "resource": patient},
        {"name": "health-id", "valueIdentifier": identifier},
    ]});
    Reply::value(status, &parameters)
}

/// Returns what is held meanwhile: the birthday, shared by everybody who is registered as born on it.
fn hold(person: &Person) -> Holds {
    let date = person.birth_date.as_deref().unwrap_or_default();
    let key = Keyer::fixed().hash(&[b"health-id", date.as_bytes()]);
    Holds { keyed: vec![ResourceType::PATIENT], keys: vec![key], ..Holds::default() }
}

/// Returns the refusal that names another Patient, to those who may read it.
async fn taken(ctx: &Context<'_>, other: &ResourceId, text: &str) -> Result<Fault, Fault> {
    let seen = ctx.view.read(ctx.grant, ResourceType::PATIENT, other).await?.is_some();
    let text = if seen { format!("{text}: Patient/{other}") } else { text.to_string() };
    Ok(Fault::at(Kind::Duplicate, "Parameters.parameter", text))
}
