//! `serve --demo`: people and an app with which a newcomer can begin at once.

use super::browser::Browser;
use crate::app::TestApp;

/// Returns the last told logins and passwords.
fn told(log: &str) -> Vec<(String, String)> {
    let (_, last) = log.rsplit_once("These people can sign in").expect("people are told of");
    let lines = last.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let people = lines.filter(|words| {
        words.len() > 2 && ["physician", "nurse", "patient", "neighbor", "auditor", "admin"].contains(&words[0])
    });
    people.map(|words| (words[0].to_string(), words[1].to_string())).collect()
}

#[test]
fn the_people_of_the_demo_sign_in_with_what_is_printed_also_after_a_restart() {
    let server = TestApp::builder().secured().demo().start();
    let people = told(&server.log());
    assert_eq!(people.len(), 6, "{people:?}");
    for (login, password) in &people {
        let mut browser = Browser::new(&server);
        browser.sign_in(login, password).expect(303);
        assert!(browser.is_signed_in(), "{login}");
    }
    let log = server.log();
    assert!(log.contains("/oauth/authorize?response_type=code&client_id=demo-app&"), "{log}");
    server.restart();
    assert_eq!(told(&server.log()), people);
    assert!(!server.log().contains("changed since"));
    let rows = server.sql("select count(*) from account union all select count(*) from client");
    assert_eq!(rows.iter().map(|row| row.get::<_, i64>(0)).collect::<Vec<_>>(), [6, 1]);
    server.sql("update account set password = null where login = 'nurse'");
    server.restart();
    assert!(server.log().contains("Lena Rivera  (changed since)"));
}
