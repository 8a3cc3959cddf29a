//! Access tokens that an operation hands out: narrower ones than that of the caller, for the same app and person.
//!
//! The keys are with the authorization server, which stands above this room: it implements [`Issuer`].

use super::Accounts;
use crate::access::principal::Token;
use crate::fault::Fault;
use crate::fhir::{Instant, ResourceId};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;

/// What a token is to stand on.
#[derive(Debug, Clone, Copy)]
pub enum Basis<'a> {
    /// A grant of broken glass: the scopes stay as they are, the purpose becomes BTG.
    Glass { grant: &'a str, expires: Instant },
    /// A Consent, as the caller has read it: `patient/` scopes of its patient, those asked or all.
    Consent { id: &'a ResourceId, content: &'a Value, scope: Option<&'a str> },
}

/// A token that was signed.
#[derive(Debug)]
pub struct Issued {
    pub access_token: String,
    pub expires_in_s: i64,
    pub scope: String,
    /// The `jti`, for the audit.
    pub token_id: String,
}

/// Signs access tokens.
pub trait Issuer: std::fmt::Debug + Send + Sync {
    /// Returns a token on this basis for the holder of a token that came with a request of the moment `at`.
    fn issue<'a>(
        &'a self,
        accounts: &'a Accounts,
        holder: &'a Token,
        basis: Basis<'a>,
        at: Instant,
    ) -> LocalBoxFuture<'a, Result<Issued, Fault>>;
}

/// Returns whether the token was given to an app on behalf of a person: for such alone others are issued.
pub fn is_of_an_app(holder: &Token) -> bool {
    holder.client.is_some() && holder.person.is_some() && holder.authorization.is_some()
}
