//! `/admin/reviews`: broken glass to review: the Tasks, what was looked at, and the finding by `$review-break-glass`.

use super::super::super::super::State;
use super::super::super::ask::{self, Asker, At, matches};
use super::super::super::names::{Names, moment};
use super::super::super::{Turned, Visit, answered, event, told, value};
use super::{lines, search, watcher};
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceType};
use crate::page::audit::{Review, ReviewLine, Reviews};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

const PLACE: &str = "/admin/reviews";
/// The `code` of the Tasks.
const CODE: &str = "break-glass-review";
/// Tasks that are shown at most, of those that wait and of those that are done.
const TASKS: &str = "100";
/// Events that are shown with a review.
const EVENTS: &str = "100";

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route(PLACE, web::get().to(list))
        .service(web::resource("/admin/reviews/{id}").route(web::get().to(show)).route(web::post().to(finish)));
}

/// Returns the reviews that wait, the oldest first.
pub async fn waiting(state: &State, asker: &Asker) -> Result<Vec<Value>, Fault> {
    tasks(state, asker, "requested", "authored-on").await
}

async fn tasks(state: &State, asker: &Asker, status: &str, sort: &str) -> Result<Vec<Value>, Fault> {
    let pairs = [("code", CODE), ("status", status), ("_sort", sort), ("_count", TASKS)];
    asker.found(&state.service, ResourceType::TASK, &pairs).await
}

/// Returns whether a review should have been done by now.
pub fn is_overdue(task: &Value) -> bool {
    let due = task["restriction"]["period"]["end"].as_str().and_then(told::instant);
    task["status"] != "completed" && due.is_some_and(|due| due < Instant::now())
}

/// Returns the Consent of a review, which names who opened the record.
async fn consents(state: &State, asker: &Asker, tasks: &[&Value]) -> Result<Vec<Value>, Fault> {
    let ids: Vec<&str> =
        tasks.iter().filter_map(|task| task["focus"]["reference"].as_str()?.strip_prefix("Consent/")).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let count = ids.len().to_string();
    asker.found(&state.service, ask::type_of("Consent"), &[("_id", &ids.join(",")), ("_count", &count)]).await
}

fn consent_of<'a>(task: &Value, consents: &'a [Value]) -> Option<&'a Value> {
    let id = task["focus"]["reference"].as_str()?.strip_prefix("Consent/")?;
    consents.iter().find(|consent| consent["id"] == id)
}

fn line(task: &Value, consent: Option<&Value>, names: &Names) -> ReviewLine {
    let patient = task["for"]["reference"].as_str().unwrap_or("");
    let time = |value: &Value| value.as_str().map(moment).unwrap_or_default();
    let output = task["output"].as_array().into_iter().flatten().find_map(|output| output["valueCode"].as_str());
    let who = consent.map_or_else(|| "Somebody of the staff".to_string(), |consent| told::who(consent, names));
    ReviewLine {
        id: told::id(task),
        who,
        patient: names.known(patient).unwrap_or_else(|| patient.replace("Patient/", "patient ")),
        when: time(&task["authoredOn"]),
        due: time(&task["restriction"]["period"]["end"]),
        is_overdue: is_overdue(task),
        finding: output.map(|code| if code == "justified" { "justified" } else { "not justified" }),
    }
}

async fn list(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let asker = watcher(&state, &visit).await?;
        let open = waiting(&state, &asker).await?;
        let done = tasks(&state, &asker, "completed", "-authored-on").await?;
        let all: Vec<&Value> = open.iter().chain(&done).collect();
        let consents = consents(&state, &asker, &all).await?;
        let patients = all.iter().filter_map(|task| task["for"]["reference"].as_str().map(str::to_string));
        let references = consents.iter().flat_map(told::actors).chain(patients);
        let names = Names::of(&state, &visit, &asker, references).await?;
        let told = |tasks: &[Value]| tasks.iter().map(|task| line(task, consent_of(task, &consents), &names)).collect();
        let mut frame = visit.frame();
        if http.query_string() == "done" {
            frame.notice = Some("The finding is saved.".into());
        }
        Ok(visit.page(200, &Reviews { frame, open: told(&open), done: told(&done) }))
    };
    answered(&http, &state, work).await
}

