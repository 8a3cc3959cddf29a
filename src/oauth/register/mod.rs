//! Dynamic registration: apps that introduce themselves, and look after what they said.
//!
//! RFC 7591 <https://www.rfc-editor.org/rfc/rfc7591>, RFC 7592 <https://www.rfc-editor.org/rfc/rfc7592>.

pub mod metadata;

mod jwks;
mod scopes;
#[cfg(test)]
mod tests;
mod uri;

use super::clients::{self, Deed};
use super::refusal::Error;
use super::{Refusal, Server};
use crate::account::sign_in::network;
use crate::account::{Visitor, secret};
use crate::fault::{Fault, Kind};
use crate::fhir::Instant;
use crate::store::audit::Entry;
use crate::store::identity::attempt::Limit;
use crate::store::identity::client::{AuthMethod, Client, Metadata, Status};
use crate::store::identity::hash;
use metadata::Rules;
use serde_json::{Map, Value, json};

/// RFC 8693.
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// Registrations from one address, and from all of them.
const OF_ONE: Limit = Limit { count: 30, within_s: 3600 };
const OF_ALL: Limit = Limit { count: 2000, within_s: 86_400 };
/// Looks at a registration, and changes of it, from one address.
const CARE: Limit = Limit { count: 300, within_s: 3600 };

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Everybody; what is more than an app for patients waits for an administrator.
    Open,
    /// Everybody, and all wait.
    Approved,
    /// Nobody.
    Closed,
}

impl Policy {
    pub fn parse(name: &str) -> Option<Policy> {
        match name {
            "open" => Some(Policy::Open),
            "approved" => Some(Policy::Approved),
            "closed" => Some(Policy::Closed),
            _ => None,
        }
    }

    fn status(self, it: &Metadata) -> Status {
        if self == Policy::Open && !wants_approval(it) { Status::Active } else { Status::Waiting }
    }
}

/// What kinds of clients the grant types make of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grants {
    /// Acts for a person.
    pub app: bool,
    /// Acts by itself.
    pub system: bool,
}

impl Grants {
    fn of(grant_types: &[String]) -> Grants {
        let has = |name: &str| grant_types.iter().any(|known| known == name);
        Grants { app: has("authorization_code") || has(TOKEN_EXCHANGE), system: has("client_credentials") }
    }
}

/// Returns whether an administrator should look at a client before it may act.
pub fn wants_approval(it: &Metadata) -> bool {
    let is_more = |grant: &String| grant != "authorization_code" && grant != "refresh_token";
    it.grant_types.iter().any(is_more) || scopes::wants_approval(&it.scope)
}

/// Registers a client and returns the answer: its id, and its secrets this once.
pub async fn register(server: &Server, body: &Value, visitor: &Visitor) -> Result<Value, Refusal> {
    let done = try_register(server, body, visitor).await;
    if let Err(refusal) = &done {
        let entry = Entry::event("register", &visitor.request, "anonymous", refusal.error.status());
        server.recorder.note(entry.with_detail(refusal.error.code())).await;
    }
    done
}

async fn try_register(server: &Server, body: &Value, visitor: &Visitor) -> Result<Value, Refusal> {
    if server.settings.registration == Policy::Closed {
        return Err(Refusal::new(Error::AccessDenied, "this server takes no registrations; ask its administrator"));
    }
    let wait = server.store.attempt(&format!("register:{}", network(&visitor.address)), OF_ONE).await?;
    throttle(wait)?;
    let metadata = metadata::read(body, &rules(server))?;
    // Counted last, so that what is refused anyway takes no room from others.
    throttle(server.store.attempt("register", OF_ALL).await?)?;
    let (key, given) = (secret(), clients::secret_of(&metadata).await?);
    let client = Client {
        id: uuid::Uuid::new_v4().to_string(),
        status: server.settings.registration.status(&metadata),
        secret: given.as_ref().map(|given| given.kept.clone()),
        metadata,
        created: Instant::now(),
    };
    if !server.store.register_client(&client, hash(&key)).await? {
        return Err(Refusal::new(Error::TemporarilyUnavailable, "the new id was taken; try again"));
    }
    let entry = Entry::event("register", &visitor.request, "anonymous", 201).of_client(&client.id);
    server.recorder.note(entry.with_detail(client.status.name())).await;
    Ok(answer(server, &client, Some(&key), given.map(|given| given.plain)))
}

/// Returns what a client is registered as, to the holder of its registration access token.
pub async fn look(server: &Server, id: &str, key: Option<&str>, visitor: &Visitor) -> Result<Value, Refusal> {
    let client = known(server, id, key, visitor).await?;
    Ok(answer(server, &client, None, None))
}

