//! Signing in and out: password, second factor, session.

use super::{Form, State, Visit, answered, cookie, next, value};
use crate::account::sign_in::{BETWEEN_S, Step};
use crate::fault::{Fault, Kind};
use crate::page::Frame;
use crate::page::sign_in::{Factor, Login};
use actix_web::cookie::time::Duration;
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

/// The cookie of a sign-in between its two factors.
const WAITING: &str = "medilink-factor";

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/login", web::get().to(login))
        .route("/login", web::post().to(password))
        .route("/login/factor", web::get().to(factor))
        .route("/login/factor", web::post().to(code))
        .route("/logout", web::post().to(sign_out));
}

async fn login(http: HttpRequest, state: Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let wanted = visit.param("next");
        let next = next(wanted.as_deref()).to_string();
        if visit.session.is_some() {
            return Ok(visit.go(&next));
        }
        Ok(visit.page(200, &page(visit.frame(), &next, "")))
    })
    .await
}

async fn password(http: HttpRequest, state: Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let (login, password) = (value(&form, "login").unwrap_or(""), value(&form, "password").unwrap_or(""));
        let next = next(value(&form, "next"));
        match visit.accounts.sign_in(login, password, &visit.visitor()).await {
            Ok(Step::Done(secret)) => signed_in(&visit, &secret, next).await,
            Ok(Step::Factor(secret)) => {
                let mut response = visit.go(&path_with("/login/factor", next));
                let mut waiting = visit.cookie(WAITING, &secret);
                waiting.set_max_age(Duration::seconds(BETWEEN_S));
                // A header that cannot be written is no cookie; then the person signs in again.
                let _ = response.add_cookie(&waiting);
                Ok(response)
            }
            Err(fault) => visit.again(fault, |frame| page(frame, next, login)),
        }
    })
    .await
}

async fn factor(http: HttpRequest, state: Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let wanted = visit.param("next");
        let next = next(wanted.as_deref());
        let waiting = cookie(&http, &visit.accounts, WAITING);
        let account = match &waiting {
            Some(secret) => visit.accounts.waiting(secret).await?,
            None => None,
        };
        if account.is_none() {
            return Ok(visit.go(&path_with("/login", next)));
        }
        Ok(visit.page(200, &Factor { frame: visit.frame(), next: next.to_string() }))
    })
    .await
}

async fn code(http: HttpRequest, state: Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let next = next(value(&form, "next"));
        match checked(&visit, &form).await {
            Ok(Some(secret)) => {
                let mut response = signed_in(&visit, &secret, next).await?;
                visit.forget(&mut response, WAITING);
                Ok(response)
            }
            Ok(None) => Ok(visit.go(&path_with("/login", next))),
            Err(fault) => visit.again(fault, |frame| Factor { frame, next: next.to_string() }),
        }
    })
    .await
}

/// Returns the secret of the session that a right code begins; none when no sign-in waits for one.
async fn checked(visit: &Visit, form: &Form) -> Result<Option<String>, Fault> {
    let Some(waiting) = cookie(&visit.http, &visit.accounts, WAITING) else { return Ok(None) };
    let Some(account) = visit.accounts.waiting(&waiting).await? else { return Ok(None) };
    let visitor = visit.visitor();
    visit.accounts.check_code(&account, value(form, "code").unwrap_or(""), &visitor).await?;
    visit.accounts.finish_sign_in(&waiting, "otp", &visitor).await.map(Some)
}

async fn sign_out(http: HttpRequest, state: Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let visit = match Visit::post(&http, &state, payload).await {
            Ok((visit, _)) => visit,
            // Who is not signed in any more has what they wanted.
            Err(fault) if fault.kind() == Kind::Forbidden => {
                let visit = Visit::look(&http, &state).await?;
                if visit.session.is_some() {
                    return Err(fault);
                }
                return Ok(visit.go("/login"));
            }
            Err(fault) => return Err(fault),
        };
        if let Some(session) = &visit.session {
            visit.accounts.sign_out(session, &visit.visitor()).await?;
        }
        let mut response = visit.go("/login");
        visit.sign_out(&mut response);
        Ok(response)
    })
    .await
}

/// Returns the answer to a sign-in that is done. A session that this browser had before ends.
async fn signed_in(visit: &Visit, secret: &str, next: &str) -> Result<HttpResponse, Fault> {
    if let Some(before) = &visit.session {
        visit.accounts.end_session(before).await?;
    }
    let mut response = visit.go(next);
    visit.sign_in(&mut response, secret);
    Ok(response)
}

/// Returns the sign-in page, with what was typed before.
fn page(frame: Frame, next: &str, login: &str) -> Login {
    let login = login.chars().filter(|c| !c.is_control()).take(100).collect();
    Login { frame, next: next.to_string(), login, ways: Vec::new() }
}

fn path_with(path: &str, next: &str) -> String {
    let mut to = format!("{path}?next=");
    crate::rest::query::encode(&mut to, next);
    to
}
