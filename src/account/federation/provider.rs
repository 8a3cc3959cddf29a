//! The outside provider itself: its metadata and keys, the address people are sent to, and what its ID tokens prove.
//!
//! OpenID Connect Core 1.0 3.1.3.7 and Discovery 1.0. `openidconnect` checks issuer, audience, signature, times and nonce.

use crate::fhir::Instant;
use crate::outbound::{Client, OutboundError};
use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreIdTokenVerifier,
    CoreJwsSigningAlgorithm, CoreProviderMetadata,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, SignatureVerificationError, TokenResponse, http,
};
use std::time::Duration;
use tokio::sync::Mutex;

/// For how long the metadata and keys of the provider are believed.
const KNOWN_TIME: Duration = Duration::from_secs(600);
/// How soon the provider is asked again when it did not answer, or has signed with a key that is not known.
const AGAIN_TIME: Duration = Duration::from_secs(10);
/// How long ago a person may have shown the provider a factor.
const AUTH_AGE_MAX: Duration = Duration::from_secs(12 * 3600);
/// What a token may be signed with: nothing that a shared secret or nobody at all could make.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 5] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];
/// Values of `acr` that say that several factors were shown.
const STRONG: &[&str] = &[
    "mfa",
    "https://refeds.org/profile/mfa",
    "http://schemas.openid.net/pape/policies/2007/06/multi-factor",
    "http://schemas.microsoft.com/claims/multipleauthn",
];

type Known =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// An outside OpenID provider, as an installation sets it. All threads share it.
pub struct Provider {
    pub issuer: String,
    /// What people call it.
    pub name: String,
    client_id: String,
    client_secret: Option<String>,
    http: Client,
    /// When it was asked, and what it said, unless it did not.
    known: Mutex<Option<(std::time::Instant, Option<CoreProviderMetadata>)>>,
}

/// Where a browser is sent, and what is kept until it comes back.
pub struct Going {
    pub address: String,
    pub nonce: String,
    pub verifier: String,
}

/// Whom the provider vouches for.
#[derive(Debug, PartialEq, Eq)]
pub struct Vouched {
    pub subject: String,
    pub by_several_factors: bool,
    /// When the person last showed the provider a factor, where it says.
    pub shown: Option<Instant>,
}

/// Why the provider vouches for nobody.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// It cannot be asked; the words are for the log.
    Away(String),
    /// What it said is not to be believed, or no.
    Denied(&'static str),
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Provider({})", self.issuer)
    }
}

impl Provider {
    /// `http` is who asks it; the address of the issuer is checked when it is asked first.
    pub fn new(issuer: &str, name: &str, client_id: &str, client_secret: Option<&str>, http: Client) -> Provider {
        Provider {
            issuer: issuer.to_string(),
            name: name.to_string(),
            client_id: client_id.to_string(),
            client_secret: client_secret.map(str::to_string),
            http,
            known: Mutex::new(None),
        }
    }

