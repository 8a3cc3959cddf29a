//! `/admin/messages`: what feeds have sent, those that failed first; one message as people read it, and what is to become of it.
//!
//! What a message says is shown only while it waits for somebody to mend it, to who has just shown a factor, and each look is in
//! the audit with the patients it is about: see `DECISIONS.md`.

mod one;

use super::super::super::State;
use super::super::{Visit, answered};
use super::{allowed, parameter};
use crate::access::role::Right;
use crate::hl7v2::event;
use crate::page;
use crate::page::clinician::Choice;
use crate::page::feeds::{MessageRow, Messages};
use crate::rest::query;
use crate::store::hl7::{Filter, Message, State as Became};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;
use uuid::Uuid;

const PLACE: &str = "/admin/messages";
/// Messages on one page.
const PAGE: i64 = 50;
/// Problems that a list shows of each message.
const PROBLEMS_MAX: usize = 3;

const STATES: &[(&str, &str)] = &[
    ("", "Anything"),
    ("failed", "Failed: somebody has to look"),
    ("received", "Kept, and not worked off yet"),
    ("done", "Taken over"),
    ("refused", "Refused: not for this server"),
    ("dismissed", "Put aside"),
    ("replaced", "Replaced by a corrected one"),
];

pub fn routes(config: &mut web::ServiceConfig) {
    config.route(PLACE, web::get().to(list)).service(
        web::resource("/admin/messages/{id}").route(web::get().to(one::show)).route(web::post().to(one::change)),
    );
}

async fn list(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        allowed(&visit, Right::ManageFeeds).await?;
        let store = &visit.accounts.store;
        let (feed, chosen, control) =
            (parameter(&visit, "feed"), parameter(&visit, "state"), parameter(&visit, "control"));
        let after = visit.param("after").and_then(|after| Uuid::parse_str(&after).ok());
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        let filter = Filter {
            feed: some(&feed),
            state: Became::parse(&chosen),
            control_id: some(&control),
            after,
            ..Filter::default()
        };
        let is_search =
            filter.feed.is_some() || filter.state.is_some() || filter.control_id.is_some() || after.is_some();
        let failed = Filter { state: Some(Became::Failed), ..Filter::default() };
        let queue = if is_search { Vec::new() } else { store.hl7_messages(&failed, PAGE).await? };
        let found = store.hl7_messages(&filter, PAGE + 1).await?;
        let has_more = found.len() as i64 > PAGE;
        let shown: Vec<&Message> = found.iter().take(PAGE as usize).collect();
        let next = shown.last().filter(|_| has_more).map(|last| next(&feed, &chosen, &control, last.id));
        let feeds = store.hl7_feeds().await?;
        let page = Messages {
            frame: visit.frame(),
            feeds: feeds.into_iter().map(|one| (one.id.clone(), one.id == feed)).collect(),
            states: STATES.iter().map(|(code, words)| Choice { code, words, is_chosen: *code == chosen }).collect(),
            control,
            queue: queue.iter().map(row).collect(),
            rows: shown.into_iter().map(row).collect(),
            is_search,
            next,
        };
        Ok(visit.page(200, &page))
    };
    answered(&http, &state, work).await
}

/// Returns the address of the page of earlier messages.
fn next(feed: &str, state: &str, control: &str, last: Uuid) -> String {
    let mut to = format!("{PLACE}?");
    for (name, value) in [("feed", feed), ("state", state), ("control", control), ("after", &last.to_string())] {
        to.push_str(&format!("{name}="));
        query::encode(&mut to, value);
        to.push('&');
    }
    to.trim_end_matches('&').to_string()
}

fn row(message: &Message) -> MessageRow {
    let mut problems: Vec<String> = problems(&message.problems).iter().map(told).take(PROBLEMS_MAX + 1).collect();
    if problems.len() > PROBLEMS_MAX {
        problems[PROBLEMS_MAX] = "and more".to_string();
    }
    let or = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_string());
    MessageRow {
        id: message.id.to_string(),
        event: or(&message.event, "unreadable"),
        title: title(message),
        feed: or(&message.feed, "a sender that is not known"),
        control: or(&message.control_id, "none"),
        when: page::when(message.received),
        state: message.state.name(),
        problems,
    }
}

/// Returns what its event is about.
fn title(message: &Message) -> &'static str {
    let name: Vec<&str> = message.event.as_deref().unwrap_or_default().split('^').take(2).collect();
    let name = name.join("^");
    event::ALL.iter().find(|event| event.name == name).map_or("", |event| event.title)
}

/// Returns the problems of a message: where, and what.
fn problems(kept: &Value) -> Vec<(String, String)> {
    let text = |problem: &Value, name: &str| problem[name].as_str().unwrap_or_default().to_string();
    kept.as_array().into_iter().flatten().map(|problem| (text(problem, "at"), text(problem, "text"))).collect()
}

fn told((at, text): &(String, String)) -> String {
    if at.is_empty() { text.clone() } else { format!("{at}: {text}") }
}
