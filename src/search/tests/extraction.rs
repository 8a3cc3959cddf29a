//! What a resource stands under: compartments, the timeline, and what odd content leaves.

use super::{REGISTRY, resource_type};
use crate::fhir::ResourceId;
use crate::search::expr::Expr;
use crate::search::{IndexRows, compartment, contained, extract};
use serde_json::{Value, json};

fn rows(resource: &Value) -> IndexRows {
    extract(&REGISTRY, resource_type(resource["resourceType"].as_str().unwrap()), resource)
}

fn compartments(resource: Value) -> Vec<String> {
    let t = resource_type(resource["resourceType"].as_str().unwrap());
    let patients = compartment::patients_of(&REGISTRY, t, &resource);
    let terms = rows(&resource).terms;
    for patient in &patients {
        let id = ResourceId::parse(patient).unwrap();
        let Expr::Compartment(keys) = compartment::of_patients(&REGISTRY, &[id]) else { panic!("no key") };
        assert!(terms.contains(&keys[0]), "{patient} has no row");
    }
    patients
}

#[test]
fn a_resource_is_in_the_compartment_of_every_patient_it_names() {
    assert_eq!(compartments(json!({"resourceType": "Patient", "id": "p"})), ["p"]);
    assert_eq!(
        compartments(json!({"resourceType": "Observation", "subject": {"reference": "Patient/a"},
            "performer": [{"reference": "Patient/b"}, {"reference": "Practitioner/c"}],
            "focus": [{"reference": "Patient/not-by-focus"}]})),
        ["a", "b"]
    );
    assert_eq!(
        compartments(json!({"resourceType": "Encounter",
            "subject": {"reference": "http://here.example/fhir/Patient/a"}})),
        ["a"]
    );
    assert!(
        compartments(json!({"resourceType": "Encounter", "subject": {"reference": "http://x.example/Patient/a"}}))
            .is_empty()
    );
    assert!(compartments(json!({"resourceType": "Organization", "name": "x"})).is_empty());
}

#[test]
fn the_timeline_has_the_patient_the_code_and_their_pairs() {
    let coding = |code: &str| json!({"coding": [{"system": "s", "code": code}]});
    let mut observation = json!({"resourceType": "Observation", "subject": {"reference": "Patient/a"},
        "code": coding("c"), "category": [coding("v"), coding("w")], "effectiveDateTime": "2020-01-01"});
    let dated = rows(&observation).timeline;
    // Patient, patient and code, patient and each category, code.
    assert_eq!(dated.len(), 5);
    assert!(dated.iter().all(|(_, lo, hi)| hi - lo == 86_400_000_000 - 1));
    observation["effectiveDateTime"].take();
    assert_eq!(rows(&observation).timeline.len(), 5, "without a date the rows stand before all others");
    assert!(rows(&json!({"resourceType": "Organization", "name": "x"})).timeline.is_empty());
}

#[test]
fn nothing_is_stored_twice_for_two_names() {
    let observation = json!({"resourceType": "Observation", "subject": {"reference": "Patient/a"},
        "code": {"coding": [{"system": "s", "code": "c"}]}});
    // Reference, compartment, three forms of the code, shape.
    assert_eq!(rows(&observation).terms.len(), 6);
    let index = REGISTRY.of(resource_type("Observation"));
    let columns = |code: &str| index.param(code).unwrap().columns.iter().map(|c| c.index).collect::<Vec<_>>();
    assert_eq!(columns("patient"), columns("subject"));
    assert_eq!(columns("combo-code"), [columns("code"), columns("component-code")].concat());
}

#[test]
fn odd_content_has_no_rows_and_does_no_harm() {
    for odd in [
        json!({"resourceType": "Observation"}),
        json!({"resourceType": "Observation", "subject": "Patient/1", "code": 7, "effectiveDateTime": "yesterday"}),
        json!({"resourceType": "Observation", "subject": {"reference": 1}, "code": {"coding": {}}, "valueQuantity": {"value": "5"}}),
        json!({"resourceType": "Observation", "effectivePeriod": {"start": "2020", "end": "2019"}, "status": null}),
        json!({"resourceType": "Observation", "code": {"coding": [[{"display": "x"}], null, 3]}, "issued": []}),
        serde_json::from_str(r#"{"resourceType": "Observation", "valueQuantity": {"value": 1e9999}}"#).unwrap(),
    ] {
        let rows = rows(&odd);
        assert!(rows.dates.is_empty() && rows.quantities.is_empty(), "{odd}");
        assert!(rows.terms.len() <= 1, "only the shape: {odd}");
    }
}

#[test]
fn every_parameter_of_the_catalog_is_read_or_known_to_be_open() {
    let mut open = std::collections::BTreeSet::new();
    for t in crate::fhir::ResourceType::all() {
        for spec in REGISTRY.catalog.params(t) {
            if REGISTRY.of(t).param(&spec.code).is_none() {
                open.insert(format!("{} {}", spec.kind.code(), spec.code));
            }
        }
    }
    let open: Vec<_> = open.iter().map(String::as_str).collect();
    assert_eq!(open, OPEN);
}

/// Answered from elsewhere, without an expression, or about an element that cannot be of that kind.
const OPEN: &[&str] =
    &["date _lastUpdated", "special _filter", "string _content", "string _text", "token _id", "token _query"];

#[test]
fn no_two_columns_share_a_key() {
    let (mut wide, mut narrow) = (std::collections::HashSet::new(), std::collections::HashSet::new());
    for t in crate::fhir::ResourceType::all() {
        for column in &REGISTRY.of(t).columns {
            assert!(wide.insert(column.key), "{t} {}", column.path);
            assert!(wide.insert(contained::shifted_key(column.key)), "{t} {}", column.path);
            for key in column.narrow {
                assert!(narrow.insert(key), "{t} {}", column.path);
                assert!(narrow.insert(contained::shifted_narrow(key)), "{t} {}", column.path);
            }
        }
    }
}
