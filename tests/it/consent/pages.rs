//! The pages on which consent is asked for, given, refused and taken back.

use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::Client;
use crate::identity::browser::{Browser, Page, add_person};

pub const PASSWORD: &str = "correct horse battery";

/// Returns the server of these tests: each uses people of its own.
pub fn app() -> &'static TestApp {
    static APP: OnceLock<TestApp> = OnceLock::new();
    APP.get_or_init(|| TestApp::builder().secured().start())
}

pub fn operator() -> Client {
    app().client_with("system/*.cruds")
}

/// Returns the browser of a new person, signed in a moment ago.
pub fn signed_in(role: &str, fhir_user: &str) -> Browser {
    let login = format!("u{}", uuid::Uuid::new_v4().simple());
    let more: &[&str] = if fhir_user.is_empty() { &[] } else { &["--fhir-user", fhir_user] };
    add_person(app(), &login, PASSWORD, role, more);
    let mut browser = Browser::new(app());
    browser.sign_in(&login, PASSWORD).expect_to("/home");
    browser
}

/// Stores somebody with this name; returns the id.
pub fn stored(kind: &str, given: &str, family: &str) -> String {
    let id = format!("x{}", uuid::Uuid::new_v4().simple());
    let resource =
        json!({"resourceType": kind, "id": id, "active": true, "name": [{"given": [given], "family": family}]});
    operator().put(&format!("{kind}/{id}"), &resource).expect(201);
    id
}

/// Returns a day this many days from now, as a form has it.
fn day(days: i64) -> String {
    let at = medilink::fhir::Instant(medilink::fhir::Instant::now().0 + days * 86_400_000_000);
    at.to_string().chars().take(10).collect()
}

fn consents(patient: &str) -> Vec<Value> {
    operator().get(&format!("Consent?patient=Patient/{patient}&_sort=_lastUpdated")).expect(200).resources()
}

/// Returns the address of the first link on a page that begins so.
fn link(page: &Page, begins: &str) -> String {
    let at = page.text.find(&format!("href=\"{begins}")).unwrap_or_else(|| panic!("no {begins} in {}", page.text));
    let rest = &page.text[at + 6..];
    rest[..rest.find('"').expect("an end")].to_string()
}

#[test]
fn people_begin_where_their_work_is() {
    let patient = stored("Patient", "Ida", "Home");
    let doctor = stored("Practitioner", "Mei", "Home");
    for (role, record, home, words) in [
        ("patient", format!("Patient/{patient}"), "/patient", "My health record"),
        ("physician", format!("Practitioner/{doctor}"), "/clinician", "My patients"),
        ("system-auditor", String::new(), "/admin/alerts", "Alerts"),
        ("facility-admin", String::new(), "/admin/accounts", "People"),
        ("insurer-auditor", String::new(), "/account", "My account"),
    ] {
        let mut browser = signed_in(role, &record);
        browser.get("/home").expect_to(home);
        browser.get(home).expect(200).expect_words(words);
    }
    Browser::new(app()).get("/patient").expect_to("/login?next=/patient");
}

#[test]
fn pages_are_for_those_whom_they_are_about() {
    let (patient, doctor) = (stored("Patient", "Una", "Own"), stored("Practitioner", "Bo", "Own"));
    let mut patient = signed_in("patient", &format!("Patient/{patient}"));
    let mut doctor = signed_in("physician", &format!("Practitioner/{doctor}"));
    let mut auditor = signed_in("system-auditor", "");
    for path in ["/patient", "/patient/sharing", "/patient/requests", "/patient/inbox", "/patient/log"] {
        patient.get(path).expect(200);
        doctor.get(path).expect(403);
        auditor.get(path).expect(403);
    }
    for path in ["/clinician", "/clinician/patients", "/clinician/requests", "/clinician/inbox", "/clinician/ask"] {
        doctor.get(path).expect(200);
        patient.get(path).expect(403);
        auditor.get(path).expect(403);
    }
    for path in ["/admin/alerts", "/admin/reviews", "/admin/chain", "/admin/events"] {
        auditor.get(path).expect(200);
        patient.get(path).expect(403);
        doctor.get(path).expect(403);
    }
}

