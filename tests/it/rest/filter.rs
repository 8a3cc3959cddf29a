//! `_filter` and `_list`, answered from the database.
//!
//! R4 <https://hl7.org/fhir/R4/search_filter.html>, <https://hl7.org/fhir/R4/search.html#list>.

use serde_json::{Value, json};

use super::unique;
use crate::app::TestApp;
use crate::client::{Client, Response};

/// Stores a resource under an id that begins with `prefix`.
fn given(client: &Client, prefix: &str, name: &str, mut resource: Value) {
    let id = format!("{prefix}-{name}");
    resource["id"] = json!(id);
    let t = resource["resourceType"].as_str().unwrap_or_default().to_string();
    client.put(&format!("{t}/{id}"), &resource).expect(201);
}

/// Returns what an answer holds, as names in their order without the prefix of their ids.
fn names(answer: &Response, prefix: &str) -> String {
    let ids = answer.resources();
    let ids = ids.iter().map(|r| r["id"].as_str().unwrap_or_default());
    let mut names: Vec<&str> = ids.map(|id| id.strip_prefix(prefix).unwrap_or(id).trim_start_matches('-')).collect();
    names.sort_unstable();
    names.join(" ")
}

fn escaped(text: &str) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.~:/|".contains(b);
    text.bytes().map(|b| if plain(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// A small ward; all of it carries the prefix as its tag.
fn given_ward(client: &Client, prefix: &str) {
    let tag = json!({"tag": [{"system": "urn:ward", "code": prefix}]});
    let patient = |family: &str, given: &str, gender: &str, born: &str| {
        json!({"resourceType": "Patient", "meta": tag, "gender": gender, "birthDate": born,
               "name": [{"family": family, "given": [given]}],
               "managingOrganization": {"reference": format!("Organization/{prefix}-org")}})
    };
    let observation = |patient: &str, code: &str, value: f64, date: &str| {
        json!({"resourceType": "Observation", "meta": tag, "status": "final",
               "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
               "subject": {"reference": format!("Patient/{prefix}-{patient}")}, "effectiveDateTime": date,
               "valueQuantity": {"value": value, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}})
    };
    given(client, prefix, "org", json!({"resourceType": "Organization", "meta": tag, "name": "Ward B, (East)"}));
    given(client, prefix, "anna", patient("Müller", "Anna Maria", "female", "1980-05-05"));
    given(client, prefix, "ben", patient("Schmidt-Müller", "Ben", "male", "2014-10-10"));
    given(client, prefix, "cem", json!({"resourceType": "Patient", "meta": tag, "name": [{"text": "Cem"}]}));
    given(client, prefix, "weight", observation("anna", "29463-7", 61.5, "2020-01-01"));
    given(client, prefix, "height", observation("anna", "8302-2", 170.0, "2021"));
    given(client, prefix, "other", observation("ben", "29463-7", 20.0, "2020-01-02T10:00:00Z"));
    let long = format!("{}its very end", "a text about nothing ".repeat(150));
    let description = json!({"resourceType": "ValueSet", "meta": tag, "status": "draft", "description": long});
    given(client, prefix, "set", description);
}

#[test]
#[rustfmt::skip]
fn a_filter_finds_what_it_says() {
    let app = TestApp::shared();
    let prefix = unique();
    given_ward(app.client(), &prefix);
    let (patient, observation) = ("Patient", "Observation");
    for (t, filter, expected) in [
        (patient, r#"family co "ller""#, "anna ben"),
        (patient, "family eq MULLER", "anna"),
        (patient, "family ne müller", "ben"),
        (patient, "family sw sch", "ben"),
        (patient, "family ew muller", "anna ben"),
        (patient, "given ew aria", "anna"),
        (patient, "given gt anna", "anna ben"),
        (patient, r#"given gt "anna maria""#, "ben"),
        (patient, "given lt ben", "anna"),
        (patient, "given le ben", "anna ben"),
        (patient, "given ge ben", "ben"),
        (patient, "given pr false", "cem"),
        (patient, "given pr true", "anna ben"),
        (patient, "name eq cem", "cem"),
        (patient, "gender eq male", "ben"),
        (patient, "gender ne male", "anna"),
        (patient, "not (gender eq male)", "anna cem"),
        (patient, "birthdate ge 2014-10-10", "ben"),
        (patient, "birthdate ne 1980", "ben"),
        (patient, "birthdate po 1980", "anna"),
        (patient, "birthdate co 2014-10-10T12:00:00Z", "ben"),
        (patient, "gender eq male or gender eq female and birthdate lt 2000", "anna"),
        (patient, "gender eq male or (gender eq female and birthdate lt 2000)", "anna ben"),
        (patient, "organization.name eq \"ward b, (east)\"", "anna ben"),
        (patient, "organization[name sw ward].name ew \"east)\"", "anna ben"),
        (patient, "not (organization.name pr true)", "cem"),
        (observation, "code eq loinc|29463-7", "other weight"),
        (observation, "code eq loinc|29463-7 and value-quantity gt 50||kg", "weight"),
        (observation, "code ne loinc|29463-7", "height"),
        (observation, "value-quantity le 20|ucum|kg or value-quantity ap 165", "height other"),
        (observation, "date po 2020-01-02 or date po 2021-06", "height other"),
        (observation, "date sa 2020", "height"),
        (observation, "date eb 2020-01-02", "weight"),
        (observation, "subject.name co schmidt", "other"),
        (observation, "subject:Patient.birthdate lt 2000 and status eq final", "height weight"),
        (observation, "patient[gender eq female].organization.name sw ward", "height weight"),
        (observation, "patient.organization.name sw nowhere", ""),
        (observation, &format!("subject re Patient/{prefix}-ben"), "other"),
        ("ValueSet", "description ew \"its very end\"", "set"),
        ("ValueSet", "description ew nothing", ""),
        ("ValueSet", "description co nothing", "set"),
    ] {
        let tag = format!("_tag=urn:ward|{prefix}");
        let answer = app.client().get(&format!("{t}?{tag}&_filter={}&_total=accurate", escaped(filter))).expect(200);
        assert_eq!(names(&answer, &prefix), expected, "{t}: {filter}");
        let number = expected.split(' ').filter(|name| !name.is_empty()).count();
        assert_eq!(answer.json()["total"], number, "{t}: {filter}");
        // The same with everything in the filter.
        let whole = format!("_tag eq urn:ward|{prefix} and ({filter})");
        let answer = app.client().get(&format!("{t}?_filter={}", escaped(&whole))).expect(200);
        assert_eq!(names(&answer, &prefix), expected, "{t}: {whole}");
        let again = format!("_filter={}&_filter={}", escaped(filter), escaped(&format!("_tag eq urn:ward|{prefix}")));
        let answer = app.client().request("POST", &format!("{t}/_search"), &[FORM], again.as_bytes()).expect(200);
        assert_eq!(names(&answer, &prefix), expected, "{t}: {again}");
    }
    let anywhere = escaped(&format!("_tag eq urn:ward|{prefix} and not (_id eq {prefix}-set)"));
    let answer = app.client().get(&format!("?_filter={anywhere}")).expect(200);
    assert_eq!(names(&answer, &prefix), "anna ben cem height org other weight");
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

#[test]
fn a_filter_decides_conditional_interactions() {
    let app = TestApp::shared();
    let prefix = unique();
    given_ward(app.client(), &prefix);
    let condition = escaped(&format!("_tag eq urn:ward|{prefix} and family eq muller"));
    let patch = json!([{"op": "replace", "path": "/gender", "value": "other"}]);
    let path = format!("Patient?_filter={condition}");
    let headers = [crate::client::JSON_PATCH];
    let answer = app.client().request("PATCH", &path, &headers, patch.to_string().as_bytes()).expect(200);
    assert_eq!(answer.id(), format!("{prefix}-anna"));
}

#[test]
fn the_items_of_a_list_are_found_by_it() {
    let app = TestApp::shared();
    let prefix = unique();
    given_ward(app.client(), &prefix);
    let list = |items: &[&str]| {
        let entry = |item: &&str| {
            let (t, name) = item.split_once('/').expect("items are Type/name");
            json!({"item": {"reference": format!("{t}/{prefix}-{name}")}})
        };
        json!({"resourceType": "List", "status": "current", "mode": "working",
               "entry": items.iter().map(entry).collect::<Vec<_>>()})
    };
    given(app.client(), &prefix, "a", list(&["Patient/anna", "Observation/weight", "Patient/nobody"]));
    given(app.client(), &prefix, "b", list(&["Patient/ben", "Patient/anna"]));
    for (query, expected) in [
        (format!("Patient?_list={prefix}-a"), "anna"),
        (format!("Patient?_list=List/{prefix}-b"), "anna ben"),
        (format!("Patient?_list={}/List/{prefix}-b", app.base()), "anna ben"),
        (format!("Observation?_list={prefix}-a,{prefix}-b"), "weight"),
        (format!("Patient?_list={prefix}-a,{prefix}-b&gender=male"), "ben"),
        (format!("Patient?_list={prefix}-a&_list={prefix}-b"), "anna"),
        (format!("Patient?_filter=_list%20eq%20{prefix}-b%20and%20not%20(_list%20eq%20{prefix}-a)"), "ben"),
        (format!("Encounter?_list={prefix}-a"), ""),
        (format!("Patient?_list={prefix}-none"), ""),
        (format!("?_list={prefix}-a"), "anna weight"),
        (format!("?_list={prefix}-a&_type=Observation"), "weight"),
    ] {
        let answer = app.client().get(&query).expect(200);
        assert_eq!(names(&answer, &prefix), expected, "{query}");
    }
    app.client().delete(&format!("List/{prefix}-b")).expect(204);
    let answer = app.client().get(&format!("Patient?_list={prefix}-b")).expect(200);
    assert_eq!(names(&answer, &prefix), "", "a list that was deleted has no items");
}
