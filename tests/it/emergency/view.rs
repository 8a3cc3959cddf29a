//! `$emergency`: who sees it, what it shows, and who is told.

use super::{app, audited, manage, notices, operator, person, physician, self_of, somebody, told};
use serde_json::{Value, json};

const SHOWN: [&str; 9] =
    ["Lind", "Penicillin", "A positive?", "Insulin", "Diabetes", "Pacemaker", "Sam Lind", "Do not resuscitate", ""];

#[test]
fn a_view_never_shows_address_number_note_result_or_hiv() {
    let (app, id) = (app(), somebody(app()));
    for (method, body) in [("GET", ""), ("POST", r#"{"resourceType":"Parameters"}"#)] {
        let headers = [("Content-Type", "application/fhir+json")];
        let answer = physician(app).request(method, &format!("Patient/{id}/$emergency"), &headers, body.as_bytes());
        let answer = answer.expect(200).expect_header("cache-control", "no-store");
        assert!(answer.header("x-robots-tag").is_some_and(|told| told.contains("noindex")));
        let view = answer.json();
        assert!(!answer.text().contains("LEAK"), "{view:#}");
        assert_eq!(view["type"], "collection");
        let words = told(&view);
        let wanted: Vec<&str> =
            SHOWN.iter().map(|word| if *word == "A positive?" { "ABO and Rh group" } else { word }).collect();
        assert_eq!(words, wanted[..8]);
        let tags: Vec<&Value> = view["meta"]["security"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
        assert_eq!(tags, ["ETREAT", "NORDSCLCD"]);
    }
}

#[test]
fn who_treats_patients_sees_it_and_others_do_not() {
    let (app, id) = (app(), somebody(app()));
    let path = format!("Patient/{id}/$emergency");
    for (role, fhir_user, status) in [
        ("physician", "Practitioner/a", 200),
        ("nurse", "Practitioner/b", 200),
        ("pharmacist", "Practitioner/c", 200),
        ("receptionist", "Practitioner/d", 403),
        ("lab-technician", "Practitioner/e", 403),
        ("admin", "Practitioner/f", 403),
        ("facility-admin", "Practitioner/g", 403),
        ("insurer-auditor", "Practitioner/h", 403),
        ("system-auditor", "Practitioner/i", 403),
        ("related-person", "RelatedPerson/j", 403),
        ("patient", "Patient/another", 403),
        ("patient", &format!("Patient/{id}"), 200),
    ] {
        let answer = person(app, role, fhir_user, "user/*.cruds").get(&path);
        assert_eq!(answer.status, status, "{role} {fhir_user}: {}", answer.text());
    }
    for (scope, status) in [("system/*.cruds", 403), ("system/Patient.r __emergency", 200), ("__emergency", 200)] {
        assert_eq!(app.client_with(scope).get(&path).status, status, "{scope}");
    }
    app.client().get(&path).expect(401);
    physician(app).get("Patient/nobody-of-these/$emergency").expect(404);
}

#[test]
fn an_app_that_may_not_read_all_of_it_gets_nothing_of_it() {
    let (app, id) = (app(), somebody(app()));
    let path = format!("Patient/{id}/$emergency");
    let some =
        person(app, "physician", "Practitioner/house", "user/Patient.rs user/Condition.rs").get(&path).expect(403);
    assert!(some.expect_issue("forbidden").contains("AllergyIntolerance"), "{}", some.text());
    let narrow = "user/Patient.r user/AllergyIntolerance.r user/Observation.r?category=laboratory user/MedicationRequest.r \
                  user/MedicationStatement.r user/Condition.r user/Device.r user/RelatedPerson.r user/Consent.r user/Flag.r";
    let told = person(app, "physician", "Practitioner/house", narrow).get(&path).expect(403);
    assert!(told.expect_issue("forbidden").ends_with("do not read Observation"), "{}", told.text());
}

#[test]
fn a_parameter_that_makes_no_sense_is_named() {
    let (app, id) = (app(), somebody(app()));
    let path = format!("Patient/{id}/$emergency");
    physician(app).get(&format!("{path}?mode=qr&purpose=ERTREAT")).expect(200);
    assert!(physician(app).get(&format!("{path}?mode=guess")).expect(400).expect_issue("value").contains("'mode'"));
    let body = json!({"resourceType": "Parameters", "parameter": [{"name": "purpose", "valueCode": "HMARKT"}]});
    assert!(physician(app).post(&path, &body).expect(400).expect_issue("value").contains("'purpose'"));
    let body = json!({"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": "x"}]});
    physician(app).post(&path, &body).expect(400).expect_issue("not-supported");
    physician(app).get("Patient/$emergency").expect(404);
}

