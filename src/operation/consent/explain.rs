//! `Consent/$explain`: what the Consents of a patient say to somebody, and which of them says so.
//!
//! Defined in `conformance/OperationDefinition-explain.json`. For the patient, who speaks for the patient, and those who audit. The rules are
//! those that every request is decided by; scopes, roles and broken glass are not asked.

use super::super::parameters::{Parameters, required};
use super::super::{Call, Operation, Places};
use super::words::giver;
use crate::access::Principal;
use crate::access::consent::{Action, Asker, Decision, Implied, Reason, Rule, because};
use crate::access::grant::meets;
use crate::access::policy::{self, Needs};
use crate::access::role::Right;
use crate::access::scope::Letter;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::interaction::{Context, read};
use crate::operation::own;
use crate::rest::{Body, Reply};
use crate::search::{Expr, compartment, extract};
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;

/// Consents of one patient, and roles of one person, that are looked at.
const CONSENTS_MAX: u32 = 200;
const ROLES_MAX: u32 = 50;
const KNOWN: &[&str] = &["patient", "actor", "purpose", "action", "resource"];

pub struct Explain;

impl Operation for Explain {
    fn name(&self) -> &'static str {
        "explain"
    }

    fn places(&self) -> Places {
        Places { types: &["Consent"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        false
    }

    /// Whoever has a token is told so that others may: see `may_know`.
    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Token
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(explain(ctx, call))
    }
}

/// What is to be explained.
struct Question {
    patient: ResourceId,
    asker: Asker,
    resource: (ResourceType, ResourceId),
    content: Value,
}

async fn explain(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    let body = if call.by_get { asked_by_url(&ctx.request.query) } else { call.body };
    let parameters = Parameters::read(ctx, body, KNOWN)?;
    let patient = parameters.reference("patient", ResourceType::PATIENT)?.ok_or_else(|| required("patient"))?;
    may_know(ctx, &patient).await?;
    let question = question(ctx, &parameters, patient).await?;
    let reason = decision(ctx, &question).await?;
    let (decision, implied) = match (reason.decision, ctx.settings.implied) {
        (Decision::Permit, _) => ("permit", ""),
        (Decision::Deny, _) => ("deny", ""),
        (Decision::Silent, Implied::Permit) => ("permit", "; then whoever's role allows it may see it here"),
        (Decision::Silent, Implied::Deny) => ("deny", "; then nobody may see it here"),
        (Decision::Silent, Implied::Treatment) => {
            ("treatment", "; then those who care for the patient may see it here, for treatment")
        }
    };
    let mut answer = vec![
        json!({"name": "decision", "valueCode": decision}),
        json!({"name": "text", "valueString": format!("{}{implied}", reason.text)}),
    ];
    answer.extend(reason.path.iter().map(|path| json!({"name": "path", "valueString": path})));
    answer.extend(
        reason
            .consents
            .iter()
            .map(|id| json!({"name": "consent", "valueReference": {"reference": format!("Consent/{id}")}})),
    );
    Ok(Reply::value(200, &json!({"resourceType": "Parameters", "parameter": answer})))
}

/// Returns the Parameters that a URL carries.
fn asked_by_url(query: &[(String, String)]) -> Body {
    let known = query.iter().filter(|(name, _)| !name.starts_with('_'));
    let list: Vec<Value> = known
        .map(|(name, value)| match name.as_str() {
            "purpose" | "action" => json!({"name": name, "valueCode": value}),
            _ => json!({"name": name, "valueReference": {"reference": value}}),
        })
        .collect();
    let list = if list.is_empty() { vec![json!({"name": "patient"})] } else { list };
    Body::Value(Box::new(json!({"resourceType": "Parameters", "parameter": list})))
}

/// Refuses whoever is neither the patient nor audits.
async fn may_know(ctx: &Context<'_>, patient: &ResourceId) -> Result<(), Fault> {
    match ctx.grant.principal() {
        Principal::Token(token) if policy::holds(token, Right::Audit) => Ok(()),
        Principal::Token(token) if token.person.is_none() && token.client.is_none() => Ok(()),
        _ if ctx.grant.sight(ResourceType::CONSENT, Letter::Read) == Expr::None => {
            Err(Fault::new(Kind::Forbidden, "the scopes do not open Consents"))
        }
        _ => giver(ctx, patient).await.map(drop).map_err(|_| {
            let text = "what Consents say is explained to the patient, and to those who audit";
            Fault::new(Kind::Forbidden, text)
        }),
    }
}

