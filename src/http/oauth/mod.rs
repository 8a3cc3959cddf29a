//! The addresses of the authorization server: from HTTP to [`crate::oauth`] and back.
//!
//! Answers are JSON that nobody may keep (RFC 6749 5.1). Pages of any origin may ask (SMART App Launch 2.2, CORS): what they
//! get depends on what they send, never on a cookie. `/oauth/authorize` alone is for browsers and sends no such headers.

mod authorize;
mod clients;
mod discovery;
mod keys;
mod token;

use super::{State, adapt, cors, peer};
use crate::account::Visitor;
use crate::fault::{Fault, Kind};
use crate::oauth::Refusal;
use crate::oauth::refusal::Error;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, BytesMut};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use serde_json::Value;
use std::time::Duration;

/// Bytes of a body that the authorization server reads.
const BODY_BYTES_MAX: usize = 64 << 10;

/// How long a body may take on its way.
const BODY_TIME_MAX: Duration = Duration::from_secs(15);

/// What pages of other origins may ask: all but `/oauth/authorize`, to which a browser is sent.
const FOR_PAGES: [&str; 7] = [
    "/oauth/token",
    "/oauth/introspect",
    "/oauth/revoke",
    "/oauth/register",
    "/oauth/register/{id}",
    "/oauth/jwks",
    "/oauth/userinfo",
];

pub fn routes(config: &mut web::ServiceConfig) {
    for address in FOR_PAGES {
        config.route(address, web::method(Method::OPTIONS).to(preflight));
    }
    authorize::routes(config);
    clients::routes(config);
    discovery::routes(config);
    keys::routes(config);
    token::routes(config);
}

pub use discovery::routes_below;

/// Fields of a form. Each is compared with all others, and nobody needs so many.
pub const FIELDS_MAX: usize = 100;

/// Returns where a request comes from.
pub fn visitor(http: &HttpRequest) -> Visitor {
    let device = http.headers().get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or("");
    Visitor {
        address: peer::address(http),
        device: device.chars().take(200).collect(),
        request: adapt::request_id(http),
    }
}

/// Returns the fields of a form, in their order. RFC 6749 3.2: none may come twice.
pub async fn form(http: &HttpRequest, payload: web::Payload) -> Result<Vec<(String, String)>, Refusal> {
    let kind = http.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    if !kind.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refusal::new(Error::InvalidRequest, "the body must be application/x-www-form-urlencoded"));
    }
    let bytes = bytes(payload).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Refusal::new(Error::InvalidRequest, "the form is not UTF-8"))?;
    let pairs = crate::rest::query::parse(text)?;
    if pairs.len() > FIELDS_MAX {
        return Err(Refusal::new(Error::InvalidRequest, format!("a form may have {FIELDS_MAX} fields")));
    }
    for (i, (name, _)) in pairs.iter().enumerate() {
        if pairs[..i].iter().any(|(known, _)| known == name) {
            return Err(Refusal::new(Error::InvalidRequest, format!("the parameter '{name}' comes twice")));
        }
    }
    Ok(pairs)
}

/// Returns a body, up to the limit.
pub async fn bytes(payload: web::Payload) -> Result<web::Bytes, Fault> {
    let late = |_| Fault::new(Kind::Timeout, format!("the body was not sent within {} s", BODY_TIME_MAX.as_secs()));
    tokio::time::timeout(BODY_TIME_MAX, whole(payload)).await.map_err(late)?
}

async fn whole(mut payload: web::Payload) -> Result<web::Bytes, Fault> {
    let mut whole = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|e| Fault::new(Kind::Invalid, format!("the body could not be read: {e}")))?;
        if whole.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(Fault::new(Kind::TooLarge, format!("a body may have {BODY_BYTES_MAX} bytes here")));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// Returns an answer in JSON.
pub fn json(http: &HttpRequest, status: u16, body: &Value) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status).content_type("application/json").body(body.to_string());
    finish(http, &mut response);
    response
}

/// Returns the answer to a client that was refused.
pub fn refused(http: &HttpRequest, refusal: &Refusal) -> HttpResponse {
    let mut response = json(http, refusal.error.status(), &refusal.body());
    if let Some(seconds) = refusal.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    let scheme = http.headers().get(header::AUTHORIZATION).and_then(|v| v.as_bytes().get(..5));
    let by_basic = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"));
    let challenge = match refusal.error {
        Error::InvalidClient if by_basic => Some("Basic realm=\"oauth\""),
        Error::InvalidToken => Some("Bearer error=\"invalid_token\""),
        _ => None,
    };
    if let Some(challenge) = challenge {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

/// Adds what every answer of the authorization server carries.
pub fn finish(http: &HttpRequest, response: &mut HttpResponse) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&adapt::request_id(http)) {
        headers.insert(header::HeaderName::from_static("x-request-id"), id);
    }
    if http.headers().contains_key(header::ORIGIN) {
        cors::allow(headers);
    }
}

/// Answers a preflight.
pub async fn preflight(http: HttpRequest) -> HttpResponse {
    let mut response = HttpResponse::NoContent().finish();
    cors::preflight(response.headers_mut());
    finish(&http, &mut response);
    response
}

/// Returns the authorization server of this thread; none where security is off.
pub fn server(state: &State) -> Result<&crate::oauth::Server, Refusal> {
    state.oauth.as_ref().ok_or_else(|| Refusal::new(Error::InvalidRequest, "this server runs without security"))
}
