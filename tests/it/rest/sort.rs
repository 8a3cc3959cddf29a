//! `_sort` by every kind of parameter, up and down, with ties, several values, missing ones, and pages of two.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#_sort>.

use std::collections::BTreeSet;
use std::sync::Arc;

use medilink::catalog::{Catalog, ParamKind};
use medilink::fhir::ResourceType;
use medilink::search::{Registry, parse};
use serde_json::{Value, json};

use super::{check, unique};
use crate::app::{TestApp, database, rows};
use crate::client::Client;

const TAG: &str = "urn:sort";

/// Creates resources of one type, named by their place in the list, and returns their tag and names by id.
fn given(client: &Client, resources: &[Value]) -> (String, Vec<(String, usize)>) {
    let tag = unique();
    let create = |(i, resource): (usize, &Value)| {
        let mut resource = resource.clone();
        resource["meta"] = json!({"tag": [{"system": TAG, "code": tag}]});
        let t = resource["resourceType"].as_str().unwrap_or_default().to_string();
        (client.post(&t, &resource).expect(201).id(), i)
    };
    let names = resources.iter().enumerate().map(create).collect();
    (tag, names)
}

/// Returns the names of what all pages hold, in their order.
fn walked(client: &Client, path: &str, names: &[(String, usize)]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut next = Some(path.to_string());
    while let Some(path) = next {
        let page = client.get(&path).expect(200);
        for resource in page.resources() {
            let id = resource["id"].as_str().unwrap_or_default();
            found.extend(names.iter().find(|(known, _)| known == id).map(|(_, name)| *name));
        }
        next = page.link("next");
    }
    found
}

/// Checks the order: groups of names, within which the order is free.
#[track_caller]
fn check_order(found: &[usize], groups: &[&[usize]], query: &str) {
    let mut rest = found;
    for group in groups {
        assert!(rest.len() >= group.len(), "{query}: {found:?} is not {groups:?}");
        let (mut first, after) = (rest[..group.len()].to_vec(), &rest[group.len()..]);
        first.sort_unstable();
        assert_eq!(first, *group, "{query}: {found:?} is not {groups:?}");
        rest = after;
    }
    assert!(rest.is_empty(), "{query}: {found:?} has more than {groups:?}");
}

/// Checks one order of some resources, whole and in pages of two.
#[track_caller]
fn check_sorts(resources: &[Value], cases: &[(&str, &[&[usize]])]) {
    let app = TestApp::shared();
    let (tag, names) = given(app.client(), resources);
    let t = resources[0]["resourceType"].as_str().unwrap_or_default();
    for (sort, groups) in cases {
        for count in [2, 50] {
            let query = format!("{t}?_tag={TAG}|{tag}&_sort={sort}&_count={count}");
            check_order(&walked(app.client(), &query, &names), groups, &query);
        }
    }
}

fn coding(system: &str, code: &str) -> Value {
    json!({"system": system, "code": code})
}

fn observation(more: Value) -> Value {
    let mut observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}});
    if let (Some(all), Some(more)) = (observation.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    observation
}

#[test]
fn tokens_are_sorted_by_code_and_then_system() {
    let code = |codings: &[Value]| observation(json!({"code": {"coding": codings}}));
    check_sorts(
        &[
            code(&[coding("urn:b", "m")]),
            code(&[coding("urn:a", "z"), coding("urn:a", "b")]),
            code(&[coding("urn:a", "m")]),
            observation(json!({})),
            code(&[coding("urn:a", "c")]),
            code(&[coding("urn:b", "m")]),
            code(&[coding("urn:a", "B")]),
        ],
        &[
            ("code", &[&[6], &[1], &[4], &[2], &[0, 5], &[3]]),
            ("-code", &[&[1], &[0, 5], &[2], &[4], &[6], &[3]]),
            ("combo-code", &[&[6], &[1], &[4], &[2], &[0, 5], &[3]]),
        ],
    );
}