async fn question(ctx: &Context<'_>, parameters: &Parameters, patient: ResourceId) -> Result<Question, Fault> {
    let actor = parameters.target("actor", None)?.ok_or_else(|| required("actor"))?;
    let action = match parameters.text("action")?.unwrap_or("access") {
        "access" => Action::Access,
        "collect" => Action::Collect,
        "correct" => Action::Correct,
        "disclose" => Action::Disclose,
        "use" => Action::Use,
        _ => {
            let text = "the parameter 'action' is one of access, collect, correct, disclose, use";
            return Err(Fault::at(Kind::Code, parameters.path(), text));
        }
    };
    let purpose = parameters.text("purpose")?.unwrap_or("TREAT").into();
    let actors = actors(ctx, actor.resource_type, &actor.id).await?;
    let asker = Asker { actors: actors.into(), purpose, action, now: Instant::now() };
    let resource = match parameters.target("resource", None)? {
        Some(it) => (it.resource_type, it.id),
        None => (ResourceType::PATIENT, patient.clone()),
    };
    let stored = ctx.view.read(&own::everyone(ctx)?, resource.0, &resource.1).await?;
    let content = match own::content(resource.0, &resource.1, stored.as_ref()) {
        Ok(content) => Value::Object(content),
        // Deleted or never there, it is the same here.
        Err(_) => return Err(read::not_found(resource.0, &resource.1)),
    };
    let about = compartment::patients_of(ctx.store.registry(), resource.0, &content);
    if resource.0 != ResourceType::PATIENT && !about.iter().any(|id| *id == patient.as_str()) {
        // Nobody learns of the records of others.
        return Err(read::not_found(resource.0, &resource.1));
    }
    if resource.0 == ResourceType::PATIENT && resource.1 != patient {
        return Err(read::not_found(resource.0, &resource.1));
    }
    Ok(Question { patient, asker, resource, content })
}

/// Returns whom Consents know somebody as: the person, their roles, and the organizations of these.
async fn actors(ctx: &Context<'_>, t: ResourceType, id: &ResourceId) -> Result<Vec<Box<str>>, Fault> {
    let own = format!("{t}/{id}");
    let mut actors: Vec<Box<str>> = vec![own.as_str().into()];
    if t == ResourceType::PRACTITIONER {
        let pairs = [("practitioner".to_string(), own), ("active:not".to_string(), "false".to_string())];
        let search = crate::search::parse(ctx.store.registry(), Some(ResourceType::PRACTITIONER_ROLE), &pairs, false)?;
        for role in ctx.view.by_number(&own::everyone(ctx)?, &search, i64::MIN, ROLES_MAX).await? {
            actors.push(format!("PractitionerRole/{}", role.id).into());
            let content = own::content(role.resource_type, &role.id, Some(&role))?;
            let place = content.get("organization").and_then(|it| it.get("reference")).and_then(Value::as_str);
            actors.extend(place.map(Into::into));
        }
    }
    actors.sort_unstable();
    actors.dedup();
    Ok(actors)
}

/// Decides, by the rules that requests are decided by, what the Consents of the patient say.
async fn decision(ctx: &Context<'_>, question: &Question) -> Result<Reason, Fault> {
    let registry = ctx.store.registry();
    let pairs = [
        ("patient".to_string(), format!("Patient/{}", question.patient)),
        ("status".to_string(), "active".to_string()),
    ];
    let search = crate::search::parse(registry, Some(ResourceType::CONSENT), &pairs, false)?;
    let found = ctx.view.by_number(&own::everyone(ctx)?, &search, i64::MIN, CONSENTS_MAX).await?;
    let mut rules = Vec::with_capacity(found.len());
    for stored in &found {
        let content = Value::Object(own::content(ResourceType::CONSENT, &stored.id, Some(stored))?);
        rules.extend(Rule::read(&content, &registry.base_url).map(Arc::new));
    }
    let (t, id) = &question.resource;
    let rows = extract(registry, *t, &question.content);
    let matches = |expr: &Expr| meets(expr, *t, id, rows.clone());
    Ok(because(registry, &rules, &question.asker, *t, &matches))
}
