//! `/patient/requests`: who asks to see the record, and the answer. It may only narrow what was asked.

use super::super::ask::{self, At};
use super::super::names::{Names, moment};
use super::super::proof::{self, Proof, proof};
use super::super::{Form, State, Turned, Visit, answered, classes, told, value};
use super::{Own, day, request_line};
use crate::account::Session;
use crate::fault::{Fault, Kind};
use crate::fhir::Instant;
use crate::page::patient::{ClassBox, Days, Request, Requests};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

const PLACE: &str = "/patient/requests";

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route(PLACE, web::get().to(list))
        .service(web::resource("/patient/requests/{id}").route(web::get().to(show)).route(web::post().to(decide)));
}

async fn list(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let own = Own::of(&state, &visit, visit.signed_in()?).await?;
        let consents = own.consents(&state, &[("status", "proposed")]).await?;
        let names = Names::of(&state, &visit, &own.asker, consents.iter().flat_map(told::actors)).await?;
        let requests = consents.iter().map(|consent| request_line(consent, &names)).collect();
        let mut frame = visit.frame();
        frame.notice = super::news(
            &visit,
            &[
                ("denied", "You did not allow it. We tell them so, and no reason is given."),
                ("granted", "You allowed it."),
            ],
        );
        Ok(visit.page(200, &Requests { frame, of: own.of, requests }))
    };
    answered(&http, &state, work).await
}

async fn show(http: HttpRequest, state: web::Data<State>, id: web::Path<String>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let session = visit.signed_in()?;
        let own = Own::of(&state, &visit, session).await?;
        let consent = waiting(&state, &own, &id).await?;
        let page = page(&state, &visit, session, &own, &consent).await?;
        Ok(visit.page(200, &page))
    };
    answered(&http, &state, work).await
}

/// Returns the request of this id that waits for an answer about this patient.
async fn waiting(state: &State, own: &Own, id: &str) -> Result<Value, Fault> {
    let found = own.asker.read(&state.service, ask::type_of("Consent"), id).await?;
    let whose = format!("Patient/{}", own.patient);
    let is_own = |consent: &Value| {
        let patient = consent["patient"]["reference"].as_str().unwrap_or("");
        patient == whose || patient.ends_with(&format!("/{whose}"))
    };
    let found = found.filter(|consent| is_own(consent) && told::status(consent) == "proposed");
    found.ok_or_else(|| Fault::new(Kind::NotFound, "there is no such request, or it is answered already"))
}

async fn page(state: &State, visit: &Visit, session: &Session, own: &Own, consent: &Value) -> Result<Request, Fault> {
    let names = Names::of(state, visit, &own.asker, told::actors(consent)).await?;
    let share = told::share(consent, &names);
    let asked = told::class_codes(consent);
    let boxes = classes::all().iter().filter(|class| asked.iter().any(|one| one == class.code)).map(|class| ClassBox {
        code: class.code.into(),
        words: class.words.into(),
        hint: class.definition.into(),
        is_ticked: true,
    });
    let left = proof(visit, session, false).await?;
    // What ends with a day is over before the next one begins.
    let until = told::end(consent).map(|end| date(Instant(end.0 - 1))).unwrap_or_default();
    Ok(Request {
        frame: visit.frame(),
        id: share.id.clone(),
        version: told::version(consent),
        who: share.who,
        why: if share.why.is_empty() { "No reason is given".into() } else { share.why },
        asked: consent["dateTime"].as_str().map(moment).unwrap_or_default(),
        until: share.until,
        note: note(state, own, &share.id).await?,
        classes: boxes.collect(),
        what: share.what,
        days: Days { first: day_after(Instant::now()), last: until.clone(), chosen: until },
        wants_code: left == Proof::Code,
        step_up: (left == Proof::StepUp).then(|| proof::step_up(&format!("{PLACE}/{}", share.id))),
    })
}

/// Returns the page with what the person has chosen on it: what was taken away does not come back by a fault.
fn as_chosen(mut page: Request, form: &Form) -> Request {
    let is_ticked = |code: &str| form.iter().any(|(name, value)| name == "class" && value == code);
    for class in &mut page.classes {
        class.is_ticked = is_ticked(&class.code);
    }
    if let Some(day) = value(form, "until") {
        page.days.chosen = day.to_string();
    }
    page
}

