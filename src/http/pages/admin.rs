//! For administrators: people and clients.
//!
//! Each page asks for a right, each change for a factor shown lately. Refusals are in the audit.

mod clients;

use super::super::State;
use super::{Visit, answered};
use crate::access::role::{Right, has};
use crate::account::Session;
use crate::fault::{Fault, Kind};
use crate::store::audit::Entry;
use actix_web::{HttpRequest, HttpResponse, web};

/// Rows that a list shows at most.
const ROWS_MAX: usize = 200;

pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/admin", web::get().to(home));
    clients::routes(config);
}

async fn home(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        match allowed(&visit, Right::ManageAccounts).await? {
            Ok(session) if has(&session.account.roles, Right::ManageClients) => Ok(visit.go("/admin/clients")),
            Ok(_) => Ok(visit.go("/admin/accounts")),
            Err(turned) => Ok(turned),
        }
    };
    answered(&http, &state, work).await
}

/// Returns the session of a person who has the right, or the way to the sign-in page.
async fn allowed(visit: &Visit, right: Right) -> Result<Result<&Session, HttpResponse>, Fault> {
    let session = match visit.signed_in() {
        Ok(session) => session,
        Err(turned) => return Ok(Err(turned)),
    };
    if has(&session.account.roles, right) {
        return Ok(Ok(session));
    }
    let request = super::oauth::visitor(&visit.http).request;
    let entry = Entry::event("admin", &request, &session.account.id.to_string(), 403);
    visit.accounts.recorder.record(entry.with_detail(format!("has no right to {right:?}"))).await;
    Err(Fault::new(Kind::Forbidden, "your roles do not include this"))
}

/// The same for a change: where no factor was shown lately, the way to show one, and then back.
async fn allowed_to_change<'a>(
    visit: &'a Visit,
    right: Right,
    back: &str,
) -> Result<Result<&'a Session, HttpResponse>, Fault> {
    let session = match allowed(visit, right).await? {
        Ok(session) if !session.is_fresh(&visit.accounts.settings) => {
            let mut to = "/step-up?next=".to_string();
            crate::rest::query::encode(&mut to, back);
            return Ok(Err(visit.go(&to)));
        }
        done => done,
    };
    Ok(session)
}

/// Returns a parameter of the address, trimmed.
fn parameter(http: &HttpRequest, name: &str) -> String {
    let pairs = crate::rest::query::parse(http.query_string()).unwrap_or_default();
    super::value(&pairs, name).unwrap_or("").trim().to_string()
}
