//! Who of the known Patients may be the person that is asked for.

use super::content;
use crate::access::Grant;
use crate::fault::Fault;
use crate::fhir::{ResourceId, ResourceType};
use crate::health_id::{Grade, Person, Score, compare};
use crate::interaction::Context;
use crate::search;
use crate::store::View;
use serde_json::{Map, Value};

/// Identifiers and telecoms that are searched for.
const EACH_COMPARED_MAX: usize = 8;
/// Patients that one question may bring to be compared.
const EACH_MAX: u32 = 500;

/// A Patient beside the one that is asked for.
pub struct Candidate {
    pub id: ResourceId,
    pub patient: Map<String, Value>,
    pub score: Score,
}

/// Returns the Patients who may be this person, the likeliest first; those who are certainly not are left out, and so are records
/// that were replaced by another one.
pub async fn candidates(
    ctx: &Context<'_>,
    view: View<'_>,
    grant: &Grant,
    sought: &Map<String, Value>,
) -> Result<Vec<Candidate>, Fault> {
    let person = Person::of(sought);
    let mut found: Vec<Candidate> = Vec::new();
    for pairs in questions(sought, &person) {
        let search = search::parse(ctx.store.registry(), Some(ResourceType::PATIENT), &pairs, false)?;
        for row in view.by_number(grant, &search, i64::MIN, EACH_MAX).await? {
            let patient = content(&row.id, Some(&row))?;
            if found.iter().any(|known| known.id == row.id) || is_replaced(&patient) {
                continue;
            }
            let score = compare(&person, &Person::of(&patient));
            found.push(Candidate { id: row.id, patient, score });
        }
    }
    found.retain(|candidate| candidate.score.grade > Grade::CertainlyNot);
    found.sort_by(|a, b| b.score.value.total_cmp(&a.score.value).then_with(|| a.id.cmp(&b.id)));
    Ok(found)
}

fn is_replaced(patient: &Map<String, Value>) -> bool {
    let links = patient.get("link").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    links.iter().any(|link| link.get("type").and_then(Value::as_str) == Some("replaced-by"))
}

/// Returns the searches that together find everybody who could be taken for the person: each survives what the others do not.
fn questions(sought: &Map<String, Value>, person: &Person) -> Vec<Vec<(String, String)>> {
    let pair = |name: &str, value: &str| (name.to_string(), escaped(value));
    let mut questions = Vec::new();
    for identifier in items(sought, "identifier") {
        let text = |name: &str| identifier.get(name).and_then(Value::as_str);
        if let (Some(system), Some(value)) = (text("system"), text("value")) {
            questions.push(vec![("identifier".to_string(), format!("{}|{}", escaped(system), escaped(value)))]);
        }
    }
    let telecoms = items(sought, "telecom").filter_map(|telecom| telecom.get("value")?.as_str());
    questions.extend(telecoms.map(|value| vec![pair("telecom", value)]));
    let birth_date = person.birth_date.iter().map(|date| pair("birthdate", date)).next();
    questions.extend(birth_date.iter().map(|date| vec![date.clone()]));
    for name in &person.names {
        let given = name.given.first().map_or("", String::as_str);
        for (family, given) in [(name.family.as_str(), given), (given, name.family.as_str())] {
            if !family.is_empty() && !given.is_empty() {
                questions.push(vec![pair("family", family), pair("given", given)]);
            }
        }
        // Where more people were born on the day than are looked at, those with a name in common come by this.
        for (parameter, text) in [("family", name.family.as_str()), ("given", given)] {
            if let Some(date) = birth_date.clone().filter(|_| !text.is_empty()) {
                questions.push(vec![date, pair(parameter, text)]);
            }
        }
    }
    questions
}

/// Returns so many of what a Patient has several of as are compared.
fn items<'a>(patient: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    let list = patient.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().take(EACH_COMPARED_MAX)
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | ',' | '|' | '$') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
