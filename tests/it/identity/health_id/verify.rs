//! What verifying tells, and what it does not.

use serde_json::{Value, json};
use std::time::{Duration, Instant};

use super::{identifier, parameters, part, registered, somebody, system};
use crate::app::TestApp;
use crate::client::{Client, Response};
use crate::races::together;

fn verify(client: &Client, identifier: &Value, birth_date: Option<&str>) -> Response {
    let mut list = vec![json!({"name": "identifier", "valueIdentifier": identifier})];
    list.extend(birth_date.map(|date| json!({"name": "birthDate", "valueDate": date})));
    client.post("Patient/$verify-health-id", &parameters(json!(list)))
}

/// Returns the number with its last digit changed.
fn mistyped(number: &str) -> String {
    let last = number.bytes().last().expect("a digit") - b'0';
    format!("{}{}", &number[..number.len() - 1], (last + 1) % 10)
}

#[test]
fn whoever_knows_number_and_birthday_learns_initials_and_a_year() {
    let app = TestApp::start();
    let client = app.client();
    let patient = json!({"resourceType": "Patient", "birthDate": "1980-05-16", "gender": "female",
        "name": [{"family": "Schneider", "given": ["Anna", "Eva"]}]});
    let (_, number) = registered(client, &patient);
    let answer = verify(client, &identifier(&app, &number), Some("1980-05-16")).expect(200);
    assert_eq!(part(&answer, "verified")["valueBoolean"], true);
    let masked = json!({"resourceType": "Patient", "name": [{"text": "A. E. S."}], "birthDate": "1980"});
    assert_eq!(part(&answer, "patient")["resource"], masked);
    let spaced = format!("{} {}-{}", &number[..5], &number[5..10], &number[10..]);
    let answer = verify(client, &json!({"value": spaced}), None).expect(200);
    assert_eq!(
        answer.json()["parameter"],
        json!([{"name": "verified", "valueBoolean": true}]),
        "no birthday, no person"
    );
    let reader = TestApp::builder().secured().start();
    reader.client().post("Patient/$verify-health-id", &parameters(json!([]))).expect(401);
    let missing = reader.client_with("system/Observation.r").post("Patient/$verify-health-id", &parameters(json!([])));
    assert!(missing.expect(400).expect_issue("required").contains("identifier"));
}

/// Whatever is wrong, the answer is the same to the byte, and none comes sooner than the others.
#[test]
fn a_wrong_guess_tells_nothing() {
    let app = TestApp::start();
    let mut slowest = Duration::ZERO;
    let mut quickest = Duration::MAX;
    let client = app.client();
    let patient = somebody();
    let born = patient["birthDate"].as_str().expect("a date").to_string();
    let (_, number) = registered(client, &patient);
    let (gone, gone_number) = registered(client, &somebody());
    client.delete(&format!("Patient/{gone}")).expect(204);
    let mut idle = somebody();
    let (idle_id, idle_number) = registered(client, &idle);
    idle = client.get(&format!("Patient/{idle_id}")).json();
    idle["active"] = json!(false);
    client.put(&format!("Patient/{idle_id}"), &idle).expect(200);
    let rows = [
        ("an unknown number", json!({"system": system(&app), "value": "123456789012346"}), born.as_str()),
        ("a wrong check digit", identifier(&app, &mistyped(&number)), born.as_str()),
        ("a wrong birthday", identifier(&app, &number), "1901-01-01"),
        ("no number at all", json!({"system": system(&app), "value": "x"}), born.as_str()),
        ("another system", json!({"system": "http://other", "value": number}), born.as_str()),
        ("a deleted patient", identifier(&app, &gone_number), born.as_str()),
        ("a patient who is not active", identifier(&app, &idle_number), idle["birthDate"].as_str().expect("a date")),
        ("no value", json!({"system": system(&app)}), born.as_str()),
    ];
    for (what, identifier, birth_date) in rows {
        let began = Instant::now();
        let answer = verify(client, &identifier, Some(birth_date)).expect(200);
        let took = began.elapsed();
        (slowest, quickest) = (slowest.max(took), quickest.min(took));
        assert_eq!(
            answer.text(),
            r#"{"resourceType":"Parameters","parameter":[{"name":"verified","valueBoolean":false}]}"#,
            "{what}"
        );
        // The limit of the caller is not what is tested here.
        app.sql("delete from attempt");
    }
    assert!(quickest >= Duration::from_millis(60), "{quickest:?}");
    println!("wrong answers took {quickest:?} to {slowest:?}");
}

#[test]
fn five_wrong_guesses_are_enough_for_every_server_together() {
    let first = TestApp::builder().set("base-url", "http://ours.example/fhir").start();
    let second = TestApp::builder()
        .set("base-url", "http://ours.example/fhir")
        .database(&first.database_url())
        .data_dir(&first.data_dir())
        .start();
    let patient = somebody();
    let born = patient["birthDate"].as_str().expect("a date").to_string();
    let (_, number) = registered(first.client(), &patient);
    let ours = json!({"value": number});
    for _ in 0..20 {
        let right = verify(first.client(), &ours, Some(&born)).expect(200);
        assert_eq!(part(&right, "verified")["valueBoolean"], true, "right answers are not counted");
    }
    for i in 0..5 {
        let client = if i % 2 == 0 { first.client() } else { second.client() };
        verify(client, &ours, Some("1901-01-01")).expect(200);
    }
    for client in [first.client(), second.client()] {
        let refused = verify(client, &ours, Some(&born)).expect(429);
        refused.expect_issue("throttled");
        let seconds: u32 = refused.header("Retry-After").and_then(|text| text.parse().ok()).expect("seconds");
        assert!((1..=900).contains(&seconds), "{seconds}");
    }
    let keys = first.sql("select key from attempt");
    assert!(keys.iter().all(|row| !row.get::<_, String>(0).contains(&number)), "numbers are counted by their hash");
}

#[test]
fn a_caller_who_tries_many_numbers_is_stopped_too() {
    let app = TestApp::start();
    for _ in 0..5 {
        let number = medilink::health_id::HealthId::random();
        verify(app.client(), &json!({"value": number.as_str()}), Some("1980-05-16")).expect(200);
    }
    let number = medilink::health_id::HealthId::random();
    verify(app.client(), &json!({"value": number.as_str()}), Some("1980-05-16")).expect(429);
}

#[test]
fn many_guesses_at_once_are_no_more_than_five_and_right_answers_are_not_in_the_way() {
    let app = TestApp::start();
    let patient = somebody();
    let born = patient["birthDate"].as_str().expect("a date").to_string();
    let (_, number) = registered(app.client(), &patient);
    let ours = json!({"value": number});
    let right = together(32, |_| verify(app.client(), &ours, Some(&born)));
    assert!(right.iter().all(|answer| answer.status == 200 && answer.text().contains("true")));
    let wrong = together(32, |_| verify(app.client(), &ours, Some("1901-01-01")).status);
    assert_eq!(wrong.iter().filter(|status| **status == 200).count(), 5, "{wrong:?}");
    assert_eq!(wrong.iter().filter(|status| **status == 429).count(), 27, "{wrong:?}");
}
