//! What the picker and the consent page know of patients and visits: asked as the person who is signed in, so that access
//! policy decides and the audit knows.

pub use super::super::ask::{Asker, Origin, local};
use super::super::ask::{matches, next};
pub use super::super::names::{person_detail, person_name};
use crate::fault::Fault;
use crate::fhir::ResourceType;
use crate::page::picker::Row;
use crate::rest::Interaction;
use crate::service::Service;
use serde_json::Value;

/// Patients on one page.
const PATIENTS: &str = "10";
/// Visits to choose from: one that is longer ago is hardly what an app is opened for.
const VISITS: &str = "20";

/// Rows to choose from, and where the next ones begin.
pub type Found = (Vec<Row>, Option<String>);

/// Returns the patients that a search finds.
pub async fn patients(service: &Service, asker: &Asker, words: &str, after: Option<&str>) -> Result<Found, Fault> {
    let mut query = patient_query(words);
    // Who was merged into another Patient is found there.
    query.push(("active:not".into(), "false".into()));
    query.push(("_count".into(), PATIENTS.into()));
    query.extend(after.map(|after| ("_cursor".to_string(), after.to_string())));
    let bundle = asker.ask(service, Interaction::SearchType(ResourceType::PATIENT), query).await?;
    Ok((rows(&bundle, |patient| (person_name(patient), person_detail(patient))), next(&bundle)))
}

/// Returns the search for what a person typed: dates are birth dates, words with digits are numbers, others are names.
pub fn patient_query(words: &str) -> Vec<(String, String)> {
    let is_date = |word: &str| {
        let parts: Vec<&str> = word.split('-').collect();
        parts.len() == 3 && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit())) && parts[0].len() == 4
    };
    let param = |word: &str| {
        let name = match word {
            word if is_date(word) => "birthdate",
            word if word.bytes().any(|b| b.is_ascii_digit()) => "identifier",
            _ => "name",
        };
        // R4 3.1.1.4: these stand for themselves when escaped.
        let value = word.replace('\\', "\\\\").replace(',', "\\,").replace('$', "\\$");
        (name.to_string(), value)
    };
    words.split_whitespace().take(8).map(param).collect()
}

/// Returns the visits of a patient, the newest first.
pub async fn visits(service: &Service, asker: &Asker, patient: &str) -> Result<Vec<Row>, Fault> {
    let pairs = [("patient", patient), ("_sort", "-date"), ("_count", VISITS)];
    let query = pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let bundle = asker.ask(service, Interaction::SearchType(ResourceType::ENCOUNTER), query).await?;
    Ok(rows(&bundle, |visit| (visit_name(visit), visit_detail(visit))))
}

fn rows(bundle: &Value, words: impl Fn(&Value) -> (String, String)) -> Vec<Row> {
    let row = |resource: &Value| {
        let (title, detail) = words(resource);
        Some(Row { value: resource["id"].as_str()?.to_string(), title, detail })
    };
    matches(bundle).iter().filter_map(row).collect()
}

/// Returns when and what a visit was.
pub fn visit_name(visit: &Value) -> String {
    let text = |value: &Value| value["text"].as_str().or(value["coding"][0]["display"].as_str()).map(str::to_string);
    let day = visit["period"]["start"].as_str().and_then(|start| start.get(..10)).unwrap_or("A visit without a date");
    let kind = text(&visit["type"][0]).or_else(|| visit["class"]["display"].as_str().map(str::to_string));
    kind.map_or_else(|| day.to_string(), |kind| format!("{day}: {kind}"))
}

fn visit_detail(visit: &Value) -> String {
    let status = visit["status"].as_str().unwrap_or("").replace('-', " ");
    let place = visit["serviceProvider"]["display"].as_str().or(visit["location"][0]["location"]["display"].as_str());
    [Some(status.as_str()), place].into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_typed_becomes_a_search() {
        for (words, want) in [
            ("Miller", "name=Miller"),
            (" Ann  Miller 1970-01-31 ", "name=Ann name=Miller birthdate=1970-01-31"),
            ("A-1234", "identifier=A-1234"),
            ("http://h.example/mrn|77", "identifier=http://h.example/mrn|77"),
            ("Miller,Ann", "name=Miller\\,Ann"),
            ("", ""),
        ] {
            let pairs: Vec<String> = patient_query(words).iter().map(|(n, v)| format!("{n}={v}")).collect();
            assert_eq!(pairs.join(" "), want);
        }
    }

    #[test]
    fn people_and_visits_are_told_in_words() {
        let person = json!({
            "name": [{"family": "Old", "use": "old"}, {"given": ["Ann", "B."], "family": "Miller", "use": "official"}],
            "birthDate": "1970-01-31", "gender": "unknown", "address": [{"city": "Berne"}],
        });
        assert_eq!(
            (person_name(&person).as_str(), person_detail(&person).as_str()),
            ("Ann B. Miller", "born 1970-01-31, Berne")
        );
        assert_eq!(person_name(&json!({})), "A person without a name");
        let visit = json!({"period": {"start": "2026-01-02T10:00:00Z"}, "type": [{"text": "Check-up"}], "status": "in-progress"});
        assert_eq!(
            (visit_name(&visit).as_str(), visit_detail(&visit).as_str()),
            ("2026-01-02: Check-up", "in progress")
        );
        assert_eq!(visit_name(&json!({"period": {"start": "soon"}})), "A visit without a date");
    }
}
