//! The authorize endpoint and its pages, as a browser meets them: from the app's link to the code that answers it.

use std::sync::OnceLock;

use medilink::account::secret;
use medilink::store::identity::hash;
use serde_json::{Value, json};
use uuid::Uuid;

use super::browser::{Browser, Page, unescaped};
use crate::app::TestApp;

pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const BACK: &str = "https://app.example/cb";
const PROBLEMS: &str =
    "patient/Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item";

/// Returns the secured server that the tests of apps share, with a few people, patients and apps.
pub fn hospital() -> &'static TestApp {
    static APP: OnceLock<TestApp> = OnceLock::new();
    APP.get_or_init(|| {
        let app = TestApp::builder().secured().start();
        let client = app.client_with("system/*.cruds");
        let visit = |patient: &str, day: &str| {
            json!({
                "resourceType": "Encounter", "status": "finished", "class": {"code": "AMB", "display": "Ambulatory"},
                "subject": {"reference": format!("Patient/{patient}")}, "period": {"start": day},
            })
        };
        for (path, mut resource) in [
            ("Patient/ann", patient("Ann", "Miller", "1970-01-31")),
            ("Patient/bob", patient("Bob", "Miller", "1980-05-05")),
            ("Practitioner/doc", json!({"resourceType": "Practitioner", "name": [{"family": "House"}]})),
            ("RelatedPerson/mum", json!({"resourceType": "RelatedPerson", "patient": {"reference": "Patient/bob"}})),
            ("Encounter/old", visit("ann", "2025-01-02")),
            ("Encounter/new", visit("ann", "2026-03-04")),
            ("Encounter/bobs", visit("bob", "2026-03-04")),
        ] {
            resource["id"] = path.split('/').nth(1).into();
            client.put(path, &resource).expect(201);
        }
        let all = "patient/*.cruds user/*.cruds openid fhirUser launch launch/patient launch/encounter offline_access \
                   online_access";
        add_client(
            &app,
            "app",
            json!({"redirect_uris": [BACK], "launch_uris": ["https://app.example/launch"], "scope": all}),
        );
        add_client(&app, "other", json!({"redirect_uris": [BACK], "scope": all}));
        add_client(&app, "few", json!({"redirect_uris": [BACK], "scope": "patient/Patient.r launch/patient"}));
        app
    })
}

fn patient(given: &str, family: &str, born: &str) -> Value {
    json!({"resourceType": "Patient", "name": [{"given": [given], "family": family}], "birthDate": born})
}

fn add_client(app: &TestApp, id: &str, more: Value) {
    let mut data = json!({"client_name": format!("The {id} app"), "token_endpoint_auth_method": "none"});
    for (name, value) in more.as_object().expect("an object") {
        data[name] = value.clone();
    }
    let sql = format!("insert into client (id, status, data, created, changed) values ('{id}', 2, '{data}', 0, 0)");
    app.sql(&sql);
}

/// Adds an account with a session, and returns its id and a browser that is signed in.
pub fn signed_in(app: &TestApp, role: &str, fhir_user: &str) -> (Uuid, Browser) {
    let (id, cookie) = (Uuid::new_v4(), secret());
    let digits: String = hash(&cookie).iter().map(|byte| format!("{byte:02x}")).collect();
    let now = "(extract(epoch from now()) * 1000000)::bigint";
    app.sql(&format!(
        "insert into account (id, login, name, status, roles, fhir_user, created)
         values ('{id}', '{id}', 'Some One', 2, '{{{role}}}', '{fhir_user}', 0)"
    ));
    app.sql(&format!(
        "insert into session (hash, account, auth_at, methods, created, seen, ends, device, address)
         values ('\\x{digits}', '{id}', {now}, '{{pwd,otp}}', {now}, {now}, {now} + 3600000000, '', '')"
    ));
    let mut browser = Browser::new(app);
    browser.cookies.insert("medilink".into(), cookie);
    (id, browser)
}

