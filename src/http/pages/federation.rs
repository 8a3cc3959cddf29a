//! Signing in through an outside identity provider, and linking an account to it.

use super::super::{State, oauth};
use super::{Form, Visit, answered, value};
use crate::account::Session;
use crate::account::federation::{Arrival, Known, Missing, RETURN_PATH, Returned};
use crate::fault::{Fault, Kind};
use crate::page::outside::{Identity, Outside};
use actix_web::{HttpRequest, HttpResponse, web};

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/login/outside", web::get().to(begin))
        .route(RETURN_PATH, web::get().to(done))
        .route("/account/outside", web::get().to(list))
        .route("/account/outside", web::post().to(change));
}

/// Sends a visitor to the provider; who is signed in already shows a factor there again.
async fn begin(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let query = crate::rest::query::parse(http.query_string())?;
        let next = super::next(value(&query, "next"));
        let is_again = visit.session.is_some();
        let to = visit.accounts.begin_federation(None, is_again, next, &visit.csrf, &oauth::visitor(&http)).await?;
        Ok(visit.go(&to))
    })
    .await
}

/// Takes in who comes back.
async fn done(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let query = crate::rest::query::parse(http.query_string())?;
        let returned = Returned {
            state: value(&query, "state").unwrap_or(""),
            code: value(&query, "code"),
            error: value(&query, "error"),
            issuer: value(&query, "iss"),
            visit: &visit.csrf,
        };
        let visitor = oauth::visitor(&http);
        match visit.accounts.finish_federation(&returned, visit.session.as_ref(), &visitor).await? {
            Arrival::Linked => Ok(visit.go("/account/outside?linked")),
            Arrival::Known(known) => arrived(&visit, &known).await,
        }
    })
    .await
}

/// Signs in who is known, unless a second factor of theirs is still to be shown.
async fn arrived(visit: &Visit, known: &Known) -> Result<HttpResponse, Fault> {
    match visit.accounts.missing_factor(known).await? {
        Missing::Nothing => {}
        Missing::Passkey => {
            let mut to = "/login/passkey?next=".to_string();
            crate::rest::query::encode(&mut to, &known.next);
            return Ok(visit.go(&to));
        }
        Missing::Code => {
            let text = "your account here has a second factor, which this sign-in does not stand in for: sign in with \
                        your password and your second factor";
            return Err(Fault::new(Kind::Forbidden, text));
        }
    }
    let secret = visit.accounts.begin_outside_session(known, &oauth::visitor(&visit.http)).await?;
    // A session that this browser had before ends.
    if let Some(before) = &visit.session {
        visit.accounts.end_session(before).await?;
    }
    let mut response = visit.go(&known.next);
    visit.sign_in(&mut response, &secret);
    Ok(response)
}

async fn list(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let session = match visit.signed_in() {
            Ok(session) => session,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let notice = match http.query_string() {
            "linked" => Some("Your account is linked."),
            "unlinked" => Some("The link was removed."),
            _ => None,
        };
        let page = page(&visit, session, notice, None).await?;
        Ok(visit.page(200, &page))
    })
    .await
}

/// Begins to link, or takes a link away.
async fn change(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form): (Visit, Form) = Visit::post(&http, &state, payload).await?;
        let session = match visit.signed_in() {
            Ok(session) => session,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let visitor = oauth::visitor(&http);
        if value(&form, "do") == Some("link") {
            let next = "/account/outside";
            let to = visit.accounts.begin_federation(Some(session), false, next, &visit.csrf, &visitor).await?;
            return Ok(visit.go(&to));
        }
        let named = value(&form, "issuer").zip(value(&form, "subject"));
        let (issuer, subject) = named.ok_or_else(|| Fault::new(Kind::Invalid, "the form names no link"))?;
        match visit.accounts.unlink_identity(session, issuer, subject, &visitor).await {
            Ok(()) => Ok(visit.go("/account/outside?unlinked")),
            Err(fault) if fault.kind() == Kind::BusinessRule => {
                let page = page(&visit, session, None, Some(fault.to_string())).await?;
                Ok(visit.page(fault.status(), &page))
            }
            Err(fault) => Err(fault),
        }
    })
    .await
}

async fn page(visit: &Visit, session: &Session, notice: Option<&str>, error: Option<String>) -> Result<Outside, Fault> {
    let identities = visit.accounts.store.identities_of(session.account.id).await?;
    let mut frame = visit.frame();
    (frame.notice, frame.error) = (notice.map(str::to_string), error);
    Ok(Outside {
        frame,
        provider: visit.accounts.settings.federation.as_ref().map(|provider| provider.name.clone()),
        identities: identities.into_iter().map(|(issuer, subject)| Identity { issuer, subject }).collect(),
        is_fresh: session.is_fresh(&visit.accounts.settings),
    })
}
