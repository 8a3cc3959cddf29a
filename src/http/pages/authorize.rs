//! `/authorize`: the way of an app's request through our pages, and the question at its end.
//!
//! SMART App Launch 2.2: the person sees what the app asks, may take single scopes away, and is told what offline means.

pub mod find;
mod picker;
mod words;

use super::{Turned, Visit, answered, elsewhere, oauth, value};
use crate::account::Session;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::http::State;
use crate::oauth::Server;
use crate::oauth::authorize::request::Request;
use crate::oauth::authorize::step::{Step, after_offer, before_offer};
use crate::oauth::authorize::{allow, bind, find as found, keep, offer, refuse};
use crate::oauth::refusal::{Error, Refusal};
use crate::oauth::scope::Offer;
use crate::rest::query;
use crate::store::identity::client::Client;
use actix_web::http::Method;
use actix_web::web::{self, Payload};
use actix_web::{HttpRequest, HttpResponse};

pub fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource("/authorize").route(web::get().to(show)).route(web::post().to(decide)));
    picker::routes(config);
}

/// A request whose person is known.
struct Way {
    id: String,
    request: Request,
    client: Client,
    session: Session,
    asker: find::Asker,
}

/// Returns the id of the request that a form or an address names.
fn named(fields: &[(String, String)]) -> Result<&str, Fault> {
    value(fields, "request").ok_or_else(|| Fault::new(Kind::Invalid, "this page is reached from an app: begin there"))
}

fn server(state: &State) -> Result<&Server, Fault> {
    state.oauth.as_ref().ok_or_else(|| Fault::new(Kind::NotFound, "this server runs without security"))
}

/// Returns the way of a request, or the answer that has to come before: a sign-in, or a refusal.
async fn on_the_way(state: &State, visit: &Visit, id: &str) -> Result<Way, Turned> {
    let server = server(state)?;
    let (mut request, client) = found(server, id).await?;
    if let Some(step) = before_offer(&request, visit.session.as_ref()) {
        let response = match step {
            Step::Refuse(refusal) => turn_away(server, visit, id, &request, refusal).await?,
            Step::SignIn => {
                let mut to = sign_in("/login", id);
                if let Some(hint) = &request.login_hint {
                    to.push_str("&login=");
                    query::encode(&mut to, hint);
                }
                visit.go(&to)
            }
            _ => visit.go(&sign_in("/step-up", id)),
        };
        return Err(elsewhere(response));
    }
    let Some(session) = visit.session.clone() else { return Err(elsewhere(visit.go(&sign_in("/login", id)))) };
    if bind(&mut request, &session) {
        keep(server, id, &request).await?;
        if visit.http.method() == Method::POST {
            // What the form answers was shown to somebody else.
            return Err(elsewhere(visit.go(&format!("/authorize?request={id}"))));
        }
    }
    let asker = find::Asker::new(&state.service, &session, find::Origin::of(&visit.http)).await?;
    Ok(Way { id: id.to_string(), request, client, session, asker })
}

fn sign_in(page: &str, id: &str) -> String {
    let mut to = format!("{page}?next=");
    query::encode(&mut to, &format!("/authorize?request={id}"));
    to
}

async fn turn_away(
    server: &Server,
    visit: &Visit,
    id: &str,
    request: &Request,
    refusal: Refusal,
) -> Result<HttpResponse, Turned> {
    let visitor = oauth::visitor(&visit.http);
    Ok(visit.go(&refuse(server, id, request, visit.session.as_ref(), refusal, &visitor).await?))
}

/// Returns what is offered when the question is all that is left, or the answer that comes before it.
async fn to_the_question(state: &State, visit: &Visit, way: &mut Way) -> Result<Offer, Turned> {
    let server = server(state)?;
    let offer = offer(server, &way.request, &way.client, &way.session);
    let earlier = server.store.authorizations_of(way.session.account.id).await?;
    let step = |way: &Way| after_offer(&way.request, &way.client, &way.session, &offer, &earlier);
    if way.request.patient().is_none()
        && let Some(patient) = &way.asker.own
    {
        way.request.picked.patient = Some(patient.to_string());
        keep(server, &way.id, &way.request).await?;
    }
    let response = match step(way) {
        Step::Ask => return Ok(offer),
        Step::PickPatient => visit.go(&format!("/authorize/patient?request={}", way.id)),
        Step::PickEncounter => visit.go(&format!("/authorize/encounter?request={}", way.id)),
        Step::Refuse(refusal) => turn_away(server, visit, &way.id, &way.request, refusal).await?,
        Step::GoOn => grant(server, visit, way, &offer.whole()).await?,
        Step::SignIn | Step::ShowAgain => visit.go(&sign_in("/login", &way.id)),
    };
    Err(elsewhere(response))
}

async fn grant(server: &Server, visit: &Visit, way: &Way, granted: &[String]) -> Result<HttpResponse, Turned> {
    let mut granted = granted.to_vec();
    if way.request.encounter().is_none() {
        granted.retain(|scope| scope != "launch/encounter");
    }
    let visitor = oauth::visitor(&visit.http);
    Ok(visit.go(&allow(server, &way.id, &way.request, &way.session, &granted, &visitor).await?))
}

async fn show(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let pairs = query::parse(http.query_string())?;
        let mut way = on_the_way(&state, &visit, named(&pairs)?).await?;
        let offer = to_the_question(&state, &visit, &mut way).await?;
        let about = match way.request.patient() {
            Some(id) => way.asker.read(&state.service, ResourceType::PATIENT, id).await?,
            None => None,
        };
        let seen = match way.request.encounter() {
            Some(id) => way.asker.read(&state.service, ResourceType::ENCOUNTER, id).await?,
            None => None,
        };
        Ok(visit.page(200, &words::consent(visit.frame(), &way, &offer, about.as_ref(), seen.as_ref())))
    })
    .await
}

async fn decide(http: HttpRequest, state: web::Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let mut way = on_the_way(&state, &visit, named(&form)?).await?;
        let server = server(&state)?;
        match value(&form, "decision") {
            Some("deny") => {
                let refusal = Refusal::new(Error::AccessDenied, "the person did not allow it");
                turn_away(server, &visit, &way.id, &way.request, refusal).await
            }
            Some("allow") => {
                let offer = to_the_question(&state, &visit, &mut way).await?;
                let boxes = form.iter().filter(|(name, _)| name == "scope");
                let ticked: Vec<&str> = boxes.flat_map(|(_, value)| value.split_ascii_whitespace()).collect();
                grant(server, &visit, &way, &offer.chosen(&ticked)).await
            }
            _ => Err(Fault::new(Kind::Invalid, "the form says neither 'allow' nor 'deny'").into()),
        }
    })
    .await
}
