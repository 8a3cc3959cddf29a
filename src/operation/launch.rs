//! `$launch`: an EHR opens an app for one of its users, with the patient and the visit that are on the screen.
//!
//! SMART App Launch 2.2, EHR launch; `conformance/OperationDefinition-launch.json`. The answer is a handle, good once, for a few
//! minutes, for this app and this user.

use super::parameters::{Parameters, Target};
use super::{Call, Operation, Places};
use crate::access::policy::{self, Needs};
use crate::access::principal::{Person, Token};
use crate::access::role::Right;
use crate::access::scope::{Letter, Scope};
use crate::access::{Grant, Principal};
use crate::account::Accounts;
use crate::fault::{Fault, Kind};
use crate::fhir::reference::Literal;
use crate::fhir::{ResourceId, ResourceType};
use crate::interaction::{Context, read};
use crate::oauth::authorize::redirect;
use crate::oauth::launch::{self, Launch};
use crate::rest::Reply;
use crate::store::audit::Entry;
use crate::store::identity::account::Account;
use crate::store::identity::client::{Client, Status};
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;

mod parameters;

use parameters::Asked;

pub struct OpenLaunch;

impl Operation for OpenLaunch {
    fn name(&self) -> &'static str {
        "launch"
    }

    fn places(&self) -> Places {
        Places { system: true, ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        true
    }

    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Right(Right::OpenLaunch)
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(open(ctx, call))
    }
}

async fn open(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    let accounts = ctx.accounts.ok_or_else(|| Fault::new(Kind::NotFound, "this server opens no launches"))?;
    let asked = parameters::asked(&Parameters::read(ctx, call.body, parameters::NAMES)?)?;
    let client = app(ctx, &asked.client).await?;
    let launch_uri = client.metadata.launch_uris.first();
    let launch_uri = launch_uri.ok_or_else(|| rule("client", "the app is registered without a launch_uri"))?;
    let user = user(ctx, accounts, asked.user.as_deref()).await?;
    let (patient, encounter) = context(ctx, &user, &asked).await?;
    let launch = Launch {
        client: client.id.clone(),
        user: user.id,
        patient: patient.as_ref().map(ToString::to_string),
        encounter: encounter.as_ref().map(ToString::to_string),
        fhir_context: asked.fhir_context.iter().map(parameters::Item::json).collect(),
        intent: asked.intent.clone(),
        need_patient_banner: asked.need_patient_banner,
    };
    let handle = launch::open(ctx.store, &launch).await?;
    let by = ctx.grant.principal().name();
    let entry = Entry::event("launch", &ctx.request.id, by, 200).of_client(&client.id);
    let entry = Entry { resource_type: patient.is_some().then_some(ResourceType::PATIENT), id: patient, ..entry };
    accounts.recorder.note(entry.with_detail(format!("for account {}", user.id))).await;
    let url = redirect::of_launch(launch_uri, &handle, &ctx.settings.base_url);
    let parameters = json!({"resourceType": "Parameters", "parameter": [
        {"name": "launch", "valueString": handle},
        {"name": "url", "valueUrl": url},
    ]});
    Ok(Reply::value(200, &parameters))
}

async fn app(ctx: &Context<'_>, id: &str) -> Result<Client, Fault> {
    let client = ctx.store.client(id).await?.filter(|client| client.status == Status::Active);
    client.ok_or_else(|| rule("client", "there is no such app, or it is not active"))
}

/// Returns the person who will use the app: by id or login, and the caller where none is named.
async fn user(ctx: &Context<'_>, accounts: &Accounts, named: Option<&str>) -> Result<Account, Fault> {
    let name = named.unwrap_or_else(|| ctx.grant.principal().name());
    let found = match uuid::Uuid::try_parse(name) {
        Ok(id) => accounts.store.account(id).await?,
        Err(_) => accounts.store.account_by_login(name).await?,
    };
    let found = found.filter(|account| account.status == Status::Active);
    found.ok_or_else(|| rule("user", "there is no such active account; without 'user' it is the caller's own"))
}

/// Returns patient and visit, once it is sure that the user may see them and all else that is named.
async fn context(
    ctx: &Context<'_>,
    user: &Account,
    asked: &Asked,
) -> Result<(Option<ResourceId>, Option<ResourceId>), Fault> {
    let principal = principal(user);
    for target in asked.fhir_context.iter().filter_map(|item| item.reference.as_ref()) {
        seen(ctx, &principal, target).await?;
    }
    let mut patient = None;
    if let Some(target) = &asked.patient {
        seen(ctx, &principal, target).await?;
        patient = Some(target.id.clone());
    }
    let Some(target) = &asked.encounter else { return Ok((patient, None)) };
    let (visit, encounter) = (seen(ctx, &principal, target).await?, target.id.clone());
    let literal = visit["subject"]["reference"].as_str().and_then(Literal::parse);
    let literal = literal.filter(|it| it.base.is_empty() || it.base == ctx.settings.base_url);
    let subject =
        literal.filter(|it| it.resource_type == ResourceType::PATIENT).and_then(|it| ResourceId::parse(it.id));
    match (patient, subject) {
        (None, Some(subject)) => {
            let target = Target { resource_type: ResourceType::PATIENT, id: subject.clone(), at: target.at.clone() };
            seen(ctx, &principal, &target).await?;
            Ok((Some(subject), Some(encounter)))
        }
        (Some(patient), Some(subject)) if patient == subject => Ok((Some(patient), Some(encounter))),
        _ => Err(Fault::at(Kind::BusinessRule, target.at.clone(), "the encounter is not one of this patient")),
    }
}

/// Returns whom the user is to the access policy: the same as on our own pages.
fn principal(user: &Account) -> Principal {
    let own = user.fhir_user.as_ref().filter(|(t, _)| *t == ResourceType::PATIENT);
    Principal::Token(Arc::new(Token {
        subject: user.id.to_string(),
        scopes: Scope::parse("user/*.rs").into_iter().collect(),
        patient: own.map(|(_, id)| id.clone()),
        person: Some(Person { roles: user.roles.clone(), fhir_user: user.fhir_user.clone(), ..Person::default() }),
        ..Token::default()
    }))
}

/// Returns a resource that the user may read; what is not there and what may not be seen are refused alike. A person who opens
/// the launch does so through some app, whose token has to reach that far itself; a system may have no reach of its own.
async fn seen(ctx: &Context<'_>, principal: &Principal, target: &Target) -> Result<Value, Fault> {
    let t = target.resource_type;
    let refused = || {
        let text = format!("there is no {t}/{} that the user may read", target.id);
        Fault::at(Kind::Reference, target.at.clone(), text)
    };
    let grant: Grant =
        policy::decide(principal, &Needs::Type(vec![Letter::Read], t), ctx.store.registry()).map_err(|_| refused())?;
    let stored = ctx.view.read(&grant, t, &target.id).await?;
    let content = stored.as_ref().and_then(|stored| stored.content.as_deref()).unwrap_or_default();
    if ctx.grant.principal().person().is_some() && !ctx.grant.shows(t, &target.id, content, Letter::Read) {
        return Err(refused());
    }
    let reply = read::answer(stored, t, &target.id, &Default::default()).map_err(|_| refused())?;
    serde_json::from_slice(&reply.body).map_err(|e| Fault::internal("a stored resource is not JSON", e))
}

fn rule(name: &str, text: &str) -> Fault {
    Fault::at(Kind::BusinessRule, format!("Parameters.parameter.where(name='{name}')"), text)
}
