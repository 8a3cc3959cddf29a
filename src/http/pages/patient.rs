//! `/patient`: what waits for a patient, and the way to who may see what, messages, and who looked at the record.
//!
//! All of it is asked as the person: a patient, or a relative who speaks for one.

pub mod inbox;
mod log;
pub mod requests;
pub mod sharing;

use super::ask::{Asker, At};
use super::names::{Names, name};
use super::{State, Turned, Visit, answered, ask, told, value};
use crate::account::Session;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceType};
use crate::page::patient::{Emergency, Home, RequestLine};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

/// How long an access in an emergency stays on top of the pages after it has ended.
const SHOWN_DAYS: i64 = 14;
/// Consents of one patient that are looked at.
const CONSENTS: &str = "200";
/// Messages on the first page.
const LATEST: &str = "3";

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/patient", web::get().to(home))
        .route("/patient/inbox", web::get().to(inbox::show))
        .route("/patient/log", web::get().to(log::show))
        .route("/patient/end-emergency", web::post().to(end_emergency));
    requests::routes(config);
    sharing::routes(config);
}

/// Whose pages these are.
struct Own {
    asker: Asker,
    /// The patient's id.
    patient: String,
    /// The name of the patient, where the person speaks for somebody else.
    of: Option<String>,
}

impl Own {
    async fn of(state: &State, visit: &Visit, session: &Session) -> Result<Own, Fault> {
        let asker = Asker::of(state, visit, session).await?;
        let patient = asker.own_patient()?.to_string();
        let is_self = asker.person.as_deref() == Some(&format!("Patient/{patient}"));
        let of = match is_self {
            true => None,
            false => asker.read(&state.service, ResourceType::PATIENT, &patient).await?.map(|found| name(&found)),
        };
        Ok(Own { asker, patient, of })
    }

    /// Returns the Consents of the patient that meet these conditions, the newest first.
    async fn consents(&self, state: &State, more: &[(&str, &str)]) -> Result<Vec<Value>, Fault> {
        let mut pairs = vec![("patient", self.patient.as_str()), ("_sort", "-date"), ("_count", CONSENTS)];
        pairs.extend(more);
        self.asker.found(&state.service, ask::type_of("Consent"), &pairs).await
    }
}

/// Returns the Consents of broken glass among these that are to be shown on top.
fn emergencies(consents: &[Value], names: &Names) -> Vec<Emergency> {
    let now = Instant::now();
    let since = Instant(now.0 - SHOWN_DAYS * 86_400_000_000);
    let lately = |consent: &&Value| {
        let is_open = told::status(consent) == "active" && told::end(consent).is_none_or(|end| end > now);
        told::is_break_glass(consent) && (is_open || told::end(consent).is_some_and(|end| end > since))
    };
    consents.iter().filter(lately).map(|consent| told::emergency(consent, names, now)).collect()
}

/// Returns whether a Consent says now what may be seen.
fn holds(consent: &Value) -> bool {
    told::status(consent) == "active" && told::end(consent).is_none_or(|end| end > Instant::now())
}

fn request_line(consent: &Value, names: &Names) -> RequestLine {
    let told = told::share(consent, names);
    let asked = consent["dateTime"].as_str().map(super::names::moment).unwrap_or_default();
    let why = if told.why.is_empty() { "No reason is given".into() } else { told.why };
    RequestLine { id: told.id, who: told.who, why, asked }
}

async fn home(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let own = Own::of(&state, &visit, visit.signed_in()?).await?;
        let consents = own.consents(&state, &[("status", "active,inactive,proposed")]).await?;
        let names = Names::of(&state, &visit, &own.asker, consents.iter().flat_map(told::actors)).await?;
        let waiting = consents.iter().filter(|consent| told::status(consent) == "proposed");
        let is_share = |consent: &&Value| holds(consent) && told::is_permit(consent) && !told::is_break_glass(consent);
        let page = Home {
            frame: visit.frame(),
            emergencies: emergencies(&consents, &names),
            requests: waiting.map(|consent| request_line(consent, &names)).collect(),
            shares: consents.iter().filter(is_share).count(),
            notices: inbox::latest(&state, &own.asker, &format!("Patient/{}", own.patient), LATEST).await?,
            of: own.of,
        };
        Ok(visit.page(200, &page))
    };
    answered(&http, &state, work).await
}

/// Ends an access by broken glass: whose record it is may do that without giving a reason.
async fn end_emergency(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    let work = async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let own = Own::of(&state, &visit, visit.signed_in()?).await?;
        let grant = value(&form, "grant").ok_or_else(|| Fault::new(Kind::Invalid, "the form names no access"))?;
        let at = At::one(ResourceType::PATIENT, &own.patient, "end-break-glass");
        own.asker.call(&state.service, &at, vec![json!({"name": "grant", "valueString": grant})]).await?;
        Ok(visit.go("/patient/sharing?ended"))
    };
    answered(&http, &state, work).await
}

/// Returns the good news that the address of a page carries, in words.
fn news(visit: &Visit, known: &[(&str, &str)]) -> Option<String> {
    let told = visit.http.query_string();
    known.iter().find(|(word, _)| *word == told).map(|(_, words)| words.to_string())
}

/// Returns a day that a form names; none where the field is empty.
pub fn day(form: &[(String, String)], name: &str) -> Result<Option<Instant>, Turned> {
    let Some(text) = value(form, name) else { return Ok(None) };
    let day = Some(text).filter(|text| text.len() == 10).and_then(told::instant);
    day.map(Some)
        .ok_or_else(|| Fault::new(Kind::BusinessRule, "Write the day as year, month and day: 2026-01-31.").into())
}
