//! What the clock makes of Consents, while the server runs or was away.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Somebody, asked, call, codes, day, keeper, located, only};
use crate::app::TestApp;

#[track_caller]
fn becomes(app: &TestApp, id: &str, status: &str) -> Value {
    let began = Instant::now();
    loop {
        let consent = keeper(app).get(&format!("Consent/{id}")).expect(200).json();
        if consent["status"] == status {
            return consent;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "not {status}: {consent}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn active(patient: &Somebody, end: &str) -> Value {
    json!({"resourceType": "Consent", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": patient.record},
        "policy": [{"uri": "http://policy.example"}],
        "provision": {"type": "permit", "period": {"end": end}}})
}

#[test]
fn requests_lapse_permissions_end_and_patients_are_told_of_papers() {
    let app = TestApp::builder().secured().start();
    let (doctor, patient) = (Somebody::physician(&app), Somebody::patient(&app));
    let old = asked(&doctor, &patient);
    let granted = asked(&Somebody::physician(&app), &patient);
    call(&patient.client(), &granted, "grant", json!([])).expect(200);
    let young = asked(&Somebody::physician(&app), &patient);
    let over = keeper(&app).post("Consent", &active(&patient, &day(-1))).expect(201).id();
    let tagged = keeper(&app).post("Consent", &active(&patient, &day(-1))).expect(201).id();
    app.sql(&format!(
        "update resource set content = jsonb_set(content::jsonb, '{{meta,tag}}', '[{{\"code\": \"break-glass\"}}]')::json
         where id = '{tagged}'"
    ));
    let an_hour_more = 73_i64 * 3_600 * 1_000_000;
    app.sql(&format!("update resource set updated = updated - {an_hour_more} where id in ('{old}', '{granted}')"));
    let reception = Somebody::new(&app, "receptionist", &json!({"resourceType": "Practitioner"}), &[]);
    let mut paper = active(&patient, &day(30));
    paper["sourceAttachment"] = json!({"contentType": "application/pdf", "data": "JVBERg=="});
    let paper = located(&reception.client().post("Consent", &paper).expect(201));

    app.restart();
    becomes(&app, &old, "rejected");
    let task = only(&keeper(&app), &format!("Task?focus=Consent/{old}"));
    assert_eq!((&task["status"], &task["statusReason"]["text"]), (&json!("failed"), &json!("not answered in time")));
    let ended = becomes(&app, &over, "inactive");
    assert_eq!(
        ended["provision"]["period"]["end"].as_str().map(|end| end[..10].to_string()),
        Some(day(-1)[..10].into())
    );
    for (id, status) in [(&young, "proposed"), (&granted, "active"), (&tagged, "active"), (&paper, "active")] {
        becomes(&app, id, status);
    }
    let began = Instant::now();
    while !codes(&app, &patient.record).contains(&"consent-recorded".to_string()) {
        assert!(began.elapsed() < Duration::from_secs(30), "the patient is not told of the paper");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(app.sql("select consent from consent_paper").len(), 0);
    assert!(codes(&app, &doctor.record).contains(&"consent-expired".to_string()));
    let by = app.sql("select distinct principal from audit where action = 'consent-expire'");
    let by: Vec<String> = by.iter().map(|row| row.get(0)).collect();
    assert_eq!(by, ["server"]);
}
