//! The card: a SMART Health Link that anybody who holds it may read, until it is renewed, revoked, run out or read too often.

use super::{app, audited, cards, made, manage, notices, opened, person, physician, scan, self_of, somebody, told};
use crate::app::TestApp;
use serde_json::json;

#[test]
fn whoever_holds_the_card_reads_the_view_and_nothing_else() {
    let (app, id) = (app(), somebody(app()));
    let card = made(&self_of(app, &id), &id);
    let answer = scan(app, &card, "Medic%2012").expect(200).expect_header("content-type", "application/jose");
    let answer = answer.expect_header("cache-control", "no-store").expect_header("access-control-allow-origin", "*");
    assert!(answer.header("x-robots-tag").is_some() && answer.header("set-cookie").is_none());
    assert!(!answer.text().contains("Penicillin"), "only ciphertext leaves");
    let view = opened(&card.key, &answer.text()).expect("the key of the card fits");
    assert!(!view.to_string().contains("LEAK"), "{view:#}");
    assert_eq!(told(&view)[..2], ["Lind", "Penicillin"]);
    let clinician = physician(app).get(&format!("Patient/{id}/$emergency")).expect(200).json();
    assert_eq!(view["entry"], clinician["entry"], "the card shows what a clinician sees");
}

#[test]
fn a_link_says_what_the_specification_asks_for() {
    let (app, id) = (app(), somebody(app()));
    let card = made(&self_of(app, &id), &id);
    assert_eq!(card.payload["flag"], "U");
    assert_eq!(card.key.len(), 43);
    assert!(card.url.len() <= 128 && card.url.rsplit('/').next().is_some_and(|last| last.len() == 43), "{}", card.url);
    assert!(card.payload["exp"].as_i64().is_some_and(|exp| exp > 1_700_000_000));
    assert!(card.payload["label"].as_str().is_some_and(|label| label.len() <= 80 && !label.contains("Lind")));
    assert!(card.viewer.contains("/emergency/view#shlink:/"), "{}", card.viewer);
    assert!(card.qr.contains("<svg"));
    assert!(card.nfc.ends_with(card.viewer.split_once("://").unwrap().1.as_bytes()));
    let preflight = app.client().request("OPTIONS", &card.url, &[("Origin", "https://viewer.example")], b"");
    preflight.expect(204).expect_header("access-control-allow-origin", "*");
    let again = cards(&manage(&self_of(app, &id), &id, "status", &[]).expect(200));
    assert_eq!(again[0].viewer, card.viewer, "the same card can be printed again");
}

#[test]
fn the_database_alone_opens_no_card() {
    let (app, id) = (app(), somebody(app()));
    let card = made(&self_of(app, &id), &id);
    let link = card.url.rsplit('/').next().unwrap();
    let row = app.sql(&format!(
        "select to_jsonb(c)::text, encode(sealed, 'escape') from emergency_card c where patient = '{id}'"
    ));
    let kept = format!("{} {}", row[0].get::<_, String>(0), row[0].get::<_, String>(1));
    assert!(!kept.contains(link) && !kept.contains(&card.key), "{kept}");
}

#[test]
fn each_reading_is_fresh_and_has_a_vector_of_its_own() {
    let (app, id) = (app(), somebody(app()));
    let card = made(&self_of(app, &id), &id);
    let first = scan(app, &card, "a").expect(200).text();
    let second = scan(app, &card, "a").expect(200).text();
    let vector = |file: &str| file.split('.').nth(2).unwrap().to_string();
    assert_ne!(vector(&first), vector(&second));
    let allergy = json!({"resourceType": "AllergyIntolerance", "code": {"text": "Latex"}, "criticality": "high",
        "patient": {"reference": format!("Patient/{id}")}});
    super::operator(app).post("AllergyIntolerance", &allergy).expect(201);
    let third = opened(&card.key, &scan(app, &card, "a").expect(200).text()).unwrap();
    assert!(told(&third).contains(&"Latex".to_string()), "{third:#}");
}

#[test]
fn a_link_that_ended_is_answered_like_one_that_never_was() {
    let (app, id) = (app(), somebody(app()));
    let own = self_of(app, &id);
    let first = made(&own, &id);
    let never = super::Card { url: format!("/emergency/shl/{}", "A".repeat(43)), ..first.clone() };
    let unknown = scan(app, &never, "x").expect(404);
    let same = |card: &super::Card, why: &str| {
        let answer = scan(app, card, "x");
        assert_eq!((answer.status, answer.text()), (404, unknown.text()), "{why}");
        let names = |answer: &crate::client::Response| {
            let mut names: Vec<_> = answer.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names(&answer), names(&unknown), "{why}");
    };
    let second = cards(&manage(&own, &id, "renew", &[]).expect(200)).remove(0);
    same(&first, "renewed");
    scan(app, &second, "x").expect(200);
    manage(&own, &id, "revoke", &[]).expect(200);
    same(&second, "revoked");
    let third = made(&own, &id);
    manage(&own, &id, "opt-out", &[]).expect(200);
    same(&third, "opted out");
    manage(&own, &id, "opt-in", &[]).expect(200);
    same(&third, "opting in brings no old card back");
    let fourth = made(&own, &id);
    app.sql(&format!("update emergency_card set expires = 1 where patient = '{id}'"));
    same(&fourth, "run out");
    let fifth = made(&own, &id);
    super::operator(app).delete(&format!("Patient/{id}"));
    app.sql(&format!("update emergency_card set patient = 'nobody-at-all' where patient = '{id}' and ended is null"));
    same(&fifth, "nobody is there any more");
    // A link without a passcode has no manifest.
    let body = json!({"recipient": "x", "passcode": "123456"}).to_string();
    let answer = app.client().request("POST", &second.url, &[("Content-Type", "application/json")], body.as_bytes());
    assert_eq!((answer.status, answer.text()), (404, unknown.text()));
}

