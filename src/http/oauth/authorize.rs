//! `/oauth/authorize`: where an app sends a person's browser, by GET or by POST.
//!
//! SMART App Launch 2.2, `authorize-post`; RFC 6749 3.1. The request is kept and the browser sent to our pages by a redirect:
//! a POST from the app's site comes without the cookie of the session, the GET that follows has it.

use super::{FIELDS_MAX, bytes, server, visitor};
use crate::fault::{Fault, Kind};
use crate::http::State;
use crate::http::pages::{Turned, answered, guard};
use crate::oauth::authorize::{Stop, begin};
use crate::rest::query;
use actix_web::http::header;
use actix_web::web::{self, Payload};
use actix_web::{HttpRequest, HttpResponse};

pub fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource("/oauth/authorize").route(web::get().to(by_get)).route(web::post().to(by_post)));
}

async fn by_get(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answered(&http, &state, async { authorize(&http, &state, &query::parse(http.query_string())?).await }).await
}

async fn by_post(http: HttpRequest, state: web::Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let text = String::from_utf8(bytes(payload).await?.to_vec());
        let text = text.map_err(|_| Fault::new(Kind::Invalid, "the form is not UTF-8"))?;
        let mut fields = query::parse(http.query_string())?;
        fields.extend(query::parse(&text)?);
        authorize(&http, &state, &fields).await
    })
    .await
}

async fn authorize(http: &HttpRequest, state: &State, fields: &[(String, String)]) -> Result<HttpResponse, Turned> {
    if fields.len() > FIELDS_MAX {
        return Err(Fault::new(Kind::TooCostly, format!("a request may have {FIELDS_MAX} fields")).into());
    }
    let server = server(state).map_err(|refusal| Fault::new(Kind::NotFound, refusal.description))?;
    let to = match begin(server, fields, &visitor(http)).await {
        Ok(id) => format!("/authorize?request={id}"),
        Err(Stop::Redirect(to)) => to,
        Err(Stop::Page(fault)) => return Err(fault.into()),
    };
    let mut response = HttpResponse::SeeOther().insert_header((header::LOCATION, to)).finish();
    guard(http, &mut response);
    Ok(response)
}
