//! The names of those whom a record refers to, and times in words: what people read in place of references and codes.

use super::ask::Asker;
use super::{State, Visit};
use crate::fault::Fault;
use crate::fhir::reference::Literal;
use crate::fhir::{Instant, ResourceType};
use crate::page;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Names that one page looks up of one type at most; who comes later is told by what they are.
const NAMES_MAX: usize = 200;

/// Whose names can be asked for, and what stands for who has none that may be seen.
const KINDS: &[(&str, &str)] = &[
    ("Practitioner", "somebody of the staff"),
    ("Organization", "an organization"),
    ("Patient", "a patient"),
    ("RelatedPerson", "a relative or contact person"),
    ("CareTeam", "a care team"),
    ("Group", "a group of people"),
];

/// Names by reference.
#[derive(Debug, Default)]
pub struct Names {
    names: BTreeMap<String, String>,
    base_url: String,
}

impl Names {
    /// Looks up the names of all that are referred to, one search for each type. Who is hidden from the person has none.
    pub async fn of(
        state: &State,
        visit: &Visit,
        asker: &Asker,
        references: impl IntoIterator<Item = String>,
    ) -> Result<Names, Fault> {
        let base_url = state.service.settings().base_url.clone();
        let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for reference in references {
            if let Some((kind, id)) = here(&base_url, &reference) {
                wanted.entry(kind.to_string()).or_default().insert(id.to_string());
            }
        }
        let mut names = BTreeMap::new();
        for (kind, ids) in wanted {
            if kind == "Device" {
                for id in ids.into_iter().take(NAMES_MAX) {
                    if let Some(client) = visit.accounts.store.client(&id).await? {
                        names.insert(format!("Device/{id}"), client.metadata.client_name);
                    }
                }
                continue;
            }
            let Some(t) = KINDS.iter().find(|(known, _)| *known == kind).and_then(|(t, _)| ResourceType::parse(t))
            else {
                continue;
            };
            if !asker.may_search(t) {
                // A question that is sure to be refused would only raise an alert.
                continue;
            }
            let ids: Vec<String> = ids.into_iter().take(NAMES_MAX).collect();
            let count = ids.len().to_string();
            for one in asker.found(&state.service, t, &[("_id", &ids.join(",")), ("_count", &count)]).await? {
                if let Some(id) = one["id"].as_str() {
                    names.insert(format!("{kind}/{id}"), name(&one));
                }
            }
        }
        Ok(Names { names, base_url })
    }

    /// Returns the name of whom a reference names; none where it is not known.
    pub fn known(&self, reference: &str) -> Option<String> {
        let (kind, id) = here(&self.base_url, reference)?;
        self.names.get(&format!("{kind}/{id}")).cloned()
    }

    /// Returns the name of whom a reference names, or what they are.
    pub fn tell(&self, reference: &str) -> String {
        let Some((kind, id)) = here(&self.base_url, reference) else { return "somebody elsewhere".into() };
        if let Some(name) = self.names.get(&format!("{kind}/{id}")) {
            return name.clone();
        }
        match KINDS.iter().find(|(known, _)| *known == kind) {
            Some((_, words)) => (*words).to_string(),
            None if kind == "Device" => "an app or system".into(),
            None => "somebody".into(),
        }
    }

    #[cfg(test)]
    pub fn told(pairs: &[(&str, &str)]) -> Names {
        let names = pairs.iter().map(|(reference, name)| (reference.to_string(), name.to_string())).collect();
        Names { names, base_url: "https://here.example/fhir".into() }
    }
}

/// Returns type and id of a reference to a resource of this server.
fn here<'a>(base_url: &str, reference: &'a str) -> Option<(&'static str, &'a str)> {
    let literal = Literal::parse(reference)?;
    (literal.base.is_empty() || literal.base == base_url).then(|| (literal.resource_type.name(), literal.id))
}

/// Returns the name of a person, organization or group.
pub fn name(resource: &Value) -> String {
    if let Some(name) = resource["name"].as_str() {
        return name.to_string();
    }
    let title = resource["name"][0]["prefix"][0].as_str().filter(|_| resource["resourceType"] == "Practitioner");
    match (title, person_name(resource)) {
        (Some(title), name) if resource["name"][0]["text"].is_null() => format!("{title} {name}"),
        (_, name) => name,
    }
}

/// Returns a moment or a day as people read it; empty where it is neither.
pub fn moment(text: &str) -> String {
    match Instant::parse(text) {
        Some(at) => page::when(at),
        None => day(text),
    }
}

