//! The pages of the card: that of the patient, and that which the code leads to.

use super::{app, opened, scan, somebody};
use crate::app::TestApp;
use crate::identity::browser::{Browser, add_person, unescaped};

const PASSWORD: &str = "correct horse battery";
const PLACE: &str = "/patient/card";

/// Returns the browser of a new person, signed in.
pub fn signed_in(app: &TestApp, role: &str, fhir_user: &str) -> Browser {
    let login = format!("u{}", uuid::Uuid::new_v4().simple());
    add_person(app, &login, PASSWORD, role, &["--fhir-user", fhir_user]);
    let mut browser = Browser::new(app);
    browser.sign_in(&login, PASSWORD).expect_to("/home");
    browser
}

/// Returns the address on a page that the card's code holds.
fn address(page: &str) -> String {
    let text = unescaped(page);
    let from = text.find("http://").into_iter().chain(text.match_indices("http://").map(|it| it.0));
    let at =
        from.into_iter().find(|at| text[*at..].contains("/emergency/view#") && !text[*at..].starts_with("http://www"));
    let rest = &text[at.expect("an address")..];
    rest[..rest.find('<').expect("an end")].to_string()
}

fn card_at(address: &str) -> super::Card {
    use base64::Engine;
    let link = address.split_once("#shlink:/").expect("a link").1;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(link).expect("base64url");
    let payload: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
    let text = |name: &str| payload[name].as_str().expect("a text").to_string();
    let (url, key, viewer) = (text("url"), text("key"), address.to_string());
    super::Card { url, key, payload, viewer, nfc: Vec::new(), qr: String::new() }
}

#[test]
fn a_patient_makes_prints_renews_and_revokes_a_card() {
    let (app, id) = (app(), somebody(app()));
    let mut browser = signed_in(app, "patient", &format!("Patient/{id}"));
    browser.get("/account").expect(200).expect_words("Emergency card");
    browser.get(PLACE).expect(200).expect_words("Make my card");
    browser.submit(PLACE, &[("action", "make")]).expect_to("/patient/card?make");
    let page = browser.get("/patient/card?make").expect(200).expect_words("Amina Lind").expect_words("Born 1970-01-31");
    assert!(page.text.contains("<svg") && page.text.contains("bank-card"), "{}", page.text);
    let first = card_at(&address(&page.text));
    assert!(opened(&first.key, &scan(app, &first, "x").expect(200).text()).is_some());
    let tag = browser.get("/patient/card/tag").expect(200);
    assert!(tag.text.contains(first.viewer.split_once("://").unwrap().1), "the tag leads to the same");

    browser.submit(PLACE, &[("action", "renew")]).expect_to("/patient/card?make");
    let second = card_at(&address(&browser.get(PLACE).expect(200).text));
    scan(app, &first, "x").expect(404);
    scan(app, &second, "x").expect(200);
    browser.submit(PLACE, &[("action", "revoke")]).expect_to("/patient/card?revoke");
    scan(app, &second, "x").expect(404);
    browser.get("/patient/card/tag").expect(404);
    browser.get("/patient/card?revoke").expect(200).expect_words("Make my card");
}

#[test]
fn a_patient_says_what_is_shown() {
    let (app, id) = (app(), somebody(app()));
    let mut browser = signed_in(app, "patient", &format!("Patient/{id}"));
    browser.get(PLACE).expect(200);
    browser
        .submit(PLACE, &[("action", "topics"), ("topic", "hiv"), ("topic", "genetics")])
        .expect_to("/patient/card?topics");
    let page = browser.get(PLACE).expect(200);
    assert_eq!(page.text.matches(" checked").count(), 2, "{}", page.text);
    browser.submit(PLACE, &[("action", "opt-out")]).expect_to("/patient/card?opt-out");
    browser.get(PLACE).expect(200).expect_words("nothing is shown in an emergency");
    super::physician(app).get(&format!("Patient/{id}/$emergency")).expect(403);
    browser.submit(PLACE, &[("action", "opt-in")]).expect_to("/patient/card?opt-in");
    super::physician(app).get(&format!("Patient/{id}/$emergency")).expect(200);
    browser.get(PLACE).expect(200);
    browser.submit(PLACE, &[("action", "share"), ("passcode", "short")]).expect(400).expect_words("6 to 64 characters");
    browser.submit(PLACE, &[("action", "share"), ("passcode", "long enough")]).expect_to("/patient/card?share");
    let page = browser.get(PLACE).expect(200);
    assert_eq!(card_at(&address(&page.text)).payload["flag"], "P");
    assert!(!page.text.contains("long enough"), "a passcode is not told again");
}

#[test]
fn the_page_of_cards_is_for_patients_who_are_signed_in() {
    let app = app();
    let mut stranger = Browser::new(app);
    stranger.get(PLACE).expect_to("/login?next=/patient/card");
    let mut nurse = signed_in(app, "nurse", "Practitioner/nora");
    nurse.get(PLACE).expect(403);
    assert!(!nurse.get("/account").expect(200).text.contains(PLACE));
    let id = somebody(app);
    let mut patient = signed_in(app, "patient", &format!("Patient/{id}"));
    patient.get(PLACE).expect(200);
    patient.submit(PLACE, &[("action", "make"), ("csrf", "stolen")]).expect(403);
    patient.submit(PLACE, &[]).expect(400);
}

#[test]
fn a_factor_shown_lately_makes_a_card_and_none_is_needed_to_revoke_it() {
    let (app, id) = (app(), somebody(app()));
    let mut browser = signed_in(app, "patient", &format!("Patient/{id}"));
    browser.get(PLACE).expect(200);
    browser.submit(PLACE, &[("action", "make")]).expect_to("/patient/card?make");
    let user = format!("Patient/{id}");
    app.sql(&format!(
        "update session set auth_at = auth_at - 3600000000 where account in (select id from account where fhir_user = '{user}')"
    ));
    browser.get(PLACE).expect(200);
    browser.submit(PLACE, &[("action", "renew")]).expect_to("/step-up?next=/patient/card");
    browser.submit(PLACE, &[("action", "revoke")]).expect_to("/patient/card?revoke");
}

#[test]
fn the_viewer_needs_nobody_and_loads_nothing_from_elsewhere() {
    let app = app();
    let page = Browser::new(app).get("/emergency/view").expect(200);
    assert!(page.header("set-cookie").is_none());
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("script-src 'self'") && policy.contains("connect-src 'self'"), "{policy}");
    assert!(page.text.contains("<noscript>") && page.text.contains("112"), "{}", page.text);
    assert!(!page.text.contains("http://") && !page.text.contains("https://"), "{}", page.text);
    for (asset, kind) in [("emergency.js", "text/javascript"), ("emergency.css", "text/css"), ("card.css", "text/css")]
    {
        let answer = app.client().get(&format!("/assets/{asset}")).expect(200);
        assert!(answer.header("content-type").is_some_and(|told| told.starts_with(kind)), "{asset}");
    }
    let script = app.client().get("/assets/emergency.js").expect(200).text();
    assert!(!script.contains("innerHTML") && !script.contains("eval("), "what a record says is never read as code");
}
