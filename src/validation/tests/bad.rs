//! Resources whose form is wrong, and the element that must be named.

use super::Kind::{Code, Required, Structure, Value};
use super::{check, each, extension, issues, observation, patient};

#[test]
fn what_is_no_resource_is_refused() {
    for (json, kind) in [
        ("[]", Structure),
        ("null", Structure),
        ("\"Patient\"", Structure),
        ("{}", Required),
        (r#"{"id": "1"}"#, Required),
        (r#"{"resourceType": 1}"#, Structure),
        (r#"{"resourceType": null}"#, Structure),
        (r#"{"resourceType": "patient"}"#, Value),
        (r#"{"resourceType": "DomainResource"}"#, Value),
        (r#"{"resourceType": "Resource"}"#, Value),
        (r#"{"resourceType": "HumanName"}"#, Value),
    ] {
        check(json, &[(kind, "")]);
    }
}

#[test]
#[rustfmt::skip]
fn unknown_elements_are_refused() {
    patient(&[
        (r#""nam": []"#, Structure, "Patient.nam"),
        (r#""Name": []"#, Structure, "Patient.Name"),
        (r#""name": [{"family": "A", "first": "B"}]"#, Structure, "Patient.name[0].first"),
        (r#""contact": [{"gender": "male"}, {"birthDate": "1970"}]"#, Structure, "Patient.contact[1].birthDate"),
        (r#""deceased": true"#, Structure, "Patient.deceased"),
        (r#""deceasedString": "yes""#, Structure, "Patient.deceasedString"),
        (r#""_resourceType": {"id": "a"}"#, Structure, "Patient"),
        (r#""name": [{"resourceType": "HumanName"}]"#, Structure, "Patient.name[0].resourceType"),
        (r#""__birthDate": {"id": "a"}"#, Structure, "Patient.__birthDate"),
        (r#""fhir_comments": ["a"]"#, Structure, "Patient.fhir_comments"),
        (r#""a b": 1"#, Structure, "Patient"),
        (r#""": 1"#, Structure, "Patient"),
        (r#""_": {"id": "a"}"#, Structure, "Patient._"),
        (r#""value": 1"#, Structure, "Patient.value"),
    ]);
}

#[test]
#[rustfmt::skip]
fn wrong_json_types_are_refused() {
    patient(&[
        (r#""active": "true""#, Structure, "Patient.active"),
        (r#""active": 1"#, Structure, "Patient.active"),
        (r#""active": null"#, Structure, "Patient.active"),
        (r#""active": [true]"#, Structure, "Patient.active"),
        (r#""birthDate": 1970"#, Structure, "Patient.birthDate"),
        (r#""birthDate": {"value": "1970"}"#, Structure, "Patient.birthDate"),
        (r#""multipleBirthInteger": "2""#, Structure, "Patient.multipleBirth"),
        (r#""name": {"family": "A"}"#, Structure, "Patient.name"),
        (r#""name": "A""#, Structure, "Patient.name"),
        (r#""name": ["A"]"#, Structure, "Patient.name[0]"),
        (r#""name": [null]"#, Structure, "Patient.name[0]"),
        (r#""name": null"#, Structure, "Patient.name"),
        (r#""name": [{"given": "A"}]"#, Structure, "Patient.name[0].given"),
        (r#""name": [{"given": [["A"]]}]"#, Structure, "Patient.name[0].given[0]"),
        (r#""name": [{"family": ["A"]}]"#, Structure, "Patient.name[0].family"),
        (r#""maritalStatus": [{"text": "A"}]"#, Structure, "Patient.maritalStatus"),
        (r#""maritalStatus": "M""#, Structure, "Patient.maritalStatus"),
    ]);
    observation(&[(r#""valueQuantity": {"value": "1.5"}"#, Structure, "Observation.value.value")]);
}

#[test]
#[rustfmt::skip]
fn emptiness_is_refused() {
    patient(&[
        (r#""name": []"#, Structure, "Patient.name"),
        (r#""name": [{}]"#, Structure, "Patient.name[0]"),
        (r#""name": [{"given": []}]"#, Structure, "Patient.name[0].given"),
        (r#""name": [{"given": [""]}]"#, Value, "Patient.name[0].given[0]"),
        (r#""maritalStatus": {}"#, Structure, "Patient.maritalStatus"),
        (r#""language": """#, Value, "Patient.language"),
        (r#""_birthDate": {}"#, Structure, "Patient.birthDate"),
    ]);
}

#[test]
#[rustfmt::skip]
fn nulls_and_siblings_pair_by_position() {
    patient(&[
        (r#""name": [{"given": [null]}]"#, Structure, "Patient.name[0].given[0]"),
        (r#""name": [{"given": ["A", null], "_given": [null, null]}]"#, Structure, "Patient.name[0].given[1]"),
        (r#""name": [{"given": ["A", "B"], "_given": [null]}]"#, Structure, "Patient.name[0].given"),
        (r#""name": [{"given": ["A"], "_given": {"id": "a"}}]"#, Structure, "Patient.name[0].given"),
        (r#""name": [{"_given": [null]}]"#, Structure, "Patient.name[0].given[0]"),
        (r#""name": [{"_given": []}]"#, Structure, "Patient.name[0].given"),
        (r#""_birthDate": null"#, Structure, "Patient.birthDate"),
        (r#""_birthDate": [{"id": "a"}]"#, Structure, "Patient.birthDate"),
        (r#""_birthDate": {"value": "1970"}"#, Structure, "Patient.birthDate.value"),
        (r#""_birthDate": {"extension": [{"valueCode": "a"}]}"#, Required, "Patient.birthDate.extension[0].url"),
        (r#""_name": [{"id": "a"}]"#, Structure, "Patient.name"),
        (r#""text": {"status": "empty", "div": "<div/>", "_div": {"extension": []}}"#, Structure, "Patient.text.div.extension"),
    ]);
}

#[test]
#[rustfmt::skip]
fn cardinalities_are_kept() {
    patient(&[
        (r#""communication": [{"preferred": true}]"#, Required, "Patient.communication[0].language"),
        (r#""text": {"status": "generated"}"#, Required, "Patient.text.div"),
        (r#""link": [{"other": {"reference": "Patient/1"}}]"#, Required, "Patient.link[0].type"),
        (r#""deceasedBoolean": true, "deceasedDateTime": "2020""#, Structure, "Patient.deceased"),
        (r#""deceasedBoolean": true, "_deceasedDateTime": {"id": "a"}"#, Structure, "Patient.deceased"),
    ]);
    check(
        r#"{"resourceType": "Observation", "id": "1"}"#,
        &[(Required, "Observation.status"), (Required, "Observation.code")],
    );
    observation(&[(r#""component": [{"valueString": "a"}]"#, Required, "Observation.component[0].code")]);
}

#[test]
#[rustfmt::skip]
fn an_extension_has_a_url_and_either_a_value_or_extensions() {
    extension(&[
        (r#""id": "a""#, Required, "Basic.extension[0]"),
        (r#""valueString": "a", "extension": [{"url": "b", "valueCode": "c"}]"#, Structure, "Basic.extension[0]"),
        (r#""valueString": "a", "valueCode": "b""#, Structure, "Basic.extension[0].value"),
        (r#""value": "a""#, Structure, "Basic.extension[0].value"),
        (r#""extension": [{"url": "b"}]"#, Required, "Basic.extension[0].extension[0]"),
    ]);
    patient(&[(r#""extension": [{"valueString": "a"}]"#, Required, "Patient.extension[0].url")]);
}

#[test]
#[rustfmt::skip]
fn resources_inside_a_resource_are_checked() {
    patient(&[
        (r#""contained": [{"resourceType": "Organization"}]"#, Required, "Patient.contained[0].id"),
        (r#""contained": [{"resourceType": "Organization", "id": "a", "nam": 1}]"#, Structure, "Patient.contained[0].nam"),
        (r#""contained": [{"id": "a"}]"#, Required, "Patient.contained[0]"),
        (r#""contained": [{"resourceType": "Thing", "id": "a"}]"#, Value, "Patient.contained[0]"),
        (r#""contained": {"resourceType": "Organization", "id": "a"}"#, Structure, "Patient.contained"),
        (r#""contained": [{"resourceType": "Patient", "id": "a", "contained": [{"resourceType": "Patient", "id": "b"}]}]"#, Structure, "Patient.contained[0].contained[0]"),
    ]);
    each(r#"{"resourceType": "Bundle", "type": "batch", "entry": [{"fullUrl": "urn:uuid:a"}, {"resource": "#,
        "}]}",
        &[
            (r#"{"resourceType": "Patient", "gender": "m"}"#, Code, "Bundle.entry[1].resource.gender"),
            (r#"{"id": "1"}"#, Required, "Bundle.entry[1].resource"),
            ("[]", Structure, "Bundle.entry[1].resource"),
        ],
    );
    check(
        r#"{"resourceType": "Parameters", "parameter": [{"name": "a", "part": [{"name": "b", "resource": {"resourceType": "Patient", "active": 1}}]}]}"#,
        &[(Structure, "Parameters.parameter[0].part[0].resource.active")],
    );
}

#[test]
fn everything_wrong_is_listed_up_to_a_limit() {
    check(
        r#"{"resourceType": "Patient", "gender": "m", "active": 1, "birthDate": "x"}"#,
        &[(Code, "Patient.gender"), (Structure, "Patient.active"), (Value, "Patient.birthDate")],
    );
    let many = vec![r#"{"use": "?"}"#; 500].join(",");
    let found = issues(&format!(r#"{{"resourceType": "Patient", "name": [{many}]}}"#));
    assert_eq!(found.len(), super::structure::ISSUES_MAX + 1);
    assert_eq!(found[99].expression.as_deref(), Some("Patient.name[99].use"));
    assert_eq!(found[100].diagnostics, "more is wrong; only the first 100 issues are listed");
}

#[test]
fn depth_has_a_limit() {
    let mut deepest = serde_json::json!({"url": "a", "valueCode": "b"});
    for _ in 0..200 {
        deepest = serde_json::json!({"url": "a", "extension": [deepest]});
    }
    let patient = serde_json::json!({"resourceType": "Patient", "extension": [deepest]});
    let found = super::structure::check(&super::CATALOG, &patient).unwrap_err();
    assert_eq!((found.len(), found[0].kind), (1, Structure));
}
