//! How an authorization stands at the moment that tokens are asked for it.

use super::Server;
use super::call::{invalid_grant, resource_scopes};
use super::refusal::Refusal;
use super::scope::meet;
use crate::access::role::{self, Role};
use crate::access::scope::{Context, Scope};
use crate::fhir::{Instant, ResourceType};
use crate::store::identity::account::Account;
use crate::store::identity::authorization::Authorization;
use crate::store::identity::client::{Client, Status};
use uuid::Uuid;

/// An authorization that is open, and the person who gave it, who may still do so.
#[derive(Debug)]
pub struct Standing {
    pub authorization: Authorization,
    pub account: Account,
    /// When the request came that asks.
    pub at: Instant,
    /// When the session ends that it was given for; none where it goes on offline.
    pub ends: Option<Instant>,
    /// The scopes that the roles of the person still carry.
    pub scope: String,
}

/// Returns how an authorization stands for a client.
pub async fn look(server: &Server, id: Uuid, client: &Client, at: Instant) -> Result<Standing, Refusal> {
    let authorization = server.store.authorization(id).await?;
    let open = authorization
        .filter(|found| found.ended.is_none())
        .ok_or_else(|| invalid_grant("the authorization has ended"))?;
    if open.client != client.id {
        return Err(invalid_grant("it was given to another client"));
    }
    let account = match open.account {
        Some(id) => server.store.account(id).await?,
        None => None,
    };
    let account = account
        .filter(|account| account.status == Status::Active)
        .ok_or_else(|| invalid_grant("the person who gave it may not sign in any more"))?;
    let ends = session_end(server, &open, at).await?;
    let scope = within_roles(&within_registration(&open.allowed.scope, &client.metadata.scope), &account.roles);
    Ok(Standing { authorization: open, account, at, ends, scope })
}

/// Returns when the session of an authorization ends; a fault where that was already.
async fn session_end(server: &Server, authorization: &Authorization, now: Instant) -> Result<Option<Instant>, Refusal> {
    let Some(hash) = authorization.session else { return Ok(None) };
    let idle_us = server.accounts.settings.session_idle_s * 1_000_000;
    let session = server.store.session(hash).await?;
    session
        .filter(|session| now < session.ends && now.0 - session.seen.0 <= idle_us)
        .map(|session| Some(session.ends))
        .ok_or_else(|| invalid_grant("it was given for a session that has ended"))
}

/// Returns the scopes that a client is still registered for: what it was allowed may have been more.
fn within_registration(scope: &str, registered: &str) -> String {
    let limits = resource_scopes(registered);
    let cut = |text: &str| match Scope::parse(text) {
        None => super::call::has_scope(registered, text).then(|| text.to_string()).into_iter().collect::<Vec<_>>(),
        Some(scope) => meet(&scope, &limits).iter().map(ToString::to_string).collect(),
    };
    scope.split_ascii_whitespace().flat_map(cut).collect::<Vec<_>>().join(" ")
}

/// Returns the scopes of a person cut to what the roles may do at most; those that open no resources stay, but for the
/// rights that only systems have by scope.
pub fn within_roles(scope: &str, roles: &[Role]) -> String {
    let cut = |text: &str| match Scope::parse(text) {
        None => (!text.starts_with("__")).then(|| text.to_string()),
        // Systems act by no person's rights.
        Some(scope) if scope.context == Context::System => None,
        Some(scope) => scope.within(&ceiling(roles, scope.resource_type)).map(|scope| scope.to_string()),
    };
    scope.split_ascii_whitespace().filter_map(cut).collect::<Vec<_>>().join(" ")
}

/// Returns the letters that roles may use on a type; on all types, those that they may use on one at least.
fn ceiling(roles: &[Role], resource_type: Option<ResourceType>) -> String {
    match resource_type {
        Some(t) => role::ceiling(roles, t).to_string(),
        None => ResourceType::all().map(|t| role::ceiling(roles, t).to_string()).collect(),
    }
}

/// Returns the scopes that a client asks to keep of those that it has: the same when it does not ask.
///
/// RFC 6749 6: what is asked must be within what was granted.
pub fn narrowed(granted: &str, asked: Option<&str>) -> Result<String, Refusal> {
    let Some(asked) = asked else { return Ok(granted.to_string()) };
    let all = resource_scopes(granted);
    let is_granted = |text: &&str| {
        super::call::has_scope(granted, text)
            || Scope::parse(text).is_some_and(|asked| all.iter().any(|known| known.covers(&asked)))
    };
    match asked.split_ascii_whitespace().find(|text| !is_granted(text)) {
        Some(_) => Err(Refusal::new(super::refusal::Error::InvalidScope, "a scope is asked that was not granted")),
        None => Ok(asked.split_ascii_whitespace().collect::<Vec<_>>().join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_may_be_narrower_than_what_was_granted_and_never_wider() {
        let granted = "openid launch/patient patient/Observation.rs user/*.read offline_access";
        for (asked, want) in [
            (None, Some(granted)),
            (Some("patient/Observation.r"), Some("patient/Observation.r")),
            (Some("patient/Observation.rs?category=x openid"), Some("patient/Observation.rs?category=x openid")),
            (Some("user/Patient.r"), Some("user/Patient.r")),
            (Some("user/Patient.c"), None),
            (Some("patient/Observation.rsu"), None),
            (Some("patient/Patient.r"), None),
            (Some("fhirUser"), None),
            (Some("system/Observation.r"), None),
            (Some("nonsense"), None),
        ] {
            assert_eq!(narrowed(granted, asked).ok().as_deref(), want, "{asked:?}");
        }
    }

    #[test]
    fn system_scopes_are_never_a_persons() {
        assert_eq!(
            within_roles("openid system/*.rs __manage_clients user/Patient.rs", &[Role::Physician]),
            "openid user/Patient.rs"
        );
    }
}
