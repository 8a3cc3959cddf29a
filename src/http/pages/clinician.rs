//! `/clinician`: whose record somebody of the staff may see, what they asked for, and what they opened in an emergency.
//!
//! All of it is asked as the person, so that roles, consents and broken glass decide what there is.

mod glass;
mod record;
mod request;

use super::ask::{self, Asker};
use super::authorize::find;
use super::names::{Names, last, moment};
use super::patient::inbox;
use super::{State, Visit, answered, asset, in_words, told};
use crate::access::role::{Right, Role, has};
use crate::account::Session;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceType};
use crate::page::clinician::{Home, MyRequest, MyRequests, OpenGrant, Patients};
use crate::page::{self};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

/// Consents of one person that are looked at.
const CONSENTS: &str = "100";
/// Requests and messages on the first page.
const LATEST: usize = 3;

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/assets/counter.js", web::get().to(counter))
        .route("/clinician", web::get().to(home))
        .route("/clinician/inbox", web::get().to(messages))
        .route("/clinician/requests", web::get().to(requests))
        .route("/clinician/patients", web::get().to(patients));
    request::routes(config);
    glass::routes(config);
    record::routes(config);
}

async fn counter(http: HttpRequest) -> HttpResponse {
    asset(&http, "text/javascript; charset=utf-8", page::COUNTER)
}

/// Returns whether these pages are for a person of these roles.
pub fn is_clinician(roles: &[Role]) -> bool {
    let treats = [Role::Physician, Role::Nurse, Role::Pharmacist, Role::LabTechnician];
    roles.iter().any(|role| treats.contains(role))
}

/// Who these pages are for.
struct Staff {
    asker: Asker,
    /// `Practitioner/1`
    who: String,
    may_break: bool,
}

impl Staff {
    async fn of(state: &State, visit: &Visit, session: &Session) -> Result<Staff, Fault> {
        if !is_clinician(&session.account.roles) {
            return Err(Fault::new(Kind::Forbidden, "these pages are for those who treat patients"));
        }
        let asker = Asker::of(state, visit, session).await?;
        let who = asker.person.clone();
        let who =
            who.ok_or_else(|| Fault::new(Kind::Forbidden, "your account is not linked to anybody of the staff"))?;
        Ok(Staff { asker, who, may_break: has(&session.account.roles, Right::BreakGlass) })
    }

    /// Returns the Consents that name the person and meet these conditions, the newest first.
    async fn consents(&self, state: &State, more: &[(&str, &str)]) -> Result<Vec<Value>, Fault> {
        let mut pairs = vec![("actor", self.who.as_str()), ("_sort", "-date"), ("_count", CONSENTS)];
        pairs.extend(more);
        self.asker.found(&state.service, ask::type_of("Consent"), &pairs).await
    }

    /// Returns what the person opened by broken glass and is open still.
    async fn grants(&self, state: &State) -> Result<Vec<Value>, Fault> {
        let mut found = self.consents(state, &[("status", "active"), ("_tag", told::BREAK_GLASS)]).await?;
        let now = Instant::now();
        found.retain(|consent| told::is_break_glass(consent) && told::end(consent).is_none_or(|end| end > now));
        Ok(found)
    }
}

/// Returns the id of the patient of a Consent.
fn patient_of(consent: &Value) -> String {
    let reference = consent["patient"]["reference"].as_str().unwrap_or("");
    reference.rsplit('/').next().unwrap_or("").to_string()
}

fn patient_reference(consent: &Value) -> Option<String> {
    consent["patient"]["reference"].as_str().map(str::to_string)
}

fn open_grant(consent: &Value, names: &Names) -> OpenGrant {
    let name = patient_reference(consent).map_or_else(String::new, |reference| names.tell(&reference));
    let patient = patient_of(consent);
    OpenGrant { name: named(name, &patient), patient, until: until(consent), grant: told::grant(consent) }
}

/// Returns the name of a patient, or the number of the record where the name is hidden.
fn named(name: String, id: &str) -> String {
    if name == "a patient" { format!("Patient {id}") } else { name }
}

fn until(consent: &Value) -> String {
    consent["provision"]["period"]["end"].as_str().map(last).unwrap_or_default()
}

fn my_request(consent: &Value, names: &Names) -> MyRequest {
    let is_over = told::end(consent).is_some_and(|end| end <= Instant::now());
    let state = match told::status(consent) {
        "proposed" => "waiting",
        "active" if !is_over => "allowed",
        "rejected" => "not allowed",
        _ => "ended",
    };
    let patient = patient_of(consent);
    let name = patient_reference(consent).map_or_else(String::new, |reference| names.tell(&reference));
    MyRequest {
        name: named(name, &patient),
        patient,
        state,
        what: told::what(consent),
        asked: consent["dateTime"].as_str().map(moment).unwrap_or_default(),
        until: until(consent),
        is_open: state == "allowed",
    }
}

