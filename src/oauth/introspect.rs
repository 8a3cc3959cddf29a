//! What a token is worth, told to those who may ask.
//!
//! RFC 7662, SMART App Launch 2.2 <https://hl7.org/fhir/smart-app-launch/token-introspection.html>. A client that
//! authenticates asks of its own tokens; the holder of a `system/` token, which resource servers have, of any; the holder of
//! another token of those of the same client. All else is not active, and nothing is said of why.

use super::call::{has_scope, resource_scopes};
use super::refusal::Refusal;
use super::{Claims, Server, answer};
use crate::access::scope::Context;
use crate::fhir::Instant;
use crate::store::identity::authorization::Authorization;
use crate::store::identity::client::Status;
use crate::store::identity::hash;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Whose tokens may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asker {
    Any,
    /// Those of one client.
    Client(String),
    /// This token alone, by its `jti`.
    Itself(String),
}

impl Asker {
    /// Returns what the holder of an access token may ask.
    pub fn bearer(claims: &Claims) -> Asker {
        let is_system = resource_scopes(&claims.scope).iter().any(|scope| scope.context == Context::System);
        match (&claims.client_id, is_system) {
            (_, true) => Asker::Any,
            (Some(client), false) => Asker::Client(client.clone()),
            (None, false) => Asker::Itself(claims.jti.clone()),
        }
    }

    fn may_ask(&self, client: Option<&str>, token_id: Option<&str>) -> bool {
        match self {
            Asker::Any => true,
            Asker::Client(own) => client == Some(own),
            Asker::Itself(own) => token_id == Some(own),
        }
    }
}

/// Returns the answer. `access` are the claims where the token is an access token that this server accepts.
pub async fn introspect(
    server: &Server,
    asker: &Asker,
    token: &str,
    access: Option<&Claims>,
) -> Result<Value, Refusal> {
    let active = match access {
        Some(claims) if asker.may_ask(claims.client_id.as_deref(), Some(&claims.jti)) => {
            of_access(server, claims).await?
        }
        Some(_) => None,
        None => of_refresh(server, asker, token).await?,
    };
    Ok(active.map_or_else(|| json!({"active": false}), Value::Object))
}

async fn of_access(server: &Server, claims: &Claims) -> Result<Option<Map<String, Value>>, Refusal> {
    let mut out = active(server, &claims.scope, claims.client_id.as_deref(), &claims.sub, claims.iat, claims.exp);
    out.insert("token_type".into(), json!("Bearer"));
    out.insert("jti".into(), json!(claims.jti));
    out.insert("aud".into(), json!(claims.aud));
    if let Some(id) = claims.grant_id.as_deref().and_then(|id| Uuid::parse_str(id).ok()) {
        match open(server, id).await? {
            None => return Ok(None),
            Some(authorization) => answer::context(&mut out, &authorization.allowed),
        }
    }
    for (name, text) in [
        ("patient", &claims.patient),
        ("encounter", &claims.encounter),
        ("consent", &claims.consent),
        ("purpose_of_use", &claims.purpose_of_use),
        ("btg", &claims.btg),
    ] {
        if let Some(text) = text {
            out.insert(name.into(), json!(text));
        }
    }
    if let Some(user) = &claims.fhir_user {
        out.insert("fhirUser".into(), json!(format!("{}/{user}", server.settings.base_url)));
    }
    Ok(Some(out))
}

async fn of_refresh(server: &Server, asker: &Asker, token: &str) -> Result<Option<Map<String, Value>>, Refusal> {
    let now = Instant::now();
    let known = server.store.look_refresh_token(hash(token)).await?;
    let Some(known) = known.filter(|known| known.used.is_none() && now < known.ends) else { return Ok(None) };
    let found = open(server, known.authorization).await?;
    let Some(found) = found.filter(|found| asker.may_ask(Some(&found.client), None)) else { return Ok(None) };
    let subject = found.account.map(|id| id.to_string()).unwrap_or_default();
    let (allowed, ends_s) = (&found.allowed, known.ends.0 / 1_000_000);
    let issued_s = found.used.0 / 1_000_000;
    let mut out = active(server, &allowed.scope, Some(&found.client), &subject, issued_s, ends_s);
    answer::context(&mut out, allowed);
    Ok(Some(out))
}

/// Returns an authorization that has not ended, nor its account.
async fn open(server: &Server, id: Uuid) -> Result<Option<Authorization>, Refusal> {
    let Some(found) = server.store.authorization(id).await?.filter(|found| found.ended.is_none()) else {
        return Ok(None);
    };
    let Some(account) = found.account else { return Ok(Some(found)) };
    let account = server.store.account(account).await?;
    Ok(account.filter(|account| account.status == Status::Active).map(|_| found))
}

fn active(
    server: &Server,
    scope: &str,
    client: Option<&str>,
    subject: &str,
    issued_s: i64,
    ends_s: i64,
) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("active".into(), json!(true));
    out.insert("scope".into(), json!(scope));
    if let Some(client) = client {
        out.insert("client_id".into(), json!(client));
    }
    out.insert("sub".into(), json!(subject));
    out.insert("iss".into(), json!(server.settings.base_url));
    out.insert("iat".into(), json!(issued_s));
    out.insert("exp".into(), json!(ends_s));
    out
}

/// Returns what `/oauth/userinfo` tells the holder of an access token. OpenID Connect Core 5.3.
pub async fn userinfo(server: &Server, claims: &Claims) -> Result<Value, Refusal> {
    use super::refusal::Error;
    if !has_scope(&claims.scope, "openid") {
        return Err(Refusal::new(Error::AccessDenied, "the token was not given the scope 'openid'"));
    }
    let account = match Uuid::parse_str(&claims.sub) {
        Ok(id) => server.store.account(id).await?,
        Err(_) => None,
    };
    let account = account.filter(|account| account.status == Status::Active);
    let account = account.ok_or_else(|| Refusal::new(Error::InvalidToken, "the token speaks for no person"))?;
    Ok(Value::Object(super::id_token::person(server, &account, &claims.scope)))
}
