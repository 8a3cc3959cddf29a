//! Breaking the glass: who may, with what reason, and all that comes of it.

use serde_json::{Value, json};

use super::stage::*;
use crate::races::unique;

#[test]
fn a_physician_breaks_the_glass_and_all_are_told() {
    let (doctor, id) = (physician(), patient());
    let answer = break_glass(&doctor.client(), &id).expect(200);
    let (grant, expires) = (word(&answer, "grant"), word(&answer, "expires"));
    assert_eq!(part(&answer, "remaining"), 2);
    let lasts_us = medilink::fhir::Instant::parse(&expires).expect("an instant").0 - now_us();
    assert!((86_300_000_000..=86_400_000_000).contains(&lasts_us), "{expires}");

    let who = doctor.who.clone().expect("a practitioner");
    let consent = operator().get(&consent_of(&answer)).expect(200).json();
    for (pointer, want) in [
        ("/status", json!("active")),
        ("/patient/reference", json!(format!("Patient/{id}"))),
        ("/performer/0/reference", json!(who)),
        ("/meta/tag/0/code", json!("break-glass")),
        ("/category/1/coding/0/code", json!("EMRGONLY")),
        ("/policy/0/uri", json!("https://profiles.ihe.net/ITI/PCF/Policy-break-glass-only")),
        ("/provision/type", json!("permit")),
        ("/provision/period/end", json!(expires)),
        ("/provision/actor/0/reference/reference", json!(who)),
        (
            "/provision/securityLabel",
            json!([
                {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
            ]),
        ),
        ("/provision/purpose/0/code", json!("BTG")),
    ] {
        assert_eq!(consent.pointer(pointer), Some(&want), "{pointer}");
    }

    let task = operator().get(&task_of(app(), &grant)).expect(200).json();
    for (pointer, want) in [
        ("/status", json!("requested")),
        ("/priority", json!("stat")),
        ("/code/coding/0/code", json!("break-glass-review")),
        ("/focus/reference", json!(consent_of(&answer))),
        ("/for/reference", json!(format!("Patient/{id}"))),
        ("/input/0/valueString", json!(grant)),
    ] {
        assert_eq!(task.pointer(pointer), Some(&want), "{pointer}");
    }
    let due = task["restriction"]["period"]["end"].as_str().and_then(medilink::fhir::Instant::parse);
    let hours = (due.expect("an instant").0 - now_us()) / 3_600_000_000;
    assert!((71..=72).contains(&hours), "{hours}");
    assert!(!task.to_string().contains(REASON), "the reason is for compliance alone");

    let notices = notices(app(), &id, "break-glass");
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0]["recipient"][0]["reference"], format!("Patient/{id}"));
    assert_eq!(
        (&notices[0]["priority"], notices[0].get("meta").and_then(|meta| meta.get("security"))),
        (&json!("urgent"), None)
    );
    assert!(!notices[0].to_string().contains("fall"), "a notice has no clinical word");

    let rows = audited(app(), "emergency-override-start", &id, 1);
    let detail = format!("grant={grant}; expires={expires}; consent={}; reason={REASON}", consent_of(&answer));
    assert_eq!(rows, [(200, detail)]);
    let key = medilink::search::key::Keyer::fixed().target("Patient", &id);
    assert_eq!(app().sql(&format!("select 1 from policy_change where kind = 3 and key = {key}")).len(), 1);
    assert!(!app().log().contains(REASON), "the reason stays out of the log");
}

#[test]
fn who_has_an_open_grant_is_given_the_same_again() {
    let (doctor, id) = (physician(), patient());
    let first = break_glass(&doctor.client(), &id).expect(200);
    let again = break_glass(&doctor.client(), &id).expect(200);
    assert_eq!(first.json(), again.json());
    assert_eq!(app().sql(&format!("select 1 from break_glass where patient = '{id}'")).len(), 1);
    assert_eq!(audited(app(), "emergency-override-start", &id, 1).len(), 1);
    let other = break_glass(&physician().client(), &id).expect(200);
    assert_ne!(word(&other, "grant"), word(&first, "grant"));
}

