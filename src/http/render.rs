//! From a [`Reply`] or a [`Fault`] to an HTTP response in the client's format.
//!
//! Content of the store goes out as it is; only XML, `_pretty`, `_summary` and `_elements` have it parsed.

use super::{State, adapt, cors};
use crate::catalog::Catalog;
use crate::fault::{Fault, Kind};
use crate::fhir::outcome;
use crate::format::subset::{self, Subset, SummaryMode};
use crate::format::{Format, json, xml};
use crate::operation;
use crate::rest::{Reply, reply};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use serde_json::Value;

/// How an answer is to be written.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub format: Format,
    pub pretty: bool,
    pub subset: Option<Subset>,
}

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted { format: Format::Json, pretty: false, subset: None }
    }
}

impl Wanted {
    /// Takes over what the parameters of a URL say; `_format` overrides the header.
    pub fn take(
        &mut self,
        catalog: &Catalog,
        pairs: &[(String, String)],
        by_header: Result<Format, Fault>,
    ) -> Result<(), Fault> {
        let mut format = by_header;
        for (name, value) in pairs {
            match name.as_str() {
                "_format" => format = Format::from_parameter(value),
                "_pretty" => self.pretty = value == "true",
                "_summary" => {
                    if let Some(mode) = summary(value)? {
                        self.subset = Some(Subset::Summary(mode));
                    }
                }
                "_elements" => self.subset = Some(Subset::elements(catalog, &[], value)?),
                _ => {}
            }
        }
        self.format = format?;
        Ok(())
    }
}

/// Returns the subset that a value of `_summary` asks for; `false` and `count` make no resource smaller.
fn summary(value: &str) -> Result<Option<SummaryMode>, Fault> {
    match value {
        "true" => Ok(Some(SummaryMode::True)),
        "text" => Ok(Some(SummaryMode::Text)),
        "data" => Ok(Some(SummaryMode::Data)),
        "false" | "count" => Ok(None),
        _ => Err(Fault::new(Kind::Invalid, "_summary is one of true, text, data, count, false")),
    }
}

/// Returns the response to what went well.
pub fn reply(state: &State, wanted: &Wanted, reply: Reply) -> Result<HttpResponse, Fault> {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = written(state, wanted, reply.body)?;
    let mut response = HttpResponse::build(status);
    if let Some(version) = reply.version {
        response.insert_header((header::ETAG, reply::etag(version)));
    }
    if let Some(at) = reply.last_modified {
        response.insert_header((header::LAST_MODIFIED, at.to_http()));
    }
    if let Some((t, id, version)) = &reply.location
        && reply.status == 201
    {
        let url = format!("{}/{t}/{id}/_history/{version}", state.settings.base_url);
        response.insert_header((header::LOCATION, url));
    } else if let Some((t, id, version)) = &reply.location {
        let url = format!("{}/{t}/{id}/_history/{version}", state.settings.base_url);
        response.insert_header((header::CONTENT_LOCATION, url));
    }
    if body.is_empty() {
        return Ok(response.finish());
    }
    response.insert_header((header::CONTENT_TYPE, content_type(wanted.format)));
    Ok(response.body(body))
}

fn content_type(format: Format) -> HeaderValue {
    HeaderValue::from_static(match format {
        Format::Json => "application/fhir+json; charset=utf-8",
        Format::Xml => "application/fhir+xml; charset=utf-8",
    })
}

/// Returns the body in the wanted form: the bytes as they are where nothing else was asked for.
fn written(state: &State, wanted: &Wanted, body: Bytes) -> Result<Bytes, Fault> {
    if body.is_empty() || (wanted.format == Format::Json && !wanted.pretty && wanted.subset.is_none()) {
        return Ok(body);
    }
    let mut value: Value =
        serde_json::from_slice(&body).map_err(|e| Fault::internal("a body of ours is not JSON", e))?;
    if let Some(subset) = &wanted.subset {
        make_smaller(state.service.store().catalog(), &mut value, subset);
    }
    encode(state, wanted, &value)
}

/// Applies a subset to a resource, or to those that a Bundle of ours carries.
fn make_smaller(catalog: &Catalog, value: &mut Value, subset: &Subset) {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    if text("resourceType") != Some("Bundle") || !matches!(text("type"), Some("searchset" | "history")) {
        return subset::apply(catalog, value, subset);
    }
    let entries = value.get_mut("entry").and_then(Value::as_array_mut);
    for resource in entries.into_iter().flatten().filter_map(|e| e.get_mut("resource")) {
        subset::apply(catalog, resource, subset);
    }
}

fn encode(state: &State, wanted: &Wanted, value: &Value) -> Result<Bytes, Fault> {
    match wanted.format {
        Format::Json => Ok(json::write(value, wanted.pretty)?.into()),
        Format::Xml => Ok(xml::write(state.service.store().catalog(), value, wanted.pretty)?.into()),
    }
}

/// Returns the response to a refusal or failure.
pub fn fault(state: &State, wanted: &Wanted, fault: &Fault) -> HttpResponse {
    let value = outcome::of_fault(fault);
    let (format, body) = match encode(state, wanted, &value) {
        Ok(body) => (wanted.format, body),
        Err(_) => (Format::Json, value.to_string().into()),
    };
    let status = StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.insert_header((header::CONTENT_TYPE, content_type(format)));
    match fault.kind() {
        Kind::Unavailable | Kind::Timeout | Kind::Throttled => {
            response.insert_header((header::RETRY_AFTER, fault.retry_after_s().unwrap_or(2)));
        }
        _ => {}
    }
    if let Some(challenge) = challenge(fault.kind()) {
        response.insert_header((header::WWW_AUTHENTICATE, challenge));
    }
    response.body(body)
}

/// Returns what a client is told that may try again with a token, or with another (RFC 6750 3).
fn challenge(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Unauthorized => Some("Bearer realm=\"fhir\""),
        Kind::InvalidToken | Kind::TokenExpired => Some("Bearer realm=\"fhir\", error=\"invalid_token\""),
        // RFC 9470 3: the client lets the person sign in again, no longer ago than this.
        Kind::FactorNeeded => {
            Some("Bearer realm=\"fhir\", error=\"insufficient_user_authentication\", max_age=\"300\"")
        }
        Kind::Forbidden => Some("Bearer realm=\"fhir\", error=\"insufficient_scope\""),
        _ => None,
    }
}

/// Returns whether an address is that of an operation whose answer nobody may keep.
fn is_fleeting(path: &str) -> bool {
    let name = path.rsplit('/').next().and_then(|last| last.strip_prefix('$'));
    name.is_some_and(|name| operation::ALL.iter().any(|it| it.name() == name && it.is_fleeting()))
}

/// Keeps an answer out of caches and search engines.
pub fn fleeting(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow, noarchive"));
}

/// Adds what every response carries.
pub fn finish(response: &mut HttpResponse, http: &HttpRequest, id: &str) {
    let status = response.status();
    let has_origin = http.headers().contains_key(header::ORIGIN);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if has_origin {
        cors::allow(headers);
    }
    if is_fleeting(http.path()) {
        fleeting(headers);
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let path = http.match_info().get("path").unwrap_or("");
        if let Ok(value) = HeaderValue::from_str(&adapt::allowed_methods(path)) {
            headers.insert(header::ALLOW, value);
        }
    }
}
