//! The authorization server: it decides which app gets which token, and verifies those that come back.
//!
//! OAuth 2.0 (RFC 6749, with the counsel of RFC 9700), OpenID Connect Core 1.0, SMART App Launch 2.2. Access tokens are JWTs
//! (RFC 9068), signed here and verified here without asking the database.

pub mod clients;
pub mod keys;
pub mod refusal;
pub mod register;
pub mod token;
pub mod wording;

pub use keys::Keys;
pub use refusal::Refusal;
pub use token::{Claims, Verifier};

use crate::account::Accounts;
use crate::audit::Recorder;
use crate::store::Store;
use std::sync::Arc;

/// The authorization server of one thread.
#[derive(Clone)]
pub struct Server {
    pub store: Store,
    pub accounts: Accounts,
    pub keys: Arc<Keys>,
    pub recorder: Recorder,
    pub settings: Arc<Settings>,
}

/// What an installation sets for the authorization server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The FHIR base URL: the issuer, and the audience of access tokens. No slash at the end.
    pub base_url: String,
    /// Where `/oauth/…` and the pages are; no slash at the end.
    pub root_url: String,
    /// The name of this installation.
    pub name: String,
    /// Who may register clients.
    pub registration: register::Policy,
}
