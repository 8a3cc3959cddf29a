//! Refusals of the authorization server, in the terms of OAuth.
//!
//! RFC 6749 4.1.2.1 and 5.2, RFC 7591 3.2.2, OpenID Connect Core 3.1.2.6.

use crate::fault::{Fault, Kind};
use serde_json::{Value, json};

/// A refusal that a client can act on.
#[derive(Debug)]
pub struct Refusal {
    pub error: Error,
    /// For the developer of the app: what was wrong. Never a secret.
    pub description: String,
    /// In how many seconds it may be tried again.
    pub retry_after_s: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
    InvalidScope,
    AccessDenied,
    InvalidToken,
    InvalidTarget,
    InvalidDpopProof,
    InvalidRedirectUri,
    InvalidClientMetadata,
    LoginRequired,
    InteractionRequired,
    RequestNotSupported,
    RequestUriNotSupported,
    SlowDown,
    ServerError,
    TemporarilyUnavailable,
}

impl Error {
    pub fn code(self) -> &'static str {
        match self {
            Error::InvalidRequest => "invalid_request",
            Error::InvalidClient => "invalid_client",
            Error::InvalidGrant => "invalid_grant",
            Error::UnauthorizedClient => "unauthorized_client",
            Error::UnsupportedGrantType => "unsupported_grant_type",
            Error::UnsupportedResponseType => "unsupported_response_type",
            Error::InvalidScope => "invalid_scope",
            Error::AccessDenied => "access_denied",
            Error::InvalidToken => "invalid_token",
            Error::InvalidTarget => "invalid_target",
            Error::InvalidDpopProof => "invalid_dpop_proof",
            Error::InvalidRedirectUri => "invalid_redirect_uri",
            Error::InvalidClientMetadata => "invalid_client_metadata",
            Error::LoginRequired => "login_required",
            Error::InteractionRequired => "interaction_required",
            Error::RequestNotSupported => "request_not_supported",
            Error::RequestUriNotSupported => "request_uri_not_supported",
            Error::SlowDown => "slow_down",
            Error::ServerError => "server_error",
            Error::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }

    /// Returns the HTTP status where the refusal is answered and not sent along by redirect.
    pub fn status(self) -> u16 {
        match self {
            Error::InvalidClient | Error::InvalidToken => 401,
            Error::AccessDenied => 403,
            Error::SlowDown => 429,
            Error::ServerError => 500,
            Error::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }
}

impl Refusal {
    pub fn new(error: Error, description: impl Into<String>) -> Refusal {
        Refusal { error, description: description.into(), retry_after_s: None }
    }

    /// Returns the body of the answer.
    pub fn body(&self) -> Value {
        json!({"error": self.error.code(), "error_description": self.description})
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Refusal {
        let error = match fault.kind() {
            Kind::Throttled => Error::SlowDown,
            Kind::Unavailable | Kind::Timeout | Kind::Conflict => Error::TemporarilyUnavailable,
            Kind::Internal => Error::ServerError,
            Kind::Forbidden => Error::AccessDenied,
            Kind::Unauthorized | Kind::InvalidToken | Kind::TokenExpired => Error::InvalidToken,
            _ => Error::InvalidRequest,
        };
        if error == Error::ServerError {
            tracing::error!(?fault, "the authorization server failed");
        }
        Refusal { error, description: fault.to_string(), retry_after_s: fault.retry_after_s() }
    }
}

impl From<crate::store::StoreError> for Refusal {
    fn from(error: crate::store::StoreError) -> Refusal {
        Fault::from(error).into()
    }
}
