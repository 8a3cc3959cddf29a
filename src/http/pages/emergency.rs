//! `/emergency/...`: what the QR code or the NFC tag of a card leads to.
//!
//! The address of the viewer carries the link in its fragment, which no browser sends: the key stays on the reader's phone, where the
//! script of the page fetches the encrypted file and opens it. SMART Health Links 1.0.0; any other viewer may fetch it as well,
//! from any origin, without a token. Answers depend on what is sent, and a cookie only lifts a limit.

use super::{State, Visit, asset, guard, value};
use crate::access::Principal;
use crate::account::secret;
use crate::fault::{Fault, Kind};
use crate::http::oauth::{self, preflight};
use crate::http::{adapt, cors, render};
use crate::operation::emergency::card::{FILES, VIEWER};
use crate::operation::emergency::scan::{Scan, Scanned};
use crate::page::emergency::{SCRIPT, STYLE, Viewer};
use crate::rest::query;
use crate::store::identity::once::Once;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::{Value, json};

/// Where a file is that is too long for its manifest: good once, and for this long.
const DOWNLOADS: &str = "/emergency/file";
const DOWNLOAD_TIME_S: i64 = 300;

pub fn routes(config: &mut web::ServiceConfig) {
    let link = format!("{FILES}/{{link}}");
    let download = format!("{DOWNLOADS}/{{secret}}");
    config
        .route("/assets/emergency.js", web::get().to(script))
        .route("/assets/emergency.css", web::get().to(style))
        .route(VIEWER, web::get().to(viewer))
        .route(&link, web::get().to(file))
        .route(&link, web::post().to(manifest))
        .route(&link, web::method(Method::OPTIONS).to(preflight))
        .route(&download, web::get().to(download_once));
}

async fn script(http: HttpRequest) -> HttpResponse {
    asset(&http, "text/javascript; charset=utf-8", SCRIPT)
}

async fn style(http: HttpRequest) -> HttpResponse {
    asset(&http, "text/css; charset=utf-8", STYLE)
}

/// The page is the same for everybody: it knows nothing but the name of the place.
async fn viewer(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let place = state.oauth.as_ref().map_or_else(|| "MediLink".to_string(), |it| it.accounts.settings.name.clone());
    let Ok(html) = (Viewer { place }).render() else { return HttpResponse::InternalServerError().finish() };
    let mut response = HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html);
    render::fleeting(response.headers_mut());
    guard(&http, &mut response);
    response
}

/// The file of a link with the flag `U`.
async fn file(http: HttpRequest, state: web::Data<State>, link: web::Path<String>) -> HttpResponse {
    let work = async {
        let pairs = query::parse(http.query_string())?;
        let recipient = value(&pairs, "recipient").unwrap_or("");
        match scanned(&http, &state, &link, recipient, None).await? {
            Scanned::File(file) => Ok(HttpResponse::Ok().content_type("application/jose").body(file)),
            Scanned::Wrong(_) => Err(Fault::internal("a card without a passcode", "its passcode was wrong")),
        }
    };
    finished(&http, work.await)
}

/// The manifest of a link with the flag `P`.
async fn manifest(
    http: HttpRequest,
    state: web::Data<State>,
    link: web::Path<String>,
    payload: web::Payload,
) -> HttpResponse {
    let work = async {
        let body = oauth::bytes(payload).await?;
        let body: Value =
            serde_json::from_slice(&body).map_err(|_| Fault::new(Kind::Malformed, "the body must be JSON"))?;
        let text = |name: &str| body[name].as_str().unwrap_or("");
        let passcode = Some(text("passcode"));
        match scanned(&http, &state, &link, text("recipient"), passcode).await? {
            Scanned::Wrong(left) => Ok(HttpResponse::Unauthorized().json(json!({"remainingAttempts": left}))),
            Scanned::File(file) => listed(&state, &body, file).await,
        }
    };
    finished(&http, work.await)
}

/// Returns a manifest with the file in it, or with an address where the file is too long for the reader.
async fn listed(state: &State, body: &Value, file: String) -> Result<HttpResponse, Fault> {
    let kind = "application/fhir+json";
    let is_short = body["embeddedLengthMax"].as_u64().is_none_or(|max| file.len() as u64 <= max);
    let entry = if is_short {
        json!({"contentType": kind, "embedded": file})
    } else {
        let accounts = state.service.accounts().ok_or_else(nothing)?;
        let secret = secret();
        accounts.store.keep_once(Once::EmergencyFile, &secret, &Value::String(file), DOWNLOAD_TIME_S).await?;
        json!({"contentType": kind, "location": format!("{}{DOWNLOADS}/{secret}", accounts.settings.root_url)})
    };
    Ok(HttpResponse::Ok().json(json!({"files": [entry]})))
}

async fn download_once(http: HttpRequest, state: web::Data<State>, secret: web::Path<String>) -> HttpResponse {
    let work = async {
        let found = state.service.store().take_once(Once::EmergencyFile, &secret).await?;
        match found.as_ref().and_then(Value::as_str) {
            Some(file) => Ok(HttpResponse::Ok().content_type("application/jose").body(file.to_string())),
            None => Err(nothing()),
        }
    };
    finished(&http, work.await)
}

fn nothing() -> Fault {
    Fault::new(Kind::NotFound, "there is no such file, or it was fetched already")
}

async fn scanned(
    http: &HttpRequest,
    state: &State,
    link: &str,
    recipient: &str,
    passcode: Option<&str>,
) -> Result<Scanned, Fault> {
    let visitor = oauth::visitor(http);
    let principal = reader(http, state).await;
    let scan = Scan { link, recipient, passcode, address: &visitor.address };
    state.service.scan(&principal, visitor.request.clone(), &scan).await
}

/// Returns who reads: a person in a session of our own pages, or nobody known. Cookies are SameSite=Lax, so no other site sends them.
async fn reader(http: &HttpRequest, state: &State) -> Principal {
    match Visit::look(http, state).await {
        Ok(Visit { session: Some(session), .. }) => session.principal(),
        _ => Principal::Anonymous,
    }
}

/// Returns the answer with the headers that all of these carry. Whatever is wrong with a link looks alike.
fn finished(http: &HttpRequest, done: Result<HttpResponse, Fault>) -> HttpResponse {
    let mut response = done.unwrap_or_else(|fault| {
        if fault.kind() == Kind::Internal {
            tracing::error!(?fault, "a link of an emergency card failed");
        }
        let status = StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        if let Some(seconds) = fault.retry_after_s() {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        response.json(json!({"error": fault.to_string()}))
    });
    let headers = response.headers_mut();
    render::fleeting(headers);
    cors::allow(headers);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, header::HeaderValue::from_static("no-referrer"));
    if let Ok(id) = header::HeaderValue::from_str(&adapt::request_id(http)) {
        headers.insert(header::HeaderName::from_static("x-request-id"), id);
    }
    response
}