    /// Returns the address that a browser is sent to. `is_again` has the person show a factor even where the provider knows
    /// them still.
    pub async fn address(&self, return_url: &str, state: &str, is_again: bool) -> Result<Going, String> {
        let client = self.client(return_url, KNOWN_TIME).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let state = CsrfToken::new(state.to_string());
        let request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, || state, Nonce::new_random)
            .set_pkce_challenge(challenge)
            // OpenID Connect Core 3.1.2.1: with it the token says when the person showed a factor.
            .set_max_age(if is_again { Duration::ZERO } else { AUTH_AGE_MAX });
        let request = if is_again { request.add_prompt(CoreAuthPrompt::Login) } else { request };
        let (address, _, nonce) = request.url();
        let (nonce, verifier) = (nonce.secret().clone(), verifier.into_secret());
        Ok(Going { address: address.into(), nonce, verifier })
    }

    /// Exchanges a code, and returns whom the ID token is about.
    pub async fn vouched(
        &self,
        return_url: &str,
        code: &str,
        nonce: String,
        verifier: String,
    ) -> Result<Vouched, Refused> {
        let client = self.client(return_url, KNOWN_TIME).await.map_err(Refused::Away)?;
        let request = client.exchange_code(AuthorizationCode::new(code.to_string()));
        let request = request.map_err(|_| Refused::Away("the provider names no token endpoint".to_string()))?;
        let http = |request| send(&self.http, request);
        let answer = request.set_pkce_verifier(PkceCodeVerifier::new(verifier)).request_async(&http).await;
        let answer = answer.map_err(|e| match e {
            RequestTokenError::Request(e) => Refused::Away(e.to_string()),
            RequestTokenError::ServerResponse(_) => Refused::Denied("the provider refused the code"),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                Refused::Denied("the answer to the code is no token response")
            }
        })?;
        let token = answer.id_token().ok_or(Refused::Denied("the answer to the code has no ID token"))?;
        let nonce = Nonce::new(nonce);
        match read(token, &verifier_of(&client), &nonce) {
            // A key that is not known may be a new one: the provider is asked once more.
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                let client = self.client(return_url, AGAIN_TIME).await.map_err(Refused::Away)?;
                read(token, &verifier_of(&client), &nonce)
            }
            done => done,
        }
        .map_err(|e| Refused::Denied(why(&e)))
    }

    async fn client(&self, return_url: &str, no_older: Duration) -> Result<Known, String> {
        let metadata = self.metadata(no_older).await?;
        let offered = metadata.token_endpoint_auth_methods_supported();
        let takes_basic = offered
            .is_none_or(|offered| offered.is_empty() || offered.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let auth = if takes_basic { AuthType::BasicAuth } else { AuthType::RequestBody };
        let return_url = RedirectUrl::new(return_url.to_string()).map_err(|e| e.to_string())?;
        let secret = self.client_secret.clone().map(ClientSecret::new);
        let client = CoreClient::from_provider_metadata(metadata, ClientId::new(self.client_id.clone()), secret);
        Ok(client.set_redirect_uri(return_url).set_auth_type(auth))
    }

    /// Returns what the provider says of itself, asked for again when that is older than `no_older`.
    async fn metadata(&self, no_older: Duration) -> Result<CoreProviderMetadata, String> {
        let mut known = self.known.lock().await;
        match &*known {
            Some((at, Some(metadata))) if at.elapsed() < no_older => return Ok(metadata.clone()),
            Some((at, None)) if at.elapsed() < AGAIN_TIME => return Err("it did not answer a moment ago".to_string()),
            _ => {}
        }
        let issuer = IssuerUrl::new(self.issuer.clone()).map_err(|e| e.to_string())?;
        let http = |request| send(&self.http, request);
        // The causes are what helps: "request failed" alone does not.
        let asked = CoreProviderMetadata::discover_async(issuer, &http).await.map_err(|e| {
            let cause = std::error::Error::source(&e).map_or_else(String::new, |cause| format!(": {cause}"));
            format!("{e}{cause}")
        });
        *known = Some((std::time::Instant::now(), asked.as_ref().ok().cloned()));
        asked
    }
}

/// Sends a request of the library by our own client.
async fn send(client: &Client, request: HttpRequest) -> Result<HttpResponse, OutboundError> {
    let failed = |e: &dyn std::fmt::Display| OutboundError::Away(e.to_string());
    let answer = client.send_plain(request).await?;
    let response = http::Response::builder().status(answer.status).header(http::header::CONTENT_TYPE, answer.kind);
    response.body(answer.bytes).map_err(|e| failed(&e))
}

fn verifier_of(client: &Known) -> CoreIdTokenVerifier<'_> {
    client.id_token_verifier().set_allowed_algs(ALGORITHMS)
}

fn read(
    token: &CoreIdToken,
    verifier: &CoreIdTokenVerifier<'_>,
    nonce: &Nonce,
) -> Result<Vouched, ClaimsVerificationError> {
    let claims = token.claims(verifier, nonce)?;
    // RFC 8176 2: `mfa` says that several were shown. What one method is worth is not for us to guess.
    let amr = claims.auth_method_refs().is_some_and(|all| all.iter().any(|method| method.as_str() == "mfa"));
    let acr = claims.auth_context_ref().is_some_and(|class| STRONG.contains(&class.as_str()));
    let shown = claims.auth_time().map(|at| Instant(at.timestamp_micros()));
    // 3.1.3.7 step 13; clocks may differ by a minute.
    let oldest = Instant::now().0 - (AUTH_AGE_MAX.as_micros() as i64 + 60_000_000);
    if shown.is_some_and(|at| at.0 < oldest) {
        return Err(ClaimsVerificationError::InvalidAuthTime("too long ago".to_string()));
    }
    Ok(Vouched { subject: claims.subject().to_string(), by_several_factors: amr || acr, shown })
}

/// Returns words for the audit, with nothing of the token in them.
fn why(error: &ClaimsVerificationError) -> &'static str {
    match error {
        ClaimsVerificationError::Expired(_) => "the ID token has expired",
        ClaimsVerificationError::InvalidAudience(_) => "the ID token is for another audience",
        ClaimsVerificationError::InvalidIssuer(_) => "the ID token is of another issuer",
        ClaimsVerificationError::InvalidNonce(_) => "the ID token has another nonce",
        ClaimsVerificationError::InvalidAuthTime(_) => "the person signed in at the provider too long ago",
        ClaimsVerificationError::SignatureVerification(_) => "the signature of the ID token is not the provider's",
        _ => "the ID token is not acceptable",
    }
}
