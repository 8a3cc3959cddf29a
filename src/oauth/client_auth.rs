//! Who a client is, by what it sends along: nothing but its id, a secret, or a signed assertion.
//!
//! RFC 6749 2.3, RFC 7523, SMART App Launch 2.2 (client authentication). Failures are counted by client and address.

use super::Server;
use super::assertion::{self, Assertion};
use super::call::Call;
use super::refusal::{Error, Refusal};
use crate::account::sign_in::network;
use crate::fault::{Fault, Kind};
use crate::store::audit::Entry;
use crate::store::identity::attempt::Limit;
use crate::store::identity::client::{AuthMethod, Client, Status};
use crate::store::identity::hash;
use crate::store::identity::once::Once;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const FAILURES: Limit = Limit { count: 10, within_s: 60 };
/// Secrets hashed at once: each takes 19 MiB and a core for a while.
static HASHING: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(4);

/// What a client showed.
enum Shown<'a> {
    Nothing { id: String },
    Secret { id: String, secret: String },
    Assertion(Box<Assertion<'a>>),
}

/// Returns the client that a call comes from.
pub async fn authenticate(server: &Server, call: &Call<'_>) -> Result<Client, Refusal> {
    let shown = match of_refresh_token(server, call).await?.map_or_else(|| shown(call), Ok) {
        Err(refusal) if refusal.error == Error::InvalidClient => return Err(failed(server, call, "?", refusal).await?),
        shown => shown?,
    };
    let id = shown.id();
    if !is_id(id) {
        return Err(failed(server, call, "?", unknown()).await?);
    }
    // Signatures cannot be guessed: a right one is let through whatever others have sent in this client's name.
    if matches!(shown, Shown::Secret { .. })
        && let Some(wait_s) = server.store.attempts_left(&key(call, id), FAILURES).await?
    {
        return Err(throttled(wait_s));
    }
    match prove(server, call, &shown).await {
        Err(refusal) if refusal.error == Error::InvalidClient => Err(failed(server, call, id, refusal).await?),
        proved => proved,
    }
}

/// Returns the client of a refresh token that comes with nothing else, where that client has nothing to authenticate with.
///
/// RFC 6749 6 wants the token to be of the client, and an authentication of those alone that have one. Browser apps leave
/// their `client_id` out here; the token, which no one can guess, says whose it is.
async fn of_refresh_token<'a>(server: &Server, call: &Call<'_>) -> Result<Option<Shown<'a>>, Refusal> {
    let says_who = ["client_id", "client_secret", "client_assertion"].iter().any(|name| call.field(name).is_some());
    let token = call.field("refresh_token").filter(|_| call.field("grant_type") == Some("refresh_token"));
    let Some(token) = token.filter(|_| !says_who && call.authorization.is_none()) else { return Ok(None) };
    let Some(known) = server.store.look_refresh_token(hash(token)).await? else { return Ok(None) };
    let Some(authorization) = server.store.authorization(known.authorization).await? else { return Ok(None) };
    let client = server.store.client(&authorization.client).await?;
    let client = client.filter(|client| client.metadata.token_endpoint_auth_method == AuthMethod::None);
    Ok(client.map(|client| Shown::Nothing { id: client.id }))
}

impl Shown<'_> {
    fn id(&self) -> &str {
        match self {
            Shown::Nothing { id } | Shown::Secret { id, .. } => id,
            Shown::Assertion(assertion) => &assertion.client,
        }
    }
}

/// Reads what was shown. RFC 6749 2.3: no more than one method at once.
fn shown<'a>(call: &Call<'a>) -> Result<Shown<'a>, Refusal> {
    let basic = call.authorization.map(basic).transpose()?;
    let (secret, jwt) = (call.field("client_secret"), call.field("client_assertion"));
    if usize::from(basic.is_some()) + usize::from(secret.is_some()) + usize::from(jwt.is_some()) > 1 {
        return Err(Refusal::new(Error::InvalidRequest, "a client may authenticate in one way only"));
    }
    let kind = call.field("client_assertion_type");
    if kind.is_some_and(|kind| kind != assertion::TYPE) || kind.is_some() != jwt.is_some() {
        let text = format!(
            "a client assertion comes as 'client_assertion', its 'client_assertion_type' being {}",
            assertion::TYPE
        );
        return Err(Refusal::new(Error::InvalidRequest, text));
    }
    let id = call.field("client_id");
    let shown = match (basic, secret, jwt) {
        (Some((id, secret)), ..) => Shown::Secret { id, secret },
        (_, _, Some(jwt)) => Shown::Assertion(Box::new(Assertion::read(jwt)?)),
        (_, Some(secret), _) => {
            Shown::Secret { id: call.required("client_id")?.to_string(), secret: secret.to_string() }
        }
        _ => {
            let none = || {
                Refusal::new(Error::InvalidClient, "the client does not say who it is: no credentials, no 'client_id'")
            };
            Shown::Nothing { id: id.ok_or_else(none)?.to_string() }
        }
    };
    match id {
        Some(id) if id != shown.id() => {
            Err(Refusal::new(Error::InvalidClient, "'client_id' is not the client that authenticates"))
        }
        _ => Ok(shown),
    }
}