#[test]
fn the_patient_and_the_audit_are_told_of_each_view() {
    let (app, id) = (app(), somebody(app()));
    operator(app).put(
        "Practitioner/house",
        &json!({"resourceType": "Practitioner", "id": "house", "name": [{"prefix": ["Dr"], "given": ["Greta"], "family": "House"}]}),
    );
    for _ in 0..3 {
        physician(app).get(&format!("Patient/{id}/$emergency?mode=nfc")).expect(200);
    }
    person(app, "nurse", "Practitioner/nora", "user/*.rs").get(&format!("Patient/{id}/$emergency")).expect(200);
    self_of(app, &id).get(&format!("Patient/{id}/$emergency")).expect(200);
    let rows = audited(app, "emergency-view", &id, 5);
    assert_eq!(rows[0], ("account-of-Practitioner/house".into(), 200, "purpose ETREAT; by nfc; topics".into()));
    let notices = notices(app, &id);
    assert_eq!(notices.len(), 2, "one an hour for each who looked, and none for oneself: {notices:#?}");
    assert!(notices[0].contains("by Dr Greta House") && notices[1].contains("by a clinician"), "{notices:#?}");
    let clinical = ["Penicillin", "Insulin", "Diabetes", "allerg", "blood"];
    assert!(
        !clinical.iter().any(|word| notices.concat().contains(word)),
        "a screen that is locked shows it: {notices:#?}"
    );
}

#[test]
fn who_has_opted_out_is_not_seen_until_they_opt_in() {
    let (app, id) = (app(), somebody(app()));
    let (own, path) = (self_of(app, &id), format!("Patient/{id}/$emergency"));
    manage(&own, &id, "opt-out", &[]).expect(200);
    let refused = physician(app).get(&path).expect(403).expect_issue("forbidden");
    assert!(refused.contains("$break-glass"), "{refused}");
    own.get(&path).expect(200);
    manage(&own, &id, "opt-in", &[]).expect(200);
    physician(app).get(&path).expect(200);
}

#[test]
fn a_topic_that_the_patient_has_chosen_is_shown() {
    let (app, id) = (app(), somebody(app()));
    let (own, path) = (self_of(app, &id), format!("Patient/{id}/$emergency"));
    manage(&own, &id, "topics", &[("topic", "hiv"), ("topic", "mental-health")]).expect(200);
    let view = physician(app).get(&path).expect(200);
    assert!(view.text().contains("LEAK of HIV") && !view.text().contains("very restricted"), "{}", view.text());
    manage(&own, &id, "topics", &[("topic", "everything")]).expect(400).expect_issue("value");
    manage(&own, &id, "topics", &[]).expect(200);
    assert!(!physician(app).get(&path).expect(200).text().contains("LEAK"));
}

#[test]
fn who_was_merged_is_seen_as_who_they_are_now() {
    let app = app();
    let (old, new) = (somebody(app), somebody(app));
    let card = super::made(&self_of(app, &old), &old);
    let reference =
        |name: &str, id: &str| json!({"name": name, "valueReference": {"reference": format!("Patient/{id}")}});
    let body = json!({"resourceType": "Parameters", "parameter": [reference("source-patient", &old), reference("target-patient", &new)]});
    app.client_with("system/*.cruds __manage_health_ids").post("Patient/$merge", &body).expect(200);
    let view = physician(app).get(&format!("Patient/{old}/$emergency")).expect(200).json();
    assert_eq!(view["entry"][0]["resource"]["id"], new.as_str());
    assert_eq!(told(&view).iter().filter(|word| *word == "Penicillin").count(), 2);
    super::scan(app, &card, "x").expect(404);
}
