//! A grant ends: by who has it, by the patient, by compliance, and by its time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use super::stage::*;
use crate::app::TestApp;
use crate::races::together;

#[test]
fn a_grant_is_ended_by_those_whom_it_concerns_and_by_nobody_else() {
    for (by, notices_to_doctor) in [("grantee", 0), ("patient", 1), ("compliance", 1), ("operator", 1)] {
        let (doctor, id) = (physician(), patient());
        let who = doctor.who.clone().expect("a practitioner");
        let answer = break_glass(&doctor.client(), &id).expect(200);
        let grant = word(&answer, "grant");
        for (name, other) in [
            ("another physician", physician()),
            ("a nurse", Person::new("nurse", "Practitioner/n1")),
            ("another patient", Person::new("patient", "Patient/other")),
            ("an admin", Person::new("admin", "Practitioner/a1")),
        ] {
            let refused = end_glass(&other.client(), &id, &grant);
            assert_eq!(refused.status, 404, "{name}: {}", refused.text());
        }
        app().client().post(&format!("Patient/{id}/$end-break-glass"), &parameters(&[])).expect(401);
        let client = match by {
            "grantee" => doctor.client(),
            "patient" => Person::new("patient", &format!("Patient/{id}")).client(),
            "compliance" => Person::new("system-auditor", "Practitioner/c1").client(),
            _ => operator().clone(),
        };
        end_glass(&client, &patient(), &grant).expect(404);
        end_glass(&client, &id, "none").expect(404);
        client.post(&format!("Patient/{id}/$end-break-glass"), &json!({"resourceType": "Parameters"})).expect(400);
        let ended = word(&end_glass(&client, &id, &grant).expect(200), "ended");
        assert_eq!(word(&end_glass(&client, &id, &grant).expect(200), "ended"), ended, "once");

        let consent = operator().get(&consent_of(&answer)).expect(200).json();
        assert_eq!((&consent["status"], &consent["provision"]["period"]["end"]), (&json!("inactive"), &json!(ended)));
        let rows = audited(app(), "emergency-override-stop", &id, 1);
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert!(rows[0].1.contains(&format!("grant={grant}")) && rows[0].1.ends_with(&format!("by={by}")), "{rows:?}");
        let told = notices(app(), &id, "break-glass-ended");
        let to = |whom: &str| told.iter().filter(|it| it["recipient"][0]["reference"] == whom).count();
        assert_eq!((to(&format!("Patient/{id}")), to(&who)), (1, notices_to_doctor), "{by}");
        let key = medilink::search::key::Keyer::fixed().target("Patient", &id);
        assert_eq!(app().sql(&format!("select 1 from policy_change where kind = 3 and key = {key}")).len(), 2, "{by}");
        // What has ended is not given again.
        assert_ne!(word(&break_glass(&doctor.client(), &id).expect(200), "grant"), grant);
    }
}

#[test]
fn of_many_who_end_a_grant_at_once_one_does() {
    let (doctor, id) = (physician(), patient());
    let grant = word(&break_glass(&doctor.client(), &id).expect(200), "grant");
    let clients: Vec<_> = (0..8)
        .map(|i| match i % 2 {
            0 => doctor.client(),
            _ => Person::new("patient", &format!("Patient/{id}")).client(),
        })
        .collect();
    let ended: BTreeSet<String> =
        together(8, |i| word(&end_glass(&clients[i], &id, &grant).expect(200), "ended")).into_iter().collect();
    assert_eq!(ended.len(), 1);
    assert_eq!(audited(app(), "emergency-override-stop", &id, 1).len(), 1);
}

#[test]
fn a_consent_that_is_gone_does_not_keep_a_grant_open() {
    let (doctor, id) = (physician(), patient());
    let answer = break_glass(&doctor.client(), &id).expect(200);
    let consent = consent_of(&answer);
    operator().delete(&consent).expect(403);
    // What nobody may do by a request, whoever keeps the database can.
    let consent_id = consent.split_once('/').expect("a reference").1;
    app().sql(&format!("delete from resource where id = '{consent_id}'"));
    end_glass(&doctor.client(), &id, &word(&answer, "grant")).expect(200);
    operator().get(&consent).expect(404);
}

#[test]
fn a_grant_that_has_run_out_is_ended_by_the_server() {
    let app = TestApp::builder().secured().start();
    let operator = app.client_with("system/*.cruds");
    for id in ["a", "b"] {
        operator.put(&format!("Patient/{id}"), &json!({"resourceType": "Patient", "id": id})).expect(201);
    }
    let doctor = Person::new("physician", "Practitioner/d1").on(&app);
    let (first, second) = (break_glass(&doctor, "a").expect(200), break_glass(&doctor, "b").expect(200));
    let expired = now_us() - 1_000;
    app.sql(&format!("update break_glass set expires = {expired} where patient = 'a'"));
    // Before it is ended it counts as ended: another one is given, and counted.
    let next = break_glass(&doctor, "a").expect(200);
    assert_ne!(word(&next, "grant"), word(&first, "grant"));
    assert_eq!(part(&next, "remaining"), 0);
    app.restart();
    let began = Instant::now();
    let query =
        format!("select ended_by from break_glass where id = '{}' and ended is not null", word(&first, "grant"));
    while app.sql(&query).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "nobody has ended it");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(app.sql(&query)[0].get::<_, String>(0), "expiry");
    let consent = operator.get(&consent_of(&first)).expect(200).json();
    assert_eq!(consent["status"], "inactive");
    assert_eq!(consent["provision"]["period"]["end"], word(&first, "expires"), "it held as long as it said");
    let rows = audited(&app, "emergency-override-stop", "a", 1);
    assert!(rows.len() == 1 && rows[0].1.ends_with("by=expiry"), "{rows:?}");
    assert_eq!(
        app.sql("select 1 from audit where action = 'emergency-override-stop' and principal = 'server'").len(),
        1
    );
    assert_eq!(notices(&app, "a", "break-glass-ended").len(), 1);
    for open in [&second, &next] {
        assert_eq!(operator.get(&consent_of(open)).expect(200).json()["status"], "active");
    }
}
