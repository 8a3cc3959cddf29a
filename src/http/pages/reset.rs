//! A new password by a link that is good once.

use super::{State, Visit, answered, value};
use crate::fault::{Fault, Kind};
use crate::page::sign_in::Reset;
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/reset", web::get().to(form)).route("/reset", web::post().to(set));
}

async fn form(http: HttpRequest, state: Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let token = visit.param("token").unwrap_or_default();
        let account = visit.accounts.look_reset(&token).await?;
        Ok(visit.page(200, &Reset { frame: visit.frame(), token, login: account.login }))
    })
    .await
}

async fn set(http: HttpRequest, state: Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let token = value(&form, "token").unwrap_or("");
        let account = visit.accounts.look_reset(token).await?;
        let done = match same_twice(&form) {
            Ok(password) => visit.accounts.reset(token, password, &visit.visitor()).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = done {
            return visit.again(fault, |frame| Reset { frame, token: token.to_string(), login: account.login });
        }
        let words = ["Your new password is set. You were signed out everywhere."];
        Ok(visit.message(200, "The password is set", &words, &[("/login", "Sign in")]))
    })
    .await
}

/// Returns the new password of a form that asks for it twice.
pub fn same_twice(form: &[(String, String)]) -> Result<&str, Fault> {
    let (password, again) = (value(form, "password").unwrap_or(""), value(form, "again").unwrap_or(""));
    if password != again {
        return Err(Fault::new(Kind::BusinessRule, "The two new passwords are not the same."));
    }
    Ok(password)
}