/// Returns the fields of a good request with some changed; `-` takes one away.
pub fn asked(app: &TestApp, changes: &[(&str, &str)]) -> String {
    let good = [
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", BACK),
        ("scope", "launch/patient patient/Patient.r patient/Condition.rs openid"),
        ("state", "s t/%+é"),
        ("aud", app.base()),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let is_changed = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
    let mut out = String::new();
    let pairs = good.iter().filter(|(name, _)| !is_changed(name)).chain(changes);
    for (name, value) in pairs.filter(|(_, value)| *value != "-") {
        out.push_str(if out.is_empty() { "" } else { "&" });
        out.push_str(name);
        out.push('=');
        medilink::rest::query::encode(&mut out, value);
    }
    out
}

/// Sends a request and goes on to the page that it leads to.
pub fn open(browser: &mut Browser, app: &TestApp, changes: &[(&str, &str)]) -> Page {
    let page = browser.get(&format!("/oauth/authorize?{}", asked(app, changes)));
    browser.follow(page)
}

/// Returns the parameters of the address that an app is answered at.
#[track_caller]
pub fn answer(page: &Page) -> Vec<(String, String)> {
    let to = page.location().unwrap_or_else(|| panic!("{}: {} {}", page.asked, page.status, page.text));
    assert_eq!(page.status, 303, "{}", page.asked);
    let query = to.strip_prefix(BACK).and_then(|rest| rest.strip_prefix('?')).unwrap_or_else(|| panic!("{to}"));
    medilink::rest::query::parse(query).expect("a query")
}

pub fn field<'a>(answer: &'a [(String, String)], name: &str) -> &'a str {
    answer.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
}

/// Returns what a code stands for, as it is kept.
pub fn allowed(app: &TestApp, code: &str) -> Value {
    let digits: String = hash(code).iter().map(|byte| format!("{byte:02x}")).collect();
    let rows = app.sql(&format!(
        "select g.data::text from authorization_code c join authorization_grant g on g.id = c.\"grant\"
         where c.hash = '\\x{digits}'"
    ));
    serde_json::from_str(rows[0].get(0)).expect("it is JSON")
}

/// Submits the consent page with these boxes ticked.
pub fn consent(browser: &mut Browser, page: &Page, decision: &str, scopes: &[&str]) -> Page {
    let request = page.hidden("request").expect("the page names its request");
    let mut fields = vec![("request", request.as_str()), ("decision", decision)];
    fields.extend(scopes.iter().map(|scope| ("scope", *scope)));
    browser.submit("/authorize", &fields)
}

#[test]
fn an_app_that_is_not_known_is_never_sent_an_answer() {
    let app = hospital();
    for changes in [
        &[("client_id", "nobody")][..],
        &[("client_id", "-")],
        &[("redirect_uri", "-")],
        &[("redirect_uri", "https://app.example/cb/")],
        &[("redirect_uri", "https://app.example/CB")],
        &[("redirect_uri", "https://app.example/cb?x=1")],
        &[("redirect_uri", "https://app.example/cb#x")],
        &[("redirect_uri", "https://app.example:444/cb")],
        &[("redirect_uri", BACK), ("redirect_uri", "https://evil.example")],
    ] {
        let page = Browser::new(app).get(&format!("/oauth/authorize?{}", asked(app, changes))).expect(400);
        assert_eq!((page.header("location"), page.header("access-control-allow-origin")), (None, None), "{changes:?}");
    }
}

#[test]
fn other_mistakes_are_told_to_the_app() {
    let app = hospital();
    for (changes, error) in [
        (&[("response_type", "token")][..], "unsupported_response_type"),
        (&[("code_challenge", "-")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("aud", "https://evil.example/fhir")], "invalid_request"),
        (&[("aud", "-")], "invalid_request"),
        (&[("scope", "launch patient/Patient.r")], "invalid_request"),
        (&[("scope", "launch patient/Patient.r"), ("launch", "unknown")], "invalid_request"),
        (&[("scope", "nonsense")], "invalid_scope"),
        (&[("client_id", "few"), ("scope", "patient/Condition.rs")], "invalid_scope"),
        (&[("prompt", "none")], "login_required"),
    ] {
        let answer = answer(&open(&mut Browser::new(app), app, changes));
        let told = (field(&answer, "error"), field(&answer, "state"), field(&answer, "iss"), field(&answer, "code"));
        assert_eq!(told, (error, "s t/%+é", app.base(), ""), "{changes:?}");
    }
    let answer = answer(&open(&mut Browser::new(app), app, &[("state", "-")]));
    assert_eq!((field(&answer, "error"), field(&answer, "state")), ("invalid_request", ""));
}

