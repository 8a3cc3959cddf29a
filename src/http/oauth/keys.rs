//! `/oauth/jwks`: the keys that clients verify id_tokens with.
//!
//! RFC 7517 5, OpenID Connect Core 10.1.1: a key that is new here signs once all have had time to ask again.

use super::{finish, preflight, refused, server};
use crate::http::State;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

pub fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::resource("/oauth/jwks")
            .route(web::get().to(jwks))
            .route(web::head().to(jwks))
            .route(web::method(actix_web::http::Method::OPTIONS).to(preflight)),
    );
}

async fn jwks(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let server = match server(&state) {
        Ok(server) => server,
        Err(refusal) => return refused(&http, &refusal),
    };
    // RFC 7517 8.5.1 has a media type of its own, which some clients do not take for JSON.
    let mut response = HttpResponse::Ok().content_type("application/json").body(server.keys.published().to_string());
    finish(&http, &mut response);
    let headers = response.headers_mut();
    headers.remove(header::PRAGMA);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