#[test]
fn codes_and_flags_are_sorted_by_what_they_are() {
    let patient = |more: Value| {
        let mut patient = more;
        patient["resourceType"] = "Patient".into();
        patient
    };
    check_sorts(
        &[
            patient(json!({"gender": "male", "active": true, "deceasedBoolean": true})),
            patient(json!({"gender": "female", "active": false})),
            patient(json!({"deceasedBoolean": false, "identifier": [{"system": "urn:a", "value": "5"}]})),
            patient(json!({"gender": "female", "active": true, "identifier": [{"value": "10"}]})),
            patient(json!({"gender": "unknown", "deceasedDateTime": "2020", "identifier": [{"system": "urn:a"}]})),
        ],
        &[
            ("gender", &[&[1, 3], &[0], &[4], &[2]]),
            ("-gender", &[&[4], &[0], &[1, 3], &[2]]),
            ("active", &[&[1], &[0, 3], &[2, 4]]),
            ("-active", &[&[0, 3], &[1], &[2, 4]]),
            ("-deceased", &[&[0, 4], &[1, 2, 3]]),
            ("identifier", &[&[3], &[2], &[0, 1, 4]]),
            ("-identifier", &[&[2], &[3], &[0, 1, 4]]),
            ("gender,-active", &[&[3], &[1], &[0], &[4], &[2]]),
            ("active,-gender", &[&[1], &[0], &[3], &[4], &[2]]),
            ("-identifier,gender,_id", &[&[2], &[3], &[1], &[0], &[4]]),
        ],
    );
}

#[test]
fn numbers_are_sorted_as_numbers() {
    let value = |text: &str| {
        let number: Value = serde_json::from_str(text).expect("a number");
        observation(json!({"valueQuantity": {"value": number, "unit": "mg"}}))
    };
    check_sorts(
        &[
            value("10"),
            value("9.5"),
            value("-3"),
            observation(json!({})),
            value("1e2"),
            observation(json!({"valueQuantity": {"value": 20, "comparator": "<"}})),
            value("10.00"),
        ],
        &[
            ("value-quantity", &[&[2], &[1], &[0, 6], &[5], &[4], &[3]]),
            ("-value-quantity", &[&[4], &[5], &[0, 6], &[1], &[2], &[3]]),
        ],
    );
    let risk = |numbers: &[f64]| {
        let prediction: Vec<Value> = numbers.iter().map(|n| json!({"probabilityDecimal": n})).collect();
        json!({"resourceType": "RiskAssessment", "status": "final", "subject": {"display": "x"}, "prediction": prediction})
    };
    let unrated = json!({"resourceType": "RiskAssessment", "status": "final", "subject": {"display": "x"}});
    check_sorts(
        &[risk(&[0.5]), risk(&[0.25, 0.75]), risk(&[0.5]), unrated],
        &[("probability", &[&[1], &[0, 2], &[3]]), ("-probability", &[&[1], &[0, 2], &[3]])],
    );
}

#[test]
fn references_and_uris_are_sorted_by_their_text() {
    let performer = |text: &str| observation(json!({"performer": [{"reference": text}]}));
    check_sorts(
        &[
            performer("Practitioner/b"),
            performer("Organization/z"),
            performer("Practitioner/a"),
            observation(json!({})),
            performer("Practitioner/b"),
            observation(json!({"performer": [{"identifier": {"value": "Q"}}]})),
        ],
        &[("performer", &[&[1], &[2], &[0, 4], &[5], &[3]]), ("-performer", &[&[5], &[0, 4], &[2], &[1], &[3]])],
    );
    let subject = |text: &str| observation(json!({"subject": {"reference": text}}));
    check_sorts(
        &[subject("Patient/b"), subject("Group/z"), subject("Patient/a"), observation(json!({}))],
        &[("patient", &[&[2], &[0], &[1, 3]]), ("subject", &[&[1], &[2], &[0], &[3]])],
    );
    let value_set = |url: Option<&str>| json!({"resourceType": "ValueSet", "status": "draft", "url": url.map(|u| format!("urn:{u}"))});
    let mut without = value_set(None);
    without.as_object_mut().map(|members| members.remove("url"));
    check_sorts(
        &[value_set(Some("b")), without, value_set(Some("a"))],
        &[("url", &[&[2], &[0], &[1]]), ("-url", &[&[0], &[2], &[1]])],
    );
}

