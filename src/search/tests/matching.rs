//! Which resources a query finds, kind by kind.

use super::evaluate::{Indexed, matches};
use super::{REGISTRY, resource_type, search};
use crate::fhir::ResourceId;
use crate::search::{extract, text};
use serde_json::{Value, json};

fn indexed(resource: &Value) -> Indexed {
    let resource_type = resource_type(resource["resourceType"].as_str().unwrap());
    let id = ResourceId::parse(resource["id"].as_str().unwrap_or("x")).unwrap();
    let displays = text::displays(&REGISTRY, resource_type, resource);
    Indexed { resource_type, id, rows: extract(&REGISTRY, resource_type, resource), displays }
}

/// Checks which of the queries, without the type, find the resource.
fn check(resource: Value, found: &[&str], missed: &[&str]) {
    let it = indexed(&resource);
    for (queries, expected) in [(found, true), (missed, false)] {
        for query in queries {
            let search = search(&format!("{}?{query}", it.resource_type)).unwrap_or_else(|f| panic!("{query}: {f}"));
            assert_eq!(matches(&search.filter, &it), expected, "{query}");
        }
    }
}

#[test]
fn tokens_match_by_their_four_forms() {
    let coding = json!([{"system": "http://s", "code": "a"}, {"code": "b"}, {"system": "http://t|x", "code": "c,d"}]);
    let observation = json!({"resourceType": "Observation", "status": "final", "code": {"coding": coding}});
    check(
        observation,
        &[
            "code=a",
            "code=http://s|a",
            "code=http://s|",
            "code=b",
            "code=|b",
            "code=x,a",
            "status=final",
            "status=http://hl7.org/fhir/observation-status|final",
            "status=http://hl7.org/fhir/observation-status|",
            "status:not=registered",
            "status=|final",
            "combo-code=a",
            r"code=http://t\|x|c\,d",
            "code:not=x",
            "code=a&code=b",
        ],
        &[
            "code=A",
            "code=|a",
            "code=http://s|b",
            "code=http://other|",
            "code=http://s|x",
            "status=registered",
            "status=http://hl7.org/fhir/other|final",
            "status:not=final",
            "component-code=a",
            "code:not=a,x",
            "code=a&code=x",
        ],
    );
}

#[test]
fn identifiers_match_by_value_system_and_type() {
    let mr = json!({"coding": [{"system": "http://v2", "code": "MR"}]});
    check(
        json!({"resourceType": "Patient", "active": true, "deceasedBoolean": false,
               "identifier": [{"type": mr, "system": "urn:mrn", "value": "7"}, {"value": "8"}],
               "telecom": [{"system": "phone", "value": "555"}, {"system": "email", "value": "a@b"}]}),
        &[
            "identifier=7",
            "identifier=urn:mrn|7",
            "identifier=|8",
            "identifier:of-type=http://v2|MR|7",
            "active=true",
            "telecom=555",
            "phone=555",
            "email=a@b",
            "deceased=false",
            "active=http://terminology.hl7.org/CodeSystem/special-values|true",
        ],
        &[
            "identifier=|7",
            "identifier=urn:other|7",
            "identifier:of-type=http://v2|MR|8",
            "active=false",
            "phone=a@b",
            "email=555",
            "deceased=true",
            "active=http://x|true",
            "identifier:of-type=|MR|7",
        ],
    );
}

#[test]
fn strings_match_by_folded_prefix() {
    let long = format!("{} needle {}", "Lorem ipsum ".repeat(150), "dolor sit ".repeat(80));
    check(
        json!({"resourceType": "Patient", "name": [{"family": "Müller", "given": ["Anna  Maria", "Čeněk"], "text": long}],
               "address": [{"line": ["1 Main St"], "city": "São Paulo", "country": "BR"}]}),
        &[
            "name=mul",
            "name=MÜLLER",
            "family=muller",
            "given=anna maria",
            "given=Cenek",
            "family:exact=Müller",
            "name:contains=LLE",
            "address=sao",
            "address=1 main",
            "address-city=Sao Paulo",
            "phonetic=mull",
            "name:contains=needle",
            "name:contains=sit dolor",
            "name=lorem",
            "name=x,mul",
            "given:exact=Anna  Maria",
        ],
        &[
            "name=uller",
            "family=anna",
            "family:exact=muller",
            "family:exact=Mülle",
            "name:contains=mm",
            "address=maria",
            "given:exact=Anna Maria",
            "address-state=sao",
            "name:contains=needles",
        ],
    );
}

