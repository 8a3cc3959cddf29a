//! Administrators of people: whom they let in, whom they stop, and what is not theirs to give.

use super::browser::Browser;
use super::clients::{audited, person};
use crate::app::TestApp;

fn id_of(app: &TestApp, login: &str) -> String {
    let rows = app.sql(&format!("select id::text from account where login = '{login}'"));
    rows.first().unwrap_or_else(|| panic!("there is no '{login}'")).get(0)
}

/// Returns the status and the roles of a person.
fn standing(app: &TestApp, login: &str) -> (i16, Vec<String>) {
    let rows = app.sql(&format!("select status, roles from account where login = '{login}'"));
    (rows[0].get(0), rows[0].get(1))
}

#[test]
fn an_administrator_adds_approves_and_stops_people() {
    let server = TestApp::builder().secured().start();
    let mut admin = person(&server, "ada", "admin", 0);
    admin.get("/admin/accounts/new").expect(200);
    let grace = [("login", "Grace"), ("name", "Grace H."), ("fhir_user", "Practitioner/1"), ("role", "physician")];
    let page = admin.submit("/admin/accounts/new", &grace).expect(200).expect_words("/reset?token=");
    page.expect_words("waiting");
    admin.submit("/admin/accounts/new", &grace).expect(409).expect_words("login already");
    admin.submit("/admin/accounts/new", &[("login", "x"), ("name", "X"), ("role", "king")]).expect(400);
    let wrong = [("login", "x"), ("name", "X"), ("fhir_user", "Organization/1"), ("role", "nurse")];
    admin.submit("/admin/accounts/new", &wrong).expect(422).expect_words("Practitioner/1");
    assert_eq!(standing(&server, "grace"), (1, vec!["physician".to_string()]));

    admin.get("/admin/accounts?status=waiting&q=grace").expect(200).expect_words("Grace H.");
    admin.get("/admin/accounts?q=nobody").expect(200).expect_words("None found");
    let here = format!("/admin/accounts/{}", id_of(&server, "grace"));
    admin.get(&here).expect(200).expect_words("Practitioner/1");
    admin.submit(&here, &[("do", "approve")]).expect_to(&here);
    assert_eq!(standing(&server, "grace").0, 2);
    let mut grace = person(&server, "grace", "physician", 0);
    grace.get("/account/apps").expect(200);
    admin.submit(&here, &[("do", "suspend")]).expect_to(&here);
    assert_eq!(standing(&server, "grace").0, 3);
    grace.get("/account/apps").expect_to("/login?next=/account/apps");
    admin.submit(&here, &[("do", "activate")]).expect_to(&here);
    admin.submit(&here, &[("do", "roles"), ("role", "nurse"), ("role", "system-auditor")]).expect_to(&here);
    assert_eq!(standing(&server, "grace"), (2, vec!["nurse".to_string(), "system-auditor".to_string()]));
    admin.submit(&here, &[("do", "roles")]).expect(422);
    admin.submit(&here, &[("do", "reset")]).expect(200).expect_words("/reset?token=");
    let grace_id = id_of(&server, "grace");
    server.sql(&format!("update account set totp = 'x' where id = '{grace_id}'"));
    server.sql(&format!("insert into passkey values ('x', '{grace_id}', 'key', '{{}}', 0)"));
    admin.get(&here).expect(200).expect_words("passkeys: 1").expect_words("Remove second factors");
    admin.submit(&here, &[("do", "factors")]).expect(200).expect_words("/reset?token=");
    assert!(server.sql("select 1 from passkey").is_empty());
    assert!(server.sql("select 1 from account where totp is not null").is_empty());
    admin.submit(&here, &[("do", "nonsense")]).expect(400);
    for path in ["/admin/accounts/x", "/admin/accounts/00000000-0000-0000-0000-000000000000"] {
        admin.get(path).expect(404);
        admin.submit(path, &[("do", "suspend")]).expect(404);
    }
}

#[test]
fn who_manages_people_does_so_below_themselves_with_a_fresh_factor() {
    let server = TestApp::builder().secured().start();
    let mut admin = person(&server, "ada", "admin", 0);
    let mut facility = person(&server, "fay", "facility-admin", 0);
    person(&server, "nora", "nurse", 0);
    let at = |login: &str| format!("/admin/accounts/{}", id_of(&server, login));
    let (ada, fay, nora) = (at("ada"), at("fay"), at("nora"));

    Browser::new(&server).get("/admin/accounts").expect_to("/login?next=/admin/accounts");
    for roles in ["physician", "patient", "system-auditor"] {
        let mut other = person(&server, roles, roles, 0);
        other.get("/admin/accounts").expect(403);
        match roles {
            // Auditors have pages of their own there.
            "system-auditor" => other.get("/admin").expect_to("/admin/alerts"),
            _ => other.get("/admin").expect(403),
        };
        other.get("/account/apps").expect(200);
        other.submit(&nora, &[("do", "suspend")]).expect(403);
    }
    let mut stale = person(&server, "ada", "admin", 1000);
    stale.get(&nora).expect(200);
    stale.submit(&nora, &[("do", "suspend")]).expect_to(&format!("/step-up?next={nora}"));
    stale.get("/admin/accounts/new").expect_to("/step-up?next=/admin/accounts/new");
    admin.get(&nora).expect(200);
    admin.submit(&nora, &[("do", "suspend"), ("csrf", "0")]).expect(403);
    assert_eq!(standing(&server, "nora").0, 2);

    let page = facility.get(&nora).expect(200);
    for role in ["admin", "facility-admin", "system-auditor"] {
        assert!(!page.text.contains(&format!("value=\"{role}\"")), "{role} is not theirs to give");
        facility.submit(&nora, &[("do", "roles"), ("role", "nurse"), ("role", role)]).expect(403);
        facility.submit("/admin/accounts/new", &[("login", "new"), ("name", "New"), ("role", role)]).expect(403);
    }
    for (browser, own) in [(&mut admin, &ada), (&mut facility, &fay)] {
        browser.get(own).expect(200).expect_words("not yours to change");
        for deed in ["suspend", "roles", "reset"] {
            browser.submit(own, &[("do", deed), ("role", "nurse")]).expect(403);
        }
    }
    for deed in ["suspend", "reset"] {
        facility.submit(&ada, &[("do", deed)]).expect(403);
    }
    assert!(audited(&server, "admin", "the change is not theirs to make"));
    facility.submit(&nora, &[("do", "suspend")]).expect_to(&nora);
    assert_eq!((standing(&server, "nora").0, standing(&server, "ada").0, standing(&server, "fay").0), (3, 2, 2));
    facility.get("/admin").expect_to("/admin/accounts");
    admin.get("/admin").expect_to("/admin/clients");
}
