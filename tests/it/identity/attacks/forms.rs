//! Forms that a person never saw: sent by other sites, or shown inside of them. OWASP, cross-site request forgery and clickjacking.

use super::{Attack, shown};
use crate::identity::browser::Browser;
use crate::identity::smart::App;
use crate::identity::stage::{PASSWORD, Stage};

const SCOPE: &str = "launch/patient patient/Patient.rs";
const REFUSED: &[&str] = &["page 403"];
const AUDITED: Option<(&str, i16, &str)> = Some(("form", 403, ""));

/// Opens the consent page, changes the browser, and answers in the place of the person.
fn answered(stage: &Stage, change: impl FnOnce(&mut Browser)) -> String {
    let (app, mut person) = (App::public(&stage.server, SCOPE), stage.ada.clone());
    let page = app.asks(SCOPE).opened(&mut person).expect(200);
    let request = page.hidden("request").expect("a request");
    change(&mut person);
    shown(
        &person.submit("/authorize", &[("request", &request), ("decision", "allow"), ("scope", "patient/Patient.rs")]),
    )
}

pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "Another site answers the consent page without its CSRF token",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| answered(stage, |person| person.csrf = String::new()),
    },
    Attack {
        name: "Another site answers the consent page with the CSRF token of its own visit",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let mut other = Browser::new(&stage.server);
            other.get("/login").expect(200);
            answered(stage, |person| person.csrf = other.csrf)
        },
    },
    Attack {
        name: "Another site answers the consent page with the right CSRF token (Origin is foreign)",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| answered(stage, |person| person.origin = Some("https://evil.example".into())),
    },
    Attack {
        name: "A page in a sandbox answers the consent page (Origin is null)",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| answered(stage, |person| person.origin = Some("null".into())),
    },
    Attack {
        name: "A site of the same name on another port answers the consent page",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| answered(stage, |person| person.origin = Some("http://127.0.0.1:1".into())),
    },
    Attack {
        name: "Somebody who is not signed in answers the request of another",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| answered(stage, |person| person.cookies.clear()),
    },
    Attack {
        name: "The request of one person is answered in the session of another, who never saw the page",
        answers: &["the page is shown first"],
        audit: None,
        attempt: |stage| {
            let (app, mut ada, mut ben) = (App::public(&stage.server, SCOPE), stage.ada.clone(), stage.ben.clone());
            let page = app.asks(SCOPE).opened(&mut ada).expect(200);
            let request = page.hidden("request").expect("a request");
            ben.get("/account").expect(200);
            let fields = [("request", request.as_str()), ("decision", "allow"), ("scope", "patient/Patient.rs")];
            let came = shown(&ben.submit("/authorize", &fields));
            if came == format!("sent to /authorize?request={request}") {
                "the page is shown first".into()
            } else {
                came
            }
        },
    },
    Attack {
        name: "Another site signs the person in as somebody else",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let mut person = Browser::new(&stage.server);
            person.get("/login").expect(200);
            person.csrf = String::new();
            shown(&person.submit("/login", &[("login", "ben"), ("password", PASSWORD)]))
        },
    },
    Attack {
        name: "Another site signs the person out",
        answers: &["page 403"],
        audit: None,
        attempt: |stage| {
            let mut person = stage.ada.clone();
            person.origin = Some("https://evil.example".into());
            let came = shown(&person.submit("/logout", &[]));
            assert!(person.is_signed_in(), "the session has ended");
            if came.starts_with("sent to") { "page 403".into() } else { came }
        },
    },
    Attack {
        name: "Pages are shown in a frame of another site (clickjacking), or run scripts of others",
        answers: &["every page forbids it"],
        audit: None,
        attempt: |stage| {
            let mut person = stage.ada.clone();
            let asked = App::public(&stage.server, SCOPE).asks(SCOPE);
            let pages =
                [asked.opened(&mut person), person.get("/account"), person.get("/login"), person.get("/nothing-here")];
            for page in &pages[..3] {
                let policy = page.header("content-security-policy").unwrap_or("");
                let is_safe = policy.contains("frame-ancestors 'none'")
                    && policy.contains("default-src 'none'")
                    && !policy.contains("unsafe")
                    && page.header("x-frame-options") == Some("DENY")
                    && page.header("referrer-policy") == Some("same-origin")
                    && page.header("x-content-type-options") == Some("nosniff");
                if !is_safe {
                    return format!("{}: {:?}", page.asked, page.headers);
                }
            }
            "every page forbids it".into()
        },
    },
    Attack {
        name: "A name with HTML in it is to run as a script on a page",
        answers: &["it is shown as text"],
        audit: None,
        attempt: |stage| {
            let mut person = Browser::new(&stage.server);
            let page = person.get("/login?next=%2Faccount%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
            let login = "<script>alert(1)</script>";
            let again = person.submit("/login", &[("login", login), ("password", "x")]);
            let is_text = |text: &str| !text.contains("<script>alert");
            if is_text(&page.text) && is_text(&again.text) { "it is shown as text".into() } else { again.text }
        },
    },
];
