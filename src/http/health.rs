//! `/health/live`: the process runs. `/health/ready`: it can answer, its database being there.

use super::State;
use actix_web::{HttpResponse, web};
use std::time::Duration;

pub async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("live\n")
}

pub async fn ready(state: web::Data<State>) -> HttpResponse {
    match tokio::time::timeout(Duration::from_secs(2), state.service.store().ping()).await {
        Ok(Ok(())) => HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready\n"),
        _ => HttpResponse::ServiceUnavailable()
            .insert_header(("Retry-After", "2"))
            .content_type("text/plain; charset=utf-8")
            .body("the database does not answer\n"),
    }
}
