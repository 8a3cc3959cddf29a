//! `/clinician/break-glass`: opening a closed record in an emergency, by `$break-glass`, and closing it again.

use super::super::ask::{At, answer};
use super::super::names::name;
use super::super::proof::{Proof, proof, step_up};
use super::super::{Form, State, Turned, Visit, answered, elsewhere, value};
use super::Staff;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::health_id::HealthId;
use crate::page::Frame;
use crate::page::clinician::{BreakGlass, Choice};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

const PLACE: &str = "/clinician/break-glass";

/// What happened, as codes of this server.
const REASONS: &[(&str, &str)] = &[
    ("unconscious", "Unconscious or confused"),
    ("life-threat", "Life is in danger and there is no time to ask"),
    ("no-contact", "Nobody who could be asked can be reached"),
    ("other", "Something else"),
];
const HOURS: &[(&str, &str)] = &[("1", "1 hour"), ("4", "4 hours"), ("12", "12 hours"), ("24", "24 hours")];

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource(PLACE).route(web::get().to(blank)).route(web::post().to(open)))
        .route("/clinician/end-break-glass", web::post().to(close));
}

async fn blank(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let staff = allowed(&state, &visit).await?;
        let patient: String = visit.param("patient").unwrap_or_default().chars().take(100).collect();
        let lacks_second = lacks_second(&visit, &patient).await?;
        let form = vec![("patient".to_string(), patient)];
        let name = known(&state, &staff, &form).await?;
        Ok(visit.page(200, &page(visit.frame(), &form, name, lacks_second)))
    };
    answered(&http, &state, work).await
}

async fn allowed(state: &State, visit: &Visit) -> Result<Staff, Turned> {
    let staff = Staff::of(state, visit, visit.signed_in()?).await?;
    if !staff.may_break {
        return Err(Fault::new(Kind::Forbidden, "only physicians open closed records in an emergency").into());
    }
    Ok(staff)
}

/// Returns whether the person has no second factor at all; who has one and did not show it lately is sent to do so.
async fn lacks_second(visit: &Visit, patient: &str) -> Result<bool, Turned> {
    let session = visit.signed_in()?;
    match proof(visit, session, true).await? {
        Proof::Shown => Ok(false),
        Proof::NoSecond => Ok(true),
        Proof::Code | Proof::StepUp => {
            let mut back = format!("{PLACE}?patient=");
            crate::rest::query::encode(&mut back, patient);
            Err(elsewhere(visit.go(&step_up(&back))))
        }
    }
}

/// Returns the name of the patient of a form, where the person may see it anyway.
async fn known(state: &State, staff: &Staff, form: &Form) -> Result<Option<String>, Fault> {
    let Some(id) = value(form, "patient").filter(|typed| HealthId::parse(typed).is_none()) else { return Ok(None) };
    let id = id.strip_prefix("Patient/").unwrap_or(id);
    Ok(staff.asker.read(&state.service, ResourceType::PATIENT, id).await?.map(|found| name(&found)))
}

fn page(frame: Frame, form: &Form, name: Option<String>, lacks_second: bool) -> BreakGlass {
    let text = |name: &str| value(form, name).unwrap_or("").chars().take(2000).collect::<String>();
    let choices = |all: &'static [(&str, &str)], chosen: &str, usual: &str| {
        let chosen = if chosen.is_empty() { usual } else { chosen };
        all.iter().map(|(code, words)| Choice { code, words, is_chosen: *code == chosen }).collect()
    };
    BreakGlass {
        frame,
        patient: text("patient"),
        name,
        reason: text("reason"),
        reasons: choices(REASONS, &text("code"), "unconscious"),
        hours: choices(HOURS, &text("hours"), "4"),
        lacks_second,
    }
}

async fn open(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    let work = async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let staff = allowed(&state, &visit).await?;
        let typed = value(&form, "patient").unwrap_or("").trim();
        if lacks_second(&visit, typed).await? {
            return Ok(visit.go(PLACE));
        }
        match opened(&state, &staff, typed, &form).await {
            Ok(patient) => Ok(visit.go(&format!("/clinician/patients/{patient}"))),
            // Another sign-in is what helps.
            Err(fault) if fault.kind() == Kind::FactorNeeded => Ok(visit.go(&step_up(PLACE))),
            Err(fault) => {
                let fault = match fault.kind() {
                    Kind::NotFound | Kind::Deleted => Fault::new(Kind::BusinessRule, "There is no such patient here."),
                    _ => fault,
                };
                let name = known(&state, &staff, &form).await?;
                visit.again(fault, |frame| page(frame, &form, name, false))
            }
        }
    };
    answered(&http, &state, work).await
}

/// Opens the record and returns the id of its patient.
async fn opened(state: &State, staff: &Staff, typed: &str, form: &Form) -> Result<String, Fault> {
    let patient = match HealthId::parse(typed) {
        Some(number) => staff.asker.holder(&state.service, &number).await?,
        None => Some(typed.strip_prefix("Patient/").unwrap_or(typed).to_string()),
    };
    let patient = patient.ok_or_else(|| Fault::new(Kind::NotFound, "there is no such patient"))?;
    let hours = value(form, "hours").filter(|hours| HOURS.iter().any(|(known, _)| known == hours)).unwrap_or("4");
    let hours: u32 = hours.parse().unwrap_or(4);
    let code = value(form, "code").and_then(|code| REASONS.iter().find(|(known, _)| *known == code));
    let (code, words) = code.copied().unwrap_or(("other", "Something else"));
    let system = format!("{}/CodeSystem/break-glass-reason", state.service.settings().canonical_base);
    let parameters = vec![
        json!({"name": "reason", "valueString": value(form, "reason").unwrap_or("").replace("\r\n", "\n")}),
        json!({"name": "reasonCode", "valueCodeableConcept": {
            "coding": [{"system": system, "code": code, "display": words}], "text": words
        }}),
        json!({"name": "duration", "valueDuration": {
            "value": hours, "unit": "h", "system": "http://unitsofmeasure.org", "code": "h"
        }}),
    ];
    let at = At::one(ResourceType::PATIENT, &patient, "break-glass");
    let given = staff.asker.call(&state.service, &at, parameters).await?;
    if answer(&given, "grant").is_none() {
        return Err(Fault::internal("broken glass has no grant", "an answer without its parameters"));
    }
    Ok(patient)
}

async fn close(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    let work = async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let staff = Staff::of(&state, &visit, visit.signed_in()?).await?;
        let missing = || Fault::new(Kind::Invalid, "the form does not name the record");
        let patient = value(&form, "patient").ok_or_else(missing)?;
        let grant = value(&form, "grant").ok_or_else(missing)?;
        let at = At::one(ResourceType::PATIENT, patient, "end-break-glass");
        staff.asker.call(&state.service, &at, vec![json!({"name": "grant", "valueString": grant})]).await?;
        Ok(visit.go("/clinician?closed"))
    };
    answered(&http, &state, work).await
}
