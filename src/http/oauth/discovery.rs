//! What clients read before they ask: configuration, brands, style. Anyone may, from any site, and keep it for a while.

use super::{json, refused, server};
use crate::http::State;
use crate::oauth::{Refusal, Settings, discovery};
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

const CACHED: &str = "public, max-age=300";
/// The address of a style changes with its content.
const KEPT: &str = "public, max-age=31536000, immutable";

pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/oauth/style-{name}.json", web::get().to(style));
}

/// Adds what stands below the FHIR base URL.
pub fn routes_below(config: &mut web::ServiceConfig, base_path: &str) {
    let at = |name: &str| format!("{base_path}/.well-known/{name}");
    config.service(
        web::resource([at("smart-configuration"), at("openid-configuration"), at("smart-brands")])
            .route(web::get().to(well_known))
            .route(web::head().to(well_known))
            .route(web::method(actix_web::http::Method::OPTIONS).to(super::preflight)),
    );
}

async fn well_known(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let settings: &Settings = match server(&state) {
        Ok(server) => &server.settings,
        Err(refusal) => return absent(&http, &refusal),
    };
    let name = http.path().rsplit('/').next().unwrap_or("");
    let body = match name {
        "smart-configuration" => discovery::smart(settings),
        "openid-configuration" => discovery::openid(settings),
        _ => return brands(&http, settings),
    };
    cached(json(&http, 200, &body), CACHED)
}

fn brands(http: &HttpRequest, settings: &Settings) -> HttpResponse {
    let body = discovery::brands(settings);
    let tag = format!("W/\"{}\"", discovery::etag(&body.to_string()));
    let known = http.headers().get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).unwrap_or("");
    let is_known = known.split(',').any(|one| one.trim() == tag || one.trim() == "*");
    let mut response =
        if is_known { json(http, 304, &Value::Null).drop_body().map_into_boxed_body() } else { json(http, 200, &body) };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    if !is_known {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/fhir+json"));
    }
    cached(response, CACHED)
}

async fn style(http: HttpRequest, name: web::Path<String>) -> HttpResponse {
    let Some(text) = discovery::style(&name) else {
        let refusal = Refusal::new(crate::oauth::refusal::Error::InvalidRequest, "there is no such style");
        return absent(&http, &refusal);
    };
    let mut response = HttpResponse::Ok().content_type("application/json").body(text);
    super::finish(&http, &mut response);
    cached(response, KEPT)
}

fn absent(http: &HttpRequest, refusal: &Refusal) -> HttpResponse {
    let mut response = refused(http, refusal);
    *response.status_mut() = actix_web::http::StatusCode::NOT_FOUND;
    response
}

fn cached(mut response: HttpResponse, how: &'static str) -> HttpResponse {
    let headers = response.headers_mut();
    headers.remove(header::PRAGMA);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(how));
    response
}