#[test]
fn who_reads_a_card_says_who_they_are_and_the_patient_is_told() {
    let (app, id) = (app(), somebody(app()));
    let card = made(&self_of(app, &id), &id);
    for recipient in ["", "%20", "%0A"] {
        scan(app, &card, recipient).expect(400);
    }
    for _ in 0..3 {
        scan(app, &card, "Ambulance%20%0A7").expect(200);
    }
    let rows = audited(app, "emergency-view", &id, 3);
    let (principal, status, detail) = &rows[0];
    assert_eq!((principal.as_str(), *status), ("anonymous", 200));
    assert!(detail.contains("recipient 'Ambulance 7'; from 127.0.0.1"), "{detail}");
    assert!(!detail.contains(card.url.rsplit('/').next().unwrap()), "the audit opens no card");
    let notices = notices(app, &id);
    assert_eq!(notices.len(), 1, "one an hour: {notices:#?}");
    assert!(notices[0].contains("'Ambulance 7'"), "{notices:#?}");
    let card = &manage(&self_of(app, &id), &id, "status", &[]).expect(200).json()["parameter"][1];
    let views = card["part"].as_array().unwrap().iter().find(|part| part["name"] == "views").unwrap();
    assert_eq!(views["valueUnsignedInt"], 3);
}

#[test]
fn without_an_account_a_card_is_read_ten_times_a_day_however_many_ask_at_once() {
    let (app, id) = (app(), somebody(app()));
    let card = made(&self_of(app, &id), &id);
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..24).map(|_| scope.spawn(|| scan(app, &card, "x").status)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 10, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 403).count(), 14, "{answers:?}");
    // A clinician who has signed in goes on.
    let mut browser = super::page::signed_in(app, "physician", &format!("Practitioner/of-{id}"));
    let at = &card.url[card.url.find("/emergency/").unwrap()..];
    let page = browser.get(&format!("{at}?recipient=Ward")).expect(200);
    assert!(opened(&card.key, &page.text).is_some());
    let last = audited(app, "emergency-view", &id, 25).pop().unwrap();
    assert_ne!(last.0, "anonymous");
    let mut patient = super::page::signed_in(app, "patient", &format!("Patient/{id}"));
    patient.get(&format!("{at}?recipient=Me")).expect(403);
    // In the next day it is open again.
    app.sql(&format!("update attempt set began = began - 86400000000 where key = (select 'emergency-card:day:' || id from emergency_card where patient = '{id}')"));
    scan(app, &card, "x").expect(200);
}

#[test]
fn a_link_is_read_sixty_times_an_hour() {
    let (app, id) = (app(), somebody(app()));
    let card = made(&self_of(app, &id), &id);
    let mut browser = super::page::signed_in(app, "nurse", &format!("Practitioner/of-{id}"));
    let at = format!("{}?recipient=Ward", &card.url[card.url.find("/emergency/").unwrap()..]);
    for _ in 0..60 {
        browser.get(&at).expect(200);
    }
    let refused = browser.get(&at).expect(429);
    assert!(
        refused
            .header("retry-after")
            .and_then(|told| told.parse::<u32>().ok())
            .is_some_and(|s| (1..=3600).contains(&s))
    );
}

#[test]
fn a_card_is_made_by_the_patient_alone() {
    let (app, id) = (app(), somebody(app()));
    let own = format!("Patient/{id}");
    for (role, fhir_user, scope, status) in [
        ("patient", own.as_str(), "patient/*.cruds", 200),
        ("patient", own.as_str(), "patient/*.rs patient/Consent.c", 200),
        ("patient", own.as_str(), "patient/*.rs", 403),
        ("patient", own.as_str(), "patient/Consent.c", 403),
        ("patient", "Patient/another", "patient/*.cruds", 403),
        ("physician", "Practitioner/house", "user/*.cruds", 403),
        ("admin", "Practitioner/root", "user/*.cruds", 403),
        ("related-person", "RelatedPerson/sam", "user/*.cruds", 403),
    ] {
        let answer = manage(&person(app, role, fhir_user, scope), &id, "status", &[]);
        assert_eq!(answer.status, status, "{role} {fhir_user} {scope}: {}", answer.text());
    }
    assert_eq!(manage(&super::operator(app), &id, "make", &[]).status, 403);
    let own = self_of(app, &id);
    manage(&own, &id, "explode", &[]).expect(400).expect_issue("value");
    own.post(&format!("Patient/{id}/$emergency-card"), &json!({"resourceType": "Parameters"}))
        .expect(400)
        .expect_issue("required");
    own.get(&format!("Patient/{id}/$emergency-card?action=make")).expect(405);
}

#[test]
fn of_two_that_are_made_at_once_one_card_is_left() {
    let (app, id) = (app(), somebody(app()));
    let own = self_of(app, &id);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let status = manage(&own, &id, "make", &[]).status;
                assert!(matches!(status, 200 | 409), "{status}");
            });
        }
    });
    let left = cards(&manage(&own, &id, "status", &[]).expect(200));
    assert_eq!(left.len(), 1);
    scan(app, &left[0], "x").expect(200);
}

#[test]
fn a_server_without_security_makes_no_card() {
    let app = TestApp::shared();
    let id = app.client().post("Patient", &json!({"resourceType": "Patient"})).expect(201).id();
    let answer = manage(app.client(), &id, "make", &[]);
    assert!(matches!(answer.status, 200 | 400), "{}", answer.text());
}
