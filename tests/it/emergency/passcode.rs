//! Links with a passcode: the manifest, and wrong passcodes counted for the lifetime of the link.

use super::{Card, app, cards, manage, opened, scan, self_of, somebody};
use crate::app::TestApp;
use crate::client::Response;
use serde_json::{Value, json};

const PASSCODE: &str = "open sesame";

fn shared(app: &TestApp, id: &str) -> Card {
    let answer = manage(&self_of(app, id), id, "make", &[("passcode", PASSCODE)]).expect(200);
    cards(&answer).into_iter().find(|card| card.payload["flag"] == "P").expect("a link with a passcode")
}

fn ask(app: &TestApp, card: &Card, body: &Value) -> Response {
    app.client().request("POST", &card.url, &[("Content-Type", "application/json")], body.to_string().as_bytes())
}

fn with(passcode: &str) -> Value {
    json!({"recipient": "Dr Far", "passcode": passcode})
}

#[test]
fn the_passcode_opens_the_manifest() {
    let (app, id) = (app(), somebody(app()));
    let card = shared(app, &id);
    let answer = ask(app, &card, &with(PASSCODE)).expect(200).expect_header("access-control-allow-origin", "*");
    let file = &answer.json()["files"][0];
    assert_eq!(file["contentType"], "application/fhir+json");
    let view = opened(&card.key, file["embedded"].as_str().unwrap()).expect("the key fits");
    assert_eq!(view["entry"][0]["resource"]["id"], id.as_str());
    scan(app, &card, "x").expect(404);
    ask(app, &card, &json!({"passcode": PASSCODE})).expect(400);
}

#[test]
fn a_file_that_is_too_long_for_the_reader_is_fetched_once() {
    let (app, id) = (app(), somebody(app()));
    let card = shared(app, &id);
    let body = json!({"recipient": "Dr Far", "passcode": PASSCODE, "embeddedLengthMax": 100});
    let answer = ask(app, &card, &body).expect(200);
    let at = answer.json()["files"][0]["location"].as_str().expect("a location").to_string();
    let file = app.client().get(&at).expect(200).expect_header("content-type", "application/jose");
    assert!(opened(&card.key, &file.text()).is_some());
    app.client().get(&at).expect(404);
}

#[test]
fn many_wrong_passcodes_at_once_are_no_more_than_five() {
    let (app, id) = (app(), somebody(app()));
    let card = shared(app, &id);
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..20)
            .map(|i| {
                scope.spawn({
                    let card = &card;
                    move || ask(app, card, &with(&format!("wrong {i}")))
                })
            })
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let mut left: Vec<i64> = answers
        .iter()
        .filter(|it| it.status == 401)
        .map(|it| it.json()["remainingAttempts"].as_i64().unwrap())
        .collect();
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4], "each number once");
    assert!(answers.iter().all(|it| matches!(it.status, 401 | 404)), "{answers:?}");
    ask(app, &card, &with(PASSCODE)).expect(404);
}

#[test]
fn the_count_is_for_the_lifetime_and_right_ones_do_not_count() {
    let (app, id) = (app(), somebody(app()));
    let card = shared(app, &id);
    for _ in 0..8 {
        ask(app, &card, &with(PASSCODE)).expect(200);
    }
    for left in [4, 3, 2, 1] {
        assert_eq!(ask(app, &card, &with("a guess")).expect(401).json(), json!({"remainingAttempts": left}));
        ask(app, &card, &with(PASSCODE)).expect(200);
    }
    assert_eq!(ask(app, &card, &with("a guess")).expect(401).json(), json!({"remainingAttempts": 0}));
    ask(app, &card, &with(PASSCODE)).expect(404);
}

#[test]
fn a_passcode_has_a_sensible_length_and_links_a_limit() {
    let (app, id) = (app(), somebody(app()));
    let own = self_of(app, &id);
    for passcode in ["12345", &"x".repeat(65)] {
        manage(&own, &id, "make", &[("passcode", passcode)]).expect(400).expect_issue("value");
    }
    for _ in 0..10 {
        manage(&own, &id, "make", &[("passcode", "123456")]).expect(200);
    }
    manage(&own, &id, "make", &[("passcode", "123456")]).expect(422);
    // They do not end the card, and a new card does not end them.
    let card = super::made(&own, &id);
    assert_eq!(cards(&manage(&own, &id, "status", &[]).expect(200)).len(), 11);
    scan(app, &card, "x").expect(200);
    manage(&own, &id, "revoke", &[]).expect(200);
    assert!(cards(&manage(&own, &id, "status", &[]).expect(200)).is_empty());
}
