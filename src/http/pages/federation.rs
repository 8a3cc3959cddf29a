//! Signing in through an outside identity provider, and linking an account to it.

use super::super::{State, oauth};
use super::{Form, Visit, answered, sign_in, value};
use crate::account::Session;
use crate::account::federation::{Arrival, RETURN_PATH, Returned};
use crate::fault::{Fault, Kind};
use crate::page::outside::{Identity, Outside};
use crate::page::sentence;
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
            Arrival::Known(known) => {
                let step = visit.accounts.sign_in_known(&known, &visitor).await?;
                sign_in::go_on(&visit, &step, &known.next).await
            }
        }
    })
    .await
}

async fn list(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let session = visit.signed_in()?;
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
        let session = visit.signed_in()?;
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
            Err(fault) => Err(fault.into()),
        }
    })
    .await
}

async fn page(visit: &Visit, session: &Session, notice: Option<&str>, error: Option<String>) -> Result<Outside, Fault> {
    let identities = visit.accounts.store.identities_of(session.account.id).await?;
    let mut frame = visit.frame();
    (frame.notice, frame.error) = (notice.map(str::to_string), error.map(|text| sentence(&text)));
    Ok(Outside {
        frame,
        provider: visit.accounts.settings.federation.as_ref().map(|provider| provider.name.clone()),
        identities: identities.into_iter().map(|(issuer, subject)| Identity { issuer, subject }).collect(),
        is_fresh: session.is_fresh(&visit.accounts.settings),
    })
}