/// Returns until when something holds: the last day where it ends with a day, as who has chosen that day expects.
pub fn last(text: &str) -> String {
    const DAY_US: i64 = 86_400_000_000;
    match Instant::parse(text).filter(|at| at.0 % DAY_US == 0) {
        Some(at) => page::day(Instant(at.0 - DAY_US)),
        None => moment(text),
    }
}

/// Returns a date, which may be a year or a month alone, as people read it.
pub fn day(text: &str) -> String {
    let day = |text: &str| Instant::parse(&format!("{text}T00:00:00Z")).map(page::day);
    match text.len() {
        4 if text.bytes().all(|b| b.is_ascii_digit()) => text.to_string(),
        7 => day(&format!("{text}-01")).and_then(|d| d.split_once(' ').map(|(_, m)| m.to_string())).unwrap_or_default(),
        10.. => text.get(..10).and_then(day).unwrap_or_default(),
        _ => String::new(),
    }
}

/// Returns what a concept says: its text, or what one of its codes is shown as.
pub fn concept(value: &Value) -> Option<String> {
    let shown = value["coding"].as_array().into_iter().flatten().find_map(|coding| coding["display"].as_str());
    value["text"].as_str().or(shown).map(str::to_string)
}

/// Returns the name of a person, as it is used.
pub fn person_name(person: &Value) -> String {
    let names: Vec<&Value> = person["name"].as_array().into_iter().flatten().collect();
    let of_use = |use_: &str| names.iter().find(|name| name["use"] == use_);
    let Some(name) = of_use("usual").or_else(|| of_use("official")).or_else(|| names.first()) else {
        return "A person without a name".into();
    };
    if let Some(text) = name["text"].as_str() {
        return text.to_string();
    }
    let given = name["given"].as_array().into_iter().flatten().filter_map(Value::as_str);
    given.chain(name["family"].as_str()).collect::<Vec<_>>().join(" ")
}

/// Returns what tells two people of one name apart.
pub fn person_detail(person: &Value) -> String {
    let born = person["birthDate"].as_str().map(|date| format!("born {date}"));
    let gender = person["gender"].as_str().filter(|gender| matches!(*gender, "female" | "male" | "other"));
    let city = person["address"][0]["city"].as_str();
    let told: Vec<String> = born.into_iter().chain([gender, city].into_iter().flatten().map(str::to_string)).collect();
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dates_of_any_precision_are_told_in_words() {
        for (text, told) in [
            ("2026-03-05T07:08:09Z", "5 March 2026, 07:08 UTC"),
            ("2026-03-05", "5 March 2026"),
            ("2026-03", "March 2026"),
            ("2026", "2026"),
            ("soon", ""),
            ("", ""),
            ("no date at all", ""),
        ] {
            assert_eq!(moment(text), told, "{text}");
        }
    }

    #[test]
    fn what_ends_with_a_day_is_told_by_that_day() {
        for (text, told) in [
            ("2026-03-05T00:00:00Z", "4 March 2026"),
            ("2026-03-01T01:00:00+01:00", "28 February 2026"),
            ("2026-03-05T07:08:09Z", "5 March 2026, 07:08 UTC"),
            ("2026-03-05", "5 March 2026"),
            ("soon", ""),
        ] {
            assert_eq!(last(text), told, "{text}");
        }
    }

    #[test]
    fn who_has_no_name_is_told_by_what_they_are() {
        let names = Names::told(&[("Practitioner/1", "Dr. Ann Miller")]);
        for (reference, told) in [
            ("Practitioner/1", "Dr. Ann Miller"),
            ("Practitioner/1/_history/2", "Dr. Ann Miller"),
            ("Practitioner/2", "somebody of the staff"),
            ("Device/app", "an app or system"),
            ("https://here.example/fhir/Practitioner/1", "Dr. Ann Miller"),
            ("https://other.example/fhir/Practitioner/1", "somebody elsewhere"),
            ("#contained", "somebody elsewhere"),
        ] {
            assert_eq!(names.tell(reference), told, "{reference}");
        }
    }

    #[test]
    fn names_carry_the_title_of_staff() {
        let person = |kind: &str| json!({"resourceType": kind, "name": [{"prefix": ["Dr."], "given": ["Ann"], "family": "Miller"}]});
        assert_eq!(name(&person("Practitioner")), "Dr. Ann Miller");
        assert_eq!(name(&person("Patient")), "Ann Miller");
        assert_eq!(name(&json!({"resourceType": "Organization", "name": "Riverside"})), "Riverside");
    }
}
