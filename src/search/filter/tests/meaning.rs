//! Which resources a filter finds, operator by operator and kind by kind.

use crate::search::tests::expressions::shown;
use crate::search::tests::{matching, search};
use serde_json::{Value, json};

fn check(resource: Value, found: &[&str], missed: &[&str]) {
    let queries = |filters: &[&str]| filters.iter().map(|filter| format!("_filter={filter}")).collect::<Vec<_>>();
    let (found, missed) = (queries(found), queries(missed));
    let all = |queries: &[String]| -> Vec<&'static str> {
        queries.iter().map(|query| &*Box::leak(query.clone().into_boxed_str())).collect()
    };
    matching::check(resource, &all(&found), &all(&missed));
}

#[test]
fn texts_are_compared_without_case_and_accents() {
    check(
        json!({"resourceType": "Patient", "name": [{"family": "Müller, Jr. | $1", "given": ["Peter", "Anna  Maria"]}]}),
        &[
            r#"family eq "muller, jr. | $1""#,
            r#"family co ", JR""#,
            r#"family sw "MÜL""#,
            r#"family ew "| $1""#,
            "given eq peter",
            "given eq PETER",
            r#"given eq "anna maria""#,
            "given ne peter",
            "given co ete",
            "given sw pe",
            "given ew MARIA",
            "given gt anna",
            "given gt paul",
            "given lt peter",
            "given ge peter",
            r#"given le "anna maria""#,
            "given pr true",
            "phonetic pr true",
            "address pr false",
            r#"family ne "muller""#,
        ],
        &[
            "given eq pete",
            "given eq peterx",
            "given eq anna",
            "given co peterx",
            "given sw eter",
            "given ew pete",
            "given gt peter",
            r#"given lt "anna maria""#,
            "given ge petera",
            "given le anna",
            r#"given le "anna l""#,
            "given pr false",
            "address pr true",
            "address ne x",
            r#"family ne "MULLER, jr. | $1""#,
            r#"family eq "muller""#,
        ],
    );
}

#[test]
fn the_end_of_a_long_text_is_found_and_no_other_place() {
    let text = format!("{}the end", "lorem ipsum dolor ".repeat(200));
    let cut = |at: usize| format!("description ew \"{}\"", &text[at - 12..at]);
    let (row, part) = (cut(1_500), cut(2_000));
    check(
        json!({"resourceType": "ValueSet", "description": text}),
        &["description ew \"dolor the end\"", "description co ipsum"],
        &["description ew dolor", &row, &part],
    );
    let text = format!("{} stops", "x".repeat(1_492));
    assert_eq!(text.len(), 1_498);
    check(json!({"resourceType": "ValueSet", "description": text}), &["description ew stops"], &["description ew x"]);
}

#[test]
fn dates_are_compared_as_stretches_of_time() {
    check(
        json!({"resourceType": "Patient", "birthDate": "2014-10"}),
        &[
            "birthdate eq 2014-10",
            "birthdate eq 2014",
            "birthdate ne 2015",
            "birthdate ge 2014-10",
            "birthdate gt 2014-09",
            "birthdate le 2014-10",
            "birthdate lt 2014-11",
            "birthdate sa 2014-09",
            "birthdate eb 2014-11",
            "birthdate ap 2014-10",
            "birthdate po 2014-10-10",
            "birthdate po 2014",
            "birthdate co 2014-10-10",
            "birthdate co 2014-10",
            "birthdate co 2014-10-31T23:59:59Z",
            "birthdate pr true",
        ],
        &[
            "birthdate eq 2014-10-10",
            "birthdate ne 2014",
            "birthdate gt 2014-10",
            "birthdate lt 2014-10",
            "birthdate sa 2014-10",
            "birthdate eb 2014-10",
            "birthdate po 2014-11",
            "birthdate po 2014-09-30",
            "birthdate co 2014",
            "birthdate co 2014-11-01",
            "birthdate co 2014-10-31T23:59:59-05:00",
            "birthdate pr false",
        ],
    );
    check(
        json!({"resourceType": "Encounter", "period": {"start": "2019-12-31", "end": "2020-01-02"}}),
        &["date po 2020", "date po 2019", "date co 2020-01-01", "date ne 2020", "date gt 2020-01-01"],
        &["date eq 2020", "date co 2020-01", "date po 2020-01-03", "date sa 2020"],
    );
    check(
        json!({"resourceType": "Encounter"}),
        &["date pr false", "not (date po 2020)"],
        &["date ne 2020", "date po 2020", "date co 2020"],
    );
}

