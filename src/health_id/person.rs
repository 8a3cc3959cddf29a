//! What of a Patient counts when it is compared with another one, in a form in which the same looks the same.

use crate::search::normal::fold;
use serde_json::{Map, Value};

/// Generations of a family who share their names.
const GENERATIONS: [&str; 6] = ["jr", "sr", "ii", "iii", "iv", "junior"];

/// How many of each are compared: a Patient with more is not compared the better for it.
const EACH_MAX: usize = 16;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    pub names: Vec<Name>,
    /// As FHIR writes it: a year, a month or a day.
    pub birth_date: Option<String>,
    /// `male` or `female`; others are not compared.
    pub gender: Option<String>,
    /// The end of phone numbers, and whole addresses of e-mail.
    pub telecoms: Vec<String>,
    pub addresses: Vec<Place>,
    /// System and value.
    pub identifiers: Vec<(String, String)>,
    /// Which one of twins it is.
    pub birth_order: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Name {
    pub family: String,
    pub given: Vec<String>,
    pub generation: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    pub line: String,
    pub city: String,
    pub postal_code: String,
}

impl Person {
    pub fn of(patient: &Map<String, Value>) -> Person {
        let text = |name: &str| patient.get(name).and_then(Value::as_str);
        Person {
            names: items(patient, "name").filter_map(name).collect(),
            birth_date: text("birthDate").map(str::to_string),
            gender: text("gender").filter(|g| ["male", "female"].contains(g)).map(str::to_string),
            telecoms: items(patient, "telecom").filter_map(telecom).collect(),
            addresses: items(patient, "address").map(place).collect(),
            identifiers: items(patient, "identifier").filter_map(identifier).collect(),
            birth_order: patient.get("multipleBirthInteger").and_then(Value::as_i64),
        }
    }

    /// Returns whether name and day of birth are known: without them nobody can be told from others.
    pub fn is_told_apart(&self) -> bool {
        !self.names.is_empty() && self.birth_date.as_ref().is_some_and(|date| date.len() == 10)
    }

    /// Returns a text that stays the same for the same names, day of birth and gender.
    pub fn fingerprint(&self) -> String {
        let names: Vec<String> = self.names.iter().map(|n| format!("{},{}", n.family, n.given.join(" "))).collect();
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        format!("{}|{}|{}", names.join(";"), part(&self.birth_date), part(&self.gender))
    }
}

fn items<'a>(patient: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    let list = patient.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().take(EACH_MAX)
}

/// Returns the texts of an element that repeats or does not.
pub fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let list = match value {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    list.iter().filter_map(Value::as_str)
}

/// Returns the letters and digits of a text, without case and accents; parts stay apart by one space.
fn plain(text: &str) -> String {
    let folded: String = fold(text).chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn name(name: &Value) -> Option<Name> {
    let mut given: Vec<String> = texts(name.get("given")).flat_map(|g| words(&plain(g))).collect();
    let mut family = words(&plain(texts(name.get("family")).next().unwrap_or_default()));
    if family.is_empty() && given.is_empty() {
        given = words(&plain(texts(name.get("text")).next()?));
        family.extend(given.pop());
    }
    let mut generation = texts(name.get("suffix")).map(plain).find(|s| GENERATIONS.contains(&s.as_str()));
    // Some write it behind the family name.
    if family.len() > 1 && family.last().is_some_and(|last| GENERATIONS.contains(&last.as_str())) {
        generation = family.pop().or(generation);
    }
    let generation = generation.map(|g| if g == "junior" { "jr".to_string() } else { g });
    let name = Name { family: family.join(" "), given, generation };
    (!name.family.is_empty() || !name.given.is_empty()).then_some(name)
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_string).collect()
}

fn telecom(telecom: &Value) -> Option<String> {
    let value = telecom.get("value")?.as_str()?;
    if value.contains('@') {
        return Some(value.trim().trim_start_matches("mailto:").to_lowercase());
    }
    // With or without the number of the country: the last nine digits are the subscriber's.
    let digits: Vec<char> = value.chars().filter(char::is_ascii_digit).collect();
    (digits.len() >= 6).then(|| digits[digits.len().saturating_sub(9)..].iter().collect())
}

fn place(address: &Value) -> Place {
    let part = |name: &str| plain(texts(address.get(name)).next().unwrap_or_default());
    Place {
        line: plain(&texts(address.get("line")).collect::<Vec<_>>().join(" ")),
        city: part("city"),
        postal_code: part("postalCode"),
    }
}

fn identifier(identifier: &Value) -> Option<(String, String)> {
    let (system, value) = (identifier.get("system")?.as_str()?, identifier.get("value")?.as_str()?);
    let value = normal_identifier(value);
    (!value.is_empty()).then(|| (system.to_string(), value))
}

/// Returns the letters and digits of an identifier: people write the same one with and without marks between them.
pub fn normal_identifier(value: &str) -> String {
    value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn person(value: Value) -> Person {
        Person::of(value.as_object().unwrap())
    }

    #[test]
    fn the_same_person_written_differently_looks_the_same() {
        let one = person(json!({
            "name": [{"family": "Müller-Lüdenscheidt", "given": ["José María"]}], "birthDate": "1980-05-06", "gender": "male",
            "telecom": [{"system": "phone", "value": "+49 (30) 123-45678"}, {"system": "email", "value": "A@B.example"}],
            "identifier": [{"system": "http://ssn", "value": "12-34 a"}], "address": [{"postalCode": "10 115", "city": "BERLIN"}]}));
        let other = person(json!({
            "name": [{"family": "muller ludenscheidt", "given": ["Jose", "Maria"]}], "birthDate": "1980-05-06", "gender": "male",
            "telecom": [{"value": "030 12345678"}, {"value": "a@b.example"}],
            "identifier": [{"system": "http://ssn", "value": "1234A"}], "address": [{"postalCode": "10-115", "city": "Berlin"}]}));
        assert_eq!(one, other);
        assert!(one.is_told_apart());
    }

    #[test]
    fn a_generation_is_found_where_people_write_it() {
        for (name, generation) in [
            (json!({"family": "King", "given": ["Martin"], "suffix": ["Jr."]}), Some("jr")),
            (json!({"family": "King Jr.", "given": ["Martin"]}), Some("jr")),
            (json!({"family": "King", "suffix": ["PhD", "III"]}), Some("iii")),
            (json!({"family": "King", "suffix": ["MD"]}), None),
        ] {
            let person = person(json!({"name": [name]}));
            assert_eq!((person.names[0].family.as_str(), person.names[0].generation.as_deref()), ("king", generation));
        }
    }

    #[test]
    fn a_name_of_one_text_is_taken_apart() {
        let person = person(json!({"name": [{"text": "Anna Eva Müller"}]}));
        assert_eq!(
            (person.names[0].family.as_str(), person.names[0].given.join(" ")),
            ("muller", "anna eva".to_string())
        );
        assert!(!person.is_told_apart());
    }
}
