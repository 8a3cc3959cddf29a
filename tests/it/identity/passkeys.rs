//! Passkeys, driven over HTTP by a software authenticator.

use serde_json::{Value, json};

use super::authenticator::{Authenticator, Use, VERIFIED, text};
use super::browser::{Browser, add_person};
use super::person::{Person, audited, grow_stale, person, says, send, stranger};
use crate::app::TestApp;

/// A server that its browsers know as localhost, whatever its port.
fn app() -> TestApp {
    TestApp::builder().secured().set("base-url", "http://localhost/fhir").start()
}

fn at_home(mut browser: Browser) -> Browser {
    browser.origin = Some("http://localhost".to_string());
    browser
}

fn owner(app: &TestApp, login: &str) -> Person {
    let mut owner = person(app, login);
    owner.browser.get("/account/passkeys").expect(200);
    owner.browser.origin = Some("http://localhost".to_string());
    owner
}

/// Adds a passkey for a person.
#[track_caller]
fn add(app: &TestApp, owner: &mut Person, name: &str) -> Authenticator {
    let (status, options) = send(app, &mut owner.browser, "/account/passkeys/begin", &json!({"name": name}));
    assert_eq!(status, 200, "{options}");
    let (key, credential) = Authenticator::make(&options, "http://localhost", VERIFIED);
    let body = json!({"state": options["state"], "credential": credential});
    let (status, told) = send(app, &mut owner.browser, "/account/passkeys/add", &body);
    assert_eq!((status, &told["next"]), (200, &json!("/account/passkeys?added")), "{told}");
    key
}

/// Asks for a challenge and answers it.
fn use_key(app: &TestApp, browser: &mut Browser, key: &Authenticator, how: &Use) -> (u16, Value) {
    let (status, options) = send(app, browser, "/passkey/begin", &json!({}));
    assert_eq!(status, 200, "{options}");
    let body = json!({"state": options["state"], "credential": key.answer(&options, how), "next": "/account/apps"});
    send(app, browser, "/passkey/use", &body)
}

#[test]
fn a_passkey_is_added_shown_and_signs_in() {
    let app = app();
    let mut owner = owner(&app, "ada");
    let key = add(&app, &mut owner, "My phone");
    let page = owner.browser.get("/account/passkeys?added").expect(200);
    says(&page, "My phone");
    says(&page, "The passkey was added.");
    let (status, options) = send(&app, &mut owner.browser, "/account/passkeys/begin", &json!({"name": "again"}));
    assert_eq!(status, 200);
    assert_eq!(options["publicKey"]["excludeCredentials"][0]["id"], json!(key.name()), "{options}");
    let selection = &options["publicKey"]["authenticatorSelection"];
    assert_eq!((&selection["residentKey"], &selection["userVerification"]), (&json!("preferred"), &json!("required")));

    let mut browser = at_home(stranger(&app));
    let (status, told) = use_key(&app, &mut browser, &key, &Use::good(1));
    assert_eq!((status, &told["next"]), (200, &json!("/account/apps")), "{told}");
    says(&browser.get("/account/passkeys").expect(200), "last used on");
    let rows = app.sql(&format!("select methods from session where account = '{}' order by created desc", owner.id));
    assert_eq!(rows[0].get::<_, Vec<String>>(0), ["hwk", "user", "mfa"]);
    assert!(audited(&app, "sign-in")[0].1.starts_with("factors: hwk user mfa"));
    assert_eq!(audited(&app, "passkey"), [(201, "added".to_string())]);
}

