//! Account settings: what is known of the person, password, authenticator app, recovery codes.

use super::reset::same_twice;
use super::{Form, State, Visit, answered, value};
use crate::account::Session;
use crate::account::factor::Setup;
use crate::fault::Fault;
use crate::page::account::{Authenticator, AuthenticatorSetup, Overview, Password, RecoveryCodes};
use crate::page::{self, Frame};
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

const AUTHENTICATOR: &str = "/account/authenticator";

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/account", web::get().to(overview))
        .route("/account/password", web::get().to(password))
        .route("/account/password", web::post().to(set_password))
        .route(AUTHENTICATOR, web::get().to(authenticator))
        .route("/account/authenticator/{deed}", web::post().to(change_authenticator));
}

async fn overview(http: HttpRequest, state: Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let session = visit.signed_in()?;
        let account = &session.account;
        let page = Overview {
            frame: visit.frame(),
            login: account.login.clone(),
            name: account.name.clone(),
            email: account.email.clone(),
            person: account.fhir_user.as_ref().map(|(t, id)| format!("{t}/{id}")),
            roles: account.roles.iter().map(|role| role.name().replace('-', " ")).collect(),
            has_password: account.password.is_some(),
            has_authenticator: account.totp.is_some(),
            codes_left: visit.accounts.store.recovery_codes_left(account.id).await?,
            passkeys: visit.accounts.store.passkeys_of(account.id).await?.len(),
            provider: visit.accounts.settings.federation.as_ref().map(|provider| provider.name.clone()),
            is_linked: !visit.accounts.store.identities_of(account.id).await?.is_empty(),
            sessions: visit.accounts.sessions(account).await?.len(),
        };
        Ok(visit.page(200, &page))
    })
    .await
}

async fn password(http: HttpRequest, state: Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let session = visit.signed_in()?;
        Ok(visit.page(200, &password_page(visit.frame(), session)))
    })
    .await
}

fn password_page(frame: Frame, session: &Session) -> Password {
    Password { frame, login: session.account.login.clone(), has_password: session.account.password.is_some() }
}

async fn set_password(http: HttpRequest, state: Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let session = visit.signed_in()?;
        if session.account.password.is_none() {
            // Without a password a fresh factor says that it is this person.
            visit.fresh("/account/password")?;
        }
        if let Err(fault) = changed(&visit, session, &form).await {
            return visit.again(fault, |frame| password_page(frame, session));
        }
        let words = ["Your password is changed. All other sessions have ended."];
        Ok(visit.message(200, "The password is changed", &words, &[("/account", "My account")]))
    })
    .await
}

async fn changed(visit: &Visit, session: &Session, form: &Form) -> Result<(), Fault> {
    let new = same_twice(form)?;
    let (current, ends_apps) = (value(form, "current").unwrap_or(""), value(form, "apps").is_some());
    visit.accounts.change_password(session, current, new, ends_apps, &visit.visitor()).await
}

async fn authenticator(http: HttpRequest, state: Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let account = &visit.signed_in()?.account;
        let codes_left = visit.accounts.store.recovery_codes_left(account.id).await?;
        Ok(visit.page(200, &Authenticator { frame: visit.frame(), is_set: account.totp.is_some(), codes_left }))
    })
    .await
}

async fn change_authenticator(
    http: HttpRequest,
    state: Data<State>,
    deed: web::Path<String>,
    payload: Payload,
) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let account = &visit.fresh(AUTHENTICATOR)?.account;
        match (deed.as_str(), account.totp.is_some()) {
            ("begin", false) => Ok(visit.page(200, &setup_page(visit.frame(), visit.accounts.begin_totp(account)?))),
            ("confirm", false) => {
                let setup = visit.accounts.reopen_totp(account, value(&form, "setup").unwrap_or(""))?;
                let code = value(&form, "code").unwrap_or("");
                match visit.accounts.confirm_totp(account, &setup, code, &visit.visitor()).await {
                    Ok(codes) => Ok(visit.page(200, &RecoveryCodes { frame: visit.frame(), codes })),
                    Err(fault) => visit.again(fault, |frame| setup_page(frame, setup)),
                }
            }
            ("codes", true) => {
                let codes = visit.accounts.new_recovery_codes(account, &visit.visitor()).await?;
                Ok(visit.page(200, &RecoveryCodes { frame: visit.frame(), codes }))
            }
            ("remove", true) => {
                visit.accounts.remove_totp(account, &visit.visitor()).await?;
                Ok(visit.go("/account"))
            }
            // Done in another window meanwhile.
            _ => Ok(visit.go(AUTHENTICATOR)),
        }
    })
    .await
}

fn setup_page(frame: Frame, setup: Setup) -> AuthenticatorSetup {
    let letters: Vec<char> = setup.secret.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    AuthenticatorSetup {
        frame,
        qr: page::qr(&setup.uri),
        secret: groups.join(" "),
        uri: setup.uri,
        sealed: setup.sealed,
    }
}
