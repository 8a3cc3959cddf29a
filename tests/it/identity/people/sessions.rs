//! Sessions: how they end.

use super::{PASSWORD, app_with_ada, beside, expect_audit};
use crate::app::TestApp;
use crate::identity::browser::Browser;

fn count(app: &TestApp, query: &str) -> i64 {
    app.sql(query)[0].get(0)
}

/// Lets the person of a session allow an app something, as the pages do, and returns the id.
fn allow(app: &TestApp, device: &str, online: bool) -> String {
    let session = if online { "hash" } else { "null" };
    let query = format!(
        "insert into authorization_grant (id, client, account, session, data, created, used)
         select gen_random_uuid(), 'app', account, {session}, '{{\"scope\": \"openid\"}}', 0, 0 from session
         where device = '{device}' returning id::text"
    );
    app.sql(&query)[0].get(0)
}

fn has_ended(app: &TestApp, authorization: &str) -> bool {
    let query = format!(
        "select ended is not null and exists (select from revocation where kind = 'grant' and name = '{authorization}')
         from authorization_grant where id = '{authorization}'"
    );
    app.sql(&query)[0].get(0)
}

#[test]
fn a_session_ends_unused_and_ends_in_any_case() {
    for (change, lasts) in [
        ("seen = seen - 1790 * 1000000::bigint", true),
        ("seen = seen - 1801 * 1000000::bigint", false),
        ("ends = created + 30 * 1000000::bigint", true),
        ("ends = seen", false),
    ] {
        let (app, mut browser) = app_with_ada();
        app.sql(&format!("update session set {change}"));
        assert_eq!(browser.is_signed_in(), lasts, "{change}");
    }
}

#[test]
fn a_session_that_is_used_goes_on_however_short_an_idle_one_is() {
    let app = TestApp::builder().secured().set("session-idle-s-max", "120").start();
    super::add_person(&app, "ada", PASSWORD, "patient", &[]);
    let mut browser = Browser::new(&app);
    browser.sign_in("ada", PASSWORD).expect_to("/home");
    for _ in 0..4 {
        app.sql("update session set seen = seen - 50 * 1000000::bigint");
        assert!(browser.is_signed_in());
    }
}

#[test]
fn sessions_are_listed_and_ended() {
    let (app, mut browser) = app_with_ada();
    let mut phone = Browser::new(&app);
    phone.device = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1".to_string();
    phone.sign_in("ada", PASSWORD).expect_to("/home");
    let online = allow(&app, &phone.device, true);
    let mut third = Browser::new(&app);
    third.device = "curl/8".to_string();
    third.sign_in("ada", PASSWORD).expect_to("/home");
    let page = browser.get("/account/sessions").expect(200);
    for words in ["Safari on iPhone", "Firefox on Linux", "curl", "this one", "127.0.0.1"] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    let (_, of_phone) = page.text.split_once("Safari on iPhone").expect("it is listed");
    let (_, id) = of_phone.split_once("name=\"session\" value=\"").expect("it can be ended");
    let id = id.split('"').next().expect("the value ends");
    // Of another person it ends nothing.
    super::add_person(&app, "eve", PASSWORD, "patient", &[]);
    let mut eve = Browser::new(&app);
    eve.sign_in("eve", PASSWORD).expect_to("/home");
    eve.get("/account/sessions").expect(200);
    eve.submit("/account/sessions/end", &[("session", id)]).expect_to("/account/sessions");
    assert!(phone.is_signed_in());
    browser.submit("/account/sessions/end", &[("session", "no-such")]).expect_to("/account/sessions");
    browser.submit("/account/sessions/end", &[("session", id)]).expect_to("/account/sessions");
    assert_eq!((browser.is_signed_in(), phone.is_signed_in(), third.is_signed_in()), (true, false, true));
    assert!(has_ended(&app, &online), "what was allowed for as long as it lasted");
    browser.submit("/account/sessions/end-others", &[]).expect_to("/account/sessions");
    assert_eq!((browser.is_signed_in(), third.is_signed_in(), eve.is_signed_in()), (true, false, true));
    expect_audit(&app, "sign-out", 200, "1 other sessions ended", 1);
}

#[test]
fn signing_out_ends_what_was_allowed_for_as_long_as_one_is_signed_in() {
    let (app, mut browser) = app_with_ada();
    let (online, offline) = (allow(&app, &browser.device, true), allow(&app, &browser.device, false));
    browser.get("/account").expect(200);
    browser.submit("/logout", &[]).expect_to("/login");
    assert_eq!((has_ended(&app, &online), has_ended(&app, &offline)), (true, false));
}

#[test]
fn another_password_ends_the_other_sessions() {
    let (app, mut browser) = app_with_ada();
    let mut other = Browser::new(&app);
    other.sign_in("ada", PASSWORD).expect_to("/home");
    let offline = allow(&app, &browser.device, false);
    let new = "three green umbrellas";
    browser.get("/account/password").expect(200);
    for (current, password, again, status) in [
        ("wrong horse battery", new, new, 403),
        (PASSWORD, new, "three green umbrella", 422),
        (PASSWORD, "short", "short", 422),
        (PASSWORD, "password123", "password123", 422),
    ] {
        let fields = [("current", current), ("password", password), ("again", again)];
        let page = browser.submit("/account/password", &fields).expect(status);
        assert!(page.error().is_some(), "{}", page.text);
    }
    assert!(other.is_signed_in());
    let fields = [("current", PASSWORD), ("password", new), ("again", new)];
    browser.submit("/account/password", &fields).expect(200);
    assert_eq!((browser.is_signed_in(), other.is_signed_in()), (true, false));
    assert!(!has_ended(&app, &offline), "apps go on where that is not asked for");
    Browser::new(&app).sign_in("ada", PASSWORD).expect(403);
    Browser::new(&app).sign_in("ada", new).expect_to("/home");
    browser.get("/account/password").expect(200);
    let fields = [("current", new), ("password", PASSWORD), ("again", PASSWORD), ("apps", "end")];
    browser.submit("/account/password", &fields).expect(200);
    assert!(has_ended(&app, &offline));
    assert_eq!(count(&app, "select count(*) from revocation where kind = 'account'"), 1);
}

#[test]
fn what_has_ended_is_swept_away() {
    let (first, browser) = app_with_ada();
    let online = allow(&first, &browser.device, true);
    for change in [
        "update session set ends = 1",
        "insert into once (kind, hash, data, ends) values ('reset', '\\x00', '{}', 1)",
        "insert into attempt (key, count, began) values ('x', 1, 1)",
    ] {
        first.sql(change);
    }
    // A server sweeps when it starts, and each minute.
    let second = beside(&first);
    let left = "select (select count(*) from session) + (select count(*) from once where ends = 1)
        + (select count(*) from attempt where key = 'x')";
    let began = std::time::Instant::now();
    while count(&second, left) > 0 || !has_ended(&second, &online) {
        assert!(began.elapsed().as_secs() < 20, "something was left");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
