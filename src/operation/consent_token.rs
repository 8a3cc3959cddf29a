//! `Consent/[id]/$token`: a token that stands on a Consent, for the app that asks.
//!
//! Defined in `conformance/OperationDefinition-token.json`. The same as a token exchange (RFC 8693) with the Consent as `resource`: it lives a
//! quarter of an hour at most, opens `patient/` scopes of the Consent's patient alone, and nothing once the Consent has ended.

use super::parameters::Parameters;
use super::{Call, Operation, Places, own};
use crate::access::Principal;
use crate::access::policy::Needs;
use crate::access::scope::Letter;
use crate::account::issue::{Basis, is_of_an_app};
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceType};
use crate::interaction::Context;
use crate::rest::Reply;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};

pub struct ConsentToken;

impl Operation for ConsentToken {
    fn name(&self) -> &'static str {
        "token"
    }

    fn places(&self) -> Places {
        Places { instances: &["Consent"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        true
    }

    fn is_fleeting(&self) -> bool {
        true
    }

    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Type(vec![Letter::Read], ResourceType::CONSENT)
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(perform(ctx, call))
    }
}

async fn perform(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    let (t, at) = (ResourceType::CONSENT, Instant::now());
    let parameters = match call.body {
        crate::rest::Body::None => None,
        body => Some(Parameters::read(ctx, body, &["scope"])?),
    };
    let scope = parameters.as_ref().map(|parameters| parameters.text("scope")).transpose()?.flatten();
    let id = call.id.ok_or_else(|| Fault::new(Kind::NotFound, "the operation is called on a Consent"))?;
    let none_given = || Fault::new(Kind::Forbidden, "a token is given to an app that acts for a person");
    let Principal::Token(holder) = ctx.grant.principal() else { return Err(none_given()) };
    if !is_of_an_app(holder) {
        return Err(none_given());
    }
    let accounts = ctx.accounts.ok_or_else(none_given)?;
    let issuer = accounts.issuer.as_ref().ok_or_else(none_given)?;
    let stored = ctx.view.read(ctx.grant, t, &id).await?;
    let content = Value::Object(own::content(t, &id, stored.as_ref())?);
    let basis = Basis::Consent { id: &id, content: &content, scope };
    let issued = issuer.issue(accounts, holder, basis, at).await?;
    let entry = ctx.event("token", 200).of(t, &id);
    own::record(ctx, entry.with_detail(format!("consent: token {}", issued.token_id))).await;
    let parameters = json!({"resourceType": "Parameters", "parameter": [
        {"name": "access_token", "valueString": issued.access_token},
        {"name": "token_type", "valueString": "Bearer"},
        {"name": "expires_in", "valueInteger": issued.expires_in_s},
        {"name": "scope", "valueString": issued.scope},
    ]});
    Ok(Reply::value(200, &parameters))
}
