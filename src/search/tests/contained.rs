//! Which contained resources a query wants, and that the index leads to every container of one.

use super::{REGISTRY, resource_type, search};
use crate::fhir::ResourceId;
use crate::search::contained::{candidates, check, wanted};
use crate::search::evaluate::{Indexed, matches};
use crate::search::extract;
use serde_json::{Value, json};

/// Returns the ids of the contained resources that are wanted, and whether the index leads to the container.
fn found(query: &str, container: &Value) -> (Vec<String>, bool) {
    let search = search(&format!("{query}&_contained=true")).unwrap_or_else(|f| panic!("{query}: {f}"));
    check(&search).unwrap_or_else(|f| panic!("{query}: {f}"));
    let t = resource_type(container["resourceType"].as_str().unwrap());
    let rows = extract(&REGISTRY, t, container);
    let id = ResourceId::parse("container").unwrap();
    let is_candidate =
        matches(&candidates(&REGISTRY, &search).filter, &Indexed { resource_type: t, id, updated: Some(0), rows });
    let ids = wanted(&REGISTRY, &search, container).into_iter().map(|(_, id, _)| id.to_string()).collect();
    (ids, is_candidate)
}

fn request() -> Value {
    let coded = |code: &str| json!({"coding": [{"system": "urn:s", "code": code}], "text": code});
    json!({
        "resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"reference": "Patient/1"},
        "authoredOn": "2020-01-01", "medicationReference": {"reference": "#a"},
        "contained": [
            {"resourceType": "Medication", "id": "a", "code": coded("x"), "status": "active", "batch": {"expirationDate": "2030-01-01"}},
            {"resourceType": "Medication", "id": "b", "code": coded("y"), "status": "inactive", "batch": {"expirationDate": "2031-01-01"}},
            {"resourceType": "Patient", "id": "p", "birthDate": "1970-01-01", "name": [{"family": "Müller"}],
             "managingOrganization": {"reference": "Organization/o"}},
            {"resourceType": "Observation", "id": "o", "status": "final", "code": coded("z"), "subject": {"reference": "Patient/2"},
             "valueQuantity": {"value": 5.45, "unit": "mg"}},
            {"resourceType": "Location", "id": "l", "position": {"latitude": 10, "longitude": 20}}
        ]
    })
}

#[test]
fn every_kind_of_condition_finds_contained_resources() {
    let container = request();
    for (query, ids) in [
        ("Medication?code=x", &["a"][..]),
        ("Medication?code=urn:s|x,urn:s|y", &["a", "b"]),
        ("Medication?code:not=x", &["b"]),
        ("Medication?code=x&status=active", &["a"]),
        ("Medication?expiration-date=lt2031&expiration-date=gt2029", &["a"]),
        ("Medication?form:missing=true", &["a", "b"]),
        ("Medication?_id=b", &["b"]),
        ("Medication?", &["a", "b"]),
        ("Patient?family=mul", &["p"]),
        ("Patient?family:contains=LLE", &["p"]),
        ("Patient?family:exact=Müller&birthdate=1970", &["p"]),
        ("Patient?organization=o", &["p"]),
        ("Observation?subject=Patient/2", &["o"]),
        ("Observation?value-quantity=5.4", &[]),
        ("Observation?value-quantity=5.5", &["o"]),
        ("Observation?value-quantity=ge5.45||mg", &["o"]),
        ("Location?near=10|20|1", &["l"]),
        ("?_type=Patient,Medication&_id=p,a", &["a", "p"]),
    ] {
        let (wanted, is_candidate) = found(query, &container);
        assert_eq!(wanted, ids, "{query}");
        assert!(is_candidate || ids.is_empty(), "{query}: the index does not lead to the container");
    }
}

#[test]
fn conditions_hold_of_one_contained_resource_and_not_of_two() {
    let container = request();
    for query in ["Medication?code=x&status=inactive", "Medication?code=y&expiration-date=2030-01-01"] {
        assert_eq!(found(query, &container), (vec![], true), "{query}: found by the index, refused on the second look");
    }
    for query in ["Medication?code=z", "MedicationRequest?status=active", "Patient?family=x", "Group?"] {
        assert_eq!(found(query, &container), (vec![], false), "{query}: not even found by the index");
    }
}

#[test]
fn contained_resources_are_not_met_by_other_searches() {
    let container = request();
    let t = resource_type("MedicationRequest");
    let with = extract(&REGISTRY, t, &container);
    let mut bare = container.clone();
    bare.as_object_mut().map(|members| members.remove("contained"));
    let without = extract(&REGISTRY, t, &bare);
    assert_eq!((&with.refs, &with.timeline, &with.shape), (&without.refs, &without.timeline, &without.shape));
    assert!(with.terms.len() > without.terms.len() && without.terms.iter().all(|key| with.terms.contains(key)));
    let id = ResourceId::parse("x").unwrap();
    let it = Indexed { resource_type: t, id, updated: None, rows: with };
    for query in ["MedicationRequest?patient=2", "MedicationRequest?code=z", "Observation?subject=2"] {
        assert!(!matches(&search(query).unwrap().filter, &it), "{query}");
    }
}

#[test]
fn what_cannot_be_combined_is_refused() {
    for query in [
        "?_id=x",
        "Medication?_sort=code",
        "Medication?_include=Medication:manufacturer",
        "Medication?_revinclude=MedicationRequest:medication",
    ] {
        let search = search(&format!("{query}&_contained=both")).unwrap();
        let fault = check(&search).unwrap_err();
        assert!(fault.status() == 400 && fault.to_string().contains("'_contained'"), "{query}: {fault}");
    }
}
