//! A factor shown again, for what needs a fresh one.

use super::{Form, State, Visit, answered, next, value};
use crate::account::Session;
use crate::account::sign_in::Second;
use crate::fault::{Fault, Kind};
use crate::page::sign_in::StepUp;
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/step-up", web::get().to(form)).route("/step-up", web::post().to(shown));
}

async fn form(http: HttpRequest, state: Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let session = match visit.signed_in() {
            Ok(session) => session,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let wanted = visit.param("next");
        let page = page(&visit, session, next(wanted.as_deref())).await?;
        Ok(visit.page(200, &page))
    })
    .await
}

async fn shown(http: HttpRequest, state: Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let session = match visit.signed_in() {
            Ok(session) => session,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let next = next(value(&form, "next"));
        let page = page(&visit, session, next).await?;
        match check(&visit, session, &form, &page).await {
            Ok(()) => Ok(visit.go(next)),
            Err(fault) => visit.again(fault, |frame| StepUp { frame, ..page }),
        }
    })
    .await
}

async fn page(visit: &Visit, session: &Session, next: &str) -> Result<StepUp, Fault> {
    let account = &session.account;
    let wants_code = visit.accounts.second_factors(account).await?.contains(&Second::Code);
    let (frame, login) = (visit.frame(), account.login.clone());
    Ok(StepUp { frame, next: next.to_string(), login, wants_password: account.password.is_some(), wants_code })
}

/// Looks at everything that is wanted of this person, the password first: a code is used up by looking at it.
async fn check(visit: &Visit, session: &Session, form: &Form, wanted: &StepUp) -> Result<(), Fault> {
    let (account, visitor) = (&session.account, visit.visitor());
    let mut methods = Vec::new();
    if wanted.wants_password {
        let known =
            visit.accounts.check_password(&account.login, value(form, "password").unwrap_or(""), &visitor).await;
        known.map_err(|fault| match fault.kind() {
            Kind::Forbidden => Fault::new(Kind::Forbidden, "The password is wrong."),
            _ => fault,
        })?;
        methods.push("pwd");
    }
    if wanted.wants_code {
        visit.accounts.check_code(account, value(form, "code").unwrap_or(""), &visitor).await?;
        methods.push("otp");
    }
    if methods.is_empty() {
        return Err(Fault::new(Kind::Forbidden, "There is nothing to confirm with. Sign out, and sign in again."));
    }
    visit.accounts.step_up(session, &methods, &visitor).await
}
