//! The authorization server as operations know it: it signs the tokens that they hand out.
//!
//! What such a token may do at most is what its holder's may, as roles, registration and session stand now; it ends no later.

use super::exchange::{self, LIFE_S_MAX};
use super::refusal::{Error, Refusal};
use super::{Claims, Keys, Server, jwks};
use crate::access::principal::Token;
use crate::account::Accounts;
use crate::account::issue::{Basis, Issued, Issuer};
use crate::fault::{Fault, Kind};
use crate::fhir::Instant;
use futures_util::future::LocalBoxFuture;
use std::sync::Arc;

/// What of the authorization server all threads share.
#[derive(Clone)]
pub struct Issuing {
    pub keys: Arc<Keys>,
    pub settings: Arc<super::Settings>,
    pub jwks: Arc<jwks::Jwks>,
}

impl std::fmt::Debug for Issuing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuing").finish_non_exhaustive()
    }
}

impl Issuer for Issuing {
    fn issue<'a>(
        &'a self,
        accounts: &'a Accounts,
        holder: &'a Token,
        basis: Basis<'a>,
        at: Instant,
    ) -> LocalBoxFuture<'a, Result<Issued, Fault>> {
        Box::pin(async move {
            let server = Server {
                store: accounts.store.clone(),
                accounts: accounts.clone(),
                keys: self.keys.clone(),
                recorder: accounts.recorder.clone(),
                settings: self.settings.clone(),
                jwks: self.jwks.clone(),
            };
            issued(&server, holder, basis, at).await.map_err(fault)
        })
    }
}

async fn issued(server: &Server, holder: &Token, basis: Basis<'_>, at: Instant) -> Result<Issued, Refusal> {
    let no_app = || Refusal::new(Error::AccessDenied, "a token is given to an app that acts for a person");
    let client = server.store.client(holder.client.as_deref().ok_or_else(no_app)?).await?.ok_or_else(no_app)?;
    let now_s = at.0 / 1_000_000;
    let subject = exchange::as_it_stands(server, &client, at, claims_of(server, holder)).await?;
    let fresh = Claims { iat: now_s, jti: uuid::Uuid::new_v4().to_string(), ..subject };
    let ends_s = (now_s + LIFE_S_MAX).min(fresh.exp);
    let claims = match basis {
        Basis::Glass { grant, expires } => Claims {
            purpose_of_use: Some(exchange::BREAK_THE_GLASS.into()),
            btg: Some(grant.to_string()),
            // What stood on a Consent stands on the broken glass now, and reaches no further than before.
            exp: ends_s.min(expires.0 / 1_000_000),
            ..fresh
        },
        Basis::Consent { id, content, scope } => {
            let asked = exchange::Asked { scope, purpose: None };
            exchange::on_consent(server, Claims { exp: ends_s, ..fresh }, (id, content), asked, at).await?
        }
    };
    if claims.exp <= now_s {
        return Err(Refusal::new(Error::InvalidTarget, "what the token would stand on is about to end"));
    }
    Ok(Issued {
        access_token: claims.sign(&server.keys)?,
        expires_in_s: claims.exp - now_s,
        scope: claims.scope,
        token_id: claims.jti,
    })
}

/// Returns the claims that a verified token was made from, as far as another one takes them over.
fn claims_of(server: &Server, token: &Token) -> Claims {
    let person = token.person.clone().unwrap_or_default();
    let itself = person.reads_itself.then(|| "fhirUser".to_string());
    let scopes: Vec<String> = token.scopes.iter().map(ToString::to_string).chain(itself).collect();
    Claims {
        exp: token.expires_s,
        client_id: token.client.as_deref().map(str::to_string),
        fhir_user: person.fhir_user.as_ref().map(|(t, id)| format!("{t}/{id}")),
        roles: person.roles.iter().map(|role| role.name().to_string()).collect(),
        patient: token.patient.as_ref().map(ToString::to_string),
        grant_id: token.authorization.as_deref().map(str::to_string),
        auth_time: Some(person.authenticated_s),
        amr: person.methods.iter().map(|method| method.to_string()).collect(),
        purpose_of_use: token.purpose.as_deref().map(str::to_string),
        consent: token.consent.as_deref().map(str::to_string),
        btg: token.glass.as_deref().map(str::to_string),
        ..Claims::new(&server.settings.base_url, &token.subject, &scopes.join(" "), 0)
    }
}

/// Returns the fault of a refusal, in the terms of the FHIR API.
fn fault(refusal: Refusal) -> Fault {
    let kind = match refusal.error {
        Error::InvalidScope => Kind::Invalid,
        Error::InvalidTarget => Kind::BusinessRule,
        Error::AccessDenied | Error::InvalidGrant => Kind::Forbidden,
        Error::TemporarilyUnavailable => Kind::Unavailable,
        Error::ServerError => Kind::Internal,
        _ => Kind::Invalid,
    };
    Fault::new(kind, refusal.description)
}