#[test]
fn a_request_waits_for_its_person_to_sign_in() {
    let app = hospital();
    let mut browser = Browser::new(app);
    // From the page of the app, without any cookie of ours.
    browser.origin = Some("https://app.example".into());
    let sent = asked(app, &[("login_hint", "ann")]);
    let fields = medilink::rest::query::parse(&sent).expect("a query");
    let fields: Vec<(&str, &str)> =
        [("csrf", "none")].into_iter().chain(fields.iter().map(|(n, v)| (n.as_str(), v.as_str()))).collect();
    let page = browser.submit("/oauth/authorize", &fields).expect(303);
    let to = page.location().expect("a redirect").to_string();
    let id = to.strip_prefix("/authorize?request=").expect("our page").to_string();
    browser.get(&to).expect_to(&format!("/login?next=/authorize%3Frequest%3D{id}&login=ann"));
    let (_, mut browser) = signed_in(app, "patient", "Patient/ann");
    browser.get(&to).expect(200).expect_words("Allow The app app?");
}

#[test]
fn a_patient_allows_what_they_leave_ticked() {
    let app = hospital();
    let (_, mut browser) = signed_in(app, "patient", "Patient/ann");
    let scope = "launch/patient patient/Patient.r patient/Condition.rs openid fhirUser offline_access";
    let changes = [("scope", scope), ("nonce", "n-1")];
    let page = open(&mut browser, app, &changes).expect(200).expect_words("Records about you");
    let page = page.expect_words("Your health problems and diagnoses").expect_words("Access while you are away");
    let page = page.expect_words("value=\"openid fhirUser\"").expect_words(PROBLEMS);
    let done =
        consent(&mut browser, &page, "allow", &["patient/Patient.r", PROBLEMS, "openid fhirUser", "user/*.cruds"]);
    let told = answer(&done);
    assert_eq!((field(&told, "state"), field(&told, "iss")), ("s t/%+é", app.base()));
    let kept = allowed(app, field(&told, "code"));
    assert_eq!(kept["scope"], format!("launch/patient patient/Patient.r {PROBLEMS} openid fhirUser"));
    assert_eq!((&kept["patient"], &kept["nonce"]), (&json!("ann"), &json!("n-1")));
    assert_eq!(kept["amr"], json!(["pwd", "otp"]));
    consent(&mut browser, &page, "allow", &["patient/Patient.r"]).expect(404);
}

#[test]
fn nobody_allows_in_the_name_of_another() {
    let app = hospital();
    let (_, mut ann) = signed_in(app, "patient", "Patient/ann");
    let (_, mut bob) = signed_in(app, "patient", "Patient/bob");
    let page = open(&mut ann, app, &[]).expect(200);
    let request = page.hidden("request").expect("the page names its request");
    let forged =
        [("request", request.as_str()), ("decision", "allow"), ("scope", "openid"), ("csrf", bob.csrf.as_str())];
    ann.submit("/authorize", &forged).expect(403);
    ann.origin = Some("https://evil.example".into());
    consent(&mut ann, &page, "allow", &["openid"]).expect(403);
    // Whose link it was does not matter: who answers decides about themselves.
    let page = bob.get(&format!("/authorize?request={request}")).expect(200);
    let told = answer(&consent(&mut bob, &page, "allow", &["patient/Patient.r"]));
    assert_eq!(allowed(app, field(&told, "code"))["patient"], "bob");
}

