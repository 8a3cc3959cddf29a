//! The cases of emergencies and the tests that prove them, with those that no other file has.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::stage::*;
use crate::app::TestApp;
use crate::client::Client;
use crate::consent::cases::{check_table, moments};

/// The number of the case, and a test that proves a part of it.
const CASES: &[(u8, &str)] = &[
    (1, "a_reason_is_given_in_words_that_say_something"),
    (1, "characters_are_counted_and_not_bytes"),
    (2, "the_fourth_new_grant_in_a_day_is_refused_and_the_window_rolls"),
    (2, "of_ten_at_once_exactly_three_are_let_through_also_over_two_servers"),
    (3, "only_a_physician_with_a_fresh_second_factor_may"),
    (4, "only_a_physician_with_a_fresh_second_factor_may"),
    (5, "a_grant_that_has_run_out_is_ended_by_the_server"),
    (5, "a_refresh_token_gives_the_purpose_only_while_a_grant_is_open"),
    (5, "a_grant_that_runs_out_closes_the_record_also_between_two_pages"),
    (5, "broken_glass_that_is_ended_on_one_server_is_closed_on_the_other_at_once"),
    (6, "broken_glass_does_not_open_what_is_very_restricted"),
    (7, "start_and_stop_of_broken_glass_are_events_of_a_chain_that_holds"),
    (8, "patient_and_compliance_are_told_while_the_mail_relay_is_away"),
    (9, "a_view_never_shows_address_number_note_result_or_hiv"),
    (10, "who_has_opted_out_is_not_seen_until_they_opt_in"),
    (11, "without_an_account_a_card_is_read_ten_times_a_day_however_many_ask_at_once"),
    (12, "many_wrong_passcodes_at_once_are_no_more_than_five"),
    (12, "a_link_that_ended_is_answered_like_one_that_never_was"),
    (12, "each_reading_is_fresh_and_has_a_vector_of_its_own"),
    (12, "a_link_carries_what_the_specification_asks_for"),
    (12, "a_header_is_written_as_in_the_specification"),
    (13, "what_is_given_is_never_more_than_what_was_asked_for"),
    (13, "of_many_answers_at_once_one_counts"),
    (13, "what_is_revoked_ends_the_tokens_that_stand_on_it"),
    (14, "every_wrong_digit_and_every_swap_of_neighbours_is_noticed"),
    (16, "whatever_is_changed_is_found_and_the_first_of_it_named"),
];

/// Cases of features that are not here yet.
const WAITING: &[(u8, &str)] = &[(15, "booking, which no operation does yet: a hundred clients and one slot")];

#[test]
fn every_case_of_emergencies_has_its_test() {
    check_table(CASES, WAITING, 16);
}

#[test]
fn characters_are_counted_and_not_bytes() {
    // Each letter is three bytes: the count of characters decides.
    let doctor = physician().client();
    for (reason, status) in [("ดหกเฟวงสาทยพรนเล่จใ", 422), ("ดหกเฟวงสาทยพรนเล่จใม", 200)]
    {
        assert_eq!(reason.chars().count(), if status == 200 { 20 } else { 19 });
        let body = parameters(&[("reason", "valueString", json!(reason))]);
        doctor.post(&format!("Patient/{}/$break-glass", patient()), &body).expect(status);
    }
}

#[test]
fn broken_glass_that_is_ended_on_one_server_is_closed_on_the_other_at_once() {
    let [one, two] = moments::servers();
    moments::put(&json!({"resourceType": "Patient", "id": "broken"}));
    let doctor = moments::physician(one, "Practitioner/b");
    for round in 0..3 {
        let grant = word(&break_glass(&doctor, "broken").expect(200), "grant");
        let inside = moments::client(two, |claims| {
            (claims.scope, claims.roles) = ("user/*.rs".into(), vec!["physician".into()]);
            claims.fhir_user = Some("Practitioner/b".into());
            (claims.purpose_of_use, claims.btg) = (Some("BTG".into()), Some(grant.clone()));
        });
        assert_eq!(inside.get("Patient/broken").status, 200, "{round}");
        end_glass(&doctor, "broken", &grant).expect(200);
        assert_eq!(inside.get("Patient/broken").status, 404, "{round}");
    }
}

