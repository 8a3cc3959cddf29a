//! `$emergency`: the few facts of a patient that a clinician needs before anything else is known.
//!
//! Defined in `conformance/OperationDefinition-emergency.json`. It passes consent by, and so says it to the patient and to the audit. Who
//! may not see it here scans the card of the patient instead: [`card`], [`scan`].

pub mod card;
mod gather;
pub mod labels;
mod link;
mod notify;
pub mod scan;
mod view;

use super::parameters::Parameters;
use super::{Call, Operation, Places, own};
use crate::access::policy::{self, Needs};
use crate::access::principal::Token;
use crate::access::role::Right;
use crate::access::scope::Letter;
use crate::access::{Grant, Principal};
use crate::fault::{Fault, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::interaction::Context;
use crate::rest::{Body, Reply};
use futures_util::future::LocalBoxFuture;
use notify::Viewer;

pub struct Emergency;

impl Operation for Emergency {
    fn name(&self) -> &'static str {
        "emergency"
    }

    fn places(&self) -> Places {
        Places { instances: &["Patient"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        false
    }

    /// The right is for the record of anybody; one's own needs none: see [`may_view`].
    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Token
    }

    fn is_fleeting(&self) -> bool {
        true
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(emergency(ctx, call))
    }
}

async fn emergency(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    let asked = Asked::read(ctx, call.body)?;
    let id = call.id.ok_or_else(|| Fault::new(Kind::Invalid, "the operation is called on a Patient"))?;
    may_view(ctx.grant, &id)?;
    let (id, patient) = gather::survivor(ctx, &id).await?;
    let choice = ctx.store.emergency_choice(&id).await?;
    if choice.opted_out && !is_self(ctx.grant, &id) {
        return Err(opted_out(&id));
    }
    let bundle = gather::view(ctx, &id, &patient, &choice.topics).await?;
    let detail = format!("purpose {}; by {}; topics {}", asked.purpose, asked.mode, choice.topics.join(" "));
    let entry = ctx.event("emergency-view", 200).of(ResourceType::PATIENT, &id).with_detail(detail.trim_end());
    own::record(ctx, entry).await;
    if !is_self(ctx.grant, &id) {
        notify::patient(ctx, &id, &Viewer::Known).await;
    }
    Ok(Reply::value(200, &bundle))
}

/// What a call says about itself, for the audit.
struct Asked {
    mode: String,
    purpose: String,
}

impl Asked {
    /// Reads the parameters of the URL or of the body.
    fn read(ctx: &Context, body: Body) -> Result<Asked, Fault> {
        const MODES: &[&str] = &["clinician", "qr", "nfc"];
        const PURPOSES: &[&str] = &["ETREAT", "ERTREAT", "BTG"];
        let sent = match body {
            Body::None => None,
            body => Some(Parameters::read(ctx, body, &["mode", "purpose"])?),
        };
        let told = |name: &str, allowed: &'static [&'static str]| -> Result<String, Fault> {
            let in_body = sent.as_ref().map(|sent| sent.text(name)).transpose()?.flatten();
            let in_url = ctx.request.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            match in_body.or(in_url) {
                None => Ok(allowed[0].to_string()),
                Some(value) if allowed.contains(&value) => Ok(value.to_string()),
                Some(_) => {
                    let text = format!("the parameter '{name}' is one of {}", allowed.join(", "));
                    Err(Fault::at(Kind::Value, "Parameters.parameter", text))
                }
            }
        };
        Ok(Asked { mode: told("mode", MODES)?, purpose: told("purpose", PURPOSES)? })
    }
}

/// Refuses who may not see the emergency view of this patient: it takes the right, or to be the patient.
///
/// What an app was given narrows here as everywhere: one that may not read all of what the view shows gets nothing, for a view
/// without allergies would say that there are none.
fn may_view(grant: &Grant, id: &ResourceId) -> Result<(), Fault> {
    let Principal::Token(token) = grant.principal() else { return Ok(()) };
    if !policy::holds(token, Right::Emergency) && !is_self(grant, id) {
        let text = format!(
            "the emergency view needs a role that treats patients, or for a system the scope '{}'",
            Right::Emergency.scope()
        );
        return Err(Fault::new(Kind::Forbidden, text));
    }
    match token.person {
        Some(_) => reads_all(token),
        None => Ok(()),
    }
}

/// Refuses an app that was not let read everything that the view may show.
fn reads_all(token: &Token) -> Result<(), Fault> {
    let reads = |t: ResourceType| {
        token.scopes.iter().any(|scope| scope.query().is_none() && scope.allows(Letter::Read, Some(t)))
    };
    let names = std::iter::once("Patient").chain(view::SOURCES.iter().map(|(name, ..)| *name));
    let missing: Vec<&str> = names.filter(|name| !ResourceType::parse(name).is_some_and(reads)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let text =
        format!("the emergency view is all or nothing, and the token's scopes do not read {}", missing.join(", "));
    Err(Fault::new(Kind::Forbidden, text))
}

/// Returns whether the caller is this patient.
fn is_self(grant: &Grant, id: &ResourceId) -> bool {
    let own = grant.principal().person().and_then(|person| person.fhir_user.as_ref());
    own.is_some_and(|(t, own)| *t == ResourceType::PATIENT && own == id)
}

fn opted_out(id: &ResourceId) -> Fault {
    let text = format!(
        "the patient does not want an emergency view; additional information may be available using the Break-The-Glass \
         protocol: Patient/{id}/$break-glass opens the record to a physician who gives a reason"
    );
    Fault::new(Kind::Forbidden, text)
}
