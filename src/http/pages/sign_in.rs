//! Signing in and out: password, second factor, session; and what all ways to sign in share.

use super::{Form, State, Turned, Visit, answered, cookie, next, value};
use crate::account::sign_in::{BETWEEN_S, Second, Step, Waiting};
use crate::account::{federation, passkey};
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
        // OpenID Connect Core 3.1.2.1: what an app's `login_hint` says.
        let login = visit.param("login").unwrap_or_default();
        Ok(visit.page(200, &page(&visit, visit.frame(), &next, &login)))
    })
    .await
}

async fn password(http: HttpRequest, state: Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let (login, password) = (value(&form, "login").unwrap_or(""), value(&form, "password").unwrap_or(""));
        let next = next(value(&form, "next"));
        match visit.accounts.sign_in(login, password, &visit.visitor()).await {
            Ok(step) => go_on(&visit, &step, next).await,
            Err(fault) => visit.again(fault, |frame| page(&visit, frame, next, login)),
        }
    })
    .await
}

async fn factor(http: HttpRequest, state: Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let wanted = visit.param("next");
        let next = next(wanted.as_deref());
        match waiting(&visit).await? {
            Some((_, found)) => Ok(visit.page(200, &factor_page(&visit, &found, next).await?)),
            None => Ok(visit.go(&path_with("/login", next))),
        }
    })
    .await
}

async fn code(http: HttpRequest, state: Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let next = next(value(&form, "next"));
        let Some((waiting, found)) = waiting(&visit).await? else {
            return Ok(visit.go(&path_with("/login", next)));
        };
        match checked(&visit, &waiting, &found, &form).await {
            Ok(secret) => Ok(signed_in(&visit, visit.go(next), &secret).await?),
            Err(fault) => {
                let page = factor_page(&visit, &found, next).await?;
                visit.again(fault, |frame| Factor { frame, ..page })
            }
        }
    })
    .await
}

/// Returns the secret of the session that a right code begins.
async fn checked(visit: &Visit, waiting: &str, found: &Waiting, form: &Form) -> Result<String, Fault> {
    let visitor = visit.visitor();
    visit.accounts.check_code(&found.account, value(form, "code").unwrap_or(""), &visitor).await?;
    visit.accounts.finish_sign_in(waiting, &["otp"], &visitor).await
}

/// Returns the page that asks for a second factor: those that this person has.
async fn factor_page(visit: &Visit, found: &Waiting, next: &str) -> Result<Factor, Fault> {
    let seconds = visit.accounts.second_factors(&found.account).await?;
    Ok(Factor {
        frame: visit.frame(),
        next: next.to_string(),
        wants_code: seconds.contains(&Second::Code),
        wants_passkey: seconds.contains(&Second::Passkey),
        unusable: passkey::relying_party(&visit.accounts.settings).err(),
    })
}

/// Returns the sign-in of this browser that waits for a second factor, and its secret.
pub(super) async fn waiting(visit: &Visit) -> Result<Option<(String, Waiting)>, Fault> {
    let Some(secret) = cookie(&visit.http, &visit.accounts, WAITING) else { return Ok(None) };
    Ok(visit.accounts.waiting(&secret).await?.map(|found| (secret, found)))
}

/// Returns the answer to a first factor: on to where the person wanted to go, or to the second one.
pub(super) async fn go_on(visit: &Visit, step: &Step, next: &str) -> Result<HttpResponse, Turned> {
    match step {
        Step::Done(secret) => Ok(signed_in(visit, visit.go(next), secret).await?),
        Step::Factor(secret) => {
            let mut response = visit.go(&path_with("/login/factor", next));
            let mut waiting = visit.cookie(WAITING, secret);
            waiting.set_max_age(Duration::seconds(BETWEEN_S));
            // A header that cannot be written is no cookie; then the person signs in again.
            let _ = response.add_cookie(&waiting);
            Ok(response)
        }
    }
}

async fn sign_out(http: HttpRequest, state: Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let visit = match Visit::post(&http, &state, payload).await {
            Ok((visit, _)) => visit,
            // Who is not signed in any more has what they wanted.
            Err(fault) if fault.kind() == Kind::Forbidden => {
                let visit = Visit::look(&http, &state).await?;
                if visit.session.is_some() {
                    return Err(fault.into());
                }
                return Ok(visit.go("/login"));
            }
            Err(fault) => return Err(fault.into()),
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

/// Puts a session that begins on the answer. The session that this browser had before ends.
pub(super) async fn signed_in(visit: &Visit, mut response: HttpResponse, secret: &str) -> Result<HttpResponse, Fault> {
    if let Some(before) = &visit.session {
        visit.accounts.end_session(before).await?;
    }
    visit.sign_in(&mut response, secret);
    visit.forget(&mut response, WAITING);
    Ok(response)
}

/// Returns the sign-in page, with the login that was typed before.
fn page(visit: &Visit, frame: Frame, next: &str, login: &str) -> Login {
    let settings = &visit.accounts.settings;
    let login = login.chars().filter(|c| !c.is_control()).take(100).collect();
    let has_passkeys = passkey::relying_party(settings).is_ok();
    let ways = federation::button(settings).into_iter().map(|(to, words)| (path_with(to, next), words));
    Login { frame, next: next.to_string(), login, has_passkeys, ways: ways.collect() }
}

/// Returns the address of a page that leads on to `next`.
pub(super) fn path_with(path: &str, next: &str) -> String {
    let mut to = format!("{path}?next=");
    crate::rest::query::encode(&mut to, next);
    to
}
