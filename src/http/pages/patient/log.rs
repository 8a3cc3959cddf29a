//! `/patient/log`: who looked at the record, or changed it, in plain words; the latest first.
//!
//! The rows are those of `AuditEvent?patient=`, told by [`crate::audit::words`].

use super::super::names::Names;
use super::super::{State, Visit, answered};
use super::{Own, emergencies, told};
use crate::audit::words::{Sort, words};
use crate::fault::{Fault, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::page;
use crate::page::patient::{Log, LogLine};
use crate::store::audit::Entry;
use crate::store::trail::Row;
use actix_web::{HttpRequest, HttpResponse, web};

/// Lines on one page.
const PAGE: u32 = 40;
/// Lines that say the same are told once for each hour.
const HOUR_US: i64 = 3_600_000_000;
/// Looks into the audit for one page at most.
const LOOKS_MAX: usize = 10;

pub async fn show(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let session = visit.signed_in()?;
        let own = Own::of(&state, &visit, session).await?;
        let is_self =
            own.of.is_none() && session.account.fhir_user.as_ref().is_some_and(|(t, _)| *t == ResourceType::PATIENT);
        let patient = ResourceId::parse(&own.patient).filter(|_| is_self);
        let Some(patient) = patient else {
            let text = "who looked at a record is told to the patient alone";
            return Err(Fault::new(Kind::Forbidden, text).into());
        };
        let after = visit.param("after").as_deref().and_then(place);
        let with_own = visit.param("own").is_some();
        let (rows, next) = rows(&state, &patient, after, with_own).await?;
        let seen = Entry::event("access-log", &visit.visitor().request, &session.account.id.to_string(), 200);
        visit.accounts.recorder.record(seen.about_patient(&patient)).await.map_err(Fault::from)?;
        let consents = match after {
            Some(_) => Vec::new(),
            None => own.consents(&state, &[("_tag", told::BREAK_GLASS)]).await?,
        };
        let people = rows.iter().flat_map(people).chain(consents.iter().flat_map(told::actors));
        let names = Names::of(&state, &visit, &own.asker, people).await?;
        let hours: Vec<i64> = rows.iter().map(|row| row.at.0.div_euclid(HOUR_US)).collect();
        let own_words = if with_own { "&own=yes" } else { "" };
        let page = Log {
            frame: visit.frame(),
            emergencies: emergencies(&consents, &names),
            lines: gathered(rows.iter().map(|row| line(row, &names, &patient)).collect(), &hours),
            next: next.map(|(at, no)| format!("/patient/log?after={at}-{no}{own_words}")),
            with_own,
            of: own.of,
        };
        Ok(visit.page(200, &page))
    };
    answered(&http, &state, work).await
}

/// Returns the rows of a page, and where the next one begins. What the patient looked at is left out unless it is wanted: each look at
/// these pages is one.
async fn rows(
    state: &State,
    patient: &ResourceId,
    after: Option<(i64, i64)>,
    with_own: bool,
) -> Result<(Vec<Row>, Option<(i64, i64)>), Fault> {
    let (mut found, mut next) = (Vec::new(), after);
    for _ in 0..LOOKS_MAX {
        let rows = state.service.store().audit_of_patient(patient, next, PAGE).await?;
        let is_last = rows.len() < PAGE as usize;
        next = rows.last().map(|row| (row.at.0, row.no)).filter(|_| !is_last);
        let is_told = |row: &Row| !is_by_the_way(row) && (with_own || !is_own_look(row, patient));
        found.extend(rows.into_iter().filter(is_told));
        if is_last || found.len() >= PAGE as usize / 2 {
            break;
        }
    }
    Ok((found, next))
}

fn is_own(row: &Row, patient: &ResourceId) -> bool {
    row.agent.as_deref().and_then(|agent| agent.strip_prefix("Patient/")) == Some(patient.as_str())
}

fn is_own_look(row: &Row, patient: &ResourceId) -> bool {
    let looks = matches!(row.action.as_str(), "read" | "vread" | "access-log" | "emergency-card");
    is_own(row, patient) && (looks || row.action.starts_with("search") || row.action.starts_with("history"))
}

/// Returns whether a row tells only what an operation wrote beside the step that has a row of its own: a notice, a task, who did it.
fn is_by_the_way(row: &Row) -> bool {
    let is_beside =
        row.resource_type.is_some_and(|t| matches!(t.name(), "Communication" | "Task" | "Provenance" | "Consent"));
    let is_plain = matches!(row.action.as_str(), "create" | "update" | "patch" | "delete" | "read" | "vread")
        || ["search", "history", "consent-", "emergency", "everything"]
            .iter()
            .any(|begin| row.action.starts_with(begin));
    is_beside && !is_plain && row.status < 400
}

/// Returns the lines with those that say the same of the same hour told once, at the place of the latest.
fn gathered(lines: Vec<LogLine>, hours: &[i64]) -> Vec<LogLine> {
    let mut found: Vec<(i64, LogLine)> = Vec::new();
    for (line, hour) in lines.into_iter().zip(hours) {
        let is_same = |one: &LogLine| {
            (&one.who, &one.what, &one.why, one.is_emergency, one.is_refusal)
                == (&line.who, &line.what, &line.why, line.is_emergency, line.is_refusal)
        };
        match found.iter_mut().find(|(at, one)| at == hour && is_same(one)) {
            Some((_, one)) => one.times += 1,
            None => found.push((*hour, line)),
        }
    }
    found.into_iter().map(|(_, line)| line).collect()
}

/// Returns the moment and the number of the row that the page before ended with.
fn place(text: &str) -> Option<(i64, i64)> {
    let (at, no) = text.split_once('-')?;
    Some((at.parse().ok()?, no.parse().ok()?))
}

/// Returns whose names a row wants.
fn people(row: &Row) -> Vec<String> {
    row.agent.clone().into_iter().chain(row.client.as_ref().map(|client| format!("Device/{client}"))).collect()
}

fn line(row: &Row, names: &Names, patient: &ResourceId) -> LogLine {
    let line = words(row, &|reference| names.known(reference));
    LogLine {
        when: page::when(line.when),
        who: if is_own(row, patient) && row.client.is_none() { "You".into() } else { line.who },
        what: line.what,
        why: line.why,
        times: 1,
        is_emergency: line.kind == Sort::Emergency,
        is_refusal: line.kind == Sort::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_again_within_the_hour_is_told_once() {
        let line = |what: &str| LogLine {
            when: String::new(),
            who: "Dr. Mei Lin".into(),
            what: what.into(),
            why: None,
            times: 1,
            is_emergency: false,
            is_refusal: false,
        };
        let lines = ["read a", "read b", "read a", "read a", "read b"].map(line).into();
        let told = gathered(lines, &[7, 7, 7, 6, 6]);
        let told: Vec<(&str, usize)> = told.iter().map(|line| (line.what.as_str(), line.times)).collect();
        assert_eq!(told, [("read a", 2), ("read b", 1), ("read a", 1), ("read b", 1)]);
    }
}
