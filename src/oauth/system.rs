//! Systems that act by themselves: SMART Backend Services.
//!
//! RFC 6749 4.4, SMART App Launch 2.2 <https://hl7.org/fhir/smart-app-launch/backend-services.html>.

use super::answer::{self, Answer};
use super::call::{Call, has_scope, resource_scopes};
use super::refusal::{Error, Refusal};
use super::{Claims, Server};
use crate::access::scope::{Context, Scope};
use crate::store::identity::client::{AuthMethod, Client};

const ACCESS_S: i64 = 300;

/// Returns the answer to a client that asks in its own name: no refresh token, since it can ask again at any time.
pub fn credentials(server: &Server, client: &Client, call: &Call<'_>) -> Result<Answer, Refusal> {
    if client.metadata.token_endpoint_auth_method != AuthMethod::PrivateKey {
        let text = "client_credentials is for clients that authenticate by private_key_jwt";
        return Err(Refusal::new(Error::UnauthorizedClient, text));
    }
    let asked = call.field("scope").ok_or_else(|| invalid_scope("'scope' is missing"))?;
    let scope = granted(asked, &client.metadata.scope);
    if scope.is_empty() {
        return Err(invalid_scope("none of these scopes is registered for the client"));
    }
    let claims =
        Claims { client_id: Some(client.id.clone()), ..Claims::new(&server.settings.base_url, &client.id, &scope, 0) };
    let claims = Claims { iat: call.at_s(), exp: call.at_s() + ACCESS_S, ..claims };
    answer::plain(server, &claims)
}

/// Returns what of the asked system scopes is registered, and no scope that another of them covers. Rights beside reading
/// and writing are scopes of our own (`__open_launch`).
fn granted(asked: &str, known: &str) -> String {
    let registered = resource_scopes(known);
    let mut granted: Vec<Scope> = Vec::new();
    let of_system = |scope: &Scope| scope.context == Context::System;
    for scope in resource_scopes(asked).iter().filter(|scope| of_system(scope)) {
        for common in registered.iter().filter_map(|known| common(scope, known)) {
            if !granted.iter().any(|known| known.covers(&common)) {
                granted.retain(|known| !common.covers(known));
                granted.push(common);
            }
        }
    }
    let rights = asked.split_ascii_whitespace().filter(|text| text.starts_with("__") && has_scope(known, text));
    let scopes = granted.iter().map(ToString::to_string);
    scopes.chain(rights.map(str::to_string)).collect::<Vec<_>>().join(" ")
}

/// Returns the scope that both open.
fn common(asked: &Scope, registered: &Scope) -> Option<Scope> {
    if asked.context != registered.context {
        return None;
    }
    let common = match (asked.resource_type, registered.resource_type) {
        (None, Some(t)) => asked.of_type(t),
        (Some(mine), Some(theirs)) if mine != theirs => return None,
        _ => asked.clone(),
    };
    let common = common.within(&registered.letters())?;
    match (common.query(), registered.query()) {
        (_, None) => Some(common),
        (None, Some(query)) => Some(common.narrowed(query)),
        (Some(mine), Some(theirs)) => (mine == theirs).then_some(common),
    }
}

fn invalid_scope(why: &str) -> Refusal {
    Refusal::new(Error::InvalidScope, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_granted_what_it_asks_and_is_registered() {
        for (asked, registered, want) in [
            ("system/*.rs", "system/*.rs", "system/*.rs"),
            ("system/*.read", "system/*.cruds", "system/*.read"),
            ("system/*.cruds", "system/Patient.rs system/Observation.r", "system/Patient.rs system/Observation.r"),
            ("system/Patient.rs system/Group.rs", "system/Patient.cruds", "system/Patient.rs"),
            ("system/Patient.r system/Patient.rs", "system/*.rs", "system/Patient.rs"),
            ("system/Patient.c", "system/Patient.rs", ""),
            ("user/Patient.r", "user/*.cruds system/*.rs", ""),
            ("openid launch", "system/*.rs openid launch", ""),
            ("__open_launch __manage_clients", "__open_launch", "__open_launch"),
            ("system/Observation.rs", "system/Observation.rs?category=lab", "system/Observation.rs?category=lab"),
            ("system/Observation.rs?category=a", "system/Observation.rs?category=b", ""),
        ] {
            assert_eq!(granted(asked, registered), want, "{asked} of {registered}");
        }
    }
}
