//! From an HTTP request to a [`Request`].

use super::render::Wanted;
use super::{State, binary, peer};
use crate::fault::{Fault, Kind};
use crate::format::{ContentKind, Format};
use crate::rest::route::{Method, route};
use crate::rest::{Body, Conditions, Interaction, Prefer, Request, conditions, query};
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{self, BytesMut};
use actix_web::{HttpRequest, dev};
use futures_util::StreamExt;

/// Returns the caller's request id, or a new one. It goes into logs, so odd ones are not taken over.
pub fn request_id(http: &HttpRequest) -> Box<str> {
    let given = http.headers().get("x-request-id").and_then(|v| v.to_str().ok());
    let fine = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    given.filter(fine).map_or_else(|| uuid::Uuid::now_v7().to_string().into(), Into::into)
}

/// Returns how the answer is to be written, and a fault when it cannot be as asked (it is then told in JSON).
pub fn wanted(state: &State, http: &HttpRequest) -> (Wanted, Result<(), Fault>) {
    let mut wanted = Wanted::default();
    let accept = http.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok());
    let by_header = accept.map_or(Ok(Format::Json), Format::from_accept);
    let text = http.query_string();
    if text.is_empty() {
        return match by_header {
            Ok(format) => (Wanted { format, ..wanted }, Ok(())),
            Err(fault) => (wanted, Err(fault)),
        };
    }
    let pairs = match query::parse(text) {
        Ok(pairs) => pairs,
        Err(fault) => return (wanted, Err(fault)),
    };
    let told = wanted.take(state.service.store().catalog(), &pairs, by_header);
    (wanted, told)
}

/// Returns the path below the base, as it was sent.
pub fn below_base<'a>(state: &State, http: &'a HttpRequest) -> &'a str {
    let path = http.uri().path();
    path.strip_prefix(state.settings.base_path.as_str()).unwrap_or(path).trim_start_matches('/')
}

pub fn allowed_methods(path: &str) -> String {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    let mut allowed: Vec<&str> =
        known.into_iter().filter(|m| Method::parse(m).is_some_and(|m| route(m, path).is_ok())).collect();
    allowed.push("OPTIONS");
    allowed.join(", ")
}

/// Reads the request; its body, too, where a payload is given.
pub async fn request(
    state: &State,
    http: &HttpRequest,
    payload: Option<web::Payload>,
    id: Box<str>,
) -> Result<Request, Fault> {
    let length = http.uri().path_and_query().map_or(0, |p| p.as_str().len());
    if length > state.settings.url_bytes_max {
        let text =
            format!("a URL may have {} bytes; POST to _search takes longer queries", state.settings.url_bytes_max);
        return Err(Fault::new(Kind::UriTooLong, text));
    }
    let method = Method::parse(http.method().as_str())
        .ok_or_else(|| Fault::new(Kind::MethodNotAllowed, format!("the method {} is not known", http.method())))?;
    let interaction = route(method, below_base(state, http))?;
    let conditions = conditions_of(http.headers())?;
    conditions.check_for(&interaction)?;
    let mut pairs = query::parse(http.query_string())?;
    let headers = http.headers();
    let body = match payload {
        Some(payload) if matches!(method, Method::Post | Method::Put | Method::Patch) => {
            body(state, headers, payload, &interaction, &mut pairs).await?
        }
        _ => Body::None,
    };
    Ok(Request {
        interaction,
        query: pairs,
        body,
        conditions,
        prefer: text(headers, "prefer")?.map(Prefer::parse).unwrap_or_default(),
        id,
        address: peer::address(http).into(),
    })
}

fn conditions_of(headers: &HeaderMap) -> Result<Conditions, Fault> {
    Ok(Conditions {
        if_match: text(headers, "if-match")?.map(conditions::parse_if_match).transpose()?,
        if_none_match: text(headers, "if-none-match")?.map(conditions::parse_if_none_match).transpose()?,
        if_modified_since: text(headers, "if-modified-since")?.and_then(conditions::parse_if_modified_since),
        if_none_exist: text(headers, "if-none-exist")?.map(str::to_string),
    })
}

pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Fault> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes());
    text.map(Some).map_err(|_| Fault::new(Kind::Invalid, format!("the header {name} is not UTF-8")))
}

/// Reads the body. A form adds to the parameters of the URL.
async fn body(
    state: &State,
    headers: &HeaderMap,
    payload: web::Payload,
    interaction: &Interaction,
    pairs: &mut Vec<(String, String)>,
) -> Result<Body, Fault> {
    let content_type = text(headers, "content-type")?;
    let kind = content_type.map_or(Ok(ContentKind::Resource(Format::Json)), ContentKind::parse);
    check_encoding(headers)?;
    if matches!(interaction, Interaction::Operation { name, .. } if name == "convert")
        && content_type.is_some_and(is_hl7_v2)
    {
        return Ok(Body::Hl7(bytes(state, headers, payload).await?));
    }
    if let (Err(_), Some(content_type), true) = (&kind, content_type, binary::is_written(interaction)) {
        return binary::wrap(interaction, headers, content_type, &bytes(state, headers, payload).await?);
    }
    let kind = kind?;
    let bytes = bytes(state, headers, payload).await?;
    let is_search = matches!(
        interaction,
        Interaction::SearchType(_) | Interaction::SearchSystem | Interaction::SearchCompartment(..)
    );
    match kind {
        ContentKind::Form if is_search => {
            let form = std::str::from_utf8(&bytes).map_err(|_| Fault::new(Kind::Invalid, "the form is not UTF-8"))?;
            pairs.extend(query::parse(form)?);
            Ok(Body::None)
        }
        _ if is_search && bytes.is_empty() => Ok(Body::None),
        _ if is_search => {
            Err(Fault::new(Kind::UnsupportedMedia, "a search by POST takes application/x-www-form-urlencoded"))
        }
        ContentKind::Form => Err(Fault::new(Kind::UnsupportedMedia, "a form can only be sent to _search")),
        _ if bytes.is_empty() => Ok(Body::None),
        ContentKind::Resource(Format::Json) => Ok(Body::Json(bytes)),
        ContentKind::Resource(Format::Xml) => Ok(Body::Xml(bytes)),
        ContentKind::JsonPatch => Ok(Body::JsonPatch(bytes)),
    }
}

/// Returns whether a body is an HL7 v2 message, which names its character set itself. The types are those that are in use; none is
/// registered.
fn is_hl7_v2(content_type: &str) -> bool {
    const TYPES: [&str; 4] = ["application/hl7-v2", "application/hl7-v2+er7", "x-application/hl7-v2+er7", "text/plain"];
    let name = content_type.split(';').next().unwrap_or_default().trim();
    TYPES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// RFC 9110 15.5.16: a coding that is not undone here must not be taken for content.
fn check_encoding(headers: &HeaderMap) -> Result<(), Fault> {
    match text(headers, "content-encoding")?.map(str::trim) {
        None => Ok(()),
        Some(coding) if ["gzip", "deflate", "identity", ""].iter().any(|c| c.eq_ignore_ascii_case(coding)) => Ok(()),
        Some(_) => Err(Fault::new(Kind::UnsupportedMedia, "Content-Encoding may be gzip, deflate or identity")),
    }
}

/// Reads the bytes of a body, unpacked, up to the limit.
async fn bytes(state: &State, headers: &HeaderMap, payload: web::Payload) -> Result<web::Bytes, Fault> {
    let max = state.settings.body_bytes_max;
    let too_large = || Fault::new(Kind::TooLarge, format!("a body may have {max} bytes"));
    let declared = text(headers, "content-length")?.and_then(|l| l.parse::<usize>().ok());
    if declared.is_some_and(|length| length > max) {
        return Err(too_large());
    }
    let mut stream = dev::Decompress::from_headers(payload, headers);
    let mut whole = BytesMut::with_capacity(declared.unwrap_or(0).min(1 << 20));
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|e| Fault::new(Kind::Invalid, format!("the body could not be read: {e}")))?;
        if whole.len() + chunk.len() > max {
            return Err(too_large());
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}
