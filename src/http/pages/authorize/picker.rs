//! `/authorize/patient` and `/authorize/encounter`: whom, and which visit, an app is to be about.

use super::{Way, find, named, on_the_way};
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::http::State;
use crate::http::pages::{Turned, Visit, answered, value};
use crate::oauth::authorize::keep;
use crate::page::picker::Picker;
use crate::rest::query;
use actix_web::web::{self, Payload};
use actix_web::{HttpRequest, HttpResponse};

const PATIENT: &str = "/authorize/patient";
const ENCOUNTER: &str = "/authorize/encounter";

pub fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource(PATIENT).route(web::get().to(patients)).route(web::post().to(pick_patient)));
    config.service(web::resource(ENCOUNTER).route(web::get().to(visits)).route(web::post().to(pick_visit)));
}

async fn patients(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let pairs = query::parse(http.query_string())?;
        let way = on_the_way(&state, &visit, named(&pairs)?).await?;
        let words: String = value(&pairs, "q").unwrap_or("").chars().take(200).collect();
        let after = value(&pairs, "after");
        let found = find::patients(&state.service, &way.asker, &words, after).await;
        let mut frame = visit.frame();
        let (rows, next) = match found {
            // What a person typed may be no search at all; that is no reason to lose the way.
            Err(fault)
                if matches!(fault.kind(), Kind::Invalid | Kind::NotSupported | Kind::Expired | Kind::Forbidden) =>
            {
                frame.error = Some(format!("This cannot be searched for: {}", super::super::in_words(&fault)));
                (Vec::new(), None)
            }
            found => found?,
        };
        let next = next.map(|next| {
            let mut to = format!("{PATIENT}?request={}&q=", way.id);
            query::encode(&mut to, &words);
            to.push_str("&after=");
            query::encode(&mut to, &next);
            to
        });
        let nothing = if words.is_empty() {
            "There is no patient whom you may choose."
        } else {
            "Nobody was found. Check the spelling, or search for less."
        };
        let page = Picker {
            title: "Which patient?".into(),
            words: format!("Choose whom {} is to be opened for.", way.client.metadata.client_name),
            action: PATIENT,
            field: "patient",
            request: way.id,
            search: Some(words),
            rows,
            nothing: nothing.into(),
            next,
            without: None,
            frame,
        };
        Ok(visit.page(200, &page))
    })
    .await
}

async fn pick_patient(http: HttpRequest, state: web::Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let mut way = on_the_way(&state, &visit, named(&form)?).await?;
        let id = value(&form, "patient").unwrap_or("");
        let found = way.asker.read(&state.service, ResourceType::PATIENT, id).await?;
        if found.is_none() {
            return Err(
                Fault::new(Kind::NotFound, "there is no such patient whom you may choose: go back and search").into()
            );
        }
        let picked = &mut way.request.picked;
        if picked.patient.as_deref() != Some(id) {
            (picked.encounter, picked.no_encounter) = (None, false);
        }
        picked.patient = Some(id.to_string());
        on(&state, &visit, &way).await
    })
    .await
}

async fn visits(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let pairs = query::parse(http.query_string())?;
        let way = on_the_way(&state, &visit, named(&pairs)?).await?;
        let Some(patient) = way.request.patient() else {
            return Ok(visit.go(&format!("{PATIENT}?request={}", way.id)));
        };
        let rows = find::visits(&state.service, &way.asker, patient).await?;
        let page = Picker {
            frame: visit.frame(),
            title: "Which visit?".into(),
            words: format!("Choose the visit that {} is to be about.", way.client.metadata.client_name),
            action: ENCOUNTER,
            field: "encounter",
            request: way.id,
            search: None,
            rows,
            nothing: "No visit is known.".into(),
            next: None,
            without: Some("Go on without a visit"),
        };
        Ok(visit.page(200, &page))
    })
    .await
}

async fn pick_visit(http: HttpRequest, state: web::Data<State>, payload: Payload) -> HttpResponse {
    answered(&http, &state, async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let mut way = on_the_way(&state, &visit, named(&form)?).await?;
        let Some(id) = value(&form, "encounter") else {
            (way.request.picked.encounter, way.request.picked.no_encounter) = (None, true);
            return on(&state, &visit, &way).await;
        };
        let found = way.asker.read(&state.service, ResourceType::ENCOUNTER, id).await?;
        let subject = found.as_ref().and_then(|found| found["subject"]["reference"].as_str());
        let of = subject.and_then(|subject| find::local(&state.service, subject, ResourceType::PATIENT));
        if of.is_none() || of.as_deref() != way.request.patient() {
            return Err(
                Fault::new(Kind::NotFound, "there is no such visit of this patient: go back and choose again").into()
            );
        }
        (way.request.picked.encounter, way.request.picked.no_encounter) = (Some(id.to_string()), false);
        on(&state, &visit, &way).await
    })
    .await
}

async fn on(state: &State, visit: &Visit, way: &Way) -> Result<HttpResponse, Turned> {
    keep(super::server(state)?, &way.id, &way.request).await?;
    Ok(visit.go(&format!("/authorize?request={}", way.id)))
}
