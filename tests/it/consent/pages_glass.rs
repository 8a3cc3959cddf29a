//! The pages of broken glass: opening a record, being told, ending it, reviewing it; and the pages of compliance.

use serde_json::json;

use super::pages::{app, operator, signed_in, stored};
use crate::identity::browser::Browser;

const REASON: &str = "Unconscious after a fall from a ladder, nobody can be reached";

/// Returns a physician who has just shown a second factor, and the id of their record.
fn physician() -> (Browser, String) {
    let doctor = stored("Practitioner", "Ria", "Rescue");
    let browser = signed_in("physician", &format!("Practitioner/{doctor}"));
    app().sql(&format!("update account set totp = 'x' where fhir_user = 'Practitioner/{doctor}'"));
    app().sql(&format!(
        "update session set methods = '{{pwd,otp}}' where account = (select id from account where fhir_user = 'Practitioner/{doctor}')"
    ));
    (browser, doctor)
}

#[test]
fn glass_is_broken_told_ended_and_reviewed_on_pages() {
    let id = stored("Patient", "Nia", "Fall");
    operator()
        .post("Condition", &json!({"resourceType": "Condition", "subject": {"reference": format!("Patient/{id}")}, "code": {"text": "Migraine"}}))
        .expect(201);
    let mut patient = signed_in("patient", &format!("Patient/{id}"));
    let (mut doctor, _) = physician();
    doctor.get("/clinician/break-glass").expect(200).expect_words("The patient is told at once");
    let sent = [("patient", id.as_str()), ("code", "unconscious"), ("hours", "1")];
    doctor
        .submit("/clinician/break-glass", &[sent[0], sent[1], sent[2], ("reason", "too short")])
        .expect(422)
        .expect_words("20 characters");
    doctor
        .submit("/clinician/break-glass", &[("patient", "nobody"), sent[1], sent[2], ("reason", REASON)])
        .expect(422)
        .expect_words("no such patient");
    let record = format!("/clinician/patients/{id}");
    doctor.submit("/clinician/break-glass", &[sent[0], sent[1], sent[2], ("reason", REASON)]).expect_to(&record);
    doctor.get(&record).expect(200).expect_words("Nia Fall").expect_words("Emergency access");
    doctor.get(&format!("{record}/Condition")).expect(200).expect_words("Migraine");
    doctor.get(&format!("{record}/Account")).expect(404);
    doctor.get("/clinician").expect(200).expect_words("Records you opened in an emergency");

    let page = patient.get("/patient").expect(200).expect_words("Opened in an emergency").expect_words("Ria Rescue");
    assert!(!page.text.contains(REASON), "the reason is for those who review it");
    let at = page.text.find("name=\"grant\" value=\"").expect("a button that ends it") + 20;
    let grant = &page.text[at..at + page.text[at..].find('"').unwrap()];
    patient.submit("/patient/end-emergency", &[("grant", "other")]).expect(404);
    patient.get("/patient").expect(200);
    patient.submit("/patient/end-emergency", &[("grant", grant)]).expect_to("/patient/sharing?ended");
    patient.get("/patient").expect(200).expect_words("ended");
    assert!(!doctor.get("/clinician").expect(200).text.contains("Records you opened"), "nothing is open any more");

    let mut auditor = signed_in("system-auditor", "");
    let page = auditor.get("/admin/reviews").expect(200).expect_words("Ria Rescue");
    let task =
        operator().get(&format!("Task?patient=Patient/{id}&code=break-glass-review")).expect(200).resources().remove(0);
    let review = format!("/admin/reviews/{}", task["id"].as_str().unwrap());
    assert!(page.text.contains(&review), "{}", page.text);
    auditor.get(&review).expect(200).expect_words(REASON);
    auditor.submit(&review, &[("comment", "Called the ward")]).expect(422).expect_words("Choose what you found");
    auditor
        .submit(&review, &[("finding", "justified"), ("comment", "Called the ward")])
        .expect_to("/admin/reviews?done");
    auditor.get("/admin/reviews?done").expect(200).expect_words("justified");
    auditor.get("/admin/alerts").expect(200).expect_words("opened a record in an emergency");
}

#[test]
fn without_a_second_factor_there_is_no_form() {
    let doctor = stored("Practitioner", "Pia", "Plain");
    let mut browser = signed_in("physician", &format!("Practitioner/{doctor}"));
    let page = browser.get("/clinician/break-glass").expect(200).expect_words("You have none yet");
    assert!(!page.text.contains("<textarea"), "{}", page.text);
    let nurse = stored("Practitioner", "Nils", "Nurse");
    signed_in("nurse", &format!("Practitioner/{nurse}")).get("/clinician/break-glass").expect(403);
}

#[test]
fn compliance_searches_the_audit_and_checks_the_chain() {
    let id = stored("Patient", "Ola", "Audit");
    operator().get(&format!("Patient/{id}")).expect(200);
    let mut auditor = signed_in("system-auditor", "");
    let found = (0..100).any(|_| {
        let page = auditor.get(&format!("/admin/events?patient={id}&kind=read")).expect(200);
        let is_there = page.text.contains(&format!("patient {id}"));
        if !is_there {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        is_there
    });
    assert!(found, "a read is found by its patient");
    for (query, words) in [
        ("patient=a%20b", "no number of a record"),
        ("agent=Nobodyatall", "nobody of the staff"),
        ("from=yesterday", "year, month and day"),
    ] {
        let page = auditor.get(&format!("/admin/events?{query}")).expect(200);
        assert!(page.text.to_lowercase().contains(words), "{query}: {}", page.text);
    }
    auditor.get("/admin/chain").expect(200).expect_words("Whole:");
    auditor.get("/admin/chain?from=1").expect(200).expect_words("Whole:");
    auditor.get("/admin/chain?from=minus").expect(422);
    auditor.get("/admin/alerts").expect(200).expect_words("The audit is whole");
    auditor.get("/admin").expect_to("/admin/alerts");
}
