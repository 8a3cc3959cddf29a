//! `/clinician/patients/…`: the record of a patient, kind by kind, as the person may see it; under broken glass where that is open.

use super::super::ask::{self, matches};
use super::super::names::{Names, concept, moment, name, person_detail};
use super::super::{State, Turned, Visit, answered, elsewhere, told};
use super::{Staff, open_grant};
use crate::fault::{Fault, Kind as FaultKind};
use crate::fhir::{ResourceId, ResourceType};
use crate::page::clinician::{Closed, Item, Kind, OpenGrant, Record};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

/// Entries on one page.
const PAGE: &str = "30";

/// The kinds of records that are shown, the most urgent first.
const KINDS: &[&str] = &[
    "AllergyIntolerance",
    "Condition",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "DiagnosticReport",
    "Procedure",
    "Immunization",
    "Encounter",
    "CarePlan",
    "DocumentReference",
    "ImagingStudy",
    "ServiceRequest",
    "Appointment",
];

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/clinician/patients/{id}", web::get().to(record))
        .route("/clinician/patients/{id}/{kind}", web::get().to(kind));
}

/// Returns who asks, with the grant of broken glass over this patient where one is open.
async fn staff(state: &State, visit: &Visit, patient: &str) -> Result<(Staff, Option<OpenGrant>), Turned> {
    let mut staff = Staff::of(state, visit, visit.signed_in()?).await?;
    let grants = staff.grants(state).await?;
    let Some(consent) = grants.iter().find(|consent| super::patient_of(consent) == patient) else {
        return Ok((staff, None));
    };
    staff.asker = staff.asker.breaking(&told::grant(consent));
    Ok((staff, Some(open_grant(consent, &Names::default()))))
}

/// Returns the patient, or turns to a page that tells how the record could be opened: the same words whether there is such a patient
/// or not.
async fn patient(state: &State, visit: &Visit, staff: &Staff, id: &str) -> Result<Value, Turned> {
    let found = staff.asker.read(&state.service, ResourceType::PATIENT, id).await?;
    found.ok_or_else(|| {
        let mut query = String::new();
        crate::rest::query::encode(&mut query, id);
        let page = Closed { frame: visit.frame(), query, may_break: staff.may_break };
        elsewhere(visit.page(404, &page))
    })
}

async fn record(http: HttpRequest, state: web::Data<State>, id: web::Path<String>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let (staff, emergency) = staff(&state, &visit, &id).await?;
        let patient = patient(&state, &visit, &staff, &id).await?;
        let words = |kind: &&'static str| (*kind, capital(&told::kind(kind).unwrap_or_default()));
        let page = Record {
            frame: visit.frame(),
            id: told::id(&patient),
            name: name(&patient),
            detail: person_detail(&patient),
            emergency,
            kinds: KINDS.iter().map(words).collect(),
            may_break: staff.may_break,
        };
        Ok(visit.page(200, &page))
    };
    answered(&http, &state, work).await
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

async fn kind(http: HttpRequest, state: web::Data<State>, path: web::Path<(String, String)>) -> HttpResponse {
    let work = async {
        let (id, kind) = path.into_inner();
        let visit = Visit::look(&http, &state).await?;
        let known = KINDS.iter().find(|known| **known == kind);
        let missing = || Fault::new(FaultKind::NotFound, "there is no such part of a record");
        let kind = *known.ok_or_else(missing)?;
        ResourceId::parse(&id).ok_or_else(missing)?;
        let (staff, emergency) = staff(&state, &visit, &id).await?;
        let patient = patient(&state, &visit, &staff, &id).await?;
        let after = visit.param("after");
        let reference = format!("Patient/{id}");
        let mut pairs = vec![("patient", reference.as_str()), ("_sort", "-_lastUpdated"), ("_count", PAGE)];
        pairs.extend(after.as_deref().map(|after| ("_cursor", after)));
        let bundle = match staff.asker.search(&state.service, ask::type_of(kind), &pairs).await {
            // The role does not reach this kind at all.
            Err(fault) if fault.kind() == FaultKind::Forbidden => Value::Null,
            found => found?,
        };
        let next = ask::next(&bundle).map(|cursor| {
            let mut to = format!("/clinician/patients/{id}/{kind}?after=");
            crate::rest::query::encode(&mut to, &cursor);
            to
        });
        let page = Kind {
            frame: visit.frame(),
            id: told::id(&patient),
            name: name(&patient),
            title: capital(&told::kind(kind).unwrap_or_default()),
            emergency,
            items: matches(&bundle).iter().map(item).collect(),
            next,
        };
        Ok(visit.page(200, &page))
    };
    answered(&http, &state, work).await
}

