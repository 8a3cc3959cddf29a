//! What stays of a resource.

use std::sync::LazyLock;

use super::*;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::load().expect("the definitions load"));

fn subsetted() -> Value {
    json!({"system": TAG_SYSTEM, "code": "SUBSETTED", "display": "subsetted"})
}

fn observation() -> Value {
    json!({
        "resourceType": "Observation",
        "id": "o",
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},
        "contained": [{"resourceType": "Patient"}],
        "extension": [{"url": "u", "valueCode": "x"}],
        "modifierExtension": [{"url": "m", "valueCode": "y"}],
        "status": "final",
        "_status": {"extension": [{"url": "u", "valueCode": "x"}]},
        "code": {"text": "T", "extension": [{"url": "u", "valueCode": "x"}]},
        "subject": {"extension": [{"url": "u", "valueCode": "x"}]},
        "valueQuantity": {"value": 1.50, "unit": "kg"},
        "note": [{"text": "n"}],
        "component": [{"code": {"text": "C"}, "valueString": "v", "interpretation": [{"text": "i"}]}],
    })
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn after(subset: &Subset) -> Value {
    let mut resource = observation();
    apply(&CATALOG, &mut resource, subset);
    assert_eq!(resource["meta"]["tag"], json!([subsetted()]));
    resource
}

#[test]
fn a_summary_keeps_what_the_definitions_mark() {
    let resource = after(&Subset::Summary(SummaryMode::True));
    let expected = [
        "resourceType",
        "id",
        "modifierExtension",
        "status",
        "_status",
        "code",
        "subject",
        "valueQuantity",
        "component",
        "meta",
    ];
    assert_eq!(keys(&resource), expected);
    assert_eq!(resource["code"], json!({"text": "T"}));
    assert_eq!(resource["subject"], observation()["subject"]);
    assert_eq!(resource["modifierExtension"], observation()["modifierExtension"]);
    assert_eq!(resource["component"], json!([{"code": {"text": "C"}, "valueString": "v"}]));
    assert_eq!(resource["valueQuantity"], observation()["valueQuantity"]);
}

#[test]
fn a_summary_of_text_or_data_is_with_or_without_the_narrative() {
    let resource = after(&Subset::Summary(SummaryMode::Text));
    assert_eq!(keys(&resource), ["resourceType", "id", "text", "status", "_status", "code", "meta"]);
    let resource = after(&Subset::Summary(SummaryMode::Data));
    assert!(resource.get("text").is_none() && resource.get("note").is_some() && resource.get("contained").is_some());
}

#[test]
fn elements_are_kept_by_name_beside_what_must_be_there() {
    let table: &[(&str, &[&str])] = &[
        ("note", &["resourceType", "id", "status", "_status", "code", "note", "meta"]),
        ("value, status", &["resourceType", "id", "status", "_status", "code", "valueQuantity", "meta"]),
        ("value[x]", &["resourceType", "id", "status", "_status", "code", "valueQuantity", "meta"]),
        ("valueString", &["resourceType", "id", "status", "_status", "code", "valueQuantity", "meta"]),
        ("Observation.subject,Patient.name", &["resourceType", "id", "status", "_status", "code", "subject", "meta"]),
        ("id", &["resourceType", "id", "status", "_status", "code", "meta"]),
    ];
    for (list, expected) in table {
        let subset = Subset::elements(&CATALOG, &[ResourceType::parse("Observation").unwrap()], list).expect(list);
        assert_eq!(keys(&after(&subset)), *expected, "{list}");
    }
    let other = Subset::elements(&CATALOG, &[], "Patient.name").unwrap();
    let mut resource = observation();
    apply(&CATALOG, &mut resource, &other);
    assert_eq!(resource, observation());
}

#[test]
fn an_unknown_element_is_named() {
    let patient = [ResourceType::PATIENT];
    let table: &[(&[ResourceType], &str, &str)] = &[
        (&patient, "name,foo", "_elements: Patient has no element \"foo\""),
        (&patient, "", "_elements: Patient has no element \"\""),
        (&patient, "code", "_elements: Patient has no element \"code\""),
        (&[], "foo", "_elements: no resource type asked for has an element \"foo\""),
        (
            &[],
            "Foo.name",
            "_elements: \"Foo\" in \"Foo.name\" is not a resource type; only top-level elements can be named",
        ),
        (
            &patient,
            "name.given",
            "_elements: \"name\" in \"name.given\" is not a resource type; only top-level elements can be named",
        ),
        (&[], "Patient.code", "_elements: Patient has no element \"code\""),
    ];
    for (types, list, words) in table {
        let fault = Subset::elements(&CATALOG, types, list).unwrap_err();
        assert_eq!((fault.kind(), fault.to_string().as_str()), (Kind::Invalid, *words));
    }
    assert!(Subset::elements(&CATALOG, &[], "code").is_ok());
}

#[test]
fn a_resource_is_tagged_once_and_keeps_its_other_tags() {
    let mut resource = json!({"resourceType": "Patient", "meta": {"tag": [{"code": "a"}]}});
    for _ in 0..2 {
        apply(&CATALOG, &mut resource, &Subset::Summary(SummaryMode::Data));
    }
    assert_eq!(resource["meta"]["tag"], json!([{"code": "a"}, subsetted()]));
}