#[test]
fn numbers_and_quantities_are_compared_by_prefix_and_unit() {
    let number: Value = serde_json::from_str("0.85").unwrap();
    check(
        json!({"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": number}]}),
        &[
            "probability eq 0.85",
            "probability eq 0.8500001e0 or probability eq 0.9",
            "probability ne 0.7",
            "probability gt 0.8",
            "probability ge 0.85",
            "probability lt 1",
            "probability le 0.85",
            "probability ap 0.9",
            "probability sa 0.8",
            "probability eb 0.9",
            "probability pr true",
        ],
        &["probability eq 0.7", "probability ne 0.85", "probability gt 0.85", "probability lt 0.85"],
    );
    let value = json!({"value": 5.4, "unit": "milligram", "system": "http://unitsofmeasure.org", "code": "mg"});
    check(
        json!({"resourceType": "Observation", "valueQuantity": value}),
        &[
            "value-quantity eq 5.4",
            "value-quantity eq 5.4|http://unitsofmeasure.org|mg",
            "value-quantity eq 5.4|ucum|mg",
            "value-quantity gt 5||milligram",
            "value-quantity ne 6|ucum|mg",
            "value-quantity ap 5.6",
            "value-quantity pr true",
        ],
        &["value-quantity eq 5.4||g", "value-quantity gt 5.4", "value-quantity ne 5.4", "value-quantity lt 5||mg"],
    );
}

#[test]
fn tokens_have_the_four_forms_and_short_systems() {
    let coding = json!([{"system": "http://loinc.org", "code": "1234-5"}, {"system": "http://s|x", "code": "a,b$c"}]);
    check(
        json!({"resourceType": "Observation", "status": "final", "code": {"coding": coding},
               "category": [{"coding": [{"code": "v"}]}]}),
        &[
            "code eq http://loinc.org|1234-5",
            "code eq loinc|1234-5",
            "code eq loinc|",
            "code eq 1234-5",
            r#"code eq "1234-5""#,
            r"code eq http://s\|x|a,b$c",
            r"code eq http://s\|x|a\,b\$c",
            "category eq |v",
            "status eq final",
            "status ne registered",
            "code ne 1-8",
            "code pr true",
            "subject pr false",
            "not (category eq w)",
        ],
        &[
            "code eq snomed|1234-5",
            "code eq loinc|1234-6",
            "code eq loinc",
            "code ne 1234-5",
            "code ne loinc|",
            "status ne final",
            "code pr false",
            "value-concept ne x",
            "not (category eq v)",
        ],
    );
    check(
        json!({"resourceType": "Patient", "active": true}),
        &["active eq true", "active ne false"],
        &["active eq false"],
    );
}

#[test]
fn references_and_uris_are_named_whole() {
    check(
        json!({"resourceType": "Observation", "subject": {"reference": "Patient/4"},
               "hasMember": [{"reference": "Observation/4"}], "meta": {"source": "urn:src|1"}}),
        &[
            "subject re Patient/4",
            r#"subject re "http://here.example/fhir/Patient/4""#,
            "patient re 4",
            "has-member re Observation/4",
            "subject pr true",
            "_source eq urn:src|1",
            "_source ne urn:src",
        ],
        &[
            "subject re Patient/5",
            "subject re Group/4",
            "subject pr false",
            "_source eq urn:src",
            "_source ne urn:src|1",
        ],
    );
}

#[test]
fn logic_combines_comparisons_from_left_to_right() {
    check(
        json!({"resourceType": "Patient", "id": "p", "gender": "male", "active": true, "birthDate": "2014-10-10",
               "name": [{"given": ["Peter"]}]}),
        &[
            "given eq peter and birthdate ge 2014-10-10",
            "gender eq female or active eq true",
            "gender eq male or gender eq female and active eq true",
            "gender eq male or (gender eq female and active eq false)",
            "not (gender eq female)",
            "not (gender eq male and active eq false)",
            "_id eq p and _lastUpdated pr true",
            "_id ne q",
            "_id eq p&_filter=gender eq male&active=true",
        ],
        &[
            "gender eq male or gender eq female and active eq false",
            "not (gender eq male or active eq false)",
            "_id pr false",
            "_id ne p",
            "_id eq q",
            "gender eq male&_filter=active eq false",
        ],
    );
}

#[test]
fn a_path_leads_through_references() {
    for (query, expression) in [
        ("Observation?_filter=patient.name co pet", r#"refers by 1 to [Patient] with text contains "pet""#),
        ("Observation?_filter=subject:Patient.birthdate po 2020", "refers by 1 to [Patient] with date ap single"),
        (
            "Observation?_filter=patient[gender eq male and active eq true].name eq x",
            "refers by 1 to [Patient] with (term flag exclusive 1 and term flag exclusive 1 and text \"x\"..\"x\\u{2}\")",
        ),
        (
            "Observation?_filter=patient.organization.active eq true and status eq final",
            "(refers by 1 to [Patient] with refers by 1 to [Organization] with term flag exclusive 1 and term flag exclusive 1)",
        ),
        ("Observation?_filter=not (patient.gender eq male)", "not refers by 1 to [Patient] with term flag exclusive 1"),
        (
            "Observation?_filter=patient[organization[active eq true].active eq false].gender eq male",
            "refers by 1 to [Patient] with (refers by 1 to [Organization] with (term flag exclusive 1 and term flag \
             exclusive 1) and term flag exclusive 1)",
        ),
        ("?_type=Patient&_filter=_id eq a or _tag eq s|b", "(ids [a] or term flag 1)"),
    ] {
        let found = search(query).unwrap_or_else(|fault| panic!("{query}: {fault}"));
        assert_eq!(shown(&found.filter), expression, "{query}");
    }
}