#[test]
fn a_reason_is_given_in_words_that_say_something() {
    let client = physician().client();
    let (id, path) = (patient(), |id: &str| format!("Patient/{id}/$break-glass"));
    for (reason, status) in [
        ("unconscious, no kin", 422),
        ("   unconscious, no kin   \n", 422),
        ("aaaaaaaaaaaaaaaaaaaaaaaaa", 422),
        ("asdf asdf asdf asdf asdf asdf", 422),
        ("ohnmächtig, allein ü", 200),
    ] {
        let answer = client.post(&path(&id), &parameters(&[("reason", "valueString", json!(reason))])).expect(status);
        assert!(status == 200 || answer.expect_issue("business-rule").contains("reason"), "{reason}");
    }
    let long: String = (0..400).map(|i| format!("word{i} ")).collect();
    client.post(&path(&id), &parameters(&[("reason", "valueString", json!(long))])).expect(422);
    client.post(&path(&id), &json!({"resourceType": "Parameters"})).expect(400).expect_issue("required");
    let rows = audited(app(), "emergency-override-start", &id, 7);
    let statuses: Vec<i16> = rows.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 5, "every refusal is an alert: {rows:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert!(rows.iter().all(|(_, detail)| !detail.contains("asdf")), "{rows:?}");
}

#[test]
fn what_else_is_asked_is_checked() {
    let client = physician().client();
    let (id, other) = (patient(), patient());
    let visit = |patient: &str| {
        let visit = json!({
            "resourceType": "Encounter", "status": "in-progress", "subject": {"reference": format!("Patient/{patient}")},
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "EMER"}
        });
        let reference = format!("Encounter/{}", operator().post("Encounter", &visit).expect(201).id());
        json!({ "reference": reference })
    };
    let hours = |value: f64| json!({"value": value, "unit": "h", "system": "http://unitsofmeasure.org", "code": "h"});
    let (theirs, own) = (visit(&other), visit(&id));
    for (name, key, value, status) in [
        ("duration", "valueDuration", hours(25.0), 422),
        ("duration", "valueDuration", hours(0.0), 422),
        ("duration", "valueString", json!("2 h"), 400),
        ("purpose", "valueCode", json!("TREAT"), 422),
        ("encounter", "valueReference", theirs, 422),
        ("encounter", "valueReference", json!({"reference": "Encounter/none"}), 422),
        ("encounter", "valueReference", json!({"reference": "Patient/none"}), 400),
        ("encounter", "valueReference", json!({"reference": "https://elsewhere.example/Encounter/1"}), 400),
        ("other", "valueString", json!("x"), 400),
    ] {
        let body = parameters(&[("reason", "valueString", json!(REASON)), (name, key, value.clone())]);
        let answer = client.post(&format!("Patient/{id}/$break-glass"), &body);
        assert_eq!(answer.status, status, "{name} {value}: {}", answer.text());
    }
    let code = json!({"coding": [{"system": "urn:reasons", "code": "collapse"}]});
    let body = parameters(&[
        ("reason", "valueString", json!(REASON)),
        ("reasonCode", "valueCodeableConcept", code),
        ("purpose", "valueCode", json!("BTG")),
        ("duration", "valueDuration", hours(2.0)),
        ("encounter", "valueReference", own.clone()),
    ]);
    let answer = client.post(&format!("Patient/{id}/$break-glass"), &body).expect(200);
    let lasts_us = medilink::fhir::Instant::parse(&word(&answer, "expires")).expect("an instant").0 - now_us();
    assert!((7_100_000_000..=7_200_000_000).contains(&lasts_us), "{lasts_us}");
    let task = operator().get(&task_of(app(), &word(&answer, "grant"))).expect(200).json();
    assert_eq!(task["encounter"], own);
    let rows = audited(app(), "emergency-override-start", &id, 10);
    assert!(rows.iter().any(|(_, detail)| detail.contains("reason-code=collapse; reason=")), "{rows:?}");
}

