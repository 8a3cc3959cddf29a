//! Resources of the right form with a value that is wrong.

use super::Kind::{Code, Structure, Value};
use super::{check, extension, issues, observation, patient};

#[test]
#[rustfmt::skip]
fn bad_texts_are_refused() {
    patient(&[
        (r#""id": "a_b""#, Value, "Patient.id"),
        (r#""id": "12345678901234567890123456789012345678901234567890123456789012345""#, Value, "Patient.id"),
        (r#""birthDate": "1980-13-45""#, Value, "Patient.birthDate"),
        (r#""birthDate": "2021-02-30""#, Value, "Patient.birthDate"),
        (r#""birthDate": "1980-01-01T00:00:00Z""#, Value, "Patient.birthDate"),
        (r#""deceasedDateTime": "2020-01-01T10:00:00""#, Value, "Patient.deceased"),
        (r#""deceasedDateTime": "2020-01-01T10:00Z""#, Value, "Patient.deceased"),
        (r#""meta": {"lastUpdated": "2020-01-01"}"#, Value, "Patient.meta.lastUpdated"),
        (r#""meta": {"profile": ["http://a.example/a b"]}"#, Value, "Patient.meta.profile[0]"),
        (r#""implicitRules": " http://a.example""#, Value, "Patient.implicitRules"),
        (r#""language": " de""#, Value, "Patient.language"),
        (r#""language": "de  ch""#, Value, "Patient.language"),
        (r#""language": "de\tch""#, Value, "Patient.language"),
        (r#""name": [{"family": "a\u0000b"}]"#, Value, "Patient.name[0].family"),
        (r#""name": [{"family": "a\u001bb"}]"#, Value, "Patient.name[0].family"),
        (r#""name": [{"id": "a b", "family": "x"}]"#, Value, "Patient.name[0].id"),
        (r#""photo": [{"data": "%%%2@()()"}]"#, Value, "Patient.photo[0].data"),
        (r#""photo": [{"data": "QUJ"}]"#, Value, "Patient.photo[0].data"),
        (r#""photo": [{"data": "Q=JD"}]"#, Value, "Patient.photo[0].data"),
        (r#""text": {"status": "empty", "div": "<p>a</p>"}"#, Value, "Patient.text.div"),
        (r#""text": {"status": "empty", "div": "<div><p>a</div>"}"#, Value, "Patient.text.div"),
    ]);
    extension(&[
        (r#""valueTime": "25:00:00""#, Value, "Basic.extension[0].value"),
        (r#""valueTime": "10:00:00Z""#, Value, "Basic.extension[0].value"),
        (r#""valueInstant": "2020-01-01T10:00:00""#, Value, "Basic.extension[0].value"),
        (r#""valueOid": "urn:oid:3.1""#, Value, "Basic.extension[0].value"),
        (r#""valueOid": "1.2.3""#, Value, "Basic.extension[0].value"),
        (r#""valueOid": "urn:oid:1.02""#, Value, "Basic.extension[0].value"),
        (r#""valueUuid": "c757873d-ec9a-4326-a141-556f43239520""#, Value, "Basic.extension[0].value"),
        (r#""valueUuid": "urn:uuid:C757873D-EC9A-4326-A141-556F43239520""#, Value, "Basic.extension[0].value"),
        (r#""valueUrl": "http://a b""#, Value, "Basic.extension[0].value"),
        (r#""valueCanonical": "a\nb""#, Value, "Basic.extension[0].value"),
        (r#""valueMarkdown": "a\u0001""#, Value, "Basic.extension[0].value"),
    ]);
    let long = "a".repeat(1024 * 1024 + 1);
    check(&format!(r#"{{"resourceType": "Basic", "code": {{"text": "{long}"}}}}"#),
        &[(Value, "Basic.code.text")],
    );
}

#[test]
#[rustfmt::skip]
fn bad_numbers_are_refused() {
    extension(&[
        (r#""valueInteger": 1.0"#, Value, "Basic.extension[0].value"),
        (r#""valueInteger": 1e3"#, Value, "Basic.extension[0].value"),
        (r#""valueInteger": 2147483648"#, Value, "Basic.extension[0].value"),
        (r#""valueInteger": -2147483649"#, Value, "Basic.extension[0].value"),
        (r#""valuePositiveInt": 0"#, Value, "Basic.extension[0].value"),
        (r#""valueUnsignedInt": -1"#, Value, "Basic.extension[0].value"),
        (r#""valueDecimal": 1e400"#, Value, "Basic.extension[0].value"),
        (r#""valueDecimal": 1e-400"#, Value, "Basic.extension[0].value"),
        (r#""valueDecimal": 1e99999999999"#, Value, "Basic.extension[0].value"),
        (r#""valueDecimal": true"#, Structure, "Basic.extension[0].value"),
    ]);
    extension(&[(
        &format!(r#""valueDecimal": 0.{}"#, "1".repeat(1000)), Value, "Basic.extension[0].value")]);
}

#[test]
#[rustfmt::skip]
fn codes_outside_a_required_value_set_are_refused() {
    patient(&[
        (r#""gender": "Male""#, Code, "Patient.gender"),
        (r#""gender": "m""#, Code, "Patient.gender"),
        (r#""name": [{"use": "first", "family": "A"}]"#, Code, "Patient.name[0].use"),
        (r#""telecom": [{"system": "phone"}, {"system": "mail"}]"#, Code, "Patient.telecom[1].system"),
    ]);
    observation(&[(r#""valueQuantity": {"value": 1, "comparator": "="}"#, Code, "Observation.value.comparator")]);
    check(r#"{"resourceType": "Observation", "status": "done", "code": {"text": "x"}}"#,
        &[(Code, "Observation.status")],
    );
    let text = &issues(r#"{"resourceType": "Patient", "gender": "m"}"#)[0].diagnostics;
    assert_eq!(
        text,
        "'m' is not a code of the value set http://hl7.org/fhir/ValueSet/administrative-gender: \
         female, male, other, unknown"
    );
}

#[test]
#[rustfmt::skip]
fn impossible_references_are_refused() {
    observation(&[
        (r#""subject": {"reference": "Patient"}"#, Value, "Observation.subject.reference"),
        (r#""subject": {"reference": "123"}"#, Value, "Observation.subject.reference"),
        (r#""subject": {"reference": "Nobody/1"}"#, Value, "Observation.subject.reference"),
        (r#""subject": {"reference": "Practitioner/1"}"#, Value, "Observation.subject.reference"),
        (r#""subject": {"reference": "Practitioner?identifier=1"}"#, Value, "Observation.subject.reference"),
        (r#""performer": [{"reference": "Patient/1"}, {"reference": "Patient/1/2"}]"#, Value, "Observation.performer[1].reference"),
        (r#""subject": "Patient/1""#, Structure, "Observation.subject"),
    ]);
}
