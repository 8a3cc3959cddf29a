//! The authenticator app and the recovery codes.

use totp_rs::{Builder, Secret};

use super::{PASSWORD, app_with_ada, beside, expect_audit, locked};
use crate::app::TestApp;
use crate::identity::browser::{Browser, Page};

const WRONG: &str = "The code is wrong, or was used before.";

/// Returns the code that the app shows now.
fn code(secret: &str) -> String {
    let secret = Secret::try_from_base32(secret.replace(' ', "")).expect("the page shows base32");
    Builder::new()
        .with_secret(secret)
        .with_digits(6)
        .with_step_duration(30)
        .build_noncompliant()
        .generate_current()
        .to_string()
}

/// Returns a code that the app does not show.
fn wrong_code(secret: &str) -> String {
    let digits: u32 = code(secret).parse().expect("six digits");
    format!("{:06}", (digits + 500_000) % 1_000_000)
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}"));
    rest.split_once(to).expect("it ends").0
}

fn recovery_codes(page: &Page) -> Vec<String> {
    page.text.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap_or_default().to_string()).collect()
}

/// Sets an authenticator app up; returns its secret and the recovery codes.
pub fn set_up(browser: &mut Browser) -> (String, Vec<String>) {
    browser.get("/account/authenticator").expect(200);
    let page = browser.submit("/account/authenticator/begin", &[]).expect(200);
    let secret = between(&page.text, "<code id=\"secret\">", "</code>").to_string();
    let setup = page.hidden("setup").expect("the form carries the setup");
    let fields = [("setup", setup.as_str()), ("code", &code(&secret))];
    let page = browser.submit("/account/authenticator/confirm", &fields).expect(200);
    (secret, recovery_codes(&page))
}

/// Lets the codes of now be used once more, as if half a minute had gone by.
fn next_step(app: &TestApp) {
    app.sql("update account set totp_step = totp_step - 10 where totp is not null");
}

fn at_factor(app: &TestApp) -> Browser {
    let mut browser = Browser::new(app);
    let answer = browser.sign_in("ada", PASSWORD).expect_to("/login/factor?next=/home");
    assert!(!browser.is_signed_in());
    browser.follow(answer).expect(200).expect_words("authenticator app");
    browser
}

fn submit_code(browser: &mut Browser, code: &str) -> Page {
    browser.submit("/login/factor", &[("code", code)])
}

#[test]
fn an_authenticator_counts_once_its_code_was_right() {
    let (app, mut browser) = app_with_ada();
    browser.get("/account/authenticator").expect(200);
    let page = browser.submit("/account/authenticator/begin", &[]).expect(200);
    assert!(page.text.contains("<svg") && page.text.contains("otpauth://totp/"), "{}", page.text);
    let secret = between(&page.text, "<code id=\"secret\">", "</code>");
    let (setup, wrong) = (page.hidden("setup").expect("the form carries it"), wrong_code(secret));
    let page = browser.submit("/account/authenticator/confirm", &[("setup", &setup), ("code", &wrong)]).expect(422);
    assert_eq!(between(&page.text, "<code id=\"secret\">", "</code>"), secret, "the same setup goes on");
    browser.submit("/account/authenticator/confirm", &[("setup", "forged"), ("code", &code(secret))]).expect(403);
    // Until then the password is enough.
    Browser::new(&app).sign_in("ada", PASSWORD).expect_to("/home");
    browser.get("/account/authenticator").expect(200);
    let (secret, codes) = set_up(&mut browser);
    assert_eq!(codes.len(), 10);
    at_factor(&app);
    browser.get("/account").expect(200).expect_words("10 recovery codes are left");
    let kept: Vec<u8> = app.sql("select totp from account")[0].get(0);
    let plain = Secret::try_from_base32(secret.replace(' ', "")).expect("base32");
    assert!(!kept.windows(20).any(|window| window == plain.as_bytes()), "the database alone does not give it away");
    expect_audit(&app, "factor", 200, "authenticator added", 1);
}

#[test]
fn a_code_is_good_once_and_so_is_a_recovery_code() {
    let (app, mut browser) = app_with_ada();
    let (secret, recovery) = set_up(&mut browser);
    let shown = code(&secret);
    // The code that set it up is used.
    let page = submit_code(&mut at_factor(&app), &shown).expect(403);
    assert_eq!(page.error().as_deref(), Some(WRONG));
    next_step(&app);
    submit_code(&mut at_factor(&app), &shown).expect_to("/home");
    submit_code(&mut at_factor(&app), &shown).expect(403);
    let capitals = recovery[0].to_uppercase().replace('-', " ");
    let mut other = at_factor(&app);
    submit_code(&mut other, &capitals).expect_to("/home");
    other.get("/account").expect(200).expect_words("9 recovery codes are left");
    submit_code(&mut at_factor(&app), &recovery[0]).expect(403);
    // New ones end those of before.
    other.get("/account/authenticator").expect(200);
    let page = other.submit("/account/authenticator/codes", &[]).expect(200);
    let new = recovery_codes(&page);
    submit_code(&mut at_factor(&app), &recovery[1]).expect(403);
    submit_code(&mut at_factor(&app), &new[0]).expect_to("/home");
    expect_audit(&app, "factor", 200, "a recovery code was used", 2);
    expect_audit(&app, "sign-in", 200, "factors: pwd otp", 3);
}

