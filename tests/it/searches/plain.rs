//! Searches answered by looking at every resource: slow, plain, and made from the words of R4 alone.
//!
//! R4 <https://hl7.org/fhir/R4/search.html>. Knows the parameters in [`PARAMETERS`], chains and `_has`; takes from the server's
//! code what stretch of time a text means and nothing else. Values have no escapes.

use std::collections::{BTreeMap, BTreeSet};

use medilink::search::period::{self, BEGINNING, END, Period};
use serde_json::Value;

use super::address;
use crate::app::TestApp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Token,
    Text,
    Date,
    Reference,
}

use Kind::{Date, Reference, Text, Token};

/// Type, or `*` for any; parameter; kind; the elements with its values. The first row that fits counts.
const PARAMETERS: &[(&str, &str, Kind, &[&str])] = &[
    ("*", "_id", Token, &["id"]),
    ("*", "_lastUpdated", Date, &["meta.lastUpdated"]),
    ("*", "abatement-date", Date, &["abatementDateTime", "abatementPeriod"]),
    ("*", "address", Text, &["address.line", "address.city", "address.state", "address.postalCode", "address.country"]),
    ("*", "address-city", Text, &["address.city"]),
    ("*", "address-postalcode", Text, &["address.postalCode"]),
    ("*", "address-state", Text, &["address.state"]),
    ("*", "authored", Date, &["authoredOn", "authored"]),
    ("*", "authoredon", Date, &["authoredOn"]),
    ("*", "birthdate", Date, &["birthDate"]),
    ("*", "category", Token, &["category"]),
    ("*", "class", Token, &["class"]),
    ("*", "clinical-status", Token, &["clinicalStatus"]),
    ("*", "code", Token, &["code"]),
    (
        "*",
        "date",
        Date,
        &[
            "effectiveDateTime",
            "effectivePeriod",
            "performedDateTime",
            "performedPeriod",
            "occurrenceDateTime",
            "period",
            "date",
        ],
    ),
    ("*", "death-date", Date, &["deceasedDateTime"]),
    ("*", "description", Token, &["description"]),
    ("*", "discharge-disposition", Token, &["hospitalization.dischargeDisposition"]),
    ("*", "encounter", Reference, &["encounter"]),
    ("*", "endpoint", Reference, &["endpoint"]),
    ("*", "family", Text, &["name.family"]),
    ("*", "gender", Token, &["gender"]),
    ("*", "identifier", Token, &["identifier"]),
    ("*", "intent", Token, &["intent"]),
    ("*", "lifecycle-status", Token, &["lifecycleStatus"]),
    ("*", "location", Reference, &["location.location"]),
    ("*", "medication", Reference, &["medicationReference"]),
    ("Location", "name", Text, &["name", "alias"]),
    ("Organization", "name", Text, &["name", "alias"]),
    ("*", "name", Text, &["name.family", "name.given", "name.prefix", "name.suffix", "name.text"]),
    ("*", "onset-date", Date, &["onsetDateTime", "onsetPeriod"]),
    ("*", "participant", Reference, &["participant.member"]),
    ("*", "patient", Reference, &["subject", "patient", "beneficiary"]),
    ("*", "period", Date, &["context.period"]),
    ("*", "practitioner", Reference, &["practitioner"]),
    ("*", "questionnaire", Reference, &["questionnaire"]),
    ("*", "reason-reference", Reference, &["reasonReference"]),
    ("*", "recorded-date", Date, &["recordedDate"]),
    ("*", "role", Token, &["participant.role"]),
    ("*", "specialty", Token, &["specialty"]),
    ("*", "status", Token, &["status"]),
    ("*", "subject", Reference, &["subject"]),
    ("Goal", "target-date", Date, &["target.dueDate"]),
    ("Specimen", "patient", Reference, &["subject"]),
    ("Provenance", "target", Reference, &["target"]),
    ("*", "type", Token, &["type"]),
];

/// Resources by address.
pub struct World(BTreeMap<String, Value>);

impl World {
    /// Returns everything that a server has stored.
    pub fn of(app: &TestApp) -> World {
        let rows = app.sql("select content::text from resource where not deleted");
        let read = |text: &str| serde_json::from_str::<Value>(text).expect("stored content is JSON");
        World(rows.iter().map(|row| read(row.get(0))).map(|resource| (address(&resource), resource)).collect())
    }

    pub fn of_type<'a>(&'a self, t: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        let start = format!("{t}/");
        self.0.iter().filter(move |(address, _)| address.starts_with(&start)).map(|(_, resource)| resource)
    }

    /// Returns the addresses of what `Type?name=value&…` finds.
    pub fn find(&self, query: &str) -> BTreeSet<String> {
        let (t, query) = query.split_once('?').expect("a query");
        let pairs: Vec<(&str, &str)> =
            query.split('&').map(|pair| pair.split_once('=').expect("a name and a value")).collect();
        let fits = |resource: &&Value| pairs.iter().all(|(name, value)| self.fits(resource, name, value));
        self.of_type(t).filter(fits).map(address).collect()
    }

    /// Returns the addresses of what a resource refers to and is there.
    pub fn references(&self, resource: &Value, name: &str) -> Vec<String> {
        references(resource, name).into_iter().filter(|target| self.0.contains_key(target)).collect()
    }

    fn fits(&self, resource: &Value, name: &str, value: &str) -> bool {
        if let Some(has) = name.strip_prefix("_has:") {
            let mut parts = has.splitn(3, ':');
            let (t, reference, rest) = (parts.next(), parts.next(), parts.next());
            let (t, reference, rest) =
                (t.expect("a type"), reference.expect("a reference"), rest.expect("a parameter"));
            let here = address(resource);
            let refers = |other: &&Value| references(other, reference).contains(&here);
            return self.of_type(t).filter(refers).any(|other| self.fits(other, rest, value));
        }
        if let Some((step, rest)) = name.split_once('.') {
            let (reference, t) = step.split_once(':').map_or((step, ""), |(reference, t)| (reference, t));
            let targets = references(resource, reference);
            let followed =
                targets.iter().filter(|target| target.starts_with(t)).filter_map(|target| self.0.get(target));
            return followed.into_iter().any(|target| self.fits(target, rest, value));
        }
        let (kind, values) = values(resource, name);
        value.split(',').any(|wanted| values.iter().any(|value| is(kind, value, wanted)))
    }
}