#[test]
fn dates_and_strings_are_sorted_beside_others() {
    let patient = |family: &str, born: &str, gender: &str| {
        let patient = json!({"resourceType": "Patient", "name": [{"family": family}], "birthDate": born});
        let mut patient = patient;
        if !gender.is_empty() {
            patient["gender"] = gender.into();
        }
        patient
    };
    check_sorts(
        &[
            patient("Ödön", "1970-01-01", "male"),
            patient("odin", "1980", "female"),
            patient("Zoe", "1960-05", ""),
            patient("ÖDÖN", "1990-01-01", "male"),
            patient("Abel", "1980", "male"),
        ],
        &[
            ("family", &[&[4], &[1], &[0, 3], &[2]]),
            ("-birthdate", &[&[3], &[1, 4], &[0], &[2]]),
            ("gender,birthdate", &[&[1], &[0], &[4], &[3], &[2]]),
            ("-gender,-birthdate", &[&[3], &[4], &[0], &[1], &[2]]),
        ],
    );
}

#[test]
fn several_types_are_sorted_by_a_parameter_that_all_of_them_have() {
    let app = TestApp::shared();
    let coded = |t: &str, code: &str| {
        let mut resource = json!({"resourceType": t, "code": {"coding": [coding("urn:a", code)]}});
        match t {
            "Observation" => resource["status"] = "final".into(),
            _ => resource["subject"] = json!({"display": "x"}),
        }
        resource
    };
    let resources =
        [coded("Observation", "b"), coded("Condition", "a"), coded("Condition", "c"), coded("Observation", "d")];
    let (tag, names) = given(app.client(), &resources);
    for (sort, groups) in [("code", [1, 0, 2, 3]), ("-code", [3, 2, 0, 1])] {
        let query = format!("?_type=Condition,Observation&_tag={TAG}|{tag}&_sort={sort}&_count=2");
        assert_eq!(walked(app.client(), &query, &names), groups, "{query}");
    }
}

#[test]
fn what_has_no_order_is_refused_by_name() {
    let app = TestApp::shared();
    for query in [
        "Observation?_sort=code-value-quantity",
        "Location?_sort=near",
        "Bundle?_sort=composition",
        "Patient?_sort=_content",
        "Patient?_sort=_filter",
        "Observation?_sort=nosuch",
        "?_type=Patient,Observation&_sort=gender",
        "?_sort=code",
    ] {
        let code = query.split_once("_sort=").map(|(_, code)| code).unwrap_or_default();
        let answer = check(app.client(), &format!("GET {query}"), &[], 400, "");
        assert!(answer.text().contains(code) && answer.text().contains("_sort"), "{query}: {}", answer.text());
    }
}

#[test]
fn every_parameter_with_values_has_an_order_that_the_database_can_read() {
    let catalog = Catalog::load().expect("the definitions in the binary are sound");
    let registry = Registry::new(Arc::new(catalog), "http://x.example");
    let (mut refused, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for t in ResourceType::all() {
        for param in registry.of(t).params().filter(|param| param.spec.kind != ParamKind::Composite) {
            let pair = ("_sort".to_string(), param.spec.code.to_string());
            match parse(&registry, Some(t), &[pair], false) {
                Ok(search) => assert_eq!(search.sort.len(), 1),
                Err(_) => drop(refused.insert(format!("{t} {}", param.spec.code))),
            }
        }
        for path in registry.of(t).columns.iter().flat_map(|column| &column.json_paths) {
            paths.insert(path.replace('\'', "''"));
        }
    }
    let refused: Vec<&str> = refused.iter().map(String::as_str).collect();
    assert_eq!(
        refused,
        ["Bundle composition", "Bundle message", "Location near", "QuestionnaireResponse item-subject"]
    );
    let paths: Vec<String> = paths.into_iter().map(|path| format!("'{path}'")).collect();
    let query = format!("select p::jsonpath::text from unnest(array[{}]) p", paths.join(", "));
    assert_eq!(rows(&database("sort_paths"), &query).len(), paths.len());
}
