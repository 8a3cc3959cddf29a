//! `/patient/sharing`: who may see what, and must not; sharing with somebody, refusing somebody, and the end of either.
//!
//! What a patient gives here is a Consent of R4 <https://hl7.org/fhir/R4/consent.html> that names its recipient; see
//! [`super::super::classes`] for what it opens.

use super::super::ask::{self, At};
use super::super::names::{Names, name};
use super::super::proof::{self, Proof, proof};
use super::super::{State, Turned, Visit, answered, classes, told, value};
use super::requests::{date, day_after};
use super::{Own, day, emergencies, holds};
use crate::access::consent::Implied;
use crate::fault::{Fault, Kind};
use crate::fhir::Instant;
use crate::fhir::reference::Literal;
use crate::page::patient::{ClassBox, Days, ShareForm, ShareWhom, Sharing};
use crate::page::picker::Row;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

const PLACE: &str = "/patient/sharing";
const NEW: &str = "/patient/sharing/new";
/// Days that are offered first, and the most that can be chosen.
const DAYS: i64 = 90;
const DAYS_MAX: i64 = 365;
/// People, and as many organizations, that a search by name shows.
const FOUND: &str = "15";
/// Consents that have ended that the page still shows.
const PAST_MAX: usize = 20;

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route(PLACE, web::get().to(list))
        .service(web::resource(NEW).route(web::get().to(form)).route(web::post().to(share)))
        .route("/patient/sharing/{id}/end", web::post().to(end));
}

/// Returns the system of the codes of data classes.
pub fn class_system(state: &State) -> String {
    format!("{}/CodeSystem/data-class", state.service.settings().canonical_base)
}

async fn list(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let own = Own::of(&state, &visit, visit.signed_in()?).await?;
        let consents = own.consents(&state, &[("status", "active,inactive,rejected")]).await?;
        let names = Names::of(&state, &visit, &own.asker, consents.iter().flat_map(told::actors)).await?;
        let emergencies = emergencies(&consents, &names);
        let (now, before): (Vec<&Value>, Vec<&Value>) =
            consents.iter().filter(|one| !told::is_break_glass(one)).partition(|one| holds(one));
        let (permits, denies): (Vec<&Value>, Vec<&Value>) = now.into_iter().partition(|one| told::is_permit(one));
        let told = |all: Vec<&Value>| all.into_iter().map(|one| told::share(one, &names)).collect();
        let past = before.into_iter().take(PAST_MAX).map(|one| {
            let how = if told::status(one) == "rejected" { "not allowed" } else { "ended" };
            (told::share(one, &names), how)
        });
        let mut frame = visit.frame();
        frame.notice = super::news(
            &visit,
            &[
                ("ended", "It is ended, from this moment on."),
                ("shared", "You share this now."),
                ("refused", "This is refused now."),
            ],
        );
        let page = Sharing {
            frame,
            emergencies,
            permits: told(permits),
            denies: told(denies),
            past: past.collect(),
            others: others(state.service.settings().implied),
            of: own.of,
        };
        Ok(visit.page(200, &page))
    };
    answered(&http, &state, work).await
}

/// Returns what holds for those of whom nothing is said.
fn others(implied: Implied) -> &'static str {
    match implied {
        Implied::Treatment => {
            "Doctors and nurses who care for you may see your record to treat you, unless you refuse it. For all others: only \
             with your permission."
        }
        Implied::Permit => "The staff may see your record as far as their work wants it, unless you refuse it.",
        Implied::Deny => "Nobody may see your record without your permission.",
    }
}

/// Returns the word of the form for what is wanted.
fn deed(given: Option<&str>) -> &'static str {
    if given == Some("refuse") { "refuse" } else { "share" }
}

