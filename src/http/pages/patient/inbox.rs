//! Messages to a person: Communications, the newest first.

use super::super::ask::{self, Asker, matches};
use super::super::{State, Visit, answered, told};
use super::Own;
use crate::fault::Fault;
use crate::page::patient::{Inbox, Notice};
use actix_web::{HttpRequest, HttpResponse, web};

/// Messages on one page.
const PAGE: &str = "20";

/// Where a notice leads, by how its code begins.
const OF_PATIENTS: &[(&str, &str, &str)] = &[
    ("consent-request", "/patient/requests", "Answer"),
    ("consent", "/patient/sharing", "Who may see what"),
    ("break-glass", "/patient/log", "Who looked at the record"),
    ("emergency", "/patient/log", "Who looked at the record"),
];
const OF_STAFF: &[(&str, &str, &str)] =
    &[("consent", "/clinician/requests", "My requests"), ("break-glass", "/clinician", "Open access")];

pub async fn show(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let own = Own::of(&state, &visit, visit.signed_in()?).await?;
        let reader = format!("Patient/{}", own.patient);
        Ok(inbox_page(&state, &visit, &own.asker, &reader, "/patient/inbox").await?)
    };
    answered(&http, &state, work).await
}

/// Returns the messages to a reader as a page, which is at `place`.
pub async fn inbox_page(
    state: &State,
    visit: &Visit,
    asker: &Asker,
    reader: &str,
    place: &str,
) -> Result<HttpResponse, Fault> {
    let after = visit.param("after");
    let mut pairs = vec![("recipient", reader), ("_sort", "-sent"), ("_count", PAGE)];
    pairs.extend(after.as_deref().map(|after| ("_cursor", after)));
    let bundle = asker.search(&state.service, ask::type_of("Communication"), &pairs).await?;
    let next = ask::next(&bundle).map(|cursor| {
        let mut to = format!("{place}?after=");
        crate::rest::query::encode(&mut to, &cursor);
        to
    });
    let notices = matches(&bundle).iter().map(|one| told::notice(one, leads(reader))).collect();
    Ok(visit.page(200, &Inbox { frame: visit.frame(), notices, next }))
}

/// Returns the latest messages to a reader.
pub async fn latest(state: &State, asker: &Asker, reader: &str, count: &str) -> Result<Vec<Notice>, Fault> {
    let pairs = [("recipient", reader), ("_sort", "-sent"), ("_count", count)];
    let found = asker.found(&state.service, ask::type_of("Communication"), &pairs).await?;
    Ok(found.iter().map(|one| told::notice(one, leads(reader))).collect())
}

fn leads(reader: &str) -> &'static [(&'static str, &'static str, &'static str)] {
    if reader.starts_with("Patient/") { OF_PATIENTS } else { OF_STAFF }
}
