//! A factor shown again, for what needs a fresh one.

use super::sign_in::path_with;
use super::{Form, State, Visit, answered, next, value};
use crate::account::sign_in::Second;
use crate::account::{Session, federation, passkey};
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
        let session = visit.signed_in()?;
        let wanted = visit.param("next");
        let page = page(&visit, session, next(wanted.as_deref())).await?;
        Ok(visit.page(200, &page))
    })
    .await
}

async fn shown(http: HttpRequest, state: Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let session = visit.signed_in()?;
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
    let (account, settings) = (&session.account, &visit.accounts.settings);
    let seconds = visit.accounts.second_factors(account).await?;
    let (wants_code, wants_passkey) = (seconds.contains(&Second::Code), seconds.contains(&Second::Passkey));
    let is_linked = !visit.accounts.store.identities_of(account.id).await?.is_empty();
    let ways = federation::button(settings).filter(|_| is_linked);
    Ok(StepUp {
        frame: visit.frame(),
        next: next.to_string(),
        login: account.login.clone(),
        // A password alone is no answer where there is a second factor.
        wants_password: account.password.is_some() && (wants_code || !wants_passkey),
        wants_code,
        wants_passkey,
        unusable: passkey::relying_party(settings).err(),
        ways: ways.map(|(to, words)| (path_with(to, next), words)).into_iter().collect(),
    })
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
