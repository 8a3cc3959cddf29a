//! What the emergency view shows of a record, as tables.

use super::*;
use std::sync::LazyLock;

const BASE: &str = "http://h.example/fhir";
const SYSTEM: &str = "http://h.example/fhir/sid/health-id";

static NOW: LazyLock<Instant> = LazyLock::new(|| Instant::parse("2026-06-15T12:00:00Z").unwrap());

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Returns the resources of the view but the Patient.
fn view_of(others: Vec<Value>, topics: &[&str]) -> Vec<Value> {
    let patient = map(json!({"resourceType": "Patient", "id": "p"}));
    let others: Vec<_> = others.into_iter().map(map).collect();
    let topics: Vec<String> = topics.iter().map(ToString::to_string).collect();
    let record =
        Record { patient: &patient, others: &others, topics: &topics, base_url: BASE, health_id_system: SYSTEM };
    let mut view = bundle(&record, *NOW);
    let entries = view["entry"].take();
    entries.as_array().unwrap().iter().skip(1).map(|entry| entry["resource"].clone()).collect()
}

fn ids(view: &[Value]) -> String {
    view.iter().map(|it| it["id"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

/// Everything that R4 lets stand in a Patient and that has no place in an emergency has the word LEAK in it.
fn patient() -> Map<String, Value> {
    map(json!({
        "resourceType": "Patient", "id": "p", "meta": {"source": "LEAK", "profile": ["http://LEAK"], "lastUpdated": "2026-01-01T00:00:00Z"},
        "text": {"status": "generated", "div": "<div>LEAK</div>"},
        "contained": [{"resourceType": "Organization", "id": "o", "name": "LEAK"}],
        "extension": [{"url": "http://h.example/LEAK", "valueString": "LEAK"}],
        "identifier": [
            {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "LEAK"},
            {"system": SYSTEM, "value": "100", "use": "old"},
            {"system": SYSTEM, "value": "200", "assigner": {"display": "LEAK"}},
        ],
        "active": true,
        "name": [{"family": "Lind", "given": ["Amina"], "extension": [{"url": "http://h.example/x", "valueString": "LEAK"}],
            "_family": {"extension": [{"url": "http://h.example/x", "valueString": "LEAK"}]}}],
        "telecom": [{"system": "phone", "value": "LEAK"}],
        "gender": "female", "birthDate": "1970-01-31",
        "address": [{"city": "LEAK"}],
        "maritalStatus": {"text": "LEAK"},
        "photo": [{"data": "A".repeat(50_000)}, {"contentType": "image/png", "data": "AAAA", "url": "http://LEAK"}],
        "contact": [
            {"relationship": [{"coding": [{"code": "C"}]}], "name": {"text": "Sam"}, "telecom": [{"system": "phone", "value": "+1"}],
             "address": {"city": "LEAK"}, "organization": {"reference": "Organization/LEAK", "display": "Home"}},
            {"relationship": [{"coding": [{"code": "I"}]}], "name": {"text": "LEAK insurer"}},
            {"name": {"text": "Kim"}},
        ],
        "communication": [{"language": {"text": "Swedish"}, "preferred": true}],
        "generalPractitioner": [{"reference": "Practitioner/LEAK"}],
        "managingOrganization": {"reference": "Organization/LEAK"},
        "link": [{"other": {"reference": "Patient/LEAK"}, "type": "seealso"}],
    }))
}

#[test]
fn of_the_patient_nothing_is_shown_but_what_helps() {
    let patient = patient();
    let record = Record { patient: &patient, others: &[], topics: &[], base_url: BASE, health_id_system: SYSTEM };
    let view = bundle(&record, *NOW);
    assert!(!view.to_string().contains("LEAK"), "{view:#}");
    let shown = &view["entry"][0]["resource"];
    assert_eq!(view["entry"][0]["fullUrl"], "http://h.example/fhir/Patient/p");
    assert_eq!(shown["identifier"], json!([{"system": SYSTEM, "value": "200"}]));
    assert_eq!(shown["name"], json!([{"family": "Lind", "given": ["Amina"]}]));
    assert_eq!(shown["photo"], json!([{"contentType": "image/png", "data": "AAAA"}]));
    assert_eq!(shown["contact"].as_array().unwrap().len(), 2);
    assert_eq!(shown["contact"][0]["organization"], json!({"display": "Home"}));
    assert_eq!(shown["communication"][0]["language"]["text"], "Swedish");
}

#[test]
fn a_view_is_valid_and_says_that_it_is_a_part_and_not_to_be_handed_on() {
    let catalog = crate::catalog::Catalog::load().unwrap();
    let patient = patient();
    let others = [
        json!({"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/other"}, "code": {"text": "Nuts"},
            "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]}}),
        condition("c", "active", "problem-list-item"),
        blood("b", "882-1", "2020-01-01", "final"),
        medication("m", "active", "order"),
        json!({"resourceType": "Consent", "id": "d", "status": "active", "scope": {"text": "x"}, "patient": {"reference": "Patient/p"},
            "category": [{"coding": [{"code": "dnr"}]}], "policyRule": {"text": "y"}}),
    ];
    let others: Vec<_> = others.into_iter().map(map).collect();
    let record = Record { patient: &patient, others: &others, topics: &[], base_url: BASE, health_id_system: SYSTEM };
    let view = bundle(&record, *NOW);
    crate::validation::Valid::check(&catalog, view.clone()).unwrap_or_else(|fault| panic!("{fault} {view:#}"));
    let codes: Vec<&str> =
        view["meta"]["security"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["ETREAT", "NORDSCLCD"]);
    assert_eq!(view["type"], "collection");
    let entries = view["entry"].as_array().unwrap();
    assert_eq!(entries.len(), 6);
    for entry in entries {
        assert_eq!(entry["resource"]["meta"]["tag"][0]["code"], "SUBSETTED", "{entry}");
    }
    assert_eq!(entries[1]["resource"]["patient"]["reference"], "Patient/p");
    assert_eq!(entries[1]["resource"]["meta"]["security"][0]["code"], "N");
}

fn condition(id: &str, status: &str, category: &str) -> Value {
    json!({"resourceType": "Condition", "id": id, "clinicalStatus": {"coding": [{
        "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": status}]},
        "category": [{"coding": [{"code": category}]}], "subject": {"reference": "Patient/p"}, "code": {"text": "Asthma"}})
}

fn blood(id: &str, code: &str, at: &str, status: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": status, "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": "Patient/p"}, "effectiveDateTime": at,
        "valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "278149003"}]}})
}

fn medication(id: &str, status: &str, intent: &str) -> Value {
    json!({"resourceType": "MedicationRequest", "id": id, "status": status, "intent": intent, "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": {"text": "Insulin"}})
}

/// Returns a resource with one more element.
fn with(mut resource: Value, name: &str, value: Value) -> Value {
    resource[name] = value;
    resource
}

#[test]
fn every_source_can_be_searched_for_and_says_what_it_keeps() {
    use crate::fhir::ResourceType;
    use crate::search::{self, Registry};
    let catalog = std::sync::Arc::new(crate::catalog::Catalog::load().unwrap());
    let registry = Registry::new(catalog, BASE);
    for (name, subject, query) in SOURCES {
        let mut pairs = vec![(subject.to_string(), "Patient/p".to_string())];
        pairs.extend(query.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        let t = ResourceType::parse(name).unwrap();
        search::parse(&registry, Some(t), &pairs, false).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert!(KEPT.iter().any(|(known, _)| known == name), "{name}");
    }
}

#[test]
fn an_order_and_what_the_pharmacy_made_of_it_are_one_medicine() {
    let based = |on: &str| json!([{"reference": format!("MedicationRequest/{on}")}]);
    let of = |status: &str| with(medication("filled", status, "filler-order"), "basedOn", based("asked"));
    for (filled, expected) in [("active", "filled other"), ("stopped", "asked other")] {
        let all =
            vec![medication("asked", "active", "original-order"), of(filled), medication("other", "active", "order")];
        assert_eq!(ids(&view_of(all, &[])), expected, "{filled}");
    }
}

#[test]
fn what_does_not_hold_now_is_left_out() {
    let allergy = |id: &str| json!({"resourceType": "AllergyIntolerance", "id": id, "code": {"text": "Nuts"}});
    let code = |code: &str| json!({"coding": [{"code": code}]});
    let related =
        |id: &str, kind: &str| json!({"resourceType": "RelatedPerson", "id": id, "relationship": [code(kind)]});
    let consent = |id: &str, kind: &str| json!({"resourceType": "Consent", "id": id, "status": "active", "category": [code(kind)]});
    let flag =
        |id: &str, kind: &str| json!({"resourceType": "Flag", "id": id, "status": "active", "category": [code(kind)]});
    let device = |id: &str| json!({"resourceType": "Device", "id": id});
    for (what, shown) in [
        (allergy("a"), true),
        (with(allergy("a"), "clinicalStatus", code("active")), true),
        (with(allergy("a"), "clinicalStatus", code("resolved")), false),
        (with(allergy("a"), "clinicalStatus", code("inactive")), false),
        (with(allergy("a"), "verificationStatus", code("refuted")), false),
        (with(allergy("a"), "verificationStatus", code("entered-in-error")), false),
        (with(allergy("a"), "verificationStatus", code("unconfirmed")), true),
        (condition("c", "active", "problem-list-item"), true),
        (condition("c", "relapse", "encounter-diagnosis"), true),
        (condition("c", "remission", "problem-list-item"), false),
        (condition("c", "resolved", "problem-list-item"), false),
        (with(condition("c", "active", "problem-list-item"), "verificationStatus", code("refuted")), false),
        (medication("m", "active", "order"), true),
        (medication("m", "stopped", "order"), false),
        (medication("m", "active", "proposal"), false),
        (with(medication("m", "active", "order"), "doNotPerform", json!(true)), false),
        (json!({"resourceType": "MedicationStatement", "id": "m", "status": "active"}), true),
        (json!({"resourceType": "MedicationStatement", "id": "m", "status": "completed"}), false),
        (device("d"), true),
        (with(device("d"), "status", json!("inactive")), false),
        (related("r", "C"), true),
        (related("r", "N"), false),
        (with(related("r", "C"), "active", json!(false)), false),
        (consent("k", "dnr"), true),
        (consent("k", "polst"), true),
        (consent("k", "acd"), true),
        (consent("k", "research"), false),
        (with(consent("k", "dnr"), "status", json!("inactive")), false),
        (with(consent("k", "dnr"), "provision", json!({"period": {"end": "2026-06-14"}})), false),
        (with(consent("k", "dnr"), "provision", json!({"period": {"end": "2026-06"}})), true),
        (flag("f", "advance-directive"), true),
        (flag("f", "behavioral"), false),
        (with(flag("f", "advance-directive"), "period", json!({"end": "2026-06-15T11:59:59Z"})), false),
        (json!({"resourceType": "Encounter", "id": "e"}), false),
        (json!({"resourceType": "DiagnosticReport", "id": "e"}), false),
        (
            json!({"resourceType": "Observation", "id": "o", "status": "final", "valueString": "x",
            "code": {"coding": [{"system": LOINC, "code": "2951-2"}]}}),
            false,
        ),
    ] {
        assert_eq!(view_of(vec![what.clone()], &[]).len(), usize::from(shown), "{what}");
    }
}

#[test]
fn a_problem_list_that_is_kept_stands_alone() {
    let diagnosis = || condition("visit", "active", "encounter-diagnosis");
    assert_eq!(ids(&view_of(vec![diagnosis()], &[])), "visit");
    assert_eq!(ids(&view_of(vec![diagnosis(), condition("list", "active", "problem-list-item")], &[])), "list");
    let resolved = condition("list", "resolved", "problem-list-item");
    assert_eq!(ids(&view_of(vec![diagnosis(), resolved], &[])), "visit");
}

#[test]
fn the_blood_group_is_the_newest_that_is_sure() {
    let both = |id, at| blood(id, "882-1", at, "final");
    for (found, shown) in [
        (vec![both("old", "2010"), both("new", "2020-05")], "new"),
        (vec![both("new", "2020-05-01T10:00:00+02:00"), both("old", "2020-05-01T09:00:00+02:00")], "new"),
        (vec![both("sure", "2010"), blood("draft", "882-1", "2020", "preliminary")], "sure"),
        (vec![both("sure", "2010"), blood("wrong", "882-1", "2020", "entered-in-error")], "sure"),
        (vec![blood("abo", "883-9", "2020", "final"), both("both", "2010")], "both"),
        (
            vec![
                blood("abo1", "883-9", "2010", "final"),
                blood("abo2", "883-9", "2020", "final"),
                blood("rh", "10331-7", "2015", "final"),
            ],
            "abo2 rh",
        ),
        (vec![blood("rh", "10331-7", "2015", "amended")], "rh"),
        (vec![], ""),
    ] {
        assert_eq!(ids(&view_of(found.clone(), &[])), shown, "{found:?}");
    }
    let empty = json!({"resourceType": "Observation", "id": "none", "status": "final", "effectiveDateTime": "2024",
        "code": {"coding": [{"system": LOINC, "code": "882-1"}]}, "dataAbsentReason": {"text": "lost"}});
    assert_eq!(ids(&view_of(vec![empty, both("told", "2010")], &[])), "told");
}

#[test]
fn the_most_dangerous_allergy_comes_first() {
    let allergy = |id: &str, criticality: &str, at: &str| json!({"resourceType": "AllergyIntolerance", "id": id, "criticality": criticality, "onsetDateTime": at});
    let all = vec![allergy("old", "low", "2001"), allergy("new", "low", "2020"), allergy("high", "high", "1990")];
    assert_eq!(ids(&view_of(all, &[])), "high new old");
}

#[test]
fn what_is_sensitive_needs_the_patients_word() {
    let labelled = |id: &str, codes: &[&str]| {
        let labels = codes.iter().map(|code| {
            let system = if code.len() == 1 { "v3-Confidentiality" } else { "v3-ActCode" };
            json!({"system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code})
        });
        let labels: Vec<Value> = labels.collect();
        with(condition(id, "active", "problem-list-item"), "meta", json!({"security": labels}))
    };
    let all = || vec![labelled("plain", &[]), labelled("hiv", &["R", "HIV"]), labelled("secret", &["V", "HIV"])];
    assert_eq!(ids(&view_of(all(), &[])), "plain");
    assert_eq!(ids(&view_of(all(), &["mental-health"])), "plain");
    assert_eq!(ids(&view_of(all(), &["hiv"])), "plain hiv");
}

#[test]
fn of_no_resource_anything_is_shown_that_was_not_named() {
    let leaks = json!({
        "note": [{"text": "LEAK"}], "text": {"status": "generated", "div": "<div>LEAK</div>"}, "identifier": [{"value": "LEAK"}],
        "encounter": {"reference": "Encounter/LEAK"}, "recorder": {"reference": "Practitioner/LEAK"}, "reasonCode": [{"text": "LEAK"}],
        "evidence": [{"code": [{"text": "LEAK"}]}], "performer": [{"reference": "Practitioner/LEAK"}], "address": [{"city": "LEAK"}],
        "sourceAttachment": {"title": "LEAK"}, "contained": [{"resourceType": "Basic", "id": "LEAK"}], "interpretation": [{"text": "LEAK"}],
        "birthDate": "LEAK", "photo": [{"title": "LEAK"}], "serialNumber": "LEAK", "location": {"reference": "Location/LEAK"},
        "extension": [{"url": "http://LEAK"}], "_status": {"extension": [{"url": "http://LEAK"}]}, "provision": {"type": "LEAK"},
        "meta": {"source": "LEAK"}, "author": {"reference": "Practitioner/LEAK"}, "component": [{"valueString": "LEAK"}],
        "reaction": [{"manifestation": [{"text": "Rash"}], "description": "LEAK", "note": [{"text": "LEAK"}]}],
        "dosageInstruction": [{"text": "daily", "patientInstruction": "LEAK", "additionalInstruction": [{"text": "LEAK"}]}],
        "udiCarrier": [{"deviceIdentifier": "1", "carrierAIDC": "LEAK"}],
    });
    let code = |code: &str| json!([{"coding": [{"code": code}]}]);
    for resource in [
        json!({"resourceType": "AllergyIntolerance", "id": "x"}),
        condition("x", "active", "problem-list-item"),
        blood("x", "882-1", "2020", "final"),
        medication("x", "active", "order"),
        json!({"resourceType": "MedicationStatement", "id": "x", "status": "active"}),
        json!({"resourceType": "Device", "id": "x"}),
        json!({"resourceType": "RelatedPerson", "id": "x", "relationship": code("C")}),
        json!({"resourceType": "Consent", "id": "x", "status": "active", "category": code("dnr")}),
        json!({"resourceType": "Flag", "id": "x", "status": "active", "category": code("advance-directive")}),
    ] {
        let mut told = map(resource.clone());
        told.extend(map(leaks.clone()));
        let view = view_of(vec![Value::Object(told)], &[]);
        assert_eq!(view.len(), 1, "{resource}");
        assert!(!view[0].to_string().contains("LEAK"), "{:#}", view[0]);
    }
}

#[test]
fn what_turns_the_meaning_around_stays() {
    let modifier = json!([{"url": "http://h.example/not", "valueBoolean": true}]);
    let view = view_of(vec![with(medication("m", "active", "order"), "modifierExtension", modifier.clone())], &[]);
    assert_eq!(view[0]["modifierExtension"], modifier);
}

#[test]
fn each_kind_has_a_limit_and_the_newest_are_kept() {
    let all = (0..EACH_MAX + 5).map(|i| {
        with(condition(&format!("c{i}"), "active", "problem-list-item"), "recordedDate", json!(format!("{}", 1900 + i)))
    });
    let view = view_of(all.collect(), &[]);
    assert_eq!((view.len(), view[0]["id"].as_str()), (EACH_MAX, Some("c104")));
}
