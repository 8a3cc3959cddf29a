//! Passkeys: making them, taking them away, and signing in with them.
//!
//! The script of the page asks for options and sends what the browser made of them, both as JSON: `begin`, then `add` or
//! `use`. Every request carries the CSRF token of its page in `X-CSRF-Token`.

use super::super::{State, oauth};
use super::{Form, Visit, answered, asset, guard, record, sign_in, value};
use crate::account::passkey::{self, Answer};
use crate::account::sign_in::Waiting;
use crate::account::{Accounts, Session};
use crate::fault::{Fault, Kind};
use crate::page::passkey::{Key, Passkeys, SCRIPT, UsePasskey};
use crate::page::{day, sentence};
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/assets/passkey.js", web::get().to(script))
        .route("/account/passkeys", web::get().to(list))
        .route("/account/passkeys", web::post().to(remove))
        .route("/account/passkeys/begin", web::post().to(begin_add))
        .route("/account/passkeys/add", web::post().to(add))
        .route("/login/passkey", web::get().to(ask))
        .route("/passkey/begin", web::post().to(begin_use))
        .route("/passkey/use", web::post().to(use_key));
}

async fn list(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let session = visit.signed_in()?;
        let notice = match http.query_string() {
            "added" => Some("The passkey was added."),
            "removed" => Some("The passkey was removed."),
            _ => None,
        };
        let page = page(&visit, session, notice, None).await?;
        Ok(visit.page(200, &page))
    })
    .await
}

async fn remove(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form): (Visit, Form) = Visit::post(&http, &state, payload).await?;
        let session = visit.signed_in()?;
        let id = value(&form, "remove").and_then(passkey::id_of);
        let id = id.ok_or_else(|| Fault::new(Kind::Invalid, "the form names no passkey"))?;
        match visit.accounts.remove_passkey(session, &id, &oauth::visitor(&http)).await {
            Ok(()) => Ok(visit.go("/account/passkeys?removed")),
            Err(fault) if fault.kind() == Kind::BusinessRule => {
                let page = page(&visit, session, None, Some(fault.to_string())).await?;
                Ok(visit.page(fault.status(), &page))
            }
            Err(fault) => Err(fault.into()),
        }
    })
    .await
}

async fn page(
    visit: &Visit,
    session: &Session,
    notice: Option<&str>,
    error: Option<String>,
) -> Result<Passkeys, Fault> {
    let keys = visit.accounts.store.passkeys_of(session.account.id).await?;
    let keys = keys.into_iter().map(|row| Key {
        id: passkey::name_of(&row.id),
        name: row.name,
        created: day(row.created),
        used: row.used.map(day),
    });
    let mut frame = visit.frame();
    (frame.notice, frame.error) = (notice.map(str::to_string), error.map(|text| sentence(&text)));
    Ok(Passkeys {
        frame,
        keys: keys.collect(),
        unusable: passkey::relying_party(&visit.accounts.settings).err(),
        is_fresh: session.is_fresh(&visit.accounts.settings),
    })
}

/// Signs in, or confirms that it is still the same person, with a passkey and nothing else.
async fn ask(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let query = crate::rest::query::parse(http.query_string())?;
        let next = super::next(value(&query, "next")).to_string();
        let another = sign_in::path_with(if visit.session.is_some() { "/step-up" } else { "/login" }, &next);
        let unusable = passkey::relying_party(&visit.accounts.settings).err();
        Ok(visit.page(200, &UsePasskey { frame: visit.frame(), next, another, unusable }))
    })
    .await
}

async fn begin_add(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    told(&http, &state, async {
        let (visit, body) = asked(&http, &state, payload).await?;
        let name = body["name"].as_str().unwrap_or("");
        let options = visit.accounts.begin_passkey(signed_in(&visit)?, name, &visit.csrf).await?;
        Ok(answer(200, &options))
    })
    .await
}

async fn add(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    told(&http, &state, async {
        let (visit, mut body) = asked(&http, &state, payload).await?;
        let (credential, state) = (body["credential"].take(), body["state"].as_str().unwrap_or(""));
        let given = Answer { state, visit: &visit.csrf, credential };
        visit.accounts.add_passkey(signed_in(&visit)?, given, &oauth::visitor(&http)).await?;
        Ok(answer(200, &json!({"next": "/account/passkeys?added"})))
    })
    .await
}