#[test]
fn of_many_who_send_a_code_at_once_one_comes_in() {
    let (first, mut browser) = app_with_ada();
    let (secret, recovery) = set_up(&mut browser);
    let second = beside(&first);
    let shown = code(&secret);
    for (code, tries) in [(shown.as_str(), 4), (recovery[0].as_str(), 4)] {
        next_step(&first);
        let browsers: Vec<Browser> = (0..tries).map(|i| at_factor([&first, &second][i % 2])).collect();
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let send = |mut browser: Browser| scope.spawn(move || submit_code(&mut browser, code).status);
            let running: Vec<_> = browsers.into_iter().map(send).collect();
            running.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
        first.sql("delete from attempt");
    }
}

#[test]
fn five_wrong_codes_lock_the_right_one_out() {
    let (app, mut browser) = app_with_ada();
    let (secret, recovery) = set_up(&mut browser);
    next_step(&app);
    let mut browser = at_factor(&app);
    for i in 0..5 {
        let wrong = if i % 2 == 0 { wrong_code(&secret) } else { "aaaaa-aaaaa".to_string() };
        submit_code(&mut browser, &wrong).expect(403);
    }
    // A fresh sign-in begins no fresh count.
    for code in [code(&secret), recovery[0].clone()] {
        locked(submit_code(&mut at_factor(&app), &code));
    }
    assert!(!browser.is_signed_in());
    expect_audit(&app, "factor", 429, "too many tries", 2);
    app.sql("update attempt set began = began - 901 * 1000000::bigint");
    submit_code(&mut browser, &code(&secret)).expect_to("/home");
}

#[test]
fn a_second_factor_is_asked_for_nobody_else_and_not_for_long() {
    let (app, mut browser) = app_with_ada();
    let (secret, _) = set_up(&mut browser);
    next_step(&app);
    // Without the password there is nothing to send a code for.
    let mut stranger = Browser::new(&app);
    stranger.get("/login").expect(200);
    submit_code(&mut stranger, &code(&secret)).expect_to("/login?next=/home");
    stranger.get("/login/factor").expect_to("/login?next=/home");
    let mut late = at_factor(&app);
    app.sql("update once set ends = 0 where kind = 'sign-in'");
    submit_code(&mut late, &code(&secret)).expect_to("/login?next=/home");
    // A password that was changed meanwhile was not the one that was shown.
    let mut overtaken = at_factor(&app);
    app.sql("update account set password = null");
    submit_code(&mut overtaken, &code(&secret)).expect_to("/login?next=/home");
}

#[test]
fn what_needs_a_fresh_factor_waits_for_one() {
    let (app, mut browser) = app_with_ada();
    let (secret, _) = set_up(&mut browser);
    let stale = "update session set auth_at = auth_at - 301 * 1000000::bigint";
    app.sql(stale);
    for deed in ["codes", "remove"] {
        let path = format!("/account/authenticator/{deed}");
        browser.submit(&path, &[]).expect_to("/step-up?next=/account/authenticator");
    }
    let next = ("next", "/account/authenticator");
    browser.get("/step-up?next=/account/authenticator").expect(200).expect_words("Code");
    let wrong = "wrong horse battery";
    browser.submit("/step-up", &[("password", wrong), ("code", &code(&secret)), next]).expect(403);
    // The password alone is not enough where there is a second factor.
    browser.submit("/step-up", &[("password", PASSWORD), next]).expect(403);
    browser.submit("/account/authenticator/remove", &[]).expect_to("/step-up?next=/account/authenticator");
    next_step(&app);
    let fields = [("password", PASSWORD), ("code", &code(&secret)), next];
    browser.submit("/step-up", &fields).expect_to("/account/authenticator");
    browser.submit("/account/authenticator/remove", &[]).expect_to("/account");
    Browser::new(&app).sign_in("ada", PASSWORD).expect_to("/home");
    let left: i64 = app.sql("select count(*) from recovery_code")[0].get(0);
    assert_eq!(left, 0);
    expect_audit(&app, "step-up", 200, "factors: pwd otp", 1);
    // Without a second factor the password is enough.
    app.sql(stale);
    browser.get("/account/authenticator").expect(200);
    browser.submit("/account/authenticator/begin", &[]).expect_to("/step-up?next=/account/authenticator");
    browser.submit("/step-up", &[("password", PASSWORD), ("next", "//evil.example")]).expect_to("/home");
    browser.submit("/account/authenticator/begin", &[]).expect(200);
}