#[test]
fn only_a_physician_with_a_fresh_second_factor_may() {
    let id = patient();
    let doctor = physician();
    let factor = Some("insufficient_user_authentication");
    let with = |change: &dyn Fn(&mut Person)| {
        let mut person = doctor.clone();
        change(&mut person);
        person.client()
    };
    for (who, client, status, challenge) in [
        ("nurse", with(&|it| it.role = "nurse"), 403, None),
        ("receptionist", with(&|it| it.role = "receptionist"), 403, None),
        ("pharmacist", with(&|it| it.role = "pharmacist"), 403, None),
        ("admin", with(&|it| it.role = "admin"), 403, None),
        ("auditor", with(&|it| it.role = "system-auditor"), 403, None),
        ("patient", with(&|it| (it.role, it.who) = ("patient", Some(format!("Patient/{id}")))), 403, None),
        ("of no practitioner", with(&|it| it.who = None), 403, None),
        ("of another kind", with(&|it| it.who = Some("RelatedPerson/1".into())), 403, None),
        ("nobody", app().client().clone(), 401, None),
        ("operator", operator().clone(), 403, None),
        ("system", app().client_with("system/*.cruds __break_glass"), 403, None),
        ("stale", with(&|it| it.age_s = 301), 401, factor),
        ("without a second factor", with(&|it| it.methods = &["pwd"]), 401, factor),
        ("from outside", with(&|it| it.methods = &["fed"]), 401, factor),
    ] {
        // The same is said over a record that does not exist: nothing is told of patients before it is sure who asks.
        for target in [id.clone(), unique("nobody")] {
            let answer = break_glass(&client, &target);
            assert_eq!(answer.status, status, "{who}: {}", answer.text());
            let told = answer.header("www-authenticate").unwrap_or_default();
            assert!(challenge.is_none_or(|challenge| told.contains(challenge)), "{who}: {told}");
        }
    }
    assert!(app().sql(&format!("select 1 from break_glass where patient = '{id}'")).is_empty());
    with(&|it| it.methods = &["hwk"]).get("metadata").expect(200);
    break_glass(&with(&|it| (it.methods, it.age_s) = (&["hwk"], 200)), &id).expect(200);
    let rows = audited(app(), "emergency-override-start", &id, 4);
    assert!(rows.iter().any(|(status, _)| *status == 401) && rows.iter().any(|(status, _)| *status == 403), "{rows:?}");
}

#[test]
fn the_glass_is_broken_over_a_record_of_somebody_else_that_is_there() {
    let doctor = physician();
    let client = doctor.client();
    break_glass(&client, &unique("nobody")).expect(404);
    let gone = patient();
    operator().delete(&format!("Patient/{gone}")).expect(204);
    break_glass(&client, &gone).expect(410);
    let own = patient();
    let who = doctor.who.clone().expect("a practitioner");
    let link = |target: &str| json!({"target": {"reference": target}});
    let person: Value = json!({"resourceType": "Person", "link": [link(&who), link(&format!("Patient/{own}"))]});
    operator().post("Person", &person).expect(201);
    break_glass(&client, &own).expect(403);
    let count: i64 = app().sql(&format!("select count(*) from break_glass where practitioner = '{who}'"))[0].get(0);
    assert_eq!(count, 0, "what is refused is not counted");
    assert_eq!(part(&break_glass(&client, &patient()).expect(200), "remaining"), 2);
}

#[test]
fn a_notice_is_kept_from_proxies_where_there_is_violence_at_home() {
    let label = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "SDV"});
    let (marked, flagged) = (unique("patient"), patient());
    let resource = json!({"resourceType": "Patient", "id": marked, "meta": {"security": [label]}});
    operator().put(&format!("Patient/{marked}"), &resource).expect(201);
    let flag = json!({
        "resourceType": "Flag", "status": "active", "meta": {"security": [label]}, "code": {"text": "careful"},
        "subject": {"reference": format!("Patient/{flagged}")}
    });
    operator().post("Flag", &flag).expect(201);
    let client = physician().client();
    for id in [marked, flagged] {
        break_glass(&client, &id).expect(200);
        let notice = notices(app(), &id, "break-glass").pop().expect("a notice");
        let codes: Vec<&str> = notice["meta"]["security"]
            .as_array()
            .expect("labels")
            .iter()
            .filter_map(|label| label["code"].as_str())
            .collect();
        assert_eq!(codes, ["R", "SDV"]);
    }
}