#[test]
fn a_use_that_is_not_right_in_every_part_is_refused() {
    let app = app();
    let (mut owner, mut other) = (owner(&app, "ada"), self::owner(&app, "bob"));
    let key = add(&app, &mut owner, "key");
    let others = add(&app, &mut other, "key");
    let mut browser = at_home(stranger(&app));
    assert_eq!(use_key(&app, &mut browser.clone(), &key, &Use::good(5)).0, 200);
    let good = Use::good(6);
    let bob = text(uuid::Uuid::parse_str(&other.id).expect("an id").as_bytes());
    let cases: Vec<(&str, Use)> = vec![
        ("another kind", Use { kind: "webauthn.create", ..good.clone() }),
        ("another origin", Use { origin: "http://localhost.evil.example", ..good.clone() }),
        ("another port", Use { origin: "http://localhost:81", ..good.clone() }),
        ("another host", Use { host: "evil.example", ..good.clone() }),
        ("owner not verified", Use { flags: 1, ..good.clone() }),
        ("owner not present", Use { flags: VERIFIED, ..good.clone() }),
        ("another challenge", Use { challenge: Some(text(&[7; 32])), ..good.clone() }),
        ("the counter stands still", Use { counter: 5, ..good.clone() }),
        ("the counter goes back", Use { counter: 4, ..good.clone() }),
        ("the counter is gone", Use { counter: 0, ..good.clone() }),
        ("another owner", Use { user: Some(json!(bob)), ..good.clone() }),
        ("no owner", Use { user: Some(Value::Null), ..good.clone() }),
        ("a key that nobody has", Use { id: Some(vec![1; 16]), ..good.clone() }),
        ("another signature", Use { breaks_signature: true, ..good.clone() }),
    ];
    for (name, how) in &cases {
        let (status, told) = use_key(&app, &mut browser, &key, how);
        assert_eq!(status, 401, "{name}: {told}");
        assert!(!browser.cookies.contains_key("medilink"), "{name}");
    }
    let refused = audited(&app, "sign-in");
    assert_eq!(refused.iter().filter(|(status, _)| *status == 401).count(), cases.len(), "{refused:?}");
    assert!(refused.iter().any(|(_, why)| why.contains("the counter of a passkey went back")), "{refused:?}");

    // A challenge is good once, and in the browser that asked for it.
    let (_, options) = send(&app, &mut browser, "/passkey/begin", &json!({}));
    let body = json!({"state": options["state"], "credential": key.answer(&options, &good)});
    assert_eq!(send(&app, &mut at_home(stranger(&app)), "/passkey/use", &body).0, 403);
    assert_eq!(send(&app, &mut browser.clone(), "/passkey/use", &body).0, 200);
    assert_eq!(send(&app, &mut browser.clone(), "/passkey/use", &body).0, 403);

    // Who is suspended has the same answer as who is not known.
    app.sql(&format!("update account set status = 3 where id = '{}'", other.id));
    let (_, suspended) = use_key(&app, &mut browser, &others, &Use::good(1));
    let (_, unknown) = use_key(&app, &mut browser, &key, &Use { id: Some(vec![1; 16]), ..good });
    assert_eq!(suspended, unknown);
}

#[test]
fn adding_needs_a_fresh_factor_a_name_and_a_page_of_ours() {
    let app = app();
    let mut owner = owner(&app, "ada");
    let begin = "/account/passkeys/begin";
    assert_eq!(send(&app, &mut owner.browser, begin, &json!({"name": " "})).0, 400);
    assert_eq!(send(&app, &mut owner.browser, begin, &json!({"name": "x".repeat(61)})).0, 400);
    assert_eq!(send(&app, &mut owner.browser, begin, &json!("name")).0, 400);
    let (mut evil, mut forged) = (owner.browser.clone(), owner.browser.clone());
    evil.origin = Some("https://evil.example".to_string());
    forged.csrf = "0".repeat(64);
    for mut browser in [evil, forged] {
        assert_eq!(send(&app, &mut browser, begin, &json!({"name": "x"})).0, 403);
    }
    assert_eq!(send(&app, &mut at_home(stranger(&app)), begin, &json!({"name": "x"})).0, 401);

    // A device that did not verify its owner, and one that was asked by another site.
    for (origin, flags) in [("http://localhost", 0), ("http://evil.example", VERIFIED)] {
        let (_, options) = send(&app, &mut owner.browser, begin, &json!({"name": "x"}));
        let (_, credential) = Authenticator::make(&options, origin, flags);
        let body = json!({"state": options["state"], "credential": credential});
        let (status, told) = send(&app, &mut owner.browser, "/account/passkeys/add", &body);
        assert_eq!(status, 400, "{origin} {flags}: {told}");
    }
    // The challenge of one person is not answered by another.
    let mut other = self::owner(&app, "bob");
    let (_, options) = send(&app, &mut owner.browser, begin, &json!({"name": "x"}));
    let (_, credential) = Authenticator::make(&options, "http://localhost", VERIFIED);
    let body = json!({"state": options["state"], "credential": credential});
    assert_eq!(send(&app, &mut other.browser, "/account/passkeys/add", &body).0, 403);

    grow_stale(&app, &owner.id);
    assert_eq!(send(&app, &mut owner.browser, begin, &json!({"name": "x"})).0, 403);
    says(&owner.browser.get("/account/passkeys").expect(200), "Confirm that it is you");
    assert_eq!(app.sql("select 1 from passkey").len(), 0);
}