#[test]
fn references_match_however_they_are_written() {
    check(
        json!({"resourceType": "Observation", "subject": {"reference": "Patient/1/_history/3"},
               "encounter": {"reference": "http://here.example/fhir/Encounter/e"},
               "performer": [{"reference": "http://there.example/Practitioner/p"}, {"reference": "urn:uuid:1"},
                             {"identifier": {"system": "urn:npi", "value": "9"}}, {"reference": "#c"}]}),
        &[
            "subject=Patient/1",
            "subject=1",
            "patient=1",
            "patient=Patient/1",
            "subject:Patient=1",
            "encounter=Encounter/e",
            "subject=http://here.example/fhir/Patient/1",
            "encounter=e",
            "performer=http://there.example/Practitioner/p",
            "performer=urn:uuid:1",
            "performer:identifier=urn:npi|9",
            "performer:identifier=9",
            "subject=2,1",
        ],
        &[
            "subject=2",
            "subject=Group/1",
            "subject:Group=1",
            "performer=Practitioner/p",
            "performer:identifier=|9",
            "performer:identifier=urn:x|9",
            "subject=http://there.example/Patient/1",
            "performer=c",
            "encounter=1",
        ],
    );
}

#[test]
fn a_patient_parameter_means_patients_alone() {
    let group = json!({"resourceType": "Observation", "subject": {"reference": "Group/1"}});
    check(group, &["subject=Group/1", "subject=1"], &["patient=1", "patient=Patient/1"]);
    let it = indexed(&json!({"resourceType": "Observation", "subject": {"reference": "Group/1"}}));
    let missing = search("Observation?patient:missing=true").unwrap();
    assert!(matches(&missing.filter, &it));
}

#[test]
fn a_bare_id_means_the_types_that_the_element_leads_to() {
    let targets = |t: &str, code: &str| {
        let index = REGISTRY.of(resource_type(t));
        index.param(code).unwrap().targets.iter().map(|t| t.name()).collect::<Vec<_>>()
    };
    assert_eq!(targets("Immunization", "patient"), ["Patient"]);
    assert_eq!(targets("Observation", "patient"), ["Patient"]);
    assert_eq!(targets("Observation", "subject"), ["Device", "Group", "Location", "Patient"]);
    assert_eq!(targets("Patient", "general-practitioner"), ["Organization", "Practitioner", "PractitionerRole"]);
}

#[test]
fn canonicals_match_with_and_without_their_version() {
    check(
        json!({"resourceType": "QuestionnaireResponse", "questionnaire": "http://q.example/Q|2",
               "meta": {"profile": ["http://p.example/P|1"], "source": "urn:src#1",
                        "tag": [{"system": "http://t", "code": "x"}], "security": [{"code": "R"}]}}),
        &[
            "questionnaire=http://q.example/Q",
            r"questionnaire=http://q.example/Q\|2",
            "_profile=http://p.example/P",
            "_tag=x",
            "_tag=http://t|x",
            "_security=R",
            "_source=urn:src#1",
        ],
        &["questionnaire=http://q.example", r"questionnaire=http://q.example/Q\|1", "_profile=http://p", "_tag=y"],
    );
}

#[test]
fn dates_compare_as_stretches_of_time() {
    check(
        json!({"resourceType": "Observation", "effectiveDateTime": "2013-01-14T10:00:00Z"}),
        &[
            "date=2013",
            "date=2013-01-14",
            "date=2013-01-14T10:00:00Z",
            "date=ne2013-02",
            "date=gt2013-01-13",
            "date=ge2013-01-14",
            "date=lt2013-01-15",
            "date=le2013-01-14",
            "date=sa2013-01-13",
            "date=eb2014",
            "date=ap2013-01",
            "date=2013-01-14T12:00:00+02:00",
            "date=ge2013-01&date=lt2013-02",
            "date=lt2014,gt2020",
        ],
        &[
            "date=2014",
            "date=ne2013",
            "date=gt2013-01-14",
            "date=ge2013-01-15",
            "date=lt2013-01-14",
            "date=le2013-01-13",
            "date=sa2013-01-14",
            "date=eb2013-01-14",
            "date=2013-01-14T10:00:00+01:00",
            "date=ge2013-02&date=lt2013-03",
        ],
    );
}

