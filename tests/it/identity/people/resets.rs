//! The command for people: adding, links that set a password, suspending.

use super::{PASSWORD, app, app_with_ada, beside, expect_audit};
use crate::app::TestApp;
use crate::identity::browser::Browser;

const NEW: &str = "three green umbrellas";

/// Returns the path of a link that sets a password.
fn link(app: &TestApp, login: &str) -> String {
    let output = app.run("user reset", &[login]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    path(app, &String::from_utf8(output.stdout).expect("a link is text"))
}

fn path(app: &TestApp, link: &str) -> String {
    let home = app.base().trim_end_matches("/fhir");
    let path = link.trim().strip_prefix(home).unwrap_or_else(|| panic!("{link}: not below {home}"));
    assert!(path.starts_with("/reset?token="), "{path}");
    path.to_string()
}

fn token(link: &str) -> &str {
    link.trim_start_matches("/reset?token=")
}

#[test]
fn a_link_sets_a_password_once_and_ends_everything_else() {
    let (app, mut signed_in) = app_with_ada();
    let (first, second) = (link(&app, "ada"), link(&app, "ada"));
    let mut browser = Browser::new(&app);
    // Looking at it uses nothing up, and a password that is refused neither.
    for _ in 0..2 {
        browser.get(&first).expect(200);
    }
    let set = |browser: &mut Browser, link: &str, password: &str, again: &str| {
        browser.submit("/reset", &[("token", token(link)), ("password", password), ("again", again)])
    };
    for (password, again) in [("short", "short"), (NEW, "three green umbrella"), ("password123", "password123")] {
        set(&mut browser, &first, password, again).expect(422);
    }
    set(&mut browser, &first, NEW, NEW).expect(200);
    assert!(!signed_in.is_signed_in());
    let revoked: i64 = app.sql("select count(*) from revocation where kind = 'account'")[0].get(0);
    assert_eq!(revoked, 1);
    for used in [&first, &second] {
        browser.get(used).expect(403);
        set(&mut browser, used, "four blue umbrellas", "four blue umbrellas").expect(403);
    }
    assert!(!browser.is_signed_in(), "a link signs nobody in");
    browser.sign_in("ada", PASSWORD).expect(403);
    browser.sign_in("ada", NEW).expect_to("/home");
    expect_audit(&app, "password", 200, "set by link", 1);
}

#[test]
fn a_link_is_good_for_half_an_hour() {
    let (app, _) = app_with_ada();
    let link = link(&app, "ada");
    app.sql("update once set ends = ends - 1801 * 1000000::bigint where kind = 'reset'");
    let mut browser = Browser::new(&app);
    browser.get(&link).expect(403).expect_words("too old");
    for forged in ["/reset", "/reset?token=", "/reset?token=AAAA", "/reset?token=%27"] {
        browser.get(forged).expect(403);
    }
}

#[test]
fn a_link_is_no_way_around_the_second_factor() {
    let (app, _) = app_with_ada();
    app.sql("update account set totp = '\\x00'");
    let link = link(&app, "ada");
    let mut browser = Browser::new(&app);
    browser.get(&link).expect(200);
    browser.submit("/reset", &[("token", token(&link)), ("password", NEW), ("again", NEW)]).expect(200);
    browser.sign_in("ada", NEW).expect_to("/login/factor?next=/home");
    assert!(!browser.is_signed_in());
}

#[test]
fn who_is_added_without_a_password_sets_one_by_a_link() {
    let app = app();
    let output = app.run("user add", &["--login", "bob", "--name", "Bob", "--role", "patient"]);
    let said = String::from_utf8(output.stdout).expect("text");
    let link = path(&app, said.lines().last().expect("the link comes last"));
    let mut browser = Browser::new(&app);
    browser.get(&link).expect(200);
    browser.submit("/reset", &[("token", token(&link)), ("password", NEW), ("again", NEW)]).expect(200);
    browser.sign_in("bob", NEW).expect_to("/home");
}

#[test]
fn suspending_a_person_stops_them_at_once() {
    let (app, mut browser) = app_with_ada();
    let second = beside(&app);
    let mut elsewhere = browser.at(&second);
    assert!(elsewhere.is_signed_in(), "a session is one of all processes");
    app.sql(
        "insert into authorization_grant (id, client, account, data, created, used)
         select gen_random_uuid(), 'app', id, '{\"scope\": \"openid\"}', 0, 0 from account",
    );
    assert!(app.run("user suspend", &["ada"]).status.success());
    assert!(!browser.is_signed_in() && !elsewhere.is_signed_in());
    browser.sign_in("ada", PASSWORD).expect(403).expect_words("suspended");
    let open: i64 = app.sql("select count(*) from authorization_grant where ended is null")[0].get(0);
    let revoked: i64 = app.sql("select count(*) from revocation where kind = 'account'")[0].get(0);
    assert_eq!((open, revoked), (0, 1));
    assert!(app.run("user activate", &["ada"]).status.success());
    assert!(!browser.is_signed_in(), "the session of before is over");
    browser.sign_in("ada", PASSWORD).expect_to("/home");
    expect_audit(&app, "account", 200, "suspended", 1);
    expect_audit(&app, "account", 200, "activated", 1);
}

#[test]
fn the_command_lists_people_and_gives_roles() {
    let (app, mut browser) = app_with_ada();
    let output = app.run("user role", &["ada", "--role", "nurse", "--role", "admin"]);
    assert!(output.status.success());
    let listed = String::from_utf8(app.run("user list", &[]).stdout).expect("text");
    assert_eq!(listed.trim(), "ada\tactive\tadmin,nurse\tada\tPractitioner/ada\t-");
    browser.get("/account").expect(200).expect_words("nurse");
    let revoked: i64 = app.sql("select count(*) from revocation where kind = 'account'")[0].get(0);
    assert_eq!(revoked, 1, "tokens that carry the roles of before end");
}

#[test]
fn the_command_refuses_what_makes_no_person() {
    let (app, _) = app_with_ada();
    let good = ["--login", "bob", "--name", "Bob", "--role", "patient", "--password-stdin"];
    for (change, password, words) in [
        (&["--fhir-user", "Organization/1"][..], PASSWORD, "Practitioner/1"),
        (&["--fhir-user", "Patient"], PASSWORD, "Practitioner/1"),
        (&["--role", "king"], PASSWORD, "the roles are"),
        (&["--email", "nowhere"], PASSWORD, "email"),
        (&[], "short", "at least 10 characters"),
        (&[], "password123", "easy to guess"),
        (&[], "", "at least 10 characters"),
    ] {
        let arguments: Vec<&str> = good.iter().chain(change).copied().collect();
        let output = app.run_fed("user add", &arguments, password);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(words), "{change:?}: {said}");
    }
    for (name, arguments, words) in [
        ("user add", &["--login", "ADA", "--name", "x", "--role", "patient"][..], "already"),
        ("user add", &["--login", "a b", "--name", "x", "--role", "patient"], "login"),
        ("user suspend", &["nobody"], "no person"),
        ("user reset", &["nobody"], "no person"),
    ] {
        let output = app.run(name, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(words), "{name} {arguments:?}: {said}");
    }
}
