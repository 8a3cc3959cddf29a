//! `resolve()` within a resource, within a Bundle, by type alone and by fetching.

use super::model::Few;
use super::{run, shown};
use crate::fhirpath::{Context, Fetch, Resolver, parse};
use serde_json::{Value, json};

#[test]
fn a_search_parameter_sees_the_type_of_a_target_without_fetching() {
    for (reference, expected) in [
        ("Patient/1", "FHIR.Reference"),
        ("http://h/fhir/Patient/1/_history/2", "FHIR.Reference"),
        ("Patient?identifier=1", "FHIR.Reference"),
        ("Observation/1", ""),
        ("urn:uuid:1", ""),
        ("Quantity/1", ""),
    ] {
        let observation = json!({"resourceType": "Observation", "subject": {"reference": reference}});
        let found = run(&observation, "Observation.subject.where(resolve() is Patient)");
        assert_eq!(found.as_deref(), Ok(expected), "{reference}");
    }
    let by_type = json!({"resourceType": "Observation", "subject": {"reference": "urn:uuid:1", "type": "Patient"}});
    assert_eq!(run(&by_type, "Observation.subject.resolve() is Patient").as_deref(), Ok("true"));
}

#[test]
fn contained_resources_and_entries_are_found() {
    let patient = json!({
        "resourceType": "Patient",
        "id": "p",
        "contained": [{"resourceType": "Observation", "id": "o", "status": "final"}],
        "managingOrganization": {"reference": "#o"}
    });
    assert_eq!(run(&patient, "managingOrganization.resolve().status").as_deref(), Ok("final"));
    assert_eq!(run(&patient, "'#'.resolve().id").as_deref(), Ok("p"));
    assert_eq!(run(&patient, "'#x'.resolve()").as_deref(), Ok(""));

    let bundle = json!({"resourceType": "Bundle", "entry": [
        {"fullUrl": "urn:uuid:7", "resource": {"resourceType": "Patient", "id": "7"}},
        {"fullUrl": "http://h/fhir/Patient/8", "resource": {"resourceType": "Patient", "id": "8"}},
        {"fullUrl": "urn:uuid:9", "resource": {"resourceType": "Observation", "subject": {"reference": "urn:uuid:7"}}}
    ]});
    assert_eq!(run(&bundle, "entry.resource.ofType(Observation).subject.resolve().id").as_deref(), Ok("7"));
    assert_eq!(run(&bundle, "'Patient/8'.resolve().id").as_deref(), Ok("8"));
    assert_eq!(run(&bundle, "'atient/8'.resolve().id").as_deref(), Ok(""));
}

#[test]
fn a_fetcher_brings_what_is_elsewhere() {
    struct One(Value);
    impl Fetch for One {
        fn fetch(&self, reference: &str) -> Option<&Value> {
            (reference == "Patient/1").then_some(&self.0)
        }
    }
    let there = One(json!({"resourceType": "Patient", "gender": "female"}));
    let observation = json!({"resourceType": "Observation", "subject": {"reference": "Patient/1"}});
    let mut ctx = Context::new(Some(&Few), &observation);
    ctx.resolver = Resolver::Fetch(&there);
    let expr = parse("Observation.subject.resolve().gender").unwrap();
    assert_eq!(shown(&expr.evaluate(&ctx).unwrap()), "female");
    ctx.resolver = Resolver::None;
    assert_eq!(shown(&expr.evaluate(&ctx).unwrap()), "");
}
