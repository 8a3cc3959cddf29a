//! Browser apps of any origin may call: security lies in the token, and no cookie is ever read at these addresses.
//!
//! Fetch standard <https://fetch.spec.whatwg.org/#http-cors-protocol>, SMART App Launch 2.2 (CORS support).

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Accept, If-Match, If-None-Match, If-None-Exist, \
                               If-Modified-Since, Prefer, DPoP, X-Request-Id, Origin, X-Requested-With";
const RESPONSE_HEADERS: &str =
    "ETag, Location, Content-Location, Last-Modified, X-Progress, X-Request-Id, Retry-After, WWW-Authenticate";

/// Adds the headers that let a page read the answer.
pub fn allow(headers: &mut HeaderMap) {
    set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
}

/// Adds the headers that answer a preflight.
pub fn preflight(headers: &mut HeaderMap) {
    allow(headers);
    set(headers, header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    set(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    set(headers, header::ACCESS_CONTROL_MAX_AGE, "86400");
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}
