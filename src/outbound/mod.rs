//! Requests of ours to other servers: keys of clients, outside identity providers. All of them go through here.
//!
//! An address comes from outside, so that it is checked twice: as it is written, and as it is connected to ([`guard`]).
//! Nothing is followed, nothing is sent through a proxy, and time and size of an answer have limits.

pub mod guard;
pub mod smtp;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header;
use reqwest::redirect::Policy;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

const TIME_MAX: Duration = Duration::from_secs(5);
const BYTES_MAX: usize = 256 << 10;

/// Why there is no answer. The words are for logs and for who runs the installation; strangers are told less.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("the address {0}")]
    Address(&'static str),
    #[error("the address leads into a network that is not public")]
    Private,
    #[error("no answer: {0}")]
    Away(String),
    #[error("no answer in time")]
    Late,
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the answer has the status {0}")]
    Status(u16),
    #[error("the answer is no JSON object")]
    NotJson,
}

/// Who asks. Keeps no connections, so that a clone may be used on any thread.
#[derive(Clone)]
pub struct Client {
    /// Without the certificates of a system nobody can be asked.
    http: Result<reqwest::Client, String>,
    allow_loopback: bool,
    bytes_max: usize,
}

/// An answer of any status.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The Content-Type, empty where there is none.
    pub kind: String,
    /// For how long it may be kept, where it says so.
    pub max_age_s: Option<u64>,
    pub bytes: Vec<u8>,
}

/// A JSON object that was fetched.
#[derive(Debug)]
pub struct Fetched {
    pub value: Value,
    /// For how long it may be kept, where the answer says so.
    pub max_age_s: Option<u64>,
}

impl Client {
    /// Returns a client. `allow_loopback` is for installations that are themselves reached by loopback alone.
    pub fn new(allow_loopback: bool) -> Client {
        Client::with_limits(allow_loopback, TIME_MAX, BYTES_MAX)
    }

    fn with_limits(allow_loopback: bool, time: Duration, bytes_max: usize) -> Client {
        let http = reqwest::Client::builder()
            .dns_resolver(Arc::new(Guarded { allow_loopback }))
            .redirect(Policy::none())
            // A proxy would connect to addresses that were not checked here.
            .no_proxy()
            .timeout(time)
            // The next request asks for the address anew, and no connection belongs to another thread.
            .pool_max_idle_per_host(0)
            .user_agent("medilink")
            .build()
            .map_err(|e| words(&e));
        Client { http, allow_loopback, bytes_max }
    }

    /// Returns a JSON object.
    pub async fn get_json(&self, url: &str) -> Result<Fetched, OutboundError> {
        let mut request = reqwest::Request::new(reqwest::Method::GET, parse(url)?);
        request.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static("application/json"));
        read(self.send(request).await?)
    }

    /// Sends a form and returns the JSON object that it is answered with.
    pub async fn post_form(&self, url: &str, form: &[(&str, &str)]) -> Result<Fetched, OutboundError> {
        let mut request = reqwest::Request::new(reqwest::Method::POST, parse(url)?);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let kind = header::HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        request.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(body.into());
        read(self.send(request).await?)
    }

    /// Sends a request of a library and returns the whole answer, whatever its status.
    pub async fn send_plain(&self, request: http::Request<Vec<u8>>) -> Result<Answer, OutboundError> {
        self.send(request.try_into().map_err(|e: reqwest::Error| OutboundError::Away(e.to_string()))?).await
    }

    /// Sends a request and returns the whole answer, whatever its status.
    pub async fn send(&self, request: reqwest::Request) -> Result<Answer, OutboundError> {
        guard::check(request.url(), self.allow_loopback)?;
        let http = self.http.as_ref().map_err(|e| OutboundError::Away(e.clone()))?;
        let mut response = http.execute(request).await.map_err(|e| failure(&e))?;
        let text =
            |name| response.headers().get(name).and_then(|v: &header::HeaderValue| v.to_str().ok()).unwrap_or("");
        let (kind, max_age_s) = (text(header::CONTENT_TYPE).to_string(), max_age_s(text(header::CACHE_CONTROL)));
        let (status, mut bytes) = (response.status().as_u16(), Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(|e| failure(&e))? {
            if bytes.len() + chunk.len() > self.bytes_max {
                return Err(OutboundError::TooLarge(self.bytes_max));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Answer { status, kind, max_age_s, bytes })
    }
}

/// Names lead only where [`guard::is_allowed`] lets them.
struct Guarded {
    allow_loopback: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_loopback = self.allow_loopback;
        Box::pin(async move {
            let found = guard::resolve(name.as_str(), allow_loopback).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn parse(url: &str) -> Result<Url, OutboundError> {
    Url::parse(url).map_err(|_| OutboundError::Address("is no URL"))
}

fn read(answer: Answer) -> Result<Fetched, OutboundError> {
    if answer.status != 200 {
        return Err(OutboundError::Status(answer.status));
    }
    let value: Value = serde_json::from_slice(&answer.bytes).map_err(|_| OutboundError::NotJson)?;
    if !value.is_object() {
        return Err(OutboundError::NotJson);
    }
    Ok(Fetched { value, max_age_s: answer.max_age_s })
}

/// Returns how long an answer may be kept (RFC 9111 5.2.2); none where it does not say.
fn max_age_s(cache_control: &str) -> Option<u64> {
    let mut directives = cache_control.split(',').map(|d| d.trim().to_ascii_lowercase());
    if directives.clone().any(|d| d == "no-store" || d == "no-cache" || d.starts_with("no-cache=")) {
        return Some(0);
    }
    directives.find_map(|d| d.strip_prefix("max-age=")?.trim_matches('"').parse().ok())
}

/// Returns what a failure of the library means here.
fn failure(error: &reqwest::Error) -> OutboundError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if matches!(cause.downcast_ref(), Some(OutboundError::Private)) {
            return OutboundError::Private;
        }
        source = cause.source();
    }
    if error.is_timeout() { OutboundError::Late } else { OutboundError::Away(words(error)) }
}

/// Returns the words of an error and of its causes; of the address it says nothing.
fn words(error: &dyn std::error::Error) -> String {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}

#[cfg(test)]
mod tests;
