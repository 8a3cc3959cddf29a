//! Passwords, codes and secrets that are guessed, and people who are found out. NIST SP 800-63B 3.2.2, OWASP ASVS 5 V6.

use std::time::{Duration, Instant};

use totp_rs::{Builder, Secret};

use super::{Attack, told};
use crate::identity::browser::{Browser, Page};
use crate::identity::signer::{now_s, unique};
use crate::identity::smart::{App, basic, form};
use crate::identity::stage::{PASSWORD, Stage, signed_in};

/// What the page says to one who does not get in.
fn said(page: &Page) -> String {
    format!("page {}: {}", page.status, page.error().unwrap_or_else(|| "nothing".into()))
}

fn try_password(stage: &Stage, login: &str, password: &str) -> Page {
    Browser::new(&stage.server).sign_in(login, password)
}

/// Adds a person with an authenticator app; returns the login and what the app shows after so many steps.
fn with_authenticator(stage: &Stage) -> (String, impl Fn(i64) -> String) {
    let login = unique("totp");
    let mut person = signed_in(&stage.server, &login, "patient", Some("Patient/ada"));
    person.get("/account/authenticator").expect(200);
    let page = person.submit("/account/authenticator/begin", &[]).expect(200);
    let (_, rest) = page.text.split_once("id=\"secret\">").expect("the secret is shown");
    let secret = rest.split('<').next().unwrap_or("").replace(' ', "");
    let code = move |steps: i64| {
        let secret = Secret::try_from_base32(&secret).expect("a secret");
        let totp = Builder::new().with_digits(6).with_step_duration(30).with_secret(secret).build_noncompliant();
        totp.generate(u64::try_from(now_s() + steps * 30).expect("a time")).to_string()
    };
    let setup = page.hidden("setup").expect("a setup");
    person.submit("/account/authenticator/confirm", &[("setup", &setup), ("code", &code(0))]).expect(200);
    (login, code)
}

/// Signs in up to the second factor, and sends a code.
fn try_code(stage: &Stage, login: &str, code: &str) -> Page {
    let mut person = Browser::new(&stage.server);
    let page = person.sign_in(login, PASSWORD);
    person.follow(page).expect(200);
    person.submit("/login/factor", &[("code", code)])
}

pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "A password is guessed: after five tries even the right one is not looked at",
        answers: &["page 429"],
        audit: Some(("sign-in", 429, "too many tries")),
        attempt: |stage| {
            let login = unique("guessed");
            signed_in(&stage.server, &login, "patient", Some("Patient/ada"));
            (0..5).for_each(|i| assert_eq!(try_password(stage, &login, &format!("guess {i}")).status, 403));
            format!("page {}", try_password(stage, &login, PASSWORD).status)
        },
    },
    Attack {
        name: "The same, with another made-up address in X-Forwarded-For each time",
        answers: &["429"],
        audit: Some(("sign-in", 429, "too many tries")),
        attempt: |stage| {
            let login = unique("forwarded");
            signed_in(&stage.server, &login, "patient", Some("Patient/ada"));
            let mut last = 0;
            for i in 0..6 {
                let mut person = Browser::new(&stage.server);
                person.get("/login").expect(200);
                let cookies: Vec<String> =
                    person.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let (cookies, address) = (cookies.join("; "), format!("203.0.113.{i}"));
                let headers = [
                    ("Content-Type", "application/x-www-form-urlencoded"),
                    ("Cookie", cookies.as_str()),
                    ("X-Forwarded-For", address.as_str()),
                    ("Forwarded", "for=203.0.113.99"),
                    ("X-Real-IP", "203.0.113.98"),
                ];
                let body = form(&[("csrf", &person.csrf), ("login", &login), ("password", "wrong guess")]);
                last = stage.server.client().request("POST", "/login", &headers, body.as_bytes()).status;
            }
            last.to_string()
        },
    },
    Attack {
        name: "One password is tried with many logins (spraying)",
        answers: &["page 429"],
        audit: Some(("sign-in", 429, "too many tries")),
        attempt: |stage| {
            let mut last = 0;
            for _ in 0..25 {
                last = try_password(stage, &unique("sprayed"), "Password123!").status;
                if last == 429 {
                    break;
                }
            }
            format!("page {last}")
        },
    },
    Attack {
        name: "Who has an account is found out by the words of the refusal",
        answers: &["the same words"],
        audit: Some(("sign-in", 403, "the login or the password is wrong")),
        attempt: |stage| {
            let (known, unknown) = (try_password(stage, "ada", "not it"), try_password(stage, "nobody-here", "not it"));
            if said(&known) == said(&unknown) {
                "the same words".into()
            } else {
                format!("{} {}", said(&known), said(&unknown))
            }
        },
    },
    Attack {
        name: "Who has an account is found out by the time that the refusal takes",
        answers: &["the same time"],
        audit: Some(("sign-in", 403, "the login or the password is wrong")),
        attempt: |stage| {
            let time = |login: &dyn Fn() -> String| {
                let mut times: Vec<Duration> = (0..4)
                    .map(|_| {
                        let (mut person, login) = (Browser::new(&stage.server), login());
                        person.get("/login").expect(200);
                        let began = Instant::now();
                        person.submit("/login", &[("login", &login), ("password", "not it")]).expect(403);
                        began.elapsed()
                    })
                    .collect();
                times.sort_unstable();
                // The shortest tells most: others may have waited for the machine.
                times[0]
            };
            let (known, unknown) = (time(&|| "ben".to_string()), time(&|| unique("nobody")));
            let share = unknown.as_secs_f64() / known.as_secs_f64();
            if (0.5..2.0).contains(&share) { "the same time".into() } else { format!("{known:?} and {unknown:?}") }
        },
    },
    Attack {
        name: "A code of the authenticator app is used a second time",
        answers: &["page 403: The code is wrong, or was used before."],
        audit: Some(("factor", 403, "used before")),
        attempt: |stage| {
            let (login, code) = with_authenticator(stage);
            let now = code(1);
            try_code(stage, &login, &now).expect(303);
            said(&try_code(stage, &login, &now))
        },
    },
    Attack {
        name: "The code that set the authenticator app up is used to sign in",
        answers: &["page 403: The code is wrong, or was used before."],
        audit: Some(("factor", 403, "used before")),
        attempt: |stage| {
            let (login, code) = with_authenticator(stage);
            said(&try_code(stage, &login, &code(0)))
        },
    },
    Attack {
        name: "A code of the authenticator app is guessed: after five tries even the right one is not looked at",
        answers: &["page 429"],
        audit: Some(("factor", 429, "too many tries")),
        attempt: |stage| {
            let (login, code) = with_authenticator(stage);
            let is_right = |guess: &String| (-2..3).any(|steps| code(steps) == *guess);
            let guesses = (0..).map(|n| format!("{n:06}")).filter(|guess| !is_right(guess)).take(5);
            guesses.for_each(|guess| assert_eq!(try_code(stage, &login, &guess).status, 403));
            format!("page {}", try_code(stage, &login, &code(1)).status)
        },
    },
    Attack {
        name: "The second factor is skipped: the pages are opened after the password alone",
        answers: &["page 303"],
        audit: None,
        attempt: |stage| {
            let (login, _) = with_authenticator(stage);
            let mut person = Browser::new(&stage.server);
            person.sign_in(&login, PASSWORD).expect(303);
            format!("page {}", person.get("/account").status)
        },
    },
    Attack {
        name: "The secret of an app is guessed: after ten tries even the right one is not looked at",
        answers: &["429 slow_down"],
        audit: Some(("token", 401, "")),
        attempt: |stage| {
            let app = App::secret(&stage.server, "launch/patient patient/Patient.rs");
            for i in 0..10 {
                let wrong = basic(&app.id, &format!("guess-{i}"));
                let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", &wrong)];
                let body = b"grant_type=refresh_token&refresh_token=x";
                stage.server.client().request("POST", "/oauth/token", &headers, body).expect(401);
            }
            told(&app.refresh("x"))
        },
    },
    Attack {
        name: "A link that sets a password is used a second time",
        answers: &["page 403", "page 404", "page 400"],
        audit: Some(("password", 200, "set by link")),
        attempt: |stage| {
            let login = unique("reset");
            signed_in(&stage.server, &login, "patient", Some("Patient/ada"));
            let output = stage.server.run("user reset", &[&login]);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let token =
                said.split_once("token=").expect("a link").1.split_whitespace().next().expect("a token").to_string();
            let mut person = Browser::new(&stage.server);
            person.get(&format!("/reset?token={token}")).expect(200);
            let fields =
                [("token", token.as_str()), ("password", "a much better one 77"), ("again", "a much better one 77")];
            assert!(person.submit("/reset", &fields).status < 400);
            let mut thief = Browser::new(&stage.server);
            thief.get("/login").expect(200);
            let fields =
                [("token", token.as_str()), ("password", "chosen by a thief 1"), ("again", "chosen by a thief 1")];
            format!("page {}", thief.submit("/reset", &fields).status)
        },
    },
];
