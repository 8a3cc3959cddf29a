//! `/patient/card`: the emergency card of the signed-in patient.
//!
//! All of it is the operation `$emergency-card`, asked as the patient; what shows more of the record to others wants a factor that was
//! shown lately.

use super::names::person_name;
use super::{State, Turned, Visit, answered, asset, value};
use crate::account::Session;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::health_id;
use crate::operation::emergency::labels::TOPICS;
use crate::page::card::{CardPage, Face, Link, STYLE, Topic};
use crate::page::{day, when};
use crate::rest::{Body, Conditions, Interaction, Prefer, Request};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use serde_json::{Value, json};

pub const PLACE: &str = "/patient/card";

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/assets/card.css", web::get().to(style))
        .route("/patient/card/tag", web::get().to(tag))
        .service(web::resource(PLACE).route(web::get().to(show)).route(web::post().to(change)));
}

async fn style(http: HttpRequest) -> HttpResponse {
    asset(&http, "text/css; charset=utf-8", STYLE)
}

fn own(session: &Session) -> Result<&ResourceId, Fault> {
    match &session.account.fhir_user {
        Some((t, id)) if *t == ResourceType::PATIENT => Ok(id),
        _ => Err(Fault::new(Kind::Forbidden, "emergency cards are for patients, and this account belongs to none")),
    }
}

async fn show(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let session = visit.signed_in()?;
        let told = ask(&state, &visit, session, "status", &[]).await?;
        let notice = match http.query_string() {
            "make" => Some("Your card is ready. A card you had before opens nothing any more."),
            "share" => Some("The link is ready. Tell the passcode by another way."),
            "revoke" => Some("Revoked. What you had given out opens nothing any more."),
            "topics" => Some("Saved."),
            "opt-out" => Some("Saved. Nothing is shown in an emergency."),
            "opt-in" => Some("Saved. Clinicians see your emergency information in an emergency."),
            _ => None,
        };
        page(&state, &visit, session, &told, notice, None).await
    })
    .await
}

async fn change(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let session = visit.signed_in()?;
        let shared = value(&form, "action") == Some("share");
        let action = match value(&form, "action") {
            Some("share") => "make",
            Some(known) => known,
            None => return Err(Fault::new(Kind::Invalid, "the form does not say what to do").into()),
        };
        // To show less is never held up.
        let session = if matches!(action, "revoke" | "opt-out") { session } else { visit.fresh(PLACE)? };
        let mut more: Vec<(&str, &str)> =
            form.iter().filter(|(name, _)| name == "topic").map(|(_, topic)| ("topic", topic.as_str())).collect();
        if shared {
            more.push(("passcode", value(&form, "passcode").unwrap_or("")));
        }
        match ask(&state, &visit, session, action, &more).await {
            Ok(_) => {
                let told = if shared {
                    "share"
                } else if action == "renew" {
                    "make"
                } else {
                    action
                };
                Ok(visit.go(&format!("{PLACE}?{told}")))
            }
            Err(fault) if matches!(fault.kind(), Kind::Value | Kind::BusinessRule | Kind::Invalid | Kind::Conflict) => {
                let told = ask(&state, &visit, session, "status", &[]).await?;
                page(&state, &visit, session, &told, None, Some(&fault)).await
            }
            Err(fault) => Err(fault.into()),
        }
    })
    .await
}

/// The bytes for an NFC tag.
async fn tag(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let told = ask(&state, &visit, visit.signed_in()?, "status", &[]).await?;
        let bytes = cards(&told).find(|card| !is_share(card)).and_then(|card| data(card, "nfc"));
        let bytes = bytes.ok_or_else(|| Fault::new(Kind::NotFound, "you have no card now"))?;
        let mut response = HttpResponse::Ok()
            .content_type("application/octet-stream")
            .insert_header(("content-disposition", "attachment; filename=\"emergency-card.ndef\""))
            .body(bytes);
        super::guard(&http, &mut response);
        Ok(response)
    })
    .await
}

