//! For administrators: people, clients and feeds; and for those who watch over privacy.
//!
//! Each page asks for a right, each change for a factor shown lately. Refusals are in the audit.

mod accounts;
mod audit;
mod clients;
mod feeds;
mod messages;

use super::super::State;
use super::{Turned, Visit, answered};
use crate::access::role::{Right, has};
use crate::account::Session;
use crate::fault::{Fault, Kind};
use crate::store::audit::Entry;
use actix_web::{HttpRequest, HttpResponse, web};

/// Rows that a list shows at most.
const ROWS_MAX: usize = 200;

pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/admin", web::get().to(home));
    accounts::routes(config);
    audit::routes(config);
    clients::routes(config);
    feeds::routes(config);
    messages::routes(config);
}

async fn home(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let session = visit.signed_in()?;
        if has(&session.account.roles, Right::Audit) && !has(&session.account.roles, Right::ManageAccounts) {
            return Ok(visit.go("/admin/alerts"));
        }
        let session = allowed(&visit, Right::ManageAccounts).await?;
        let has_clients = has(&session.account.roles, Right::ManageClients);
        Ok(visit.go(if has_clients { "/admin/clients" } else { "/admin/accounts" }))
    };
    answered(&http, &state, work).await
}

/// Returns the session of a person who has the right, or the way to the sign-in page.
async fn allowed(visit: &Visit, right: Right) -> Result<&Session, Turned> {
    let session = visit.signed_in()?;
    if has(&session.account.roles, right) {
        return Ok(session);
    }
    let request = visit.visitor().request;
    let entry = Entry::event("admin", &request, &session.account.id.to_string(), 403);
    visit.accounts.recorder.note(entry.with_detail(format!("has no right to {right:?}"))).await;
    Err(Fault::new(Kind::Forbidden, "your roles do not include this").into())
}

/// The same for a change, which wants a factor shown lately; `back` is where to go once it was.
async fn allowed_to_change<'a>(visit: &'a Visit, right: Right, back: &str) -> Result<&'a Session, Turned> {
    allowed(visit, right).await?;
    visit.fresh(back)
}

/// Notes that somebody with the right tried what is not theirs to do.
async fn refused(visit: &Visit, session: &Session, fault: &Fault) {
    if fault.kind() == Kind::Forbidden {
        let request = visit.visitor().request;
        let entry = Entry::event("admin", &request, &session.account.id.to_string(), 403);
        visit.accounts.recorder.note(entry.with_detail("the change is not theirs to make")).await;
    }
}

/// Returns a parameter of the address, trimmed.
fn parameter(visit: &Visit, name: &str) -> String {
    visit.param(name).unwrap_or_default().trim().to_string()
}
