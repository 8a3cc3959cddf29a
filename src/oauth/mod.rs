//! The authorization server: it decides which app gets which token, and verifies those that come back.
//!
//! OAuth 2.0 (RFC 6749, with the counsel of RFC 9700), OpenID Connect Core 1.0, SMART App Launch 2.2. Access tokens are JWTs
//! (RFC 9068), signed here and verified here without asking the database.

pub mod answer;
pub mod assertion;
mod audit;
pub mod authorize;
pub mod call;
pub mod client_auth;
pub mod clients;
mod code;
pub mod discovery;
mod dpop;
pub mod exchange;
mod glass;
mod id_token;
pub mod introspect;
pub mod issuing;
pub mod jwks;
mod jws;
pub mod keys;
pub mod launch;
mod refresh;
pub mod refusal;
pub mod register;
pub mod revoke;
pub mod scope;
mod standing;
mod system;
pub mod token;
pub mod verify;
pub mod wording;

pub use call::Call;
pub use issuing::Issuing;
pub use keys::Keys;
pub use refusal::Refusal;
pub use token::Claims;
pub use verify::Verifier;

use crate::account::Accounts;
use crate::audit::Recorder;
use crate::store::Store;
use crate::store::identity::client::Client;
use answer::Answer;
use std::sync::Arc;

/// The authorization server of one thread.
#[derive(Clone)]
pub struct Server {
    pub store: Store,
    pub accounts: Accounts,
    pub keys: Arc<Keys>,
    pub recorder: Recorder,
    pub settings: Arc<Settings>,
    pub jwks: Arc<jwks::Jwks>,
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

impl Server {
    /// Returns the client that a call comes from, once it has proved to be that.
    pub async fn authenticate(&self, call: &Call<'_>) -> Result<Client, Refusal> {
        client_auth::authenticate(self, call).await
    }

    /// Answers an authenticated client at the token endpoint. Token exchange is a case of its own ([`exchange`]), since it
    /// reads a resource.
    pub async fn token(&self, client: &Client, call: &Call<'_>) -> Result<Answer, Refusal> {
        let grant_type = call.required("grant_type")?;
        call::check_registered(client, grant_type)?;
        match grant_type {
            "authorization_code" => code::exchange(self, client, call).await,
            "refresh_token" => refresh::refresh(self, client, call).await,
            "client_credentials" => system::credentials(self, client, call),
            _ => Err(Refusal::new(refusal::Error::UnsupportedGrantType, "this 'grant_type' is not known here")),
        }
    }

    /// Notes in the audit what an authenticated client was given, or why not.
    pub async fn audited(
        &self,
        client: &Client,
        call: &Call<'_>,
        done: Result<Answer, Refusal>,
    ) -> Result<Answer, Refusal> {
        match &done {
            Ok(answer) => audit::given(self, client, call, answer).await,
            Err(refusal) => audit::refused(self, client, call, refusal).await,
        }
        done
    }

    /// Returns the claims of an access token that holds now: verified, and not revoked.
    pub async fn verified(&self, token: &str) -> Result<Claims, crate::fault::Fault> {
        let verified = verify::verify_now(&self.keys, &self.store, &self.settings.base_url, token).await?;
        Ok(verified.claims)
    }
}
