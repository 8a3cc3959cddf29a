//! `/clinician/ask`: asking a patient for consent, by the operation `$request`.

use super::super::ask::{self, At};
use super::super::patient::requests::{date, day_after};
use super::super::{Form, State, Turned, Visit, answered, classes, in_words, patient, told, value};
use super::{Staff, whom};
use crate::fault::{Fault, Kind};
use crate::fhir::Instant;
use crate::page::Frame;
use crate::page::clinician::{Ask, Choice};
use crate::page::patient::{ClassBox, Days};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

const PLACE: &str = "/clinician/ask";
/// Days that are offered first, and the most that can be asked for.
const DAYS: i64 = 30;
const DAYS_MAX: i64 = 365;
const DAY_US: i64 = 86_400_000_000;
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

/// What can be asked for, in the words of who asks.
const PURPOSES: &[(&str, &str)] = &[
    ("TREAT", "To treat the patient"),
    ("CAREMGT", "To plan the care"),
    ("HPAYMT", "To settle bills"),
    ("HRESCH", "For research"),
    ("CLINTRCH", "For a clinical study"),
];

pub fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource(PLACE).route(web::get().to(blank)).route(web::post().to(send)));
}

async fn blank(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        Staff::of(&state, &visit, visit.signed_in()?).await?;
        let patient = visit.param("patient").unwrap_or_default();
        let form = vec![("patient".to_string(), patient), ("purpose".to_string(), "TREAT".to_string())];
        Ok(visit.page(200, &page(visit.frame(), &form)))
    };
    answered(&http, &state, work).await
}

fn page(frame: Frame, form: &Form) -> Ask {
    let now = Instant::now();
    let later = |days: i64| date(Instant(now.0 + days * DAY_US));
    let text = |name: &str| value(form, name).unwrap_or("").chars().take(1000).collect::<String>();
    let is_ticked = |code: &str| form.iter().any(|(name, value)| name == "class" && value == code);
    let purpose = text("purpose");
    let boxes = classes::all().iter().map(|class| ClassBox {
        code: class.code.into(),
        words: class.words.replace("My whole", "The whole"),
        hint: class.definition.into(),
        is_ticked: is_ticked(class.code),
    });
    let purposes = PURPOSES.iter().map(|(code, words)| Choice { code, words, is_chosen: purpose == *code });
    let chosen = value(form, "until").map_or_else(|| later(DAYS), str::to_string);
    Ask {
        frame,
        patient: text("patient"),
        purposes: purposes.collect(),
        classes: boxes.collect(),
        days: Days { first: day_after(now), last: later(DAYS_MAX), chosen },
        note: text("note"),
    }
}

async fn send(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    let work = async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let staff = Staff::of(&state, &visit, visit.signed_in()?).await?;
        let done = async {
            let parameters = parameters(&state, &form)?;
            let at = At::type_of(ask::type_of("Consent"), "request");
            staff.asker.call(&state.service, &at, parameters).await?;
            Ok(())
        };
        match done.await {
            Ok(()) => Ok(visit.go("/clinician?asked")),
            Err(Turned::Fault(fault)) => {
                let fault = match fault.kind() {
                    // It stands on the form: who asks can mend it there.
                    Kind::NotFound => Fault::new(Kind::BusinessRule, in_words(&fault)),
                    _ => fault,
                };
                visit.again(fault, |frame| page(frame, &form))
            }
            Err(turned) => Err(turned),
        }
    };
    answered(&http, &state, work).await
}

fn parameters(state: &State, form: &Form) -> Result<Vec<Value>, Turned> {
    let wrong = |text: &str| Turned::from(Fault::new(Kind::BusinessRule, text));
    let purpose = value(form, "purpose").filter(|code| PURPOSES.iter().any(|(known, _)| known == code));
    let purpose = purpose.ok_or_else(|| wrong("Choose why you ask."))?;
    let system = patient::sharing::class_system(state);
    let codes: Vec<&str> = form.iter().filter(|(name, _)| name == "class").map(|(_, code)| code.as_str()).collect();
    if codes.is_empty() {
        return Err(wrong("Tick at least one kind of data."));
    }
    let until = patient::day(form, "until")?.ok_or_else(|| wrong("Choose until when."))?;
    let now = Instant::now();
    let end = Instant(until.0 + DAY_US);
    if end <= now || end.0 > now.0 + (DAYS_MAX + 1) * DAY_US {
        return Err(wrong("Choose a day within the next year."));
    }
    // The last day is part of it, and a year is the most.
    let end = end.min(Instant(now.0 + DAYS_MAX * DAY_US));
    let mut parameters = vec![
        whom(state, value(form, "patient").unwrap_or(""))?,
        json!({"name": "purpose", "valueCoding": {"system": ACT_REASON, "code": purpose}}),
        json!({"name": "validity", "valuePeriod": {"start": now.to_string(), "end": end.to_string()}}),
    ];
    parameters
        .extend(codes.iter().map(|code| json!({"name": "class", "valueCoding": {"system": system, "code": code}})));
    if let Some(note) = value(form, "note").map(str::trim).filter(|note| !note.is_empty()) {
        parameters.push(json!({"name": "note", "valueString": note}));
    }
    debug_assert!(told::purpose(purpose).is_some(), "a patient is told why in words");
    Ok(parameters)
}
