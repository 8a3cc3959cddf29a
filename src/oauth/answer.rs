//! What a client is given: the access token of an authorization, and the answer that carries it.
//!
//! RFC 6749 5.1, RFC 9068, SMART App Launch 2.2 (launch context arrives with the access token).

use super::call::has_scope;
use super::refusal::Refusal;
use super::standing::Standing;
use super::{Claims, Server, glass, id_token};
use crate::fhir::Instant;
use crate::store::identity::authorization::Allowed;
use crate::store::identity::break_glass::Broken;
use crate::store::identity::client::{AuthMethod, Client};
use serde_json::{Map, Value, json};

/// How long an access token of a person lives at most.
const ACCESS_S_MAX: i64 = 3600;
const DAY_US: i64 = 86_400 * 1_000_000;
/// g10: refresh tokens of confidential and native apps last three months, counted from their last use.
const REFRESH_DAYS: i64 = 90;
/// An app in a browser keeps its token where scripts of the page can read it.
const REFRESH_DAYS_IN_BROWSER: i64 = 30;

/// Tokens as they are answered, and what the audit says of them.
#[derive(Debug)]
pub struct Answer {
    pub body: Value,
    /// Whom the access token speaks for, and its `jti`.
    pub subject: String,
    pub token_id: String,
}

/// What goes into an answer beside what was allowed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    pub refresh_token: Option<&'a str>,
    pub nonce: Option<&'a str>,
    /// The grant of broken glass that the access token is to carry.
    pub glass: Option<&'a Broken>,
}

/// Returns the answer for a person's authorization, with these scopes of it.
pub fn answer(server: &Server, standing: &Standing, scope: &str, beside: Beside<'_>) -> Result<Answer, Refusal> {
    let claims = claims(server, standing, scope);
    let claims = match beside.glass {
        Some(glass) => glass::carried(claims, glass),
        None => claims,
    };
    let expires_in_s = claims.exp - claims.iat;
    let mut body = bearer(&claims.sign(&server.keys)?, expires_in_s, scope);
    if let Some(refresh_token) = beside.refresh_token {
        body.insert("refresh_token".into(), json!(refresh_token));
    }
    if has_scope(scope, "openid") {
        body.insert("id_token".into(), json!(id_token::id_token(server, standing, scope, beside.nonce)?));
    }
    context(&mut body, &standing.authorization.allowed);
    Ok(Answer { body: Value::Object(body), subject: claims.sub, token_id: claims.jti })
}

/// Returns the answer with claims that need nothing besides.
pub fn plain(server: &Server, claims: &Claims) -> Result<Answer, Refusal> {
    let mut body = bearer(&claims.sign(&server.keys)?, claims.exp - claims.iat, &claims.scope);
    if let Some(patient) = &claims.patient {
        body.insert("patient".into(), json!(patient));
    }
    Ok(Answer { body: Value::Object(body), subject: claims.sub.clone(), token_id: claims.jti.clone() })
}

fn bearer(token: &str, expires_in_s: i64, scope: &str) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("access_token".into(), json!(token));
    body.insert("token_type".into(), json!("Bearer"));
    body.insert("expires_in".into(), json!(expires_in_s));
    body.insert("scope".into(), json!(scope));
    body
}

/// Adds the launch context.
pub fn context(body: &mut Map<String, Value>, allowed: &Allowed) {
    let texts = [
        ("patient", &allowed.patient),
        ("encounter", &allowed.encounter),
        ("intent", &allowed.intent),
        ("smart_style_url", &allowed.smart_style_url),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            body.insert(name.into(), json!(text));
        }
    }
    if !allowed.fhir_context.is_empty() {
        body.insert("fhirContext".into(), json!(allowed.fhir_context));
    }
    if let Some(need) = allowed.need_patient_banner {
        body.insert("need_patient_banner".into(), json!(need));
    }
}

fn claims(server: &Server, standing: &Standing, scope: &str) -> Claims {
    let (authorization, account) = (&standing.authorization, &standing.account);
    let allowed = authorization.allowed.clone();
    let iat = standing.at.0 / 1_000_000;
    let ends_s = standing.ends.map_or(i64::MAX, |ends| ends.0 / 1_000_000);
    Claims {
        iat,
        exp: (iat + ACCESS_S_MAX).min(ends_s),
        client_id: Some(authorization.client.clone()),
        fhir_user: account.fhir_user.as_ref().map(|(t, id)| format!("{t}/{id}")),
        roles: account.roles.iter().map(|role| role.name().to_string()).collect(),
        patient: allowed.patient,
        encounter: allowed.encounter,
        grant_id: Some(authorization.id.to_string()),
        auth_time: Some(allowed.auth_time_s),
        amr: allowed.amr,
        purpose_of_use: allowed.purpose_of_use,
        ..Claims::new(&server.settings.base_url, &account.id.to_string(), scope, 0)
    }
}

/// Returns when a new refresh token of a client ends; none where the scopes give it none.
pub fn refresh_ends(client: &Client, standing: &Standing) -> Option<Instant> {
    let allowed = &standing.authorization.allowed;
    if !has_scope(&allowed.scope, "offline_access") && !has_scope(&allowed.scope, "online_access") {
        return None;
    }
    let is_confidential = client.metadata.token_endpoint_auth_method != AuthMethod::None;
    let is_in_browser = client.metadata.redirect_uris.iter().any(|uri| is_of_the_web(uri));
    let lasts = is_confidential || !is_in_browser || allowed.device_key.is_some();
    let days = if lasts { REFRESH_DAYS } else { REFRESH_DAYS_IN_BROWSER };
    let ends = Instant(standing.at.0 + days * DAY_US);
    Some(standing.ends.map_or(ends, |session| session.min(ends)))
}

/// Returns whether a redirect leads to a page; native apps have a scheme of their own or listen on loopback (RFC 8252).
fn is_of_the_web(uri: &str) -> bool {
    url::Url::parse(uri).is_ok_and(|url| {
        let is_here = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        matches!(url.scheme(), "http" | "https") && !is_here
    })
}