/// Returns the sign-in whose second factor the body is about; none when it is about a sign-in by the key alone, or a session.
async fn waiting(visit: &Visit, body: &Value) -> Result<Option<(String, Waiting)>, Fault> {
    if body["step"] != "factor" {
        return Ok(None);
    }
    let text = "the sign-in took too long: begin again";
    sign_in::waiting(visit).await?.map(Some).ok_or_else(|| Fault::new(Kind::Forbidden, text))
}

/// Asks for a key of the person who is signed in, or whose sign-in waits for it, or of anybody.
async fn begin_use(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    told(&http, &state, async {
        let (visit, body) = asked(&http, &state, payload).await?;
        let waiting = waiting(&visit, &body).await?;
        let person = match &waiting {
            Some((_, found)) => Some(&found.account),
            None => visit.session.as_ref().map(|session| &session.account),
        };
        let options = visit.accounts.ask_passkey(person, &visit.csrf, &oauth::visitor(&http)).await?;
        Ok(answer(200, &options))
    })
    .await
}

/// Signs in, ends a sign-in that waited for the key, or makes a session fresh.
async fn use_key(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    told(&http, &state, async {
        let (visit, mut body) = asked(&http, &state, payload).await?;
        let waiting = waiting(&visit, &body).await?;
        let (credential, state) = (body["credential"].take(), body["state"].as_str().unwrap_or(""));
        let (accounts, visitor): (&Accounts, _) = (&visit.accounts, oauth::visitor(&http));
        let given = Answer { state, visit: &visit.csrf, credential };
        let response = answer(200, &json!({"next": super::next(body["next"].as_str())}));
        let secret = match (&waiting, &visit.session) {
            (Some((waiting, _)), _) => accounts.finish_by_passkey(waiting, given, &visitor).await?,
            (None, Some(session)) => {
                accounts.step_up_by_passkey(session, given, &visitor).await?;
                return Ok(response);
            }
            (None, None) => accounts.sign_in_by_passkey(given, &visitor).await?,
        };
        sign_in::signed_in(&visit, response, &secret).await
    })
    .await
}

/// Returns the visit and the body of a request of our script.
async fn asked(http: &HttpRequest, state: &State, payload: web::Payload) -> Result<(Visit, Value), Fault> {
    let visit = Visit::look(http, state).await?;
    let told = http.headers().get("x-csrf-token").and_then(|v| v.to_str().ok()).unwrap_or("");
    visit.demand_ours(told)?;
    let body: Option<Value> = serde_json::from_slice(&oauth::bytes(payload).await?).ok();
    let body = body.filter(Value::is_object);
    Ok((visit, body.ok_or_else(|| Fault::new(Kind::Malformed, "the body is no JSON object"))?))
}

fn signed_in(visit: &Visit) -> Result<&Session, Fault> {
    let text = "you are not signed in any more: reload the page";
    visit.session.as_ref().ok_or_else(|| Fault::new(Kind::Unauthorized, text))
}

/// Answers our script, with what went wrong in words.
async fn told(
    http: &HttpRequest,
    state: &State,
    work: impl Future<Output = Result<HttpResponse, Fault>>,
) -> HttpResponse {
    let mut response = match work.await {
        Ok(response) => response,
        Err(fault) => {
            record(http, state, &fault).await;
            if fault.kind() == Kind::Internal {
                tracing::error!(?fault, "a passkey failed");
            } else {
                tracing::debug!(?fault, "a passkey was refused");
            }
            let mut response = answer(fault.status(), &json!({"error": sentence(&fault.to_string())}));
            if let Some(seconds) = fault.retry_after_s() {
                response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
            }
            response
        }
    };
    guard(http, &mut response);
    response
}

fn answer(status: u16, body: &Value) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).content_type("application/json").body(body.to_string())
}

async fn script(http: HttpRequest) -> HttpResponse {
    asset(&http, "text/javascript; charset=utf-8", SCRIPT)
}
