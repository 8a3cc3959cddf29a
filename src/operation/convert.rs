//! `$convert`: an HL7 v2 message as the transaction Bundle that it says; changes nothing.
//!
//! Defined in `conformance/OperationDefinition-convert.json`. The message comes as it is, or as text in Parameters; with `feed` under the
//! rules of a feed that is registered.

mod outcome;

use super::parameters::{Parameters, required};
use super::{Call, Operation, Places};
use crate::access::Principal;
use crate::access::policy::{self, Needs};
use crate::access::role::Right;
use crate::fault::{Fault, Kind};
use crate::fhir::{self, ResourceType};
use crate::hl7v2::rules::Rules;
use crate::hl7v2::{Conversion, bundle, settings};
use crate::interaction::{Context, body};
use crate::rest::{Body, Reply, ReturnPreference};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use serde_json::Value;

pub struct Convert;

impl Operation for Convert {
    fn name(&self) -> &'static str {
        "convert"
    }

    fn places(&self) -> Places {
        Places { system: true, ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        false
    }

    fn is_fleeting(&self) -> bool {
        true
    }

    // It shows its caller what the caller sent, and nothing of ours; the rules of a feed are asked for below.
    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Token
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(async move {
            let (message, feed) = sent(ctx, call.body)?;
            let rules = match feed {
                Some(id) => rules_of(ctx, &id).await?,
                None => Rules { canonical_base: ctx.settings.canonical_base.clone(), ..Rules::default() },
            };
            let (base, wants) = (rules.canonical_base.clone(), ctx.request.prefer.returns);
            // Work goes aside by the size of the message.
            let told = move |message: Body| {
                let Body::Hl7(bytes) = message else { return Err(Fault::internal("no message", "another body")) };
                let conversion = bundle::converted(&bytes, &rules).map_err(|problems| outcome::fault(&problems))?;
                Ok(match wants {
                    Some(ReturnPreference::OperationOutcome) => warnings(&conversion),
                    _ => bundle::bundle(&conversion, &base),
                })
            };
            Ok(Reply::value(200, &body::work(Body::Hl7(message), told).await?))
        })
    }
}

/// Returns the message that was sent, and the feed by whose rules it is to be read.
fn sent(ctx: &Context, sent: Body) -> Result<(Bytes, Option<String>), Fault> {
    let in_url = ctx.request.query.iter().find(|(name, _)| name == "feed").map(|(_, value)| value.clone());
    match sent {
        Body::None => {
            let text = "send a message by POST: as it is, with Content-Type application/hl7-v2, or as 'inputData' in Parameters";
            Err(Fault::new(Kind::Invalid, text))
        }
        Body::Hl7(bytes) => Ok((bytes, in_url)),
        sent => {
            let parameters = Parameters::read(ctx, sent, &["inputData", "feed"])?;
            let message = parameters.text("inputData")?.ok_or_else(|| required("inputData"))?;
            let feed = parameters.text("feed")?.map(str::to_string).or(in_url);
            Ok((Bytes::copy_from_slice(message.as_bytes()), feed))
        }
    }
}

/// Returns the rules of a feed, for who may see feeds: they tell what a hospital calls its things.
async fn rules_of(ctx: &Context<'_>, id: &str) -> Result<Rules, Fault> {
    if let Principal::Token(token) = ctx.grant.principal()
        && !policy::holds(token, Right::ManageFeeds)
    {
        let scope = Right::ManageFeeds.scope();
        let text =
            format!("the parameter 'feed' needs a role that may manage feeds, or for a system the scope '{scope}'");
        return Err(Fault::new(Kind::Forbidden, text));
    }
    let feed = ctx.store.hl7_feed(id).await?;
    let feed = feed.ok_or_else(|| Fault::new(Kind::NotFound, "there is no such feed"))?;
    settings::rules(&feed.settings, &ctx.settings.canonical_base).map_err(|wrong| {
        Fault::new(Kind::BusinessRule, format!("the settings of this feed are wrong: {}", wrong.join("; ")))
    })
}

/// Returns what could not be taken over.
fn warnings(conversion: &Conversion) -> Value {
    let issues: Vec<_> = conversion.warnings.iter().chain(&conversion.hindrances).map(outcome::issue).collect();
    match issues.is_empty() {
        true => fhir::outcome::informational("everything was taken over"),
        false => fhir::outcome::of_issues(&issues, "warning"),
    }
}