/// Returns what the one who asks wrote: it stands in the Task that asks for the answer.
async fn note(state: &State, own: &Own, consent: &str) -> Result<Option<String>, Fault> {
    let focus = format!("Consent/{consent}");
    let tasks = own.asker.found(&state.service, ask::type_of("Task"), &[("focus", &focus), ("_count", "1")]).await?;
    let task = tasks.first();
    let text = task.and_then(|task| task["note"][0]["text"].as_str().or(task["description"].as_str()));
    Ok(text.map(|text| text.chars().take(2000).collect()))
}

/// Returns a moment as the day that a form of a browser holds.
pub fn date(at: Instant) -> String {
    at.to_string().chars().take(10).collect()
}

/// Returns the day after a moment.
pub fn day_after(at: Instant) -> String {
    date(Instant(at.0 + 86_400_000_000))
}

async fn decide(
    http: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
    payload: web::Payload,
) -> HttpResponse {
    let work = async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let session = visit.signed_in()?;
        let own = Own::of(&state, &visit, session).await?;
        let consent = waiting(&state, &own, &id).await?;
        let done = match value(&form, "decision") {
            Some("deny") => {
                let at = At { version: shown(&form), ..At::one(ask::type_of("Consent"), &id, "deny") };
                own.asker.call(&state.service, &at, Vec::new()).await.map(|_| "denied")
            }
            Some("grant") => grant(&state, &visit, session, &own, &consent, &form).await?,
            _ => Err(Fault::new(Kind::Invalid, "the form says neither 'grant' nor 'deny'")),
        };
        match done {
            Ok(news) => Ok(visit.go(&format!("{PLACE}?{news}"))),
            Err(fault) => {
                let page = as_chosen(page(&state, &visit, session, &own, &consent).await?, &form);
                visit.again(fault, |frame| Request { frame, ..page })
            }
        }
    };
    answered(&http, &state, work).await
}

/// Returns the version of the request that the person saw.
fn shown(form: &Form) -> Option<i32> {
    value(form, "version").and_then(|text| text.parse().ok()).filter(|version| *version > 0)
}

/// Allows what is ticked, until the day that is chosen; turned away where a factor has to be shown first.
async fn grant(
    state: &State,
    visit: &Visit,
    session: &Session,
    own: &Own,
    consent: &Value,
    form: &Form,
) -> Result<Result<&'static str, Fault>, Turned> {
    let id = told::id(consent);
    let code = value(form, "code").map(|code| code.split_whitespace().collect::<String>());
    if code.is_none() {
        if proof(visit, session, false).await? == Proof::Code {
            return Ok(Err(Fault::new(Kind::BusinessRule, "Type the code of your authenticator app.")));
        }
        proof::demand(visit, session, &format!("{PLACE}/{id}")).await?;
    }
    let asked = told::class_codes(consent);
    let ticked: Vec<&str> = form.iter().filter(|(name, _)| name == "class").map(|(_, code)| code.as_str()).collect();
    if !asked.is_empty() && ticked.is_empty() {
        let text = "Tick at least one kind of data, or choose not to allow it.";
        return Ok(Err(Fault::new(Kind::BusinessRule, text)));
    }
    let system = super::sharing::class_system(state);
    let coding = |code: &str| json!({"name": "class", "valueCoding": {"system": system, "code": code}});
    let mut parameters: Vec<Value> = ticked.iter().map(|code| coding(code)).collect();
    let until = match day(form, "until") {
        Ok(until) => until,
        Err(Turned::Fault(fault)) => return Ok(Err(fault)),
        Err(turned) => return Err(turned),
    };
    // The day that is chosen is still part of it; what was asked is never exceeded.
    if let Some(day) = until {
        let end = Instant(day.0 + 86_400_000_000);
        let end = told::end(consent).map_or(end, |asked| asked.min(end));
        let start = consent["provision"]["period"]["start"].as_str();
        let mut period = json!({"end": end.to_string()});
        if let Some(start) = start {
            period["start"] = start.into();
        }
        parameters.push(json!({"name": "period", "valuePeriod": period}));
    }
    if let Some(code) = code {
        parameters.push(json!({"name": "verification", "valueString": code}));
    }
    let at = At { version: shown(form), ..At::one(ask::type_of("Consent"), &id, "grant") };
    Ok(own.asker.call(&state.service, &at, parameters).await.map(|_| "granted"))
}