#[test]
fn the_last_way_to_sign_in_is_not_taken_away() {
    let app = app();
    let mut owner = owner(&app, "ada");
    let keys = [add(&app, &mut owner, "phone"), add(&app, &mut owner, "stick")];
    let mut other = self::owner(&app, "bob");
    let remove = |person: &mut Person, key: &Authenticator| {
        person.browser.submit("/account/passkeys", &[("remove", key.name().as_str())])
    };
    assert_eq!(remove(&mut other, &keys[0]).status, 404, "somebody else's");
    remove(&mut owner, &keys[0]).expect_to("/account/passkeys?removed");
    let kept = remove(&mut owner, &keys[1]).expect(422);
    says(&kept, "This is your only way to sign in");
    app.sql(&format!("update account set password = 'x' where id = '{}'", owner.id));
    remove(&mut owner, &keys[1]).expect_to("/account/passkeys?removed");
    assert_eq!(remove(&mut owner, &keys[1]).status, 404);
    says(&owner.browser.get("/account/passkeys").expect(200), "You have none yet.");
}

#[test]
fn a_passkey_makes_a_session_fresh() {
    let app = app();
    let (mut owner, mut other) = (owner(&app, "ada"), self::owner(&app, "bob"));
    let (key, others) = (add(&app, &mut owner, "key"), add(&app, &mut other, "key"));
    grow_stale(&app, &owner.id);
    let (_, options) = send(&app, &mut owner.browser, "/passkey/begin", &json!({}));
    assert_eq!(options["publicKey"]["allowCredentials"], json!([{"type": "public-key", "id": key.name()}]));
    assert_eq!(use_key(&app, &mut owner.browser, &others, &Use::good(1)).0, 401, "somebody else's");
    // A key that was asked for by name need not name its owner.
    let how = Use { user: Some(Value::Null), ..Use::good(1) };
    assert_eq!(use_key(&app, &mut owner.browser, &key, &how).0, 200);
    let rows = app.sql(&format!("select methods, auth_at from session where account = '{}'", owner.id));
    assert_eq!(rows.len(), 1, "the session stays the same");
    assert_eq!(rows[0].get::<_, Vec<String>>(0), ["hwk", "user", "mfa"], "what was shown at that time");
    assert!(super::person::now() - rows[0].get::<_, i64>(1) < 60_000_000);
    says(&owner.browser.get("/account/passkeys").expect(200), "Add a passkey");
}

const PASSWORD: &str = "correct horse battery";

/// Adds a person who has a password and one passkey.
fn with_both(app: &TestApp) -> Authenticator {
    add_person(app, "ada", PASSWORD, "patient", &[]);
    let mut browser = at_home(Browser::new(app));
    browser.sign_in("ada", PASSWORD).expect_to("/home");
    browser.get("/account/passkeys").expect(200);
    add(app, &mut Person { id: String::new(), browser }, "key")
}

/// Asks for a challenge as the second step of a sign-in, and answers it.
fn second(app: &TestApp, browser: &mut Browser, key: &Authenticator, how: &Use) -> (u16, Value) {
    let (status, options) = send(app, browser, "/passkey/begin", &json!({"step": "factor"}));
    if status != 200 {
        return (status, options);
    }
    assert_eq!(options["publicKey"]["allowCredentials"].as_array().map(Vec::len), Some(1), "{options}");
    let credential = key.answer(&options, how);
    let body = json!({"step": "factor", "state": options["state"], "credential": credential, "next": "/account/apps"});
    send(app, browser, "/passkey/use", &body)
}

