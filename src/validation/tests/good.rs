//! Resources that look odd and are right.

use super::check;

#[test]
fn what_r4_allows_passes() {
    let long = format!(r#"{{"resourceType": "Basic", "code": {{"text": "{}"}}}}"#, "é".repeat(1024 * 1024));
    let good = [
        r#"{"resourceType": "Patient"}"#,
        r#"{"resourceType": "Parameters"}"#,
        r#"{"resourceType": "Patient", "birthDate": "1970-03-30", "_birthDate": {"id": "b1"}}"#,
        r#"{"resourceType": "Patient", "_birthDate": {"extension": [{"url": "http://a.example/x", "valueCode": "unknown"}]}}"#,
        r#"{"resourceType": "Patient", "name": [{"given": ["A", null], "_given": [null, {"id": "g"}]}]}"#,
        r#"{"resourceType": "Patient", "name": [{"_given": [null, {"id": "g"}, {"id": "h"}], "given": ["A", "B", null]}]}"#,
        r#"{"resourceType": "Patient", "name": [{"_given": [{"id": "g"}]}]}"#,
        r#"{"resourceType": "Patient", "deceasedBoolean": false}"#,
        r#"{"resourceType": "Patient", "_deceasedBoolean": {"id": "d"}}"#,
        r#"{"resourceType": "Patient", "extension": [{"url": "http://a.example/x", "_valueString": {"id": "v"}}]}"#,
        r##"{"resourceType": "Patient", "contained": [{"resourceType": "Organization", "id": "o"}], "managingOrganization": {"reference": "#o"}}"##,
        r#"{"resourceType": "Patient", "link": [{"other": {"type": "Patient", "identifier": {"value": "1"}}, "type": "seealso"}]}"#,
        r#"{"resourceType": "Patient", "photo": [{"contentType": "image/anything", "data": "QUJD\nREVG"}]}"#,
        r#"{"resourceType": "Observation", "_status": {"id": "s"}, "code": {"text": "x"}, "valueInteger": -2147483648}"#,
        r#"{"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueQuantity": {"value": -1.000000000000000000E+245}}"#,
        r#"{"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient?identifier=http://a|1"}}"#,
        r#"{"resourceType": "Questionnaire", "status": "draft", "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "2", "type": "string"}]}]}"#,
        r#"{"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Patient", "contained": [{"resourceType": "Basic", "id": "b", "code": {"text": "x"}}]}}]}"#,
        r#"{"resourceType": "Parameters", "parameter": [{"name": "a", "resource": {"resourceType": "Patient"}}, {"name": "b", "valueMeta": {"tag": [{"code": "t"}]}}]}"#,
        r#"{"resourceType": "Binary", "contentType": "text/plain", "data": "QQ=="}"#,
        r#"{"resourceType": "StructureMap", "url": "http://a.example/m", "name": "M", "status": "draft", "group": [{"name": "g", "typeMode": "none", "input": [{"name": "i", "mode": "source"}], "rule": [{"name": "r", "source": [{"context": "i"}], "rule": [{"name": "s", "source": [{"context": "i"}]}]}]}]}"#,
        &long,
    ];
    for json in good {
        check(json, &[]);
    }
}

#[test]
fn the_type_of_a_sound_resource_is_returned() {
    let patient = serde_json::json!({"resourceType": "Patient"});
    let found = super::structure::check(&super::CATALOG, &patient);
    assert_eq!(found, Ok(crate::fhir::ResourceType::PATIENT));
}
