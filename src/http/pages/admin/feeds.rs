//! `/admin/feeds`: the feeds, with how much came, what waits and what failed; and to stop or start one.

use super::super::super::State;
use super::super::{Visit, answered, value};
use super::{allowed, allowed_to_change};
use crate::access::role::Right;
use crate::fault::{Fault, Kind};
use crate::feed::register;
use crate::fhir::Instant;
use crate::oauth::clients::By;
use crate::page;
use crate::page::admin_clients::Fact;
use crate::page::feeds::{FeedRow, Feeds};
use crate::store::Store;
use crate::store::hl7::{Feed, Filter, State as Became};
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};

const PLACE: &str = "/admin/feeds";

pub fn routes(config: &mut web::ServiceConfig) {
    config.route(PLACE, web::get().to(list)).service(web::resource("/admin/feeds/{id}").route(web::post().to(change)));
}

async fn list(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        allowed(&visit, Right::ManageFeeds).await?;
        let store = &visit.accounts.store;
        let (counts, open) = (store.hl7_counts().await?, store.hl7_open_counts().await?);
        let count = |feed: Option<&str>, became: Became| {
            let is_it = |(of, state, _): &&(Option<String>, Became, i64)| of.as_deref() == feed && *state == became;
            counts.iter().find(is_it).map_or(0, |(_, _, count)| *count)
        };
        let mut rows = Vec::new();
        for feed in store.hl7_feeds().await? {
            let of = |became| count(Some(&feed.id), became);
            let waiting = of(Became::Received);
            let oldest =
                open.iter().find(|(of, state, ..)| of.as_ref() == Some(&feed.id) && *state == Became::Received);
            let lag = oldest.map(|(.., oldest)| span(Instant::now().0 - oldest.0));
            rows.push(FeedRow {
                sender: sender(&feed),
                is_active: feed.active,
                last: last(store, &feed.id).await?,
                done: of(Became::Done),
                failed: of(Became::Failed),
                refused: of(Became::Refused),
                waiting,
                lag,
                facts: facts(&feed),
                settings: feed.settings.trim().to_string(),
                id: feed.id,
            });
        }
        let strangers = count(None, Became::Refused);
        Ok(visit.page(200, &Feeds { frame: visit.frame(), rows, strangers }))
    };
    answered(&http, &state, work).await
}

fn sender(feed: &Feed) -> String {
    let or_any = |text: &Option<String>| text.clone().unwrap_or_else(|| "any".to_string());
    format!("Application {}, facility {}", or_any(&feed.application), or_any(&feed.facility))
}

fn facts(feed: &Feed) -> Vec<Fact> {
    let all = [
        ("Writes as the client", feed.client.clone()),
        ("Shows the certificate", feed.certificate.clone()),
        ("Since", Some(page::when(feed.created))),
    ];
    all.into_iter().filter_map(|(name, value)| Some(Fact { name, values: vec![value?] })).collect()
}

async fn last(store: &Store, feed: &str) -> Result<Option<String>, Fault> {
    let filter = Filter { feed: Some(feed.to_string()), ..Filter::default() };
    Ok(store.hl7_messages(&filter, 1).await?.first().map(|message| page::when(message.received)))
}

/// Returns a span of time in words.
fn span(us: i64) -> String {
    match us / 1_000_000 {
        seconds @ ..120 => format!("{} s", seconds.max(0)),
        seconds @ 120..7200 => format!("{} minutes", seconds / 60),
        seconds @ 7200..172_800 => format!("{} hours", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

async fn change(http: HttpRequest, state: web::Data<State>, id: Path<String>, payload: web::Payload) -> HttpResponse {
    let work = async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let session = allowed_to_change(&visit, Right::ManageFeeds, PLACE).await?;
        let active = match value(&form, "do") {
            Some("start") => true,
            Some("stop") => false,
            _ => return Err(Fault::new(Kind::Invalid, "the form does not say what to do").into()),
        };
        let by = By { principal: &session.account.id.to_string(), request: &visit.visitor().request };
        if !register::set_active(&visit.accounts.store, &id, active, &by).await? {
            return Err(Fault::new(Kind::NotFound, "there is no such feed").into());
        }
        Ok(visit.go(PLACE))
    };
    answered(&http, &state, work).await
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_span_is_told_in_the_unit_that_fits() {
        for (s, told) in [(-1, "0 s"), (5, "5 s"), (600, "10 minutes"), (7200, "2 hours"), (900_000, "10 days")] {
            assert_eq!(span(s * 1_000_000), told);
        }
    }
}
