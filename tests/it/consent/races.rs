//! Many at once: one answer, and no more requests than the limit.

use serde_json::json;

use super::{Somebody, app, ask, asked, call, wanted};
use crate::races::together;

/// emergency.md 7, case 13: a double grant.
#[test]
fn of_many_answers_at_once_one_counts() {
    let app = app();
    let (doctor, patient) = (Somebody::physician(app), Somebody::patient(app));
    for _ in 0..3 {
        let id = asked(&doctor, &patient);
        let client = patient.client();
        let mut answers = together(8, |i| {
            let operation = if i % 2 == 0 { "grant" } else { "deny" };
            call(&client, &id, operation, json!([])).status
        });
        answers.sort_unstable();
        assert_eq!(answers, [200, 409, 409, 409, 409, 409, 409, 409]);
        let versions = app.sql(&format!("select version from resource where id = '{id}'"));
        assert_eq!(versions[0].get::<_, i32>(0), 2);
    }
}

#[test]
fn a_person_asks_twenty_times_a_day_and_one_patient_once() {
    const MANY: usize = 26;
    let app = app();
    let doctor = Somebody::physician(app);
    let patient = json!({"resourceType": "Patient"});
    let ids: Vec<String> = (0..MANY).map(|_| super::keeper(app).post("Patient", &patient).expect(201).id()).collect();
    let list = |id: &str| {
        let mut list = wanted(&doctor);
        list[0]["valueReference"]["reference"] = format!("Patient/{id}").into();
        list
    };
    let client = doctor.client();
    let same = together(6, |_| ask(&client, list(&ids[0])).status);
    assert_eq!(same.iter().filter(|status| **status == 201).count(), 1, "{same:?}");
    assert_eq!(same.iter().filter(|status| **status == 409).count(), 5, "{same:?}");

    let answers = together(MANY - 1, |i| ask(&client, list(&ids[i + 1])));
    let given = answers.iter().filter(|answer| answer.status == 201).count();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!((given, refused.len()), (19, MANY - 20));
    for answer in refused {
        let seconds: u32 = answer.header("retry-after").expect("when to try again").parse().expect("seconds");
        assert!((86_000..=86_401).contains(&seconds), "{seconds}");
        answer.expect_issue("throttled");
    }
    let asked = format!("Consent?actor={}&status=proposed&_summary=count", doctor.record);
    assert_eq!(super::keeper(app).get(&asked).expect(200).json()["total"], 20);
}