async fn form(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let own = Own::of(&state, &visit, visit.signed_in()?).await?;
        let deed = deed(visit.param("deed").as_deref());
        match visit.param("with") {
            Some(with) => {
                let page = share_form(&state, &visit, &own, deed, &with).await?;
                Ok(visit.page(200, &page))
            }
            None => {
                let q = visit.param("q").map(|q| q.trim().chars().take(100).collect::<String>());
                let rows = match &q {
                    Some(q) => whom(&state, &own, q).await?,
                    None => Vec::new(),
                };
                Ok(visit.page(200, &ShareWhom { frame: visit.frame(), deed, q, rows }))
            }
        }
    };
    answered(&http, &state, work).await
}

/// Returns staff and organizations whose name begins so.
async fn whom(state: &State, own: &Own, q: &str) -> Result<Vec<Row>, Fault> {
    let escaped = |word: &str| word.replace('\\', "\\\\").replace(',', "\\,").replace('$', "\\$");
    let words: Vec<String> = q.split_whitespace().take(6).map(escaped).collect();
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    for (kind, detail) in [("Practitioner", "Staff"), ("Organization", "Organization")] {
        let mut pairs: Vec<(&str, &str)> = words.iter().map(|word| ("name:contains", word.as_str())).collect();
        pairs.extend([("active:not", "false"), ("_count", FOUND)]);
        for one in own.asker.found(&state.service, ask::type_of(kind), &pairs).await? {
            let more = if kind == "Organization" { one["address"][0]["city"].as_str().map(String::from) } else { None };
            let told = more.map_or_else(|| detail.to_string(), |city| format!("{detail}, {city}"));
            rows.push(Row { value: format!("{kind}/{}", told::id(&one)), title: name(&one), detail: told });
        }
    }
    Ok(rows)
}

/// Returns the reference and the name of whom somebody wants to share with.
async fn chosen(state: &State, own: &Own, with: &str) -> Result<(String, String), Fault> {
    let missing = || Fault::new(Kind::NotFound, "there is nobody of this name here: go back and search");
    let literal = Literal::parse(with).filter(|literal| literal.base.is_empty()).ok_or_else(missing)?;
    let t = literal.resource_type;
    if !matches!(t.name(), "Practitioner" | "Organization") {
        return Err(missing());
    }
    let found = own.asker.read(&state.service, t, literal.id).await?.ok_or_else(missing)?;
    Ok((format!("{t}/{}", literal.id), name(&found)))
}

async fn share_form(
    state: &State,
    visit: &Visit,
    own: &Own,
    deed: &'static str,
    with: &str,
) -> Result<ShareForm, Turned> {
    let session = visit.signed_in()?;
    let (with, name) = chosen(state, own, with).await?;
    let back = format!("{NEW}?deed={deed}&with={with}");
    let is_proven = proof(visit, session, false).await? == Proof::Shown;
    let mut classes: Vec<ClassBox> = classes::all()
        .iter()
        .map(|class| ClassBox {
            code: class.code.into(),
            words: class.words.into(),
            hint: class.definition.into(),
            is_ticked: deed == "refuse" && class.code == "all",
        })
        .collect();
    // What is ticked already is seen first.
    classes.sort_by_key(|class| !class.is_ticked);
    let now = Instant::now();
    let later = |days: i64| date(Instant(now.0 + days * 86_400_000_000));
    let days = Days {
        first: day_after(now),
        last: later(DAYS_MAX),
        chosen: if deed == "refuse" { String::new() } else { later(DAYS) },
    };
    Ok(ShareForm {
        frame: visit.frame(),
        deed,
        with,
        name,
        classes,
        days,
        step_up: (!is_proven).then(|| proof::step_up(&back)),
    })
}

