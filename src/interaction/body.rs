//! From the bytes of a request to a parsed resource.

use super::Settings;
use crate::catalog::Catalog;
use crate::fault::{Fault, Kind};
use crate::format::{json, xml};
use crate::rest::Body;
use serde_json::Value;
use std::sync::Arc;

/// Bodies above this many bytes are worked on aside, so that other requests of the thread do not wait for them.
const ASIDE_BYTES: usize = 64 * 1024;

/// Returns the resource of a body.
pub fn read(catalog: &Catalog, settings: &Settings, body: Body) -> Result<Value, Fault> {
    match body {
        Body::Json(bytes) => json::read(&bytes, &settings.limits),
        Body::Xml(bytes) => xml::read(catalog, &bytes, &settings.limits),
        Body::Value(value) => Ok(*value),
        Body::None => Err(Fault::new(Kind::Invalid, "the request has no body; it needs a resource")),
        Body::JsonPatch(_) => {
            Err(Fault::new(Kind::UnsupportedMedia, "a JSON Patch can only be sent with the method PATCH"))
        }
        Body::Hl7(_) => Err(Fault::new(Kind::UnsupportedMedia, "an HL7 v2 message can only be sent to $convert")),
    }
}

fn size(body: &Body) -> usize {
    match body {
        Body::Json(b) | Body::Xml(b) | Body::JsonPatch(b) | Body::Hl7(b) => b.len(),
        Body::Value(_) | Body::None => 0,
    }
}

/// Runs CPU work on a body: small ones here, large ones on a thread of their own.
pub async fn work<T: Send + 'static>(
    body: Body,
    job: impl FnOnce(Body) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    if size(&body) < ASIDE_BYTES {
        return job(body);
    }
    tokio::task::spawn_blocking(move || job(body))
        .await
        .unwrap_or_else(|e| Err(Fault::internal("failed to work on a body", e)))
}

/// Reads a body wherever its size says it should be read.
pub async fn read_aside(catalog: Arc<Catalog>, settings: Arc<Settings>, body: Body) -> Result<Value, Fault> {
    work(body, move |body| read(&catalog, &settings, body)).await
}
