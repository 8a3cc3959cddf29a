//! People: signing in by password, and whom that keeps out.

pub mod factors;
mod resets;
mod sessions;

use std::time::{Duration, Instant};

use super::browser::{Browser, Page, add_person};
use crate::app::TestApp;

const PASSWORD: &str = "correct horse battery";
const WRONG: &str = "The login or the password is wrong.";

fn app() -> TestApp {
    TestApp::builder().secured().start()
}

/// Returns a server with a person `ada`, and her browser, signed in.
fn app_with_ada() -> (TestApp, Browser) {
    let app = app();
    add_person(&app, "ada", PASSWORD, "physician", &["--fhir-user", "Practitioner/ada"]);
    let mut browser = Browser::new(&app);
    browser.sign_in("ada", PASSWORD).expect_to("/home");
    (app, browser)
}

/// Returns another server on the same database and keys.
fn beside(app: &TestApp) -> TestApp {
    TestApp::builder().secured().database(&app.database_url()).data_dir(&app.data_dir()).start()
}

/// Waits until the audit holds so many rows of this kind: they are written a moment after the answer.
#[track_caller]
fn expect_audit(app: &TestApp, action: &str, status: i16, detail: &str, count: i64) {
    let began = Instant::now();
    let query = format!(
        "select count(*) from audit where action = '{action}' and status = {status} and detail like '%{detail}%'"
    );
    loop {
        let found: i64 = app.sql(&query)[0].get(0);
        if found == count {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{found} audit rows, {count} expected: {query}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn password_checks(app: &TestApp) -> u64 {
    let page = app.client().get("/metrics").expect(200).text();
    let line = page.lines().find(|line| line.starts_with("medilink_password_checks_total"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn a_person_signs_in_sees_the_account_and_signs_out() {
    let app = app();
    add_person(&app, "Ada", PASSWORD, "physician", &["--fhir-user", "Practitioner/ada", "--email", "ada@example.org"]);
    let mut browser = Browser::new(&app);
    browser.get("/account").expect_to("/login?next=/account");
    let answer = browser.sign_in(" ADA ", PASSWORD).expect_to("/home");
    let cookie = answer.headers.iter().find(|(name, value)| name == "set-cookie" && value.starts_with("medilink="));
    let (_, cookie) = cookie.expect("a session begins");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"), "{cookie}");
    browser.follow(answer).expect(200).expect_words("My patients");
    let page = browser.get("/account").expect(200);
    for words in ["My account", "Practitioner/ada", "ada@example.org", "physician", "You have a password."] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let kept = browser.clone();
    browser.submit("/logout", &[]).expect_to("/login");
    for mut browser in [browser, kept] {
        browser.get("/account").expect_to("/login?next=/account");
    }
    expect_audit(&app, "sign-in", 200, "factors: pwd", 1);
    expect_audit(&app, "sign-out", 200, "", 1);
}

#[test]
fn who_is_not_known_is_refused_like_a_wrong_password() {
    let app = app();
    add_person(&app, "ada", PASSWORD, "patient", &[]);
    let output = app.run("user add", &["--login", "bob", "--name", "Bob", "--role", "patient"]);
    assert!(output.status.success());
    let mut browser = Browser::new(&app);
    // What is different is what was typed, and nothing else.
    let mut refused = |login: &str| {
        let before = password_checks(&app);
        let page = browser.sign_in(login, "wrong horse battery").expect(403);
        assert_eq!(page.error().as_deref(), Some(WRONG));
        assert_eq!(password_checks(&app), before + 1, "{login}: one hash is made, whoever it is");
        let headers = page.headers.iter().filter(|(name, _)| name != "x-request-id" && name != "date");
        (page.text.replace(login, "LOGIN"), headers.cloned().collect::<Vec<_>>())
    };
    let known = refused("ada");
    for other in ["eve", "bob"] {
        assert_eq!(refused(other), known, "{other}");
    }
    expect_audit(&app, "sign-in", 403, "the login or the password is wrong", 3);
    let told =
        app.sql("select detail from audit where detail like '%eve%' or detail like '%horse%' or principal = 'eve'");
    assert!(told.is_empty(), "the audit holds no login that was typed and no password");
}

#[test]
fn who_may_not_come_in_is_told_so_after_the_right_password_only() {
    let app = app();
    for (login, status, words) in [("ada", 1, "waits for an administrator"), ("bob", 3, "is suspended")] {
        add_person(&app, login, PASSWORD, "nurse", &[]);
        app.sql(&format!("update account set status = {status} where login = '{login}'"));
        let mut browser = Browser::new(&app);
        let page = browser.sign_in(login, "wrong horse battery").expect(403);
        assert_eq!(page.error().as_deref(), Some(WRONG));
        let page = browser.sign_in(login, PASSWORD).expect(403);
        assert!(page.error().is_some_and(|error| error.contains(words)), "{}", page.text);
        assert!(!browser.is_signed_in());
    }
}

fn locked(page: Page) -> String {
    let page = page.expect(429);
    let seconds: u32 = page.header("retry-after").and_then(|s| s.parse().ok()).expect("it says when to come again");
    assert!((1..=900).contains(&seconds), "{seconds}");
    page.error().expect("it says why")
}

#[test]
fn a_lock_is_shared_by_processes_and_tells_nothing() {
    let first = app();
    let second = beside(&first);
    add_person(&first, "ada", PASSWORD, "patient", &[]);
    let mut browsers = [Browser::new(&first), Browser::new(&second)];
    let mut words = Vec::new();
    for login in ["ada", "nobody"] {
        for i in 0..5 {
            browsers[i % 2].sign_in(login, "wrong horse battery").expect(403);
        }
        // The right password is no way around.
        words.extend(browsers.iter_mut().map(|browser| locked(browser.sign_in(login, PASSWORD))));
    }
    assert!(words.iter().all(|said| *said == words[0]), "{words:?}");
    expect_audit(&first, "sign-in", 429, "too many tries", 4);
    first.sql("update attempt set began = began - 901 * 1000000::bigint");
    browsers[1].sign_in("ada", PASSWORD).expect_to("/home");
}

#[test]
fn a_right_password_forgets_the_wrong_ones() {
    let app = app();
    add_person(&app, "ada", PASSWORD, "patient", &[]);
    for _ in 0..2 {
        let mut browser = Browser::new(&app);
        for _ in 0..4 {
            browser.sign_in("ada", "wrong horse battery").expect(403);
        }
        browser.sign_in("ada", PASSWORD).expect_to("/home");
    }
}

#[test]
fn an_address_guesses_twenty_times_for_whomever() {
    let app = app();
    add_person(&app, "ada", PASSWORD, "patient", &[]);
    let mut browser = Browser::new(&app);
    // Who signs in well takes nothing of it.
    for _ in 0..3 {
        Browser::new(&app).sign_in("ada", PASSWORD).expect_to("/home");
    }
    for i in 0..20 {
        browser.sign_in(&format!("person-{i}"), "wrong horse battery").expect(403);
    }
    locked(browser.sign_in("ada", PASSWORD));
}

#[test]
fn behind_a_proxy_it_is_not_the_proxy_that_guesses() {
    let app = TestApp::builder().secured().set("trusted-proxies", "127.0.0.1").start();
    add_person(&app, "ada", PASSWORD, "patient", &[]);
    let mut browser = Browser::new(&app);
    browser.forwarded = Some("203.0.113.1, 198.51.100.7".to_string());
    for i in 0..20 {
        browser.sign_in(&format!("person-{i}"), "wrong horse battery").expect(403);
    }
    // Whatever a guesser writes in front of it.
    browser.forwarded = Some("203.0.113.2, 198.51.100.7".to_string());
    locked(browser.sign_in("ada", PASSWORD));
    browser.forwarded = Some("198.51.100.8".to_string());
    browser.sign_in("ada", PASSWORD).expect_to("/home");
    browser.get("/account/sessions").expect(200).expect_words("198.51.100.8");
}

#[test]
fn a_form_that_is_not_of_this_visit_is_refused() {
    let app = app();
    add_person(&app, "ada", PASSWORD, "patient", &[]);
    let fields = [("login", "ada"), ("password", PASSWORD)];
    let ready = || {
        let mut browser = Browser::new(&app);
        browser.get("/login").expect(200);
        browser
    };
    let stolen = ready().csrf;
    let (mut none, mut empty, mut foreign, mut other) = (ready(), ready(), ready(), ready());
    let mut page = vec![none.submit("/login", &[fields[0], fields[1], ("csrf", "")])];
    empty.cookies.clear();
    page.push(empty.submit("/login", &fields));
    page.push(other.submit("/login", &[fields[0], fields[1], ("csrf", &stolen)]));
    for origin in ["http://evil.example", "null", "http://127.0.0.1", "https://127.0.0.1:1"] {
        foreign.origin = Some(origin.to_string());
        page.push(foreign.submit("/login", &fields));
    }
    for page in page {
        let page = page.expect(403);
        assert!(!page.headers.iter().any(|(name, value)| name == "set-cookie" && value.starts_with("medilink=")));
    }
    // Signed in, the same holds for each deed.
    let mut browser = ready();
    browser.submit("/login", &fields).expect_to("/home");
    for path in
        ["/logout", "/account/password", "/account/authenticator/begin", "/account/sessions/end-others", "/step-up"]
    {
        browser.submit(path, &[("csrf", &stolen)]).expect(403);
    }
    assert!(browser.is_signed_in());
    // Old browsers send no Origin.
    let mut quiet = ready();
    quiet.origin = None;
    quiet.submit("/login", &fields).expect_to("/home");
}

#[test]
fn a_form_that_is_refused_is_audited_without_what_it_held() {
    let app = app();
    let mut browser = Browser::new(&app);
    browser.get("/login").expect(200);
    let fields = [("login", "ada"), ("password", PASSWORD), ("csrf", "forged")];
    let page = browser.submit("/login", &fields).expect(403);
    assert!(page.text.contains("<p>This form was not filled in"), "{}", page.text);
    expect_audit(&app, "form", 403, "POST /login; from 127.0.0.1", 1);
    add_person(&app, "bob", PASSWORD, "patient", &[]);
    let mut bob = Browser::new(&app);
    bob.sign_in("bob", PASSWORD).expect_to("/home");
    bob.get("/admin/accounts").expect(403);
    expect_audit(&app, "page", 403, "GET /admin/accounts", 1);
    assert!(app.sql("select 1 from audit where detail like '%ada%' or detail like '%horse%'").is_empty());
}

#[test]
fn the_sign_in_page_takes_the_hint_of_an_app() {
    let app = app();
    for (login, shown) in [("ada", "value=\"ada\""), ("%22%3E%3Cb%3E", "value=\"&#34;&#62;&#60;b&#62;\"")] {
        let page = Browser::new(&app).get(&format!("/login?login={login}")).expect(200);
        assert!(page.text.contains(&format!("name=\"login\" {shown}")), "{}", page.text);
    }
}

#[test]
fn what_pages_share_is_there() {
    let app = app();
    for (path, kind) in [
        ("/assets/style.css", "text/css; charset=utf-8"),
        ("/assets/icon.svg", "image/svg+xml"),
        ("/favicon.ico", "image/svg+xml"),
    ] {
        app.client().get(path).expect(200).expect_header("content-type", kind);
    }
    let mut browser = Browser::new(&app);
    // An app that opens its sign-in in a window of its own keeps hold of it.
    for (path, opener) in [("/login", None), ("/login/passkey", None), ("/account", Some("same-origin"))] {
        assert_eq!(browser.get(path).header("cross-origin-opener-policy"), opener, "{path}");
    }
}

#[test]
fn after_signing_in_nobody_is_led_elsewhere() {
    let app = app();
    add_person(&app, "ada", PASSWORD, "patient", &[]);
    for (next, to) in [
        ("/account/sessions", "/account/sessions"),
        ("/authorize?request=x", "/authorize?request=x"),
        ("https://evil.example/", "/home"),
        ("//evil.example/", "/home"),
        ("/\\evil.example/", "/home"),
        ("/\t/evil.example/", "/home"),
        ("\\\\evil.example", "/home"),
        ("javascript:alert(1)", "/home"),
        ("/a\r\nSet-Cookie: x=y", "/home"),
        ("", "/home"),
    ] {
        let mut browser = Browser::new(&app);
        let mut address = "/login?next=".to_string();
        medilink::rest::query::encode(&mut address, next);
        let form = browser.get(&address).expect(200);
        assert_eq!(form.hidden("next").as_deref(), Some(to), "{next:?}");
        browser.submit("/login", &[("login", "ada"), ("password", PASSWORD), ("next", next)]).expect_to(to);
        // Signed in already, the page leads on at once, and no further.
        browser.get(&address).expect_to(to);
    }
}

#[test]
fn a_session_that_was_fixed_beforehand_is_not_taken_over() {
    let (app, mut attacker) = app_with_ada();
    add_person(&app, "bob", PASSWORD, "patient", &[]);
    let fixed = attacker.cookies["medilink"].clone();
    for cookie in ["chosen-by-somebody-else", fixed.as_str()] {
        let mut victim = Browser::new(&app);
        victim.cookies.insert("medilink".to_string(), cookie.to_string());
        victim.get("/account");
        let csrf = victim.get("/login").hidden("csrf").unwrap_or_else(|| victim.csrf.clone());
        victim.submit("/login", &[("login", "bob"), ("password", PASSWORD), ("csrf", &csrf)]).expect_to("/home");
        assert_ne!(victim.cookies["medilink"], cookie);
        victim.get("/account").expect(200).expect_words("bob");
    }
    // The session of before ended when the other person signed in over it.
    assert!(!attacker.is_signed_in());
}