/// Returns whether a Consent lets the person see something, or asks for it.
fn is_mine(consent: &&Value) -> bool {
    !told::is_break_glass(consent) && told::is_permit(consent)
}

async fn home(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let staff = Staff::of(&state, &visit, visit.signed_in()?).await?;
        let grants = staff.grants(&state).await?;
        let consents = staff.consents(&state, &[]).await?;
        let latest: Vec<&Value> = consents.iter().filter(is_mine).take(LATEST).collect();
        let patients = grants.iter().chain(latest.iter().copied()).filter_map(patient_reference);
        let names = Names::of(&state, &visit, &staff.asker, patients).await?;
        let mut frame = visit.frame();
        frame.notice = match http.query_string() {
            "closed" => Some("The record is closed again.".into()),
            "asked" => Some("The patient is asked. You see the answer here.".into()),
            _ => None,
        };
        let page = Home {
            frame,
            grants: grants.iter().map(|consent| open_grant(consent, &names)).collect(),
            requests: latest.into_iter().map(|consent| my_request(consent, &names)).collect(),
            notices: inbox::latest(&state, &staff.asker, &staff.who, &LATEST.to_string()).await?,
            may_break: staff.may_break,
        };
        Ok(visit.page(200, &page))
    };
    answered(&http, &state, work).await
}

async fn messages(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let staff = Staff::of(&state, &visit, visit.signed_in()?).await?;
        Ok(inbox::inbox_page(&state, &visit, &staff.asker, &staff.who, "/clinician/inbox").await?)
    };
    answered(&http, &state, work).await
}

async fn requests(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let staff = Staff::of(&state, &visit, visit.signed_in()?).await?;
        let consents = staff.consents(&state, &[]).await?;
        let mine: Vec<&Value> = consents.iter().filter(is_mine).collect();
        let patients = mine.iter().copied().filter_map(patient_reference);
        let names = Names::of(&state, &visit, &staff.asker, patients).await?;
        let requests = mine.into_iter().map(|consent| my_request(consent, &names)).collect();
        Ok(visit.page(200, &MyRequests { frame: visit.frame(), requests }))
    };
    answered(&http, &state, work).await
}

async fn patients(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let staff = Staff::of(&state, &visit, visit.signed_in()?).await?;
        let words: String = visit.param("q").unwrap_or_default().trim().chars().take(200).collect();
        let after = visit.param("after");
        let mut frame = visit.frame();
        let (rows, next) = match find::patients(&state.service, &staff.asker, &words, after.as_deref()).await {
            // What a person typed may be no search at all.
            Err(fault) if matches!(fault.kind(), Kind::Invalid | Kind::NotSupported | Kind::Expired) => {
                frame.error = Some(format!("This cannot be searched for: {}", in_words(&fault)));
                (Vec::new(), None)
            }
            Err(fault) if fault.kind() == Kind::Forbidden => (Vec::new(), None),
            found => found?,
        };
        let next = next.map(|next| {
            let mut to = "/clinician/patients?q=".to_string();
            crate::rest::query::encode(&mut to, &words);
            to.push_str("&after=");
            crate::rest::query::encode(&mut to, &next);
            to
        });
        let sharing = match words.is_empty() && after.is_none() {
            true => staff.consents(&state, &[("status", "active")]).await?,
            false => Vec::new(),
        };
        let holds = |consent: &&Value| told::end(consent).is_none_or(|end| end > Instant::now());
        let sharing: Vec<&Value> = sharing.iter().filter(is_mine).filter(holds).collect();
        let references = sharing.iter().copied().filter_map(patient_reference);
        let names = Names::of(&state, &visit, &staff.asker, references).await?;
        let page = Patients {
            frame,
            q: Some(words).filter(|words| !words.is_empty()),
            rows,
            next,
            sharing: sharing.into_iter().map(|consent| my_request(consent, &names)).collect(),
            may_break: staff.may_break,
        };
        Ok(visit.page(200, &page))
    };
    answered(&http, &state, work).await
}

/// Returns the parameter that names a patient: by the Health ID that somebody typed, or by the number of the record.
fn whom(state: &State, typed: &str) -> Result<Value, Fault> {
    use serde_json::json;
    let typed = typed.trim();
    if let Some(number) = crate::health_id::HealthId::parse(typed) {
        let system = crate::health_id::system(&state.service.settings().base_url);
        return Ok(json!({"name": "health-id", "valueIdentifier": {"system": system, "value": number.as_str()}}));
    }
    let id = typed.strip_prefix("Patient/").unwrap_or(typed);
    match crate::fhir::ResourceId::parse(id) {
        Some(id) => {
            let reference = format!("{}/{id}", ResourceType::PATIENT);
            Ok(json!({"name": "patient", "valueReference": {"reference": reference}}))
        }
        None => {
            Err(Fault::new(Kind::BusinessRule, "This is no Health ID and no number of a record. Check what you typed."))
        }
    }
}
