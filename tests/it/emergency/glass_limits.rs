//! Three new grants of one person within 24 hours, counted under concurrency and over a window that rolls.

use std::collections::BTreeSet;

use super::stage::*;
use crate::app::TestApp;
use crate::races::{together, unique};

const DAY_US: i64 = 86_400 * 1_000_000;

#[test]
fn the_fourth_new_grant_in_a_day_is_refused_and_the_window_rolls() {
    let doctor = physician();
    let who = doctor.who.clone().expect("a practitioner");
    // Each call is of another account and token: the limit is of the person.
    let records: Vec<String> = (0..3).map(|_| patient()).collect();
    let answers: Vec<_> = records.iter().map(|id| break_glass(&doctor.client(), id).expect(200)).collect();
    let remaining: Vec<i64> = answers.iter().map(|it| part(it, "remaining").as_i64().expect("a number")).collect();
    assert_eq!(remaining, [2, 1, 0]);

    let (fourth, client) = (patient(), doctor.client());
    let refused = break_glass(&client, &fourth).expect(429);
    let wait_s: i64 = refused.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((86_300..=86_401).contains(&wait_s), "{wait_s}");
    refused.expect_issue("throttled");
    // Nothing is told of patients at the limit.
    break_glass(&client, &unique("nobody")).expect(429);
    assert_eq!(audited(app(), "emergency-override-start", &fourth, 1)[0].0, 429);
    // What is open is given again, and ending it gives nothing back.
    assert_eq!(word(&break_glass(&client, &records[1]).expect(200), "grant"), word(&answers[1], "grant"));
    end_glass(&client, &records[0], &word(&answers[0], "grant")).expect(200);
    break_glass(&client, &fourth).expect(429);
    // Somebody else is not concerned.
    break_glass(&physician().client(), &fourth).expect(200);

    let first = word(&answers[0], "grant");
    let moved = |to: i64| app().sql(&format!("update break_glass set started = {to} where id = '{first}'"));
    moved(now_us() - DAY_US + 60_000_000);
    let soon = break_glass(&client, &fourth).expect(429);
    let wait_s: i64 = soon.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((1..=61).contains(&wait_s), "{wait_s}");
    moved(now_us() - DAY_US - 1_000);
    assert_eq!(part(&break_glass(&client, &fourth).expect(200), "remaining"), 0);
    break_glass(&client, &patient()).expect(429);
    let count: i64 = app().sql(&format!("select count(*) from break_glass where practitioner = '{who}'"))[0].get(0);
    assert_eq!(count, 4);
}

#[test]
fn of_ten_at_once_exactly_three_are_let_through_also_over_two_servers() {
    let base = ("base-url", "http://ours.example/fhir");
    let first = TestApp::builder().secured().set(base.0, base.1).start();
    let second = TestApp::builder()
        .secured()
        .set(base.0, base.1)
        .database(&first.database_url())
        .data_dir(&first.data_dir())
        .start();
    let operator = first.client().with_token(&signed(&first, |_| {}));
    let records: Vec<String> = (0..10).map(|i| format!("record-{i}")).collect();
    for id in &records {
        let resource = serde_json::json!({"resourceType": "Patient", "id": id});
        operator.put(&format!("Patient/{id}"), &resource).expect(201);
    }
    let client = |i: usize| {
        let token = signed(&first, |claims| {
            claims.scope = "user/*.cruds".into();
            claims.roles = vec!["physician".into()];
            claims.fhir_user = Some("Practitioner/d1".into());
            (claims.auth_time, claims.amr) = (Some(claims.iat), vec!["otp".into()]);
        });
        if i.is_multiple_of(2) { first.client() } else { second.client() }.with_token(&token)
    };
    let clients: Vec<_> = (0..10).map(client).collect();
    let statuses = together(10, |i| break_glass(&clients[i], &records[i]).status);
    let count = |status: u16| statuses.iter().filter(|it| **it == status).count();
    assert_eq!((count(200), count(429)), (3, 7), "{statuses:?}");
    assert_eq!(first.sql("select 1 from break_glass").len(), 3);
    assert_eq!(first.sql("select 1 from audit where action = 'emergency-override-start' and status = 200").len(), 3);
}

/// Returns a token of a server that calls itself by another name.
fn signed(app: &TestApp, change: impl FnOnce(&mut medilink::oauth::Claims)) -> String {
    app.forged(|claims| {
        claims.iss = "http://ours.example/fhir".into();
        claims.aud = claims.iss.clone();
        change(claims);
    })
}

#[test]
fn ten_at_once_over_one_record_have_one_grant() {
    let (doctor, id) = (physician(), patient());
    let clients: Vec<_> = (0..10).map(|_| doctor.client()).collect();
    let grants: BTreeSet<String> =
        together(10, |i| word(&break_glass(&clients[i], &id).expect(200), "grant")).into_iter().collect();
    assert_eq!(grants.len(), 1);
    assert_eq!(notices(app(), &id, "break-glass").len(), 1);
    assert_eq!(audited(app(), "emergency-override-start", &id, 1).len(), 1);
}