#[test]
fn saying_no_is_told_to_the_app_and_kept() {
    let app = hospital();
    let (id, mut browser) = signed_in(app, "patient", "Patient/ann");
    for (decision, boxes) in [("deny", &["patient/Patient.r"][..]), ("allow", &[])] {
        let page = open(&mut browser, app, &[]).expect(200);
        let told = answer(&consent(&mut browser, &page, decision, boxes));
        assert_eq!((field(&told, "error"), field(&told, "code")), ("access_denied", ""), "{decision}");
    }
    let refused =
        format!("select count(*) from audit where principal = '{id}' and action = 'authorize' and status = 403");
    // The queue of the audit is a moment behind.
    let began = std::time::Instant::now();
    while app.sql(&refused)[0].get::<_, i64>(0) < 2 {
        assert!(began.elapsed().as_secs() < 20, "the refusals are in the audit");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_clinician_picks_the_patient_and_the_visit() {
    let app = hospital();
    let (_, mut browser) = signed_in(app, "physician", "Practitioner/doc");
    let scope = "launch/patient launch/encounter patient/*.rs openid";
    let page = open(&mut browser, app, &[("scope", scope)]).expect(200).expect_words("Which patient?");
    let request = page.hidden("request").expect("the page names its request");
    let search = |browser: &mut Browser, words: &str| {
        let mut to = format!("/authorize/patient?request={request}&q=");
        medilink::rest::query::encode(&mut to, words);
        browser.get(&to).expect(200)
    };
    let both = search(&mut browser, "miller").expect_words("Ann Miller").expect_words("born 1980-05-05");
    assert!(both.text.contains("value=\"ann\"") && both.text.contains("value=\"bob\""));
    let one = search(&mut browser, "Miller 1970-01-31").expect_words("Ann Miller");
    assert!(!one.text.contains("value=\"bob\""));
    search(&mut browser, "Zz").expect_words("Nobody was found");
    search(&mut browser, "a|b|c 1970-99-99").expect_words("cannot be searched for");
    let request = request.as_str();
    browser.submit("/authorize/patient", &[("request", request), ("patient", "nobody")]).expect(404);
    let page = browser.submit("/authorize/patient", &[("request", request), ("patient", "ann")]).expect(303);
    let page = browser.follow(page).expect_words("Which visit?");
    let (new, old) = (page.text.find("value=\"new\""), page.text.find("value=\"old\""));
    assert!(new < old && new.is_some() && !page.text.contains("value=\"bobs\""), "{}", page.text);
    browser.submit("/authorize/encounter", &[("request", request), ("encounter", "bobs")]).expect(404);
    let page = browser.submit("/authorize/encounter", &[("request", request), ("encounter", "new")]).expect(303);
    let page = browser.follow(page).expect(200).expect_words("Ann Miller, born 1970-01-31").expect_words("2026-03-04");
    let all: Vec<String> = boxes(&page);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    assert!(all.len() > 30, "a box for each kind of record");
    let told = answer(&consent(&mut browser.clone(), &page, "allow", &all));
    let kept = allowed(app, field(&told, "code"));
    assert_eq!(kept["scope"], scope);
    assert_eq!((&kept["patient"], &kept["encounter"]), (&json!("ann"), &json!("new")));
}

#[test]
fn a_related_person_asks_for_their_patient_alone() {
    let app = hospital();
    let (_, mut browser) = signed_in(app, "related-person", "RelatedPerson/mum");
    let page = open(&mut browser, app, &[]).expect(200).expect_words("Records about Bob Miller");
    let told = answer(&consent(&mut browser, &page, "allow", &["patient/Patient.r"]));
    assert_eq!(allowed(app, field(&told, "code"))["patient"], "bob");
}

/// Returns the values of the boxes that are ticked at first.
fn boxes(page: &Page) -> Vec<String> {
    let inputs = page.text.split("<input ").filter(|input| input.contains("type=\"checkbox\""));
    let ticked = inputs.filter(|input| input.split('>').next().is_some_and(|input| input.contains(" checked")));
    ticked.filter_map(|input| input.split("value=\"").nth(1)?.split('"').next().map(unescaped)).collect()
}

#[test]
fn an_app_that_wants_a_fresh_sign_in_gets_one() {
    let app = hospital();
    let (id, mut browser) = signed_in(app, "patient", "Patient/ann");
    app.sql(&format!("update session set auth_at = auth_at - 600000000 where account = '{id}'"));
    for changes in [[("prompt", "login")], [("max_age", "60")]] {
        let page = browser.get(&format!("/oauth/authorize?{}", asked(app, &changes))).expect(303);
        let to = page.location().expect("a redirect").to_string();
        let page = browser.get(&to).expect(303);
        assert!(
            page.location().is_some_and(|to| to.starts_with("/step-up?next=/authorize%3Frequest%3D")),
            "{changes:?}"
        );
    }
    let answer = answer(&open(&mut browser, app, &[("max_age", "60"), ("prompt", "none")]));
    assert_eq!(field(&answer, "error"), "login_required");
}

#[test]
fn an_app_without_pages_goes_on_only_with_what_was_allowed() {
    let app = hospital();
    let (_, mut browser) = signed_in(app, "patient", "Patient/ann");
    let quiet = [("prompt", "none")];
    assert_eq!(field(&answer(&open(&mut browser, app, &quiet)), "error"), "interaction_required");
    let page = open(&mut browser, app, &[]).expect(200);
    answer(&consent(&mut browser, &page, "allow", &["patient/Patient.r", "patient/Condition.rs", "openid"]));
    let told = answer(&open(&mut browser, app, &quiet));
    assert_eq!(allowed(app, field(&told, "code"))["patient"], "ann");
    let more = [("prompt", "none"), ("scope", "launch/patient patient/*.rs openid")];
    assert_eq!(field(&answer(&open(&mut browser, app, &more)), "error"), "interaction_required");
}
