//! `/account/apps`: what the signed-in person has let in, and the end of it. SMART's `management_endpoint`.

use super::super::State;
use super::{Visit, answered, value};
use crate::access::scope::Scope;
use crate::account::Session;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceType};
use crate::oauth::wording;
use crate::page;
use crate::page::apps::{App, Apps};
use crate::store::audit::Entry;
use crate::store::identity::authorization::Authorization;
use actix_web::{HttpRequest, HttpResponse, web};
use uuid::Uuid;

const PLACE: &str = "/account/apps";

pub fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource(PLACE).route(web::get().to(list)).route(web::post().to(end)));
}

async fn list(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let session = visit.signed_in()?;
        let mut frame = visit.frame();
        if http.query_string() == "stopped" {
            frame.notice = Some("Stopped. It has no access through you any more.".to_string());
        }
        Ok(visit.page(200, &Apps { frame, apps: apps(&visit, session).await? }))
    };
    answered(&http, &state, work).await
}

/// Returns one entry for each app, the one used last first, whatever number of launches it had.
async fn apps(visit: &Visit, session: &Session) -> Result<Vec<App>, Fault> {
    let accounts = &visit.accounts;
    let account = &session.account;
    let sessions = accounts.sessions(account).await?;
    // What was allowed online has ended with its session, though nobody has written that down yet.
    let lasts = |it: &Authorization| it.session.is_none_or(|hash| sessions.iter().any(|row| row.hash == hash));
    let mut groups: Vec<(String, Vec<Authorization>)> = Vec::new();
    for one in accounts.store.authorizations_of(account.id).await?.into_iter().filter(lasts) {
        match groups.iter_mut().find(|(client, _)| *client == one.client) {
            Some((_, all)) => all.push(one),
            None => groups.push((one.client.clone(), vec![one])),
        }
    }
    let mut apps = Vec::with_capacity(groups.len());
    for (id, all) in groups {
        let client = accounts.store.client(&id).await?;
        let name = client.map_or_else(|| id.clone(), |client| client.metadata.client_name);
        apps.push(app(session, id, name, &all));
    }
    Ok(apps)
}

fn app(session: &Session, client: String, name: String, all: &[Authorization]) -> App {
    let own = session.account.fhir_user.as_ref().filter(|(t, _)| *t == ResourceType::PATIENT);
    let own = own.map(|(_, id)| id.to_string());
    let (mut whose, mut deeds) = (Vec::new(), Vec::new());
    for it in all {
        let is_own = own.is_some() && it.allowed.patient == own;
        whose.push(match &it.allowed.patient {
            Some(_) if is_own => "It sees your own record.".to_string(),
            Some(id) => format!("It sees the record of the patient {id}."),
            None => without_patient(it).to_string(),
        });
        deeds.extend(it.allowed.scope.split(' ').filter_map(|text| words(text, is_own)));
    }
    unique(&mut whose);
    unique(&mut deeds);
    let created = all.iter().map(|it| it.created).min().unwrap_or(Instant(0));
    let used = all.iter().map(|it| it.used).max().unwrap_or(Instant(0));
    let is_offline = all.iter().any(|it| it.session.is_none());
    App { client, name, since: page::when(created), used: page::when(used), whose, deeds, is_offline }
}

/// Without a patient an app sees what the person may see, or nothing but who they are.
fn without_patient(it: &Authorization) -> &'static str {
    let sees_records = it.allowed.scope.split(' ').any(|text| Scope::parse(text).is_some());
    if sees_records { "It sees what you may see." } else { "It sees no records." }
}

/// Returns what a scope lets an app do, in plain words; none for one that opens nothing.
fn words(text: &str, own: bool) -> Option<String> {
    match text {
        "openid" | "fhirUser" | "profile" => Some("Know who you are".to_string()),
        _ => Scope::parse(text)
            .map(|scope| format!("{}: {}", wording::title(&scope, own), wording::deeds(&scope).to_lowercase())),
    }
}

fn unique(all: &mut Vec<String>) {
    let mut seen = std::collections::HashSet::new();
    all.retain(|one| seen.insert(one.clone()));
}

async fn end(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    let work = async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let session = visit.signed_in()?;
        let (store, account) = (&visit.accounts.store, session.account.id);
        let client = value(&form, "end");
        match client {
            Some(client) => {
                let all = store.authorizations_of(account).await?;
                let ids: Vec<Uuid> = all.iter().filter(|it| it.client == client).map(|it| it.id).collect();
                if ids.is_empty() {
                    return Err(Fault::new(Kind::NotFound, "you have not let in such an app").into());
                }
                store.end_authorizations(&ids).await?;
            }
            None if value(&form, "all") == Some("yes") => {
                store.end_authorizations_of(Some(account), None, None).await?
            }
            None => return Err(Fault::new(Kind::Invalid, "the form does not say which app").into()),
        }
        let entry = Entry::event("authorization", &visit.visitor().request, &account.to_string(), 200);
        let entry = match client {
            Some(client) => entry.of_client(client).with_detail("ended by the person"),
            None => entry.with_detail("all ended by the person"),
        };
        visit.accounts.recorder.note(entry).await;
        Ok(visit.go("/account/apps?stopped"))
    };
    answered(&http, &state, work).await
}
