//! What the QR code of a Health ID leads to: a page that says what the number is, and nothing about anybody.
//!
//! The answer is made from the digits alone; whether the number was ever given out is not looked up.

use super::{State, Visit, answered};
use crate::health_id::HealthId;
use actix_web::{HttpRequest, HttpResponse, web};

/// Adds what stands below the FHIR base URL: the `system` of the identifier, and the number.
pub fn routes_below(config: &mut web::ServiceConfig, base_path: &str) {
    config.route(&format!("{base_path}/sid/health-id/{{number}}"), web::get().to(show));
}

async fn show(http: HttpRequest, state: web::Data<State>, number: web::Path<String>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let Some(number) = HealthId::parse(&number) else {
            let words = ["The last digit of a Health ID proves the others, and here it does not: one may be mistyped."];
            return Ok(visit.message(404, "This is not a Health ID", &words, &[]));
        };
        let place = &visit.accounts.settings.name;
        let words = [
            format!("Health ID {number}"),
            format!("By such a number {place} tells one patient from all others. It says nothing about the person."),
            "Whose it is, and whether it is anybody's, is not shown here. Show the code to the staff, who may look it up."
                .to_string(),
        ];
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Ok(visit.message(200, "A Health ID", &words, &[("/account", "My account")]))
    })
    .await
}