#[test]
fn who_has_a_passkey_does_not_sign_in_by_the_password_alone() {
    let app = app();
    let key = with_both(&app);
    let mut browser = at_home(Browser::new(&app));
    let page = browser.get("/login").expect(200);
    says(&page, "Use a passkey");
    says(&page, "/assets/passkey.js");
    browser.submit("/login", &[("login", "ada"), ("password", PASSWORD)]).expect_to("/login/factor?next=/home");
    assert!(!browser.is_signed_in());
    let page = browser.get("/login/factor?next=/home").expect(200);
    says(&page, "Use a passkey");
    assert!(!page.text.contains("authenticator app"), "{}", page.text);
    browser.submit("/login/factor", &[("code", "123456")]).expect(403);
    assert_eq!(second(&app, &mut browser.clone(), &key, &Use { flags: 1, ..Use::good(1) }).0, 401, "not verified");
    // The key need not know its owner: it was asked for by name.
    let how = Use { user: Some(Value::Null), ..Use::good(1) };
    let before = browser.clone();
    let (status, told) = second(&app, &mut browser, &key, &how);
    assert_eq!((status, &told["next"]), (200, &json!("/account/apps")), "{told}");
    assert!(browser.is_signed_in());
    let rows = app.sql("select methods from session order by created desc limit 1");
    assert_eq!(rows[0].get::<_, Vec<String>>(0), ["pwd", "hwk", "user", "mfa"]);
    assert_eq!(second(&app, &mut before.clone(), &key, &Use::good(2)).0, 403, "a first step is good once");
    // Without the first step there is nothing to show a second factor for.
    assert_eq!(second(&app, &mut at_home(stranger(&app)), &key, &Use::good(3)).0, 403);
    // By itself the key signs in.
    assert_eq!(use_key(&app, &mut at_home(stranger(&app)), &key, &Use::good(4)).0, 200);
}

#[test]
fn the_second_factor_is_that_of_the_same_person() {
    let app = app();
    let _own = with_both(&app);
    let mut other = owner(&app, "bob");
    let others = add(&app, &mut other, "key");
    let mut browser = at_home(Browser::new(&app));
    browser.sign_in("ada", PASSWORD).expect_to("/login/factor?next=/home");
    browser.get("/login/factor").expect(200);
    assert_eq!(second(&app, &mut browser.clone(), &others, &Use::good(1)).0, 401);
    // A challenge for anybody is not one for the second step.
    let (_, options) = send(&app, &mut browser, "/passkey/begin", &json!({}));
    let credential = others.answer(&options, &Use::good(1));
    let body = json!({"step": "factor", "state": options["state"], "credential": credential});
    assert_eq!(send(&app, &mut browser, "/passkey/use", &body).0, 403);
    assert!(!browser.is_signed_in());
}

#[test]
fn a_password_alone_confirms_nothing_where_there_is_a_passkey() {
    let app = app();
    let key = with_both(&app);
    let mut browser = at_home(stranger(&app));
    assert_eq!(use_key(&app, &mut browser, &key, &Use::good(1)).0, 200);
    let page = browser.get("/step-up").expect(200);
    says(&page, "Use a passkey");
    assert!(!page.text.contains("type=\"password\""), "{}", page.text);
    browser.submit("/step-up", &[("password", PASSWORD)]).expect(403);
}

#[test]
fn a_server_without_a_name_says_what_passkeys_need() {
    let app = TestApp::builder().secured().start();
    let mut owner = person(&app, "ada");
    for path in ["/account/passkeys", "/login/passkey"] {
        let page = owner.browser.get(path).expect(200);
        says(&page, "Passkeys need a host name");
        says(&page, "http://localhost:");
    }
    let (status, told) = send(&app, &mut owner.browser, "/account/passkeys/begin", &json!({"name": "x"}));
    assert_eq!(status, 400, "{told}");
}

#[test]
fn the_page_to_use_a_passkey_leads_on_to_pages_of_ours_alone() {
    let app = app();
    let mut owner = owner(&app, "ada");
    for (next, want) in [("/account/apps", "/account/apps"), ("https://evil.example", "/home"), ("//evil", "/home")] {
        let page = stranger(&app).get(&format!("/login/passkey?next={next}")).expect(200);
        says(&page, "Sign in with a passkey");
        assert_eq!(page.hidden("next").as_deref(), Some(want));
        says(&owner.browser.get("/login/passkey").expect(200), "Confirm that it is you");
    }
}

#[test]
fn tries_are_limited() {
    let app = app();
    let mut browser = at_home(stranger(&app));
    let first = (0..70).map(|_| send(&app, &mut browser, "/passkey/begin", &json!({})).0).position(|s| s == 429);
    assert_eq!(first, Some(60));
    let (status, told) = send(&app, &mut browser, "/passkey/use", &json!({}));
    assert_eq!((status, &told["error"]), (429, &json!("Too many tries; wait a little.")));
}

#[test]
fn the_script_is_served_as_one() {
    let app = app();
    let script = app.client().get("/assets/passkey.js").expect(200);
    assert!(script.header("content-type").is_some_and(|kind| kind.starts_with("text/javascript")));
    assert_eq!(script.header("x-content-type-options"), Some("nosniff"));
}