#[test]
fn a_patient_shares_with_a_person_and_stops() {
    let (id, doctor) = (stored("Patient", "Ada", "Share"), stored("Practitioner", "Grace", "Zebrafinch"));
    let mut browser = signed_in("patient", &format!("Patient/{id}"));
    let found = browser.get("/patient/sharing/new?deed=share&q=zebraf").expect(200).expect_words("Grace Zebrafinch");
    let form = link(&found, "/patient/sharing/new?deed=share&amp;with=").replace("&amp;", "&");
    browser.get(&form).expect(200).expect_words("Share with Grace Zebrafinch");
    let with = format!("Practitioner/{doctor}");
    let fields = [("deed", "share"), ("with", with.as_str())];
    let until = day(30);
    let sent = |more: &[(&'static str, &str)]| -> Vec<(String, String)> {
        fields.iter().chain(more).map(|(n, v)| (n.to_string(), v.to_string())).collect()
    };
    let submit = |browser: &mut Browser, all: Vec<(String, String)>| {
        let all: Vec<(&str, &str)> = all.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        browser.submit("/patient/sharing/new", &all)
    };
    let late = day(400);
    submit(&mut browser, sent(&[("until", &until)])).expect(422).expect_words("Tick at least one");
    submit(&mut browser, sent(&[("class", "labs")])).expect(422).expect_words("until when");
    submit(&mut browser, sent(&[("class", "labs"), ("until", "soon")])).expect(422).expect_words("2026-01-31");
    submit(&mut browser, sent(&[("class", "labs"), ("until", &late)])).expect(422).expect_words("within the next year");
    assert!(consents(&id).is_empty());
    submit(&mut browser, sent(&[("class", "labs"), ("class", "allergies"), ("until", &until)]))
        .expect_to("/patient/sharing?shared");

    let page = browser.get("/patient/sharing?shared").expect(200).expect_words("Grace Zebrafinch");
    let page = page.expect_words("laboratory results, allergies").expect_words("You share this now.");
    assert!(!page.text.contains("Practitioner/"), "no reference is shown: {}", page.text);
    let consent = consents(&id).remove(0);
    assert_eq!((&consent["status"], &consent["provision"]["type"]), (&json!("active"), &json!("permit")));
    assert_eq!(consent["provision"]["actor"][0]["reference"]["reference"], json!(with));
    browser.get("/patient").expect(200).expect_words("1 may see something");

    let end = format!("/patient/sharing/{}/end", consent["id"].as_str().unwrap());
    browser.submit(&end, &[("csrf", "0")]).expect(403);
    browser.get("/patient/sharing").expect(200);
    browser.submit(&end, &[]).expect_to("/patient/sharing?ended");
    assert_eq!(consents(&id)[0]["status"], "inactive");
    browser.get("/patient/sharing").expect(200).expect_words("What has ended");
}

#[test]
fn a_patient_refuses_somebody() {
    let (id, doctor) = (stored("Patient", "Ada", "Refuse"), stored("Practitioner", "Max", "Nosy"));
    let mut browser = signed_in("patient", &format!("Patient/{id}"));
    let with = format!("Practitioner/{doctor}");
    browser.get(&format!("/patient/sharing/new?deed=refuse&with={with}")).expect(200).expect_words("Refuse Max Nosy");
    browser
        .submit("/patient/sharing/new", &[("deed", "refuse"), ("with", &with), ("class", "all")])
        .expect_to("/patient/sharing?refused");
    let consent = consents(&id).remove(0);
    assert_eq!(consent["provision"]["type"], "deny");
    browser.get("/patient/sharing").expect(200).expect_words("Max Nosy").expect_words("Must not see: the whole record");
    for with in ["Practitioner/nobody", "Patient/x", "http://other.example/Practitioner/1", "x"] {
        browser.get(&format!("/patient/sharing/new?deed=share&with={with}")).expect(404);
    }
}

#[test]
fn a_clinician_asks_and_the_patient_answers_with_less() {
    let (id, doctor) = (stored("Patient", "Eva", "Answer"), stored("Practitioner", "Ines", "Asker"));
    let mut clinician = signed_in("physician", &format!("Practitioner/{doctor}"));
    let mut patient = signed_in("patient", &format!("Patient/{id}"));
    clinician.get(&format!("/clinician/ask?patient={id}")).expect(200).expect_words("Laboratory results");
    let until = day(30);
    let ask = [("patient", id.as_str()), ("purpose", "TREAT"), ("class", "labs"), ("class", "meds"), ("until", &until)];
    clinician.submit("/clinician/ask", &ask[..4]).expect(422).expect_words("Choose until when");
    clinician.submit("/clinician/ask", &[ask[0], ask[1], ask[4]]).expect(422).expect_words("Tick at least one");
    clinician.submit("/clinician/ask", &[("patient", "no such id!"), ask[1], ask[2], ask[4]]).expect(422);
    let noted = [ask[0], ask[1], ask[2], ask[3], ask[4], ("note", "Before your operation")];
    clinician.submit("/clinician/ask", &noted).expect_to("/clinician?asked");
    clinician.submit("/clinician/ask", &ask).expect(409);
    clinician.get("/clinician/requests").expect(200).expect_words("waiting");

    let page = patient.get("/patient").expect(200).expect_words("Ines Asker asks to see your record");
    let form = link(&page, "/patient/requests/");
    let page = patient.get(&form).expect(200).expect_words("Before your operation").expect_words("To treat you");
    let version = page.hidden("version").expect("the version that is shown");
    let answer = [("decision", "grant"), ("version", version.as_str()), ("until", until.as_str())];
    patient.submit(&form, &answer).expect(422).expect_words("Tick at least one");
    let soon = day(3);
    let wrong = [answer[0], answer[1], ("class", "labs"), ("until", soon.as_str()), ("code", "000000")];
    let again = patient.submit(&form, &wrong);
    assert!((400..500).contains(&again.status), "a wrong code is no proof: {}", again.status);
    assert!(
        again.text.contains("value=\"labs\" checked") && !again.text.contains("value=\"meds\" checked"),
        "{}",
        again.text
    );
    assert!(again.text.contains(&format!("value=\"{soon}\"")), "{}", again.text);
    patient
        .submit(&form, &[answer[0], answer[1], ("class", "labs"), ("until", &day(5))])
        .expect_to("/patient/requests?granted");
    let consent = consents(&id).remove(0);
    assert_eq!(consent["status"], "active");
    assert!(!consent.to_string().contains("MedicationRequest"), "medicines were taken away: {consent}");
    patient.get(&form).expect(404);
    clinician.get("/clinician/requests").expect(200).expect_words("allowed");
    patient.get("/patient/sharing").expect(200).expect_words("Ines Asker").expect_words("laboratory results");
    patient.get("/patient/inbox").expect(200).expect_words("asks to see");
}

#[test]
fn a_request_is_refused_without_a_word() {
    let (id, doctor) = (stored("Patient", "Eva", "Deny"), stored("Practitioner", "Ole", "Denied"));
    let mut clinician = signed_in("nurse", &format!("Practitioner/{doctor}"));
    let mut patient = signed_in("patient", &format!("Patient/{id}"));
    clinician.get("/clinician/ask").expect(200);
    let until = day(30);
    let ask = [("patient", id.as_str()), ("purpose", "CAREMGT"), ("class", "all"), ("until", &until)];
    clinician.submit("/clinician/ask", &ask).expect_to("/clinician?asked");
    let form = link(&patient.get("/patient/requests").expect(200), "/patient/requests/");
    patient.get(&form).expect(200);
    patient.submit(&form, &[("decision", "maybe")]).expect(400);
    patient.submit(&form, &[("decision", "deny")]).expect_to("/patient/requests?denied");
    assert_eq!(consents(&id)[0]["status"], "rejected");
    clinician.get("/clinician/requests").expect(200).expect_words("not allowed");
    // Somebody else's request is nobody's business.
    let mut other = signed_in("patient", &format!("Patient/{}", stored("Patient", "Udo", "Other")));
    other.get(&form).expect(404);
}

#[test]
fn a_patient_reads_who_looked() {
    let (id, doctor) = (stored("Patient", "Lea", "Log"), stored("Practitioner", "Tom", "Looker"));
    let mut patient = signed_in("patient", &format!("Patient/{id}"));
    let reader = app().client().with_token(&app().forged(|claims| {
        claims.fhir_user = Some(format!("Practitioner/{doctor}"));
        claims.roles = vec!["physician".to_string()];
        claims.scope = "user/*.rs".to_string();
    }));
    reader.get(&format!("Patient/{id}")).expect(200);
    let seen = (0..100).any(|_| {
        let page = patient.get("/patient/log").expect(200);
        let is_there = page.text.contains("Tom Looker");
        if !is_there {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        is_there
    });
    assert!(seen, "the log names who read the record");
    patient.get("/patient/log?after=nonsense").expect(200);
}

#[test]
fn what_a_patient_looked_at_is_told_when_it_is_wanted() {
    let id = stored("Patient", "Rut", "Self");
    let mut patient = signed_in("patient", &format!("Patient/{id}"));
    patient.get("/patient").expect(200);
    let told = |patient: &mut Browser, path: &str| patient.get(path).expect(200).text.contains("<strong>You</strong>");
    let is_told = (0..100).any(|_| {
        let is_told = told(&mut patient, "/patient/log?own=yes");
        if !is_told {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        is_told
    });
    assert!(is_told, "the patient's own looks are there");
    assert!(!told(&mut patient, "/patient/log"), "and left out at first");
}