/// Returns an entry of a record in a few words.
fn item(resource: &Value) -> Item {
    let named = ["code", "vaccineCode", "medicationCodeableConcept", "type", "serviceType", "description", "title"];
    let told = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => list.first().and_then(concept),
        value => concept(value),
    };
    let title = named.iter().find_map(|name| told(&resource[*name]));
    let title = title.or_else(|| resource["medicationReference"]["display"].as_str().map(str::to_string));
    let title = title.or_else(|| resource["class"]["display"].as_str().map(str::to_string));
    let parts = resource["component"].as_array().into_iter().flatten();
    let parts = parts.filter_map(|part| Some(format!("{} {}", concept(&part["code"])?, measured(part)?)));
    let status = resource["clinicalStatus"]["coding"][0]["code"].as_str().or(resource["status"].as_str());
    let dose = resource["dosageInstruction"][0]["text"].as_str().map(str::to_string);
    let conclusion = resource["conclusion"].as_str().map(str::to_string);
    let details: Vec<String> = measured(resource)
        .into_iter()
        .chain(parts)
        .chain(dose)
        .chain(conclusion)
        .chain(status.map(|status| status.replace('-', " ")))
        .collect();
    let times = [
        &resource["effectiveDateTime"],
        &resource["effectivePeriod"]["start"],
        &resource["onsetDateTime"],
        &resource["performedDateTime"],
        &resource["performedPeriod"]["start"],
        &resource["occurrenceDateTime"],
        &resource["authoredOn"],
        &resource["period"]["start"],
        &resource["start"],
        &resource["started"],
        &resource["date"],
        &resource["recordedDate"],
        &resource["issued"],
    ];
    let when = times.iter().find_map(|time| time.as_str()).map(moment).unwrap_or_default();
    Item { title: title.unwrap_or_else(|| "Without a name".into()), detail: details.join(", "), when }
}

/// Returns what an observation found.
fn measured(value: &Value) -> Option<String> {
    let quantity = &value["valueQuantity"];
    if let Some(number) = quantity["value"].as_number() {
        let unit = quantity["unit"].as_str().or(quantity["code"].as_str()).unwrap_or("");
        return Some(format!("{number} {unit}").trim_end().to_string());
    }
    concept(&value["valueCodeableConcept"]).or_else(|| value["valueString"].as_str().map(str::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_entry_is_told_by_name_finding_and_time() {
        for (resource, title, detail, when) in [
            (
                json!({"code": {"text": "Heart rate"}, "status": "final", "effectiveDateTime": "2026-03-05",
                       "valueQuantity": {"value": 72, "unit": "/min"}}),
                "Heart rate",
                "72 /min, final",
                "5 March 2026",
            ),
            (
                json!({"code": {"coding": [{"display": "Peanut allergy"}]},
                       "clinicalStatus": {"coding": [{"code": "active"}]}, "recordedDate": "2020"}),
                "Peanut allergy",
                "active",
                "2020",
            ),
            (
                json!({"code": {"text": "Blood pressure"}, "component": [
                    {"code": {"text": "systolic"}, "valueQuantity": {"value": 120, "unit": "mmHg"}}]}),
                "Blood pressure",
                "systolic 120 mmHg",
                "",
            ),
            (json!({"type": [{"text": "Check-up"}], "status": "in-progress"}), "Check-up", "in progress", ""),
            (json!({}), "Without a name", "", ""),
        ] {
            let item = item(&resource);
            assert_eq!((item.title.as_str(), item.detail.as_str(), item.when.as_str()), (title, detail, when));
        }
    }
}
