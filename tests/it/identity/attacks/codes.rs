//! Codes that were stolen, or are sent by those whom they were not given to. RFC 6749 10.5, RFC 7636.

use std::time::Duration;

use super::{Attack, issued, shown, told};
use crate::identity::signer::Signer;
use crate::identity::smart::{App, decided, ticked};

const SCOPE: &str = "launch/patient offline_access patient/Patient.rs";

pub const ATTACKS: &[Attack] =
    &[
        Attack {
            name: "A code is exchanged a second time",
            answers: &["400 invalid_grant"],
            audit: Some(("token", 400, "110113 Security Alert")),
            attempt: |stage| {
                let app = App::public(&stage.server, SCOPE);
                let (code, verifier) = app.code(&stage.ada, SCOPE);
                app.exchange(&code, &verifier).expect(200);
                told(&app.exchange(&code, &verifier))
            },
        },
        Attack {
            name: "What a stolen code gave is used after the code came a second time",
            answers: &["401 login, 400 invalid_grant"],
            audit: Some(("token", 400, "110113 Security Alert")),
            attempt: |stage| {
                let app = App::public(&stage.server, SCOPE);
                let (code, verifier) = app.code(&stage.ada, SCOPE);
                let given = app.exchange(&code, &verifier).expect(200).json();
                app.exchange(&code, &verifier).expect(400);
                std::thread::sleep(Duration::from_millis(1_100));
                let text = |name: &str| given[name].as_str().unwrap_or("").to_string();
                let read = stage.server.client().with_token(&text("access_token")).get("Patient/ada");
                format!("{}, {}", issued(&read), told(&app.refresh(&text("refresh_token"))))
            },
        },
        Attack {
            name: "A code is exchanged without a verifier",
            answers: &["400 invalid_grant"],
            audit: Some(("token", 400, "code_verifier")),
            attempt: |stage| {
                let app = App::public(&stage.server, SCOPE);
                let (code, _) = app.code(&stage.ada, SCOPE);
                let redirect = app.redirect.clone();
                told(&app.token(&[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &redirect)]))
            },
        },
        Attack {
            name: "A code is exchanged with another verifier",
            answers: &["400 invalid_grant"],
            audit: Some(("token", 400, "code_verifier")),
            attempt: |stage| {
                let app = App::public(&stage.server, SCOPE);
                let (code, _) = app.code(&stage.ada, SCOPE);
                told(&app.exchange(&code, &app.asks(SCOPE).verifier))
            },
        },
        Attack {
            name: "A code is exchanged with the challenge in the place of the verifier",
            answers: &["400 invalid_grant"],
            audit: Some(("token", 400, "code_verifier")),
            attempt: |stage| {
                let app = App::public(&stage.server, SCOPE);
                let asked = app.asks(SCOPE);
                let came = asked.allowed(&mut stage.ada.clone());
                told(&app.exchange(came.get("code").expect("a code"), asked.get("code_challenge")))
            },
        },
        Attack {
            name: "After a wrong verifier the right one is sent, as if nothing had been",
            answers: &["400 invalid_grant"],
            audit: Some(("token", 400, "")),
            attempt: |stage| {
                let app = App::public(&stage.server, SCOPE);
                let (code, verifier) = app.code(&stage.ada, SCOPE);
                app.exchange(&code, &app.asks(SCOPE).verifier).expect(400);
                told(&app.exchange(&code, &verifier))
            },
        },
        Attack {
            name: "An app asks for a code without a challenge",
            answers: &["the app is told invalid_request"],
            audit: Some(("authorize", 400, "invalid_request")),
            attempt: |stage| {
                let asked = App::public(&stage.server, SCOPE).asks(SCOPE);
                shown(&asked.without("code_challenge").without("code_challenge_method").opened(&mut stage.ada.clone()))
            },
        },
        Attack {
            name: "An app asks for a code with a plain challenge",
            answers: &["the app is told invalid_request"],
            audit: Some(("authorize", 400, "invalid_request")),
            attempt: |stage| {
                let asked = App::public(&stage.server, SCOPE).asks(SCOPE);
                shown(&asked.with("code_challenge_method", "plain").opened(&mut stage.ada.clone()))
            },
        },
        Attack {
            name: "Another app exchanges the code (mix-up of clients)",
            answers: &["400 invalid_grant"],
            audit: Some(("token", 400, "invalid_grant")),
            attempt: |stage| {
                let app = App::public(&stage.server, SCOPE);
                let (code, verifier) = app.code(&stage.ada, SCOPE);
                let other = App { redirect: app.redirect.clone(), ..App::public(&stage.server, SCOPE) };
                told(&other.exchange(&code, &verifier))
            },
        },
        Attack {
            name: "An app that signs names the code of another, and itself, and the other's id",
            answers: &["401 invalid_client"],
            audit: Some(("token", 401, "")),
            attempt: |stage| {
                let app = App::public(&stage.server, SCOPE);
                let (code, verifier) = app.code(&stage.ada, SCOPE);
                let other = App::with_key(&stage.server, SCOPE, Signer::es384());
                told(&other.token(&[
                    ("grant_type", "authorization_code"),
                    ("client_id", &app.id),
                    ("code", &code),
                    ("redirect_uri", &app.redirect),
                    ("code_verifier", &verifier),
                ]))
            },
        },
        Attack {
            name: "An answer does not say which server it is from, so that an app could mix servers up (RFC 9207)",
            answers: &["it names its issuer"],
            audit: None,
            attempt: |stage| {
                let came = App::public(&stage.server, SCOPE).asks(SCOPE).allowed(&mut stage.ada.clone());
                let is_named = came.get("iss") == Some(stage.server.base());
                if is_named { "it names its issuer".into() } else { format!("{came:?}") }
            },
        },
        Attack {
            name: "A code is exchanged with another registered address of the app",
            answers: &["400 invalid_grant"],
            audit: Some(("token", 400, "redirect_uri")),
            attempt: |stage| {
                let app = App::public(&stage.server, SCOPE);
                let (code, verifier) = app.code(&stage.ada, SCOPE);
                let other = App {
                    redirect: app.redirect.replace("callback", "other"),
                    id: app.id.clone(),
                    secret: None,
                    signer: None,
                    ..app
                };
                told(&other.exchange(&code, &verifier))
            },
        },
        Attack {
            name: "A request is allowed twice, for two codes",
            answers: &["page 404"],
            audit: None,
            attempt: |stage| {
                let (app, mut person) = (App::public(&stage.server, SCOPE), stage.ada.clone());
                let page = app.asks(SCOPE).opened(&mut person).expect(200);
                decided(&mut person, &page, "allow", &ticked(&page));
                let request = page.hidden("request").expect("a request");
                shown(&person.submit(
                    "/authorize",
                    &[("request", &request), ("decision", "allow"), ("scope", "patient/Patient.rs")],
                ))
            },
        },
        Attack {
            name: "A person is made to answer a request for the token of another server (aud)",
            answers: &["the app is told invalid_request"],
            audit: Some(("authorize", 400, "invalid_request")),
            attempt: |stage| {
                let asked = App::public(&stage.server, SCOPE).asks(SCOPE);
                shown(&asked.with("aud", "https://evil.example/fhir").opened(&mut stage.ada.clone()))
            },
        },
    ];
