//! `/admin/alerts`: what wants a look: reviews that wait, the chain, emergencies and refusals of the last days.

use super::super::super::super::State;
use super::super::super::patient::requests::date;
use super::super::super::{Visit, answered};
use super::{chain, reviews, search, told, watcher};
use crate::fhir::Instant;
use crate::page::audit::Alerts;
use actix_web::{HttpRequest, HttpResponse, web};

/// How far back the page looks.
const DAYS: i64 = 7;
/// Events of each kind that the page shows.
const SHOWN: &str = "20";

pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/admin/alerts", web::get().to(show));
}

async fn show(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let asker = watcher(&state, &visit).await?;
        let since = format!("ge{}", date(Instant(Instant::now().0 - DAYS * 86_400_000_000)));
        let emergencies = [("subtype", "110127"), ("date", since.as_str()), ("_count", SHOWN)];
        let emergencies = search(&state, &asker, &emergencies).await?;
        let refusals = [("outcome", "4,8,12"), ("date", since.as_str()), ("_count", SHOWN)];
        let refusals = search(&state, &asker, &refusals).await?;
        let waiting = reviews::waiting(&state, &asker).await?;
        // A chain that cannot be looked at is told as that; the rest of the page is needed all the more.
        let chain = match chain::last(&state, &asker).await {
            Ok(chain) => Some(chain),
            Err(fault) => {
                tracing::warn!(%fault, "the chain of the audit could not be checked");
                None
            }
        };
        let page = Alerts {
            frame: visit.frame(),
            chain,
            reviews: waiting.len(),
            overdue: waiting.iter().filter(|task| reviews::is_overdue(task)).count(),
            emergencies: told(&state, &visit, &asker, &emergencies).await?,
            refusals: told(&state, &visit, &asker, &refusals).await?,
            days: DAYS,
        };
        Ok(visit.page(200, &page))
    };
    answered(&http, &state, work).await
}