/// Returns the events of a subtype about a patient, once there are as many and all have their place in the chain.
fn events(client: &Client, subtype: &str, patient: &str, number: usize) -> Vec<Value> {
    let query = format!("AuditEvent?patient=Patient/{patient}&subtype={subtype}&_sort=date");
    let began = Instant::now();
    loop {
        let found = client.get(&query).expect(200).resources();
        let are_chained = found.iter().all(|event| event["extension"].is_array());
        if found.len() >= number && are_chained || began.elapsed() > Duration::from_secs(20) {
            assert!(found.len() == number && are_chained, "{query}: {found:#?}");
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Returns what an event says at these places, a list where there are several.
fn at(event: &Value, pointers: &[&str]) -> Vec<Value> {
    pointers.iter().map(|pointer| event.pointer(pointer).cloned().unwrap_or_default()).collect()
}

#[test]
fn start_and_stop_of_broken_glass_are_events_of_a_chain_that_holds() {
    let app = TestApp::builder().secured().start();
    let keeper = app.client_with("system/*.cruds");
    keeper.put("Patient/p", &json!({"resourceType": "Patient", "id": "p"})).expect(201);
    let doctor = Person::new("physician", "Practitioner/d").on(&app);
    let short = parameters(&[("reason", "valueString", json!("no time"))]);
    doctor.post("Patient/p/$break-glass", &short).expect(422);
    let answer = break_glass(&doctor, "p").expect(200);
    let grant = word(&answer, "grant");
    end_glass(&doctor, "p", &grant).expect(200);
    let auditor = Person::new("system-auditor", "Practitioner/c").on(&app);

    let started = events(&auditor, "110127", "p", 2);
    let what = ["/type/code", "/subtype/0/code", "/action", "/outcome"];
    let refused = &started[0];
    assert_eq!(at(refused, &what), [json!("110113"), json!("110127"), json!("E"), json!("8")]);
    let start = &started[1];
    assert_eq!(at(start, &what), [json!("110113"), json!("110127"), json!("E"), json!("0")]);
    assert!(start["purposeOfEvent"].to_string().contains("\"BTG\""), "{start:#}");
    assert_eq!(
        at(
            start,
            &[
                "/agent/0/type/coding/0/code",
                "/agent/0/who/reference",
                "/agent/0/requestor",
                "/agent/0/purposeOfUse/0/coding/0/code"
            ]
        ),
        [json!("IRCP"), json!("Practitioner/d"), json!(true), json!("BTG")]
    );
    assert!(start["agent"][0]["policy"][0].is_string(), "the token is named: {start:#}");
    assert!(start.get("outcomeDesc").is_none(), "the reason stands with the patient: {start:#}");
    let entity = |event: &Value, reference: &str| {
        let entities = event["entity"].as_array().cloned().unwrap_or_default();
        let mut found: Vec<Value> = entities.into_iter().filter(|it| it["what"]["reference"] == reference).collect();
        assert_eq!(found.len(), 1, "{reference}: {event:#}");
        found.remove(0)
    };
    let of_patient = entity(start, "Patient/p");
    assert_eq!(at(&of_patient, &["/type/code", "/role/code"]), [json!("1"), json!("1")]);
    assert_eq!(
        of_patient["detail"],
        json!([
            {"type": "grant-id", "valueString": grant},
            {"type": "expires", "valueString": word(&answer, "expires")},
            {"type": "reason", "valueString": REASON},
        ])
    );
    assert_eq!(entity(start, &consent_of(&answer))["type"]["code"], "Consent");

    let stopped = events(&auditor, "110138", "p", 1);
    assert_eq!(at(&stopped[0], &what), [json!("110113"), json!("110138"), json!("E"), json!("0")]);
    assert_eq!(
        entity(&stopped[0], "Patient/p")["detail"],
        json!([{"type": "grant-id", "valueString": grant}, {"type": "ended-by", "valueString": "grantee"}])
    );
    entity(&stopped[0], &consent_of(&answer));

    // What the operations wrote has their names, and no row is just 'operation'.
    let actions = app.sql("select distinct action from audit where version is not null order by action");
    let actions: Vec<String> = actions.iter().map(|row| row.get(0)).collect();
    assert_eq!(actions, ["break-glass", "end-break-glass", "update"]);
    assert!(app.sql("select 1 from audit where action = 'operation'").is_empty());

    let told = auditor.get("AuditEvent/$verify-chain").expect(200);
    assert_eq!(part(&told, "valid"), json!(true), "{}", told.text());
    assert!(part(&told, "checked").as_i64().is_some_and(|checked| checked >= 4), "{}", told.text());
}

#[test]
fn patient_and_compliance_are_told_while_the_mail_relay_is_away() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = nobody.local_addr().expect("it has an address");
    drop(nobody);
    let app = TestApp::builder()
        .secured()
        .set("smtp-url", &format!("smtp://{address}"))
        .set("mail-from", "Clinic <notices@clinic.example>")
        .start();
    let keeper = app.client_with("system/*.cruds");
    keeper.put("Patient/p", &json!({"resourceType": "Patient", "id": "p"})).expect(201);
    let mail = ["--fhir-user", "Patient/p", "--email", "p@home.example"];
    crate::identity::browser::add_person(&app, "patient", "correct horse battery staple", "patient", &mail);
    let began = Instant::now();
    let answer = break_glass(&Person::new("physician", "Practitioner/d").on(&app), "p").expect(200);
    assert!(began.elapsed() < Duration::from_secs(5), "nobody waits for the relay: {:?}", began.elapsed());

    assert_eq!(notices(&app, "p", "break-glass").len(), 1);
    let task = keeper.get(&task_of(&app, &word(&answer, "grant"))).expect(200).json();
    assert_eq!(at(&task, &["/status", "/priority"]), [json!("requested"), json!("stat")]);
    let waiting = || app.sql("select tries from mail").iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>();
    let began = Instant::now();
    while waiting().first().is_none_or(|tries| *tries < 1) {
        assert!(began.elapsed() < Duration::from_secs(20), "the mail waits and is tried: {:?}", waiting());
        std::thread::sleep(Duration::from_millis(100));
    }
}
