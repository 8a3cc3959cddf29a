//! Binary in its native form: content that travels as itself, not as base64 in a resource.
//!
//! R4 <https://hl7.org/fhir/R4/binary.html#rest>. A body in a foreign format makes a Binary; a read whose Accept header wants no FHIR
//! format gets the content.

use super::adapt;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::rest::route::{Method, route};
use crate::rest::{Body, Interaction, Reply, reply};
use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

/// Returns whether a request reads a Binary, or an operation that answers with one.
pub fn is_read(method: &str, path: &str) -> bool {
    let read = Method::parse(method).filter(|m| matches!(m, Method::Get | Method::Head));
    let interaction = read.and_then(|method| route(method, path).ok());
    match interaction {
        Some(Interaction::Read(t, _) | Interaction::Vread(t, _, _)) => t == ResourceType::BINARY,
        Some(Interaction::Operation { name, .. }) => name == "health-id-qr",
        _ => false,
    }
}

/// Returns whether a request writes a Binary.
pub fn is_written(interaction: &Interaction) -> bool {
    matches!(interaction, Interaction::Create(t) | Interaction::Update(t, _) if *t == ResourceType::BINARY)
}

/// Returns the Binary whose content came as `bytes`.
pub fn wrap(interaction: &Interaction, headers: &HeaderMap, content_type: &str, bytes: &Bytes) -> Result<Body, Fault> {
    let mut binary = json!({"resourceType": "Binary", "contentType": content_type});
    if let Some(id) = interaction.id() {
        binary["id"] = id.as_str().into();
    }
    if let Some(context) = adapt::text(headers, "x-security-context")? {
        binary["securityContext"] = json!({"reference": context});
    }
    if !bytes.is_empty() {
        binary["data"] = STANDARD.encode(bytes).into();
    }
    Ok(Body::Value(Box::new(binary)))
}

/// Returns the content of a Binary that was read. It is shown by no browser as part of this site.
pub fn respond(reply: Reply) -> Result<HttpResponse, Fault> {
    let binary: Value =
        serde_json::from_slice(&reply.body).map_err(|e| Fault::internal("a stored Binary is damaged", e))?;
    let text = |name: &str| binary.get(name).and_then(Value::as_str).unwrap_or("");
    let data = STANDARD.decode(text("data").split_ascii_whitespace().collect::<String>());
    let data =
        data.map_err(|e| Fault::new(Kind::NotAcceptable, format!("the data of this Binary is not base64: {e}")))?;
    let mut response = HttpResponse::Ok();
    let fallback = HeaderValue::from_static("application/octet-stream");
    response.insert_header((header::CONTENT_TYPE, HeaderValue::from_str(text("contentType")).unwrap_or(fallback)));
    response.insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"));
    if let Some(version) = reply.version {
        response.insert_header((header::ETAG, reply::etag(version)));
    }
    if let Some(at) = reply.last_modified {
        response.insert_header((header::LAST_MODIFIED, at.to_http()));
    }
    let context = binary.pointer("/securityContext/reference").and_then(Value::as_str);
    if let Some(context) = context.and_then(|c| HeaderValue::from_str(c).ok()) {
        response.insert_header(("X-Security-Context", context));
    }
    Ok(response.body(data))
}