#[test]
fn periods_are_open_where_an_end_is_missing() {
    check(
        json!({"resourceType": "Encounter", "period": {"start": "2019-12-31T22:30:00Z", "end": "2020-01-01T01:00:00Z"}}),
        &["date=gt2019", "date=lt2020", "date=le2020", "date=ap2020-01-01", "date=ne2020", "date=2019-12,ne2020"],
        &[
            "date=ge2020-01-01",
            "date=le2019-12-31",
            "date=2020",
            "date=2019",
            "date=sa2019-12-31",
            "date=eb2020-01-01",
            "date=gt2020-01-01",
        ],
    );
    check(
        json!({"resourceType": "Encounter", "period": {"start": "2020-06"}}),
        &["date=ge2020", "date=gt2050", "date=sa2020-05", "date=ne2020", "date=lt2020-07"],
        &["date=2020", "date=eb2050", "date=lt2020-06"],
    );
    check(
        json!({"resourceType": "ServiceRequest", "occurrenceTiming": {"event": ["2021-01-01", "2021-03-01"]}}),
        &["occurrence=2021", "occurrence=sa2020", "occurrence=gt2021-02"],
        &["occurrence=2021-02", "occurrence=gt2021-03"],
    );
}

#[test]
fn numbers_match_by_the_precision_that_is_written() {
    let assessment = |p: &str| {
        let p: Value = serde_json::from_str(p).unwrap();
        json!({"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": p}]})
    };
    check(
        assessment("5.04"),
        &[
            "probability=5.0",
            "probability=5",
            "probability=gt5",
            "probability=le5.04",
            "probability=ne6",
            "probability=ap5.4",
        ],
        &["probability=5.00", "probability=lt5", "probability=gt5.04", "probability=ne5", "probability=6"],
    );
    check(assessment("96"), &["probability=1e2", "probability=eb100"], &["probability=100", "probability=sa96"]);
}

#[test]
fn quantities_match_with_and_without_a_unit() {
    let value = json!({"value": 5.4, "unit": "milligram", "system": "http://unitsofmeasure.org", "code": "mg"});
    check(
        json!({"resourceType": "Observation", "valueQuantity": value}),
        &[
            "value-quantity=5.4",
            "value-quantity=5.4|http://unitsofmeasure.org|mg",
            "value-quantity=5.4||mg",
            "value-quantity=gt5||milligram",
            "combo-value-quantity=lt6",
            "value-quantity=ap5.6||mg",
        ],
        &[
            "value-quantity=5.5",
            "value-quantity=5.4||g",
            "value-quantity=5.4|http://x|mg",
            "value-quantity=gt5.4",
            "component-value-quantity=5.4",
            "value-quantity=lt5||mg",
        ],
    );
    check(
        json!({"resourceType": "Observation", "valueQuantity": {"value": 3, "comparator": ">"}}),
        &["value-quantity=gt100"],
        &["value-quantity=3", "value-quantity=lt3"],
    );
    check(
        json!({"resourceType": "Condition", "onsetRange": {"low": {"value": 10, "code": "a", "system": "u"}}}),
        &["onset-age=gt50", "onset-age=ge10|u|a"],
        &["onset-age=10", "onset-age=lt10"],
    );
}

#[test]
fn missing_asks_for_the_absence_of_every_value() {
    check(
        json!({"resourceType": "Observation", "id": "o", "code": {"text": "only text"}, "valueString": "x"}),
        &[
            "subject:missing=true",
            "code:missing=false",
            "value-string:missing=false",
            "date:missing=true",
            "_id=o",
            "_id=a,o",
        ],
        &["subject:missing=false", "code:missing=true", "value-quantity:missing=false", "_id=a"],
    );
}

#[test]
fn extensions_and_filters_are_walked() {
    let url = "http://hl7.org/fhir/StructureDefinition/observation-geneticsGene";
    let gene = |url: &str, code: &str| json!({"url": url, "valueCodeableConcept": {"coding": [{"code": code}]}});
    check(
        json!({"resourceType": "Observation", "extension": [gene(url, "a"), gene("http://x", "b")]}),
        &["gene-identifier=a"],
        &["gene-identifier=b"],
    );
    check(
        json!({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Composition", "id": "c"}}]}),
        &["composition=c", "composition=Composition/c"],
        &["composition=d"],
    );
}