/// Calls the operation as the patient and returns its Parameters.
async fn ask(
    state: &State,
    visit: &Visit,
    session: &Session,
    action: &str,
    more: &[(&str, &str)],
) -> Result<Value, Fault> {
    let mut list = vec![json!({"name": "action", "valueCode": action})];
    list.extend(more.iter().map(|(name, text)| match *name {
        "topic" => json!({"name": name, "valueCode": text}),
        _ => json!({"name": name, "valueString": text}),
    }));
    let interaction = Interaction::Operation {
        name: "emergency-card".to_string(),
        by_get: false,
        resource_type: Some(ResourceType::PATIENT),
        id: Some(own(session)?.clone()),
    };
    let body = Body::Value(Box::new(json!({"resourceType": "Parameters", "parameter": list})));
    perform(state, visit, session, interaction, body).await
}

async fn perform(
    state: &State,
    visit: &Visit,
    session: &Session,
    interaction: Interaction,
    body: Body,
) -> Result<Value, Fault> {
    let (conditions, prefer) = (Conditions::default(), Prefer::default());
    let visitor = visit.visitor();
    let (id, address) = (visitor.request, visitor.address.into());
    let request = Request { interaction, query: Vec::new(), body, conditions, prefer, id, address };
    let reply = state.service.perform(&session.principal(), request).await?;
    serde_json::from_slice(&reply.body).map_err(|e| Fault::internal("an answer of ours is not JSON", e))
}

async fn page(
    state: &State,
    visit: &Visit,
    session: &Session,
    told: &Value,
    notice: Option<&str>,
    fault: Option<&Fault>,
) -> Result<HttpResponse, Turned> {
    let id = own(session)?.clone();
    let read = Interaction::Read(ResourceType::PATIENT, id);
    let patient = perform(state, visit, session, read, Body::None).await?;
    let mut frame = visit.frame();
    frame.notice = notice.map(str::to_string);
    frame.error = fault.map(super::in_words);
    let chosen: Vec<&str> = named(told, "topic").filter_map(|part| part["valueCode"].as_str()).collect();
    let is_shown = |name: &str| chosen.contains(&name);
    let topics = TOPICS.iter().map(|it| Topic { name: it.name, words: it.words, is_shown: is_shown(it.name) });
    let page = CardPage {
        frame,
        face: face(state, &patient),
        card: cards(told).find(|card| !is_share(card)).and_then(link),
        shares: cards(told).filter(|card| is_share(card)).filter_map(link).collect(),
        opted_out: named(told, "optedOut").any(|part| part["valueBoolean"] == true),
        topics: topics.collect(),
    };
    Ok(visit.page(fault.map_or(200, Fault::status), &page))
}

fn face(state: &State, patient: &Value) -> Face {
    let system = health_id::system(&state.settings.base_url);
    let mut identifiers = patient["identifier"].as_array().into_iter().flatten();
    let health_id = identifiers.find(|it| it["system"] == system.as_str() && it["use"] != "old");
    Face {
        name: person_name(patient),
        birth_date: patient["birthDate"].as_str().map(str::to_string),
        health_id: health_id.and_then(|it| it["value"].as_str()).map(str::to_string),
    }
}

/// Returns the parts of a list of parameters that have a name.
fn named<'a>(told: &'a Value, name: &'a str) -> impl Iterator<Item = &'a Value> {
    told["parameter"].as_array().into_iter().flatten().filter(move |part| part["name"] == name)
}

fn cards(told: &Value) -> impl Iterator<Item = &Value> {
    named(told, "card")
}

fn part<'a>(card: &'a Value, name: &str) -> Option<&'a Value> {
    card["part"].as_array()?.iter().find(|part| part["name"] == name)
}

fn is_share(card: &Value) -> bool {
    part(card, "passcode").is_some_and(|part| part["valueBoolean"] == true)
}

fn data(card: &Value, name: &str) -> Option<Vec<u8>> {
    let text = part(card, name)?["valueAttachment"]["data"].as_str()?;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

fn link(card: &Value) -> Option<Link> {
    let time = |name: &str| Instant::parse(part(card, name)?["valueInstant"].as_str()?);
    let picture = String::from_utf8(data(card, "qr")?).ok()?;
    Some(Link {
        address: part(card, "viewer")?["valueUrl"].as_str()?.to_string(),
        // What introduces a file has no place inside a page.
        qr: picture[picture.find("<svg")?..].to_string(),
        created: day(time("created")?),
        expires: day(time("expires")?),
        views: part(card, "views").and_then(|part| part["valueUnsignedInt"].as_u64()).unwrap_or(0),
        seen: time("seen").map(when),
    })
}
