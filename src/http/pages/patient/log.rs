//! `/patient/log`: who looked at the record, or changed it, in plain words; the latest first.

use super::super::ask::{self, matches};
use super::super::names::Names;
use super::super::{State, Visit, answered, event};
use super::{Own, emergencies, told};
use crate::page::patient::{Log, LogLine};
use actix_web::{HttpRequest, HttpResponse, web};

/// Lines on one page.
const PAGE: &str = "40";

pub async fn show(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let own = Own::of(&state, &visit, visit.signed_in()?).await?;
        let after = visit.param("after");
        let mut pairs = vec![("patient", own.patient.as_str()), ("_sort", "-date"), ("_count", PAGE)];
        pairs.extend(after.as_deref().map(|after| ("_cursor", after)));
        let bundle = own.asker.search(&state.service, ask::type_of("AuditEvent"), &pairs).await?;
        let events = matches(&bundle);
        let consents = match after {
            Some(_) => Vec::new(),
            None => own.consents(&state, &[("_tag", told::BREAK_GLASS)]).await?,
        };
        let actors = events.iter().flat_map(event::people).chain(consents.iter().flat_map(told::actors));
        let names = Names::of(&state, &visit, &own.asker, actors).await?;
        let own_reference = own.asker.person.as_deref();
        let line = |one| {
            let told = event::words(one, &names, own_reference);
            let (is_emergency, is_refusal) = (told.is_emergency, told.is_refusal);
            LogLine { when: told.when, who: told.who, what: told.what, why: told.why, is_emergency, is_refusal }
        };
        let next = ask::next(&bundle).map(|cursor| {
            let mut to = "/patient/log?after=".to_string();
            crate::rest::query::encode(&mut to, &cursor);
            to
        });
        let page = Log {
            frame: visit.frame(),
            emergencies: emergencies(&consents, &names),
            lines: events.iter().map(line).collect(),
            next,
            of: own.of,
        };
        Ok(visit.page(200, &page))
    };
    answered(&http, &state, work).await
}