/// Puts other metadata in the place of what was registered. What needs approval waits for it again: an administrator has
/// approved what it was, not what it becomes.
pub async fn change(
    server: &Server,
    id: &str,
    key: Option<&str>,
    body: &Value,
    visitor: &Visitor,
) -> Result<Value, Refusal> {
    let mut client = known(server, id, key, visitor).await?;
    if client.status == Status::Suspended {
        return Err(Refusal::new(Error::AccessDenied, "this client is suspended"));
    }
    if body.get("client_id").and_then(Value::as_str) != Some(id) {
        return Err(Refusal::new(Error::InvalidRequest, "client_id: must be there and the one of the address"));
    }
    let fixed =
        ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"];
    if let Some(name) = fixed.iter().find(|name| body.get(**name).is_some()) {
        return Err(Refusal::new(
            Error::InvalidRequest,
            format!("{name}: is not for the client to set (RFC 7592 2.2)"),
        ));
    }
    let before = std::mem::replace(&mut client.metadata, metadata::read(body, &rules(server))?);
    let is_same = serde_json::to_value(&before).ok() == serde_json::to_value(&client.metadata).ok();
    let mut given = None;
    if before.token_endpoint_auth_method != client.metadata.token_endpoint_auth_method {
        let had_one = client.secret.is_some() && has_secret(&client.metadata);
        if !had_one {
            given = clients::secret_of(&client.metadata).await?;
            client.secret = given.as_ref().map(|given| given.kept.clone());
        }
    }
    if !is_same {
        let wanted = server.settings.registration.status(&client.metadata);
        client.status = if client.status == Status::Waiting { Status::Waiting } else { wanted };
        let request = &visitor.request;
        let by = clients::By { principal: id, request };
        clients::change(&server.store, &client, Deed::Change, &by).await?;
    }
    Ok(answer(server, &client, None, given.map(|given| given.plain)))
}

/// Removes a client at its own wish.
pub async fn remove(server: &Server, id: &str, key: Option<&str>, visitor: &Visitor) -> Result<(), Refusal> {
    known(server, id, key, visitor).await?;
    let by = clients::By { principal: id, request: &visitor.request };
    clients::remove(&server.store, id, &by).await?;
    Ok(())
}

/// Returns the client whose registration access token this is. The refusal is the same for one that is not there.
async fn known(server: &Server, id: &str, key: Option<&str>, visitor: &Visitor) -> Result<Client, Refusal> {
    throttle(server.store.attempt(&format!("registration:{}", network(&visitor.address)), CARE).await?)?;
    let found = match key {
        Some(key) => server.store.registered_client(id, hash(key)).await?,
        None => None,
    };
    match found {
        Some(client) => Ok(client),
        None => {
            let entry = Entry::event("register", &visitor.request, "anonymous", 401);
            server.recorder.note(entry.with_detail("invalid_token")).await;
            Err(Refusal::new(Error::InvalidToken, "the registration access token is not the one of this client"))
        }
    }
}

/// Returns the answer of RFC 7591 3.2.1 and RFC 7592 3.
fn answer(server: &Server, client: &Client, key: Option<&str>, secret: Option<String>) -> Value {
    let mut body = Map::new();
    body.insert("client_id".into(), json!(client.id));
    body.insert("client_id_issued_at".into(), json!(client.created.0 / 1_000_000));
    if let Some(secret) = secret {
        body.insert("client_secret".into(), json!(secret));
    }
    body.insert("client_secret_expires_at".into(), json!(0));
    if let Some(key) = key {
        body.insert("registration_access_token".into(), json!(key));
    }
    let place = format!("{}/oauth/register/{}", server.settings.root_url, client.id);
    body.insert("registration_client_uri".into(), json!(place));
    if let Ok(Value::Object(metadata)) = serde_json::to_value(&client.metadata) {
        body.extend(metadata);
    }
    let is_app = client.metadata.grant_types.iter().any(|grant| grant == "authorization_code");
    body.insert("response_types".into(), if is_app { json!(["code"]) } else { json!([]) });
    // Not of the RFC: an app that has to wait should be able to say so.
    body.insert("status".into(), json!(client.status.name()));
    Value::Object(body)
}

fn has_secret(it: &Metadata) -> bool {
    matches!(it.token_endpoint_auth_method, AuthMethod::SecretBasic | AuthMethod::SecretPost)
}

fn rules(server: &Server) -> Rules<'_> {
    Rules { base_url: &server.settings.base_url, registry: server.store.registry() }
}

fn throttle(wait_s: Option<u32>) -> Result<(), Refusal> {
    match wait_s {
        Some(seconds) => {
            Err(Fault::new(Kind::Throttled, "too many registrations; try again later").after(seconds).into())
        }
        None => Ok(()),
    }
}
