//! Where a person is signed in, and ending it.

use super::{State, Visit, answered, value};
use crate::account::session::device_words;
use crate::page;
use crate::page::account::{SessionLine, Sessions};
use crate::store::identity::{Hash, hex};
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

const HERE: &str = "/account/sessions";

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route(HERE, web::get().to(list))
        .route("/account/sessions/end", web::post().to(end))
        .route("/account/sessions/end-others", web::post().to(end_others));
}

async fn list(http: HttpRequest, state: Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let session = visit.signed_in()?;
        let rows = visit.accounts.sessions(&session.account).await?;
        let line = |row: &crate::store::identity::session::SessionRow| SessionLine {
            id: hex(&row.hash),
            device: device_words(&row.device),
            address: row.address.clone(),
            began: page::when(row.created),
            seen: page::when(row.seen),
            is_this: row.hash == session.row.hash,
        };
        Ok(visit.page(200, &Sessions { frame: visit.frame(), sessions: rows.iter().map(line).collect() }))
    })
    .await
}

async fn end(http: HttpRequest, state: Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let session = visit.signed_in()?;
        if let Some(hash) = value(&form, "session").and_then(hash_of) {
            // One that has ended already is what was wanted.
            visit.accounts.end_session_of(&session.account, hash, &visit.visitor()).await?;
        }
        Ok(visit.go(HERE))
    })
    .await
}

async fn end_others(http: HttpRequest, state: Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, _) = Visit::post(&http, &state, payload).await?;
        let session = visit.signed_in()?;
        visit.accounts.end_other_sessions(session, &visit.visitor()).await?;
        Ok(visit.go(HERE))
    })
    .await
}

fn hash_of(text: &str) -> Option<Hash> {
    let digits = Some(text).filter(|text| text.len() == 64 && text.is_ascii())?;
    let bytes = (0..32).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).ok());
    bytes.collect::<Option<Vec<u8>>>()?.try_into().ok()
}
