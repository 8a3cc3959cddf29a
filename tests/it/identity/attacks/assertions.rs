//! Assertions of clients that were copied, forged, or meant for somebody else. RFC 7523, RFC 8725.

use serde_json::{Value, json};

use super::{Attack, told};
use crate::client::Response;
use crate::identity::signer::{Signer, now_s, signed_by_nobody, signed_with_public_key};
use crate::identity::smart::{ASSERTION_TYPE, App, form};
use crate::identity::stage::Stage;

const REFUSED: &[&str] = &["401 invalid_client"];
const AUDITED: Option<(&str, i16, &str)> = Some(("token", 401, ""));

fn system(stage: &Stage) -> App<'_> {
    App::with_key(&stage.server, "system/*.rs", Signer::es384())
}

fn send(stage: &Stage, assertion: &str) -> Response {
    let body = form(&[
        ("grant_type", "client_credentials"),
        ("scope", "system/Patient.rs"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ]);
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    stage.server.client().request("POST", "/oauth/token", &headers, body.as_bytes())
}

/// Sends an assertion with other claims.
fn with_claims(stage: &Stage, change: impl FnOnce(&mut Value)) -> String {
    told(&send(stage, &system(stage).assertion(|_, claims| change(claims))))
}

pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "An assertion is sent a second time",
        answers: REFUSED,
        audit: Some(("token", 401, "before")),
        attempt: |stage| {
            let assertion = system(stage).assertion(|_, _| ());
            send(stage, &assertion).expect(200);
            told(&send(stage, &assertion))
        },
    },
    Attack {
        name: "An assertion signed by nobody (alg none)",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| told(&send(stage, &signed_by_nobody(&system(stage).assertion_claims()))),
    },
    Attack {
        name: "The public key is used as if it were a shared secret (HS384)",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let app = system(stage);
            let signer = app.signer.as_ref().expect("it signs");
            let public = signer.jwk().to_string();
            told(&send(
                stage,
                &signed_with_public_key("HS384", &signer.kid, public.as_bytes(), &app.assertion_claims()),
            ))
        },
    },
    Attack {
        name: "Another key under the name of the registered one",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let app = system(stage);
            let kid = &app.signer.as_ref().expect("it signs").kid;
            told(&send(stage, &Signer::es384().sign(&json!({"kid": kid}), &app.assertion_claims())))
        },
    },
    Attack {
        name: "A key that the assertion brings along (jwk, jku)",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let (app, signer) = (system(stage), Signer::es384());
            let kid = app.signer.as_ref().expect("it signs").kid.clone();
            let far = signer.sign(&json!({"jku": "https://evil.example/jwks"}), &app.assertion_claims());
            assert_eq!(told(&send(stage, &far)), "401 invalid_client");
            told(&send(stage, &signer.sign(&json!({"kid": kid, "jwk": signer.jwk()}), &app.assertion_claims())))
        },
    },
    Attack {
        name: "The key of another client",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let (app, other) = (system(stage), system(stage));
            told(&send(
                stage,
                &other.assertion(|_, claims| (claims["iss"], claims["sub"]) = (json!(app.id), json!(app.id))),
            ))
        },
    },
    Attack {
        name: "An assertion for another server (aud)",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| with_claims(stage, |claims| claims["aud"] = json!("https://other.example/oauth/token")),
    },
    Attack {
        name: "An assertion for many servers, of which each could use it at the others",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            with_claims(stage, |claims| claims["aud"] = json!([claims["aud"], "https://other.example/oauth/token"]))
        },
    },
    Attack {
        name: "An assertion that has expired",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| with_claims(stage, |claims| claims["exp"] = json!(now_s() - 1)),
    },
    Attack {
        name: "An assertion that holds for a year",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| with_claims(stage, |claims| claims["exp"] = json!(now_s() + 31_536_000)),
    },
    Attack {
        name: "An assertion from the future",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| with_claims(stage, |claims| claims["nbf"] = json!(now_s() + 200)),
    },
    Attack {
        name: "An assertion without an end",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| with_claims(stage, |claims| claims["exp"] = Value::Null),
    },
    Attack {
        name: "An assertion without a number of its own (jti), which could be sent again and again",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| with_claims(stage, |claims| claims["jti"] = Value::Null),
    },
    Attack {
        name: "One client asserts that it is another (iss and sub differ)",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| with_claims(stage, |claims| claims["sub"] = json!("somebody-else")),
    },
    Attack {
        name: "A system sends its id alone, without its assertion",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let nobody = App { signer: None, ..system(stage) };
            told(&nobody.token(&[("grant_type", "client_credentials"), ("scope", "system/Patient.rs")]))
        },
    },
    Attack {
        name: "A system asks for more than it was registered for",
        answers: &["400 invalid_scope"],
        audit: Some(("token", 400, "invalid_scope")),
        attempt: |stage| {
            let app = App::with_key(&stage.server, "system/Observation.rs", Signer::es384());
            told(&app.token(&[("grant_type", "client_credentials"), ("scope", "system/Patient.cruds")]))
        },
    },
];