/// Returns the kind of a parameter and the values that a resource has for it.
pub fn values<'a>(resource: &'a Value, name: &str) -> (Kind, Vec<&'a Value>) {
    let t = resource["resourceType"].as_str().expect("a type");
    let row = PARAMETERS.iter().find(|row| row.1 == name && (row.0 == "*" || row.0 == t));
    let row = row.unwrap_or_else(|| panic!("{t}.{name} is not in the table"));
    let mut found = Vec::new();
    row.3.iter().for_each(|path| descend(resource, path, &mut found));
    if name == "patient" {
        found.retain(|value| local(value).is_some_and(|target| target.starts_with("Patient/")));
    }
    (row.2, found)
}

/// Adds the values at the end of a path; lists are walked, and of a concept its codings.
fn descend<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| descend(item, path, found)),
        Value::Object(object) if path.is_empty() => match object.get("coding") {
            Some(codings) => descend(codings, "", found),
            None => found.push(value),
        },
        Value::Object(object) => {
            let (step, rest) = path.split_once('.').unwrap_or((path, ""));
            object.get(step).into_iter().for_each(|value| descend(value, rest, found));
        }
        value if path.is_empty() => found.push(value),
        _ => {}
    }
}

fn references(resource: &Value, name: &str) -> Vec<String> {
    values(resource, name).1.into_iter().filter_map(local).map(str::to_string).collect()
}

/// Returns `Type/id` of a Reference, or a canonical as it is.
fn local(value: &Value) -> Option<&str> {
    let text = value["reference"].as_str().or(value.as_str())?;
    Some(text.split_once("/_history/").map_or(text, |(target, _)| target))
}

fn is(kind: Kind, value: &Value, wanted: &str) -> bool {
    match kind {
        Token => is_token(value, wanted),
        Text => value.as_str().is_some_and(|text| text.to_lowercase().starts_with(&wanted.to_lowercase())),
        Date => is_date(value, wanted),
        Reference => {
            local(value).is_some_and(|target| target == wanted || target.split('/').next_back() == Some(wanted))
        }
    }
}

/// R4 3.1.1.4.10. A plain code has the system of its element, which is not known here.
fn is_token(value: &Value, wanted: &str) -> bool {
    if value.is_string() || value.is_boolean() {
        assert!(!wanted.contains('|'), "{wanted}: the system of a plain code is not known");
        return value.as_str().map_or_else(|| value.to_string(), str::to_string) == wanted;
    }
    let code = value["code"].as_str().or(value["value"].as_str());
    match wanted.split_once('|') {
        None => code == Some(wanted),
        Some((system, "")) => value["system"] == system,
        Some(("", wanted)) => value.get("system").is_none() && code == Some(wanted),
        Some((system, wanted)) => value["system"] == system && code == Some(wanted),
    }
}

/// R4 3.1.1.4.5: a value and a date of a query are stretches of time, compared by their ends.
fn is_date(value: &Value, wanted: &str) -> bool {
    let (prefix, text) = match wanted.split_at_checked(2) {
        Some((prefix, text)) if prefix.bytes().all(|b| b.is_ascii_lowercase()) => (prefix, text),
        _ => ("eq", wanted),
    };
    let (Some(value), Some(asked)) = (stretch(value), period::parse(text)) else { return false };
    let within = asked.lo <= value.lo && value.hi <= asked.hi;
    match prefix {
        "eq" => within,
        "ne" => !within,
        "gt" => value.hi > asked.hi,
        "lt" => value.lo < asked.lo,
        "ge" => within || value.hi > asked.hi,
        "le" => within || value.lo < asked.lo,
        "sa" => value.lo > asked.hi,
        "eb" => value.hi < asked.lo,
        // What is about a date is the server's to say, but what touches it is.
        "ap" => value.lo <= asked.hi && value.hi >= asked.lo,
        other => panic!("{other} is not compared here"),
    }
}

/// Returns the stretch of a date or Period; where an end is absent it is open.
fn stretch(value: &Value) -> Option<Period> {
    if let Some(text) = value.as_str() {
        return period::parse(text);
    }
    let end = |key: &str| value[key].as_str().map(|text| period::parse(text).expect("a date"));
    let (start, stop) = (end("start"), end("end"));
    Some(Period { lo: start.map_or(BEGINNING, |p| p.lo), hi: stop.map_or(END, |p| p.hi) })
}