async fn share(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    let work = async {
        let (visit, fields) = Visit::post(&http, &state, payload).await?;
        let session = visit.signed_in()?;
        let own = Own::of(&state, &visit, session).await?;
        let deed = deed(value(&fields, "deed"));
        let with = value(&fields, "with").unwrap_or("");
        let (with, _) = chosen(&state, &own, with).await?;
        // To give something away, or to stop somebody's help, is for the person alone.
        proof::demand(&visit, session, &format!("{NEW}?deed={deed}&with={with}")).await?;
        let done = async {
            let consent = consent(&state, &own, deed, &with, &fields)?;
            own.asker.create(&state.service, ask::type_of("Consent"), consent).await?;
            Ok(())
        };
        match done.await {
            Ok(()) => Ok(visit.go(&format!("{PLACE}?{}", if deed == "refuse" { "refused" } else { "shared" }))),
            Err(Turned::Fault(fault)) => {
                let page = share_form(&state, &visit, &own, deed, &with).await?;
                let ticked = ticked(&fields);
                let is_ticked = |one: &ClassBox| ticked.contains(&one.code.as_str());
                let classes = page.classes.into_iter().map(|one| ClassBox { is_ticked: is_ticked(&one), ..one });
                let classes = classes.collect();
                let chosen = value(&fields, "until").unwrap_or("").to_string();
                let days = Days { chosen, ..page.days };
                visit.again(fault, |frame| ShareForm { frame, classes, days, ..page })
            }
            Err(turned) => Err(turned),
        }
    };
    answered(&http, &state, work).await
}

fn ticked(form: &[(String, String)]) -> Vec<&str> {
    form.iter().filter(|(name, _)| name == "class").map(|(_, code)| code.as_str()).collect()
}

/// Returns the Consent that a form asks for.
fn consent(state: &State, own: &Own, deed: &str, with: &str, form: &[(String, String)]) -> Result<Value, Turned> {
    let wrong = |text: &str| Turned::from(Fault::new(Kind::BusinessRule, text));
    let codes = ticked(form);
    if codes.is_empty() || codes.iter().any(|code| classes::words(code).is_none()) {
        return Err(wrong("Tick at least one kind of data."));
    }
    let now = Instant::now();
    let until = day(form, "until")?.map(|day| Instant(day.0 + 86_400_000_000));
    if until.is_some_and(|until| until <= now || until.0 > now.0 + (DAYS_MAX + 1) * 86_400_000_000) {
        return Err(wrong("Choose a day within the next year."));
    }
    if until.is_none() && deed == "share" {
        return Err(wrong("Choose until when you want to share."));
    }
    let mut period = json!({"start": now.to_string()});
    if let Some(until) = until {
        period["end"] = until.to_string().into();
    }
    let base = &state.service.settings().canonical_base;
    let class = |code: &&str| {
        let coding = json!({"system": class_system(state), "code": code, "display": classes::words(code)});
        json!({"url": format!("{base}/StructureDefinition/consent-data-class"), "valueCoding": coding})
    };
    let mut provision = json!({
        "extension": codes.iter().map(class).collect::<Vec<_>>(),
        "period": period,
        "actor": [{
            "role": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]},
            "reference": {"reference": with},
        }],
    });
    let is_permit = deed == "share";
    classes::narrow(&mut provision, &codes, is_permit);
    let performer = own.asker.person.clone().unwrap_or_else(|| format!("Patient/{}", own.patient));
    Ok(json!({
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [
            {"coding": [{"system": "http://loinc.org", "code": "59284-0"}]},
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IDSCL"}]},
        ],
        "patient": {"reference": format!("Patient/{}", own.patient)},
        "dateTime": now.to_string(),
        "performer": [{"reference": performer}],
        // What the provision does not name, this Consent says nothing about.
        "policy": [{"uri": format!("{base}/Policy/own-choice")}],
        "provision": provision,
    }))
}

async fn end(http: HttpRequest, state: web::Data<State>, id: web::Path<String>, payload: web::Payload) -> HttpResponse {
    let work = async {
        let (visit, _) = Visit::post(&http, &state, payload).await?;
        let own = Own::of(&state, &visit, visit.signed_in()?).await?;
        own.asker.call(&state.service, &At::one(ask::type_of("Consent"), &id, "revoke"), Vec::new()).await?;
        Ok(visit.go("/patient/sharing?ended"))
    };
    answered(&http, &state, work).await
}