/// RFC 6749 2.3.1: both halves are form-urlencoded before they are put together.
fn basic(header: &str) -> Result<(String, String), Refusal> {
    let wrong =
        || Refusal::new(Error::InvalidClient, "the Authorization header must be Basic, of a url-encoded id and secret");
    let (scheme, text) = header.split_once(' ').ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let bytes = STANDARD.decode(text.trim()).map_err(|_| wrong())?;
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    let (id, secret) = text.split_once(':').ok_or_else(wrong)?;
    let decode = |text: &str| crate::rest::query::decode_value(text).ok_or_else(wrong);
    Ok((decode(id)?, decode(secret)?))
}

async fn prove(server: &Server, call: &Call<'_>, shown: &Shown<'_>) -> Result<Client, Refusal> {
    let client = server.store.client(shown.id()).await?.ok_or_else(unknown)?;
    let method = client.metadata.token_endpoint_auth_method;
    match (shown, method) {
        (Shown::Nothing { .. }, AuthMethod::None) => {}
        (Shown::Secret { secret, .. }, AuthMethod::SecretBasic | AuthMethod::SecretPost) => {
            let known = client.secret.clone().ok_or_else(unknown)?;
            if !is_secret(known, secret.clone()).await? {
                return Err(unknown());
            }
        }
        (Shown::Assertion(assertion), AuthMethod::PrivateKey) => {
            prove_assertion(server, call, assertion, &client).await?
        }
        _ => {
            let text = "the client is registered for another 'token_endpoint_auth_method'";
            return Err(Refusal::new(Error::InvalidClient, text));
        }
    }
    // Only who proved to be the client learns how it stands.
    match client.status {
        Status::Active => Ok(client),
        status => Err(Refusal::new(Error::InvalidClient, format!("the client is not active: {}", status.name()))),
    }
}

async fn prove_assertion(
    server: &Server,
    call: &Call<'_>,
    assertion: &Assertion<'_>,
    client: &Client,
) -> Result<(), Refusal> {
    let keys = server.jwks.of(&client.metadata, &assertion.header).await?;
    assertion.verify(&keys)?;
    let endpoint = format!("{}/oauth/token", server.settings.root_url);
    let once = assertion.check(&[&endpoint, &server.settings.base_url], call.at_s())?;
    let name = format!("{}:{}", client.id, once.jti);
    if server.store.keep_once(Once::Assertion, &name, &serde_json::Value::Null, once.for_s).await? {
        Ok(())
    } else {
        Err(assertion::refusal("it was used before: every request needs one with another 'jti'"))
    }
}

/// Returns whether a secret is the one that was hashed.
async fn is_secret(known: String, told: String) -> Result<bool, Refusal> {
    use argon2::Argon2;
    use argon2::password_hash::PasswordVerifier;
    use argon2::password_hash::phc::PasswordHash;
    let _permit = HASHING.acquire().await.map_err(|e| Fault::internal("hashing has ended", e))?;
    let work = tokio::task::spawn_blocking(move || {
        PasswordHash::new(&known).is_ok_and(|known| Argon2::default().verify_password(told.as_bytes(), &known).is_ok())
    });
    Ok(work.await.map_err(|e| Fault::internal("failed to verify a client secret", e))?)
}

/// Counts and audits a failure; returns what is answered.
async fn failed(server: &Server, call: &Call<'_>, id: &str, refusal: Refusal) -> Result<Refusal, Refusal> {
    let entry = Entry::event("token", &call.visitor.request, "anonymous", refusal.error.status());
    let entry = entry.of_client(id).with_detail(format!("client authentication: {}", refusal.description));
    server.recorder.note(entry).await;
    let wait_s = server.store.attempt(&key(call, id), FAILURES).await?;
    Ok(wait_s.map_or(refusal, throttled))
}

fn throttled(wait_s: u32) -> Refusal {
    Fault::new(Kind::Throttled, "too many failed authentications of this client from this address").after(wait_s).into()
}

fn unknown() -> Refusal {
    Refusal::new(Error::InvalidClient, "the client is not known, or its secret is wrong")
}

fn key(call: &Call<'_>, id: &str) -> String {
    format!("client:{id}@{}", network(&call.visitor.address))
}

/// RFC 6749 A.1, and a length that nobody needs.
fn is_id(id: &str) -> bool {
    (1..=255).contains(&id.len()) && id.bytes().all(|b| (0x20..0x7f).contains(&b))
}
