//! `/oauth/register`: apps that introduce themselves. RFC 7591, RFC 7592.

use super::super::State;
use super::{bytes, finish, json, refused, server, visitor};
use crate::oauth::Refusal;
use crate::oauth::refusal::Error;
use crate::oauth::register;
use actix_web::http::header;
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/oauth/register", web::post().to(add)).service(
        web::resource("/oauth/register/{id}")
            .route(web::get().to(look))
            .route(web::put().to(change))
            .route(web::delete().to(remove)),
    );
}

async fn add(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    let work = async {
        let body = body(&http, payload).await?;
        register::register(server(&state)?, &body, &visitor(&http)).await
    };
    answer(&http, 201, work.await)
}

async fn look(http: HttpRequest, state: web::Data<State>, id: Path<String>) -> HttpResponse {
    let work = async { register::look(server(&state)?, &id, key(&http), &visitor(&http)).await };
    answer(&http, 200, work.await)
}

async fn change(http: HttpRequest, state: web::Data<State>, id: Path<String>, payload: web::Payload) -> HttpResponse {
    let work = async {
        let body = body(&http, payload).await?;
        register::change(server(&state)?, &id, key(&http), &body, &visitor(&http)).await
    };
    answer(&http, 200, work.await)
}

async fn remove(http: HttpRequest, state: web::Data<State>, id: Path<String>) -> HttpResponse {
    let work = async { register::remove(server(&state)?, &id, key(&http), &visitor(&http)).await };
    match work.await {
        Ok(()) => {
            let mut response = HttpResponse::NoContent().finish();
            finish(&http, &mut response);
            response
        }
        Err(refusal) => refused(&http, &refusal),
    }
}

fn answer(http: &HttpRequest, status: u16, done: Result<Value, Refusal>) -> HttpResponse {
    match done {
        Ok(body) => json(http, status, &body),
        Err(refusal) => refused(http, &refusal),
    }
}

async fn body(http: &HttpRequest, payload: web::Payload) -> Result<Value, Refusal> {
    let kind = http.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    if !kind.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/json") {
        return Err(Refusal::new(Error::InvalidRequest, "the body must be application/json"));
    }
    let bytes = bytes(payload).await?;
    serde_json::from_slice(&bytes)
        .map_err(|e| Refusal::new(Error::InvalidRequest, format!("the body is not JSON: {e}")))
}

/// Returns the registration access token.
fn key(http: &HttpRequest) -> Option<&str> {
    let header = http.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
