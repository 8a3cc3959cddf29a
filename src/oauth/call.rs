//! What a client sends to the token endpoint and its neighbours.

use super::refusal::{Error, Refusal};
use crate::access::scope::Scope;
use crate::account::Visitor;
use crate::fhir::Instant;
use crate::store::identity::client::Client;

/// One request of a client, free of HTTP.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The decoded fields of the form; none comes twice.
    pub form: &'a [(String, String)],
    /// The Authorization header.
    pub authorization: Option<&'a str>,
    /// The DPoP header (RFC 9449).
    pub dpop: Option<&'a str>,
    pub visitor: &'a Visitor,
    /// When it came. Tokens are as old as the request: whatever is ended while it is answered is ended after them, and so
    /// reaches them.
    pub at: Instant,
}

impl<'a> Call<'a> {
    /// Returns the value of a field; RFC 6749 3.2: an empty one counts as absent.
    pub fn field(&self, name: &str) -> Option<&'a str> {
        self.form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).filter(|v| !v.is_empty())
    }

    /// Returns when the request came, in seconds since 1970.
    pub fn at_s(&self) -> i64 {
        self.at.0 / 1_000_000
    }

    /// Returns the value of a field that must be there.
    pub fn required(&self, name: &str) -> Result<&'a str, Refusal> {
        self.field(name)
            .ok_or_else(|| Refusal::new(Error::InvalidRequest, format!("the parameter '{name}' is missing")))
    }
}

/// Checks that a client is registered for what it asks. RFC 7591 2: where it names no grant types it has the code alone.
///
/// Refresh tokens need no registration: who was given one may use it.
pub fn check_registered(client: &Client, grant_type: &str) -> Result<(), Refusal> {
    let named = &client.metadata.grant_types;
    let is_open = grant_type == "refresh_token" || (grant_type == "authorization_code" && named.is_empty());
    let is_known = ["authorization_code", "client_credentials", super::exchange::GRANT_TYPE].contains(&grant_type);
    if is_open || !is_known || named.iter().any(|known| known == grant_type) {
        return Ok(());
    }
    Err(Refusal::new(Error::UnauthorizedClient, "the client is not registered for this 'grant_type'"))
}

/// Returns the resource scopes of a text; what is none (`openid`, `launch/patient`) is left out.
pub fn resource_scopes(text: &str) -> Vec<Scope> {
    text.split_ascii_whitespace().filter_map(Scope::parse).collect()
}

/// Returns whether a scope is among those of a text.
pub fn has_scope(text: &str, scope: &str) -> bool {
    text.split_ascii_whitespace().any(|known| known == scope)
}

/// Returns the fault of an authorization that is not, or no longer, good for anything.
pub fn invalid_grant(why: &str) -> Refusal {
    Refusal::new(Error::InvalidGrant, why)
}