async fn show(http: HttpRequest, state: web::Data<State>, id: web::Path<String>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let asker = watcher(&state, &visit).await?;
        let page = page(&state, &visit, &asker, &id).await?;
        Ok(visit.page(200, &page))
    };
    answered(&http, &state, work).await
}

async fn page(state: &State, visit: &Visit, asker: &Asker, id: &str) -> Result<Review, Turned> {
    let missing = || Fault::new(Kind::NotFound, "there is no such review");
    let task = asker.read(&state.service, ResourceType::TASK, id).await?.ok_or_else(missing)?;
    if task["code"]["coding"][0]["code"] != CODE {
        return Err(missing().into());
    }
    let consents = consents(state, asker, &[&task]).await?;
    let consent = consents.first();
    let patient = task["for"]["reference"].as_str().unwrap_or("").to_string();
    let references = consents.iter().flat_map(told::actors).chain([patient.clone()]);
    let names = Names::of(state, visit, asker, references).await?;
    let events = looked_at(state, asker, &task, consent, &patient).await?;
    let reason = events.iter().filter(|one| !event::is_refusal(one)).find_map(event::reason);
    let until = consent.and_then(|consent| consent["provision"]["period"]["end"].as_str()).map(moment);
    Ok(Review {
        frame: visit.frame(),
        line: line(&task, consent, &names),
        reason,
        until: until.unwrap_or_default(),
        is_open: task["status"] == "requested",
        events: lines(state, visit, asker, &events).await?,
        comment: String::new(),
    })
}

/// Returns what the person did with the record of this patient from breaking the glass until its end.
async fn looked_at(
    state: &State,
    asker: &Asker,
    task: &Value,
    consent: Option<&Value>,
    patient: &str,
) -> Result<Vec<Value>, Fault> {
    let Some(who) = consent.and_then(|consent| told::actors(consent).into_iter().next()) else { return Ok(Vec::new()) };
    let Some(began) = task["authoredOn"].as_str().and_then(told::instant) else { return Ok(Vec::new()) };
    let end = consent.and_then(told::end).unwrap_or_else(Instant::now);
    // The row of the audit is written a moment before or after the Task says.
    let (from, to) = (Instant(began.0 - 60_000_000), Instant(end.0 + 60_000_000));
    let (from, to) = (format!("ge{from}"), format!("le{to}"));
    let pairs = [("patient", patient), ("agent", who.as_str()), ("date", &from), ("date", &to), ("_count", EVENTS)];
    Ok(matches(&search(state, asker, &pairs).await?))
}

async fn finish(
    http: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
    payload: web::Payload,
) -> HttpResponse {
    let work = async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let asker = watcher(&state, &visit).await?;
        // What ends an access and is told to others is for who has just shown that it is them.
        visit.fresh(&format!("{PLACE}/{id}"))?;
        let comment = value(&form, "comment").unwrap_or("").replace("\r\n", "\n");
        let done = async {
            let finding = value(&form, "finding");
            let finding = finding.ok_or_else(|| Fault::new(Kind::BusinessRule, "Choose what you found."))?;
            let mut parameters = vec![json!({"name": "finding", "valueCode": finding})];
            if !comment.trim().is_empty() {
                parameters.push(json!({"name": "comment", "valueString": comment.trim()}));
            }
            let at = At::one(ResourceType::TASK, &id, "review-break-glass");
            asker.call(&state.service, &at, parameters).await
        };
        match done.await {
            Ok(_) => Ok(visit.go("/admin/reviews?done")),
            Err(fault) => {
                let page = page(&state, &visit, &asker, &id).await?;
                visit.again(fault, |frame| Review { frame, comment, ..page })
            }
        }
    };
    answered(&http, &state, work).await
}
