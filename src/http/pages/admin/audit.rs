//! `/admin/alerts`, `/admin/reviews`, `/admin/chain`, `/admin/events`: for those who watch over privacy.
//!
//! Searches of AuditEvents and Tasks and the operations on them, asked as the person, whose role has the right [`Right::Audit`].

mod alerts;
mod chain;
mod events;
mod reviews;

use super::super::super::State;
use super::super::ask::{self, Asker, matches};
use super::super::names::Names;
use super::super::{Turned, Visit, event};
use crate::access::role::Right;
use crate::fault::Fault;
use crate::page::audit::EventLine;
use actix_web::web;
use serde_json::Value;
use std::collections::HashMap;

pub fn routes(config: &mut web::ServiceConfig) {
    alerts::routes(config);
    chain::routes(config);
    events::routes(config);
    reviews::routes(config);
}

/// Returns who asks, where they have the right.
async fn watcher(state: &State, visit: &Visit) -> Result<Asker, Turned> {
    let session = super::allowed(visit, Right::Audit).await?;
    Ok(Asker::of(state, visit, session).await?)
}

/// Returns a search of AuditEvents, the newest first.
async fn search(state: &State, asker: &Asker, pairs: &[(&str, &str)]) -> Result<Value, Fault> {
    let mut all = vec![("_sort", "-date")];
    all.extend(pairs);
    asker.search(&state.service, ask::type_of("AuditEvent"), &all).await
}

/// Returns events in words, with the names of all whom they are about.
async fn lines(state: &State, visit: &Visit, asker: &Asker, events: &[Value]) -> Result<Vec<EventLine>, Fault> {
    let names = Names::of(state, visit, asker, events.iter().flat_map(event::people)).await?;
    let mut people: HashMap<&str, Option<String>> = HashMap::new();
    for id in events.iter().filter_map(event::accounts) {
        if !people.contains_key(id) {
            let account = match uuid::Uuid::try_parse(id) {
                Ok(uuid) => visit.accounts.store.account(uuid).await?.map(|account| account.name),
                Err(_) => None,
            };
            people.insert(id, account);
        }
    }
    let account = |one: &Value| event::accounts(one).and_then(|id| people.get(id).cloned().flatten());
    Ok(events.iter().map(|one| event::line(one, &names, account(one).as_deref())).collect())
}

/// Returns the events of a Bundle in words.
async fn told(state: &State, visit: &Visit, asker: &Asker, bundle: &Value) -> Result<Vec<EventLine>, Fault> {
    lines(state, visit, asker, &matches(bundle)).await
}
