//! Apps that introduce themselves with bad intent, and make the server fetch what they want. RFC 7591 5, RFC 9700 4.

use std::net::TcpListener;

use serde_json::{Value, json};

use super::{Attack, told};
use crate::app::TestApp;
use crate::client::Response;
use crate::identity::signer::{Signer, now_s, unique};
use crate::identity::smart::{ASSERTION_TYPE, form};
use crate::identity::stage::Stage;

const HOSPITAL: &str = "https://hospital.example/fhir";
const AUDITED: Option<(&str, i16, &str)> = Some(("register", 400, ""));

fn register(server: &TestApp, change: impl FnOnce(&mut Value)) -> Response {
    let mut body = json!({
        "client_name": "An app",
        "redirect_uris": ["https://app.example/callback"],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code"],
        "scope": "launch/patient patient/Patient.rs",
    });
    change(&mut body);
    let headers = [("Content-Type", "application/json")];
    server.client().request("POST", "/oauth/register", &headers, body.to_string().as_bytes())
}

/// Registers with each of these addresses; returns the answer that all of them get.
fn with_redirects(stage: &Stage, uris: &[&str]) -> String {
    let mut answers: Vec<String> =
        uris.iter().map(|uri| told(&register(&stage.server, |body| body["redirect_uris"] = json!([uri])))).collect();
    answers.dedup();
    answers.join(", ")
}

pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "An app registers a script as the address where it is called back",
        answers: &["400 invalid_redirect_uri"],
        audit: AUDITED,
        attempt: |stage| {
            with_redirects(
                stage,
                &["javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd"],
            )
        },
    },
    Attack {
        name: "An app registers an address without TLS, with a fragment, a user, or none at all",
        answers: &["400 invalid_redirect_uri"],
        audit: AUDITED,
        attempt: |stage| {
            with_redirects(
                stage,
                &[
                    "http://app.example/cb",
                    "https://app.example/cb#x",
                    "https://a@app.example/cb",
                    "/cb",
                    "",
                    "https://*.example/cb",
                ],
            )
        },
    },
    Attack {
        name: "An app registers itself for user/ and system/ scopes",
        answers: &["it has to wait for an administrator", "400 invalid_client_metadata"],
        audit: Some(("register", 201, "")),
        attempt: |stage| {
            let answer = register(&stage.server, |body| body["scope"] = json!("user/*.cruds openid fhirUser"));
            if answer.status != 201 {
                return told(&answer);
            }
            let id = answer.json()["client_id"].as_str().unwrap_or("").to_string();
            let rows = stage.server.sql(&format!("select status from client where id = '{id}'"));
            let status: i16 = rows[0].get(0);
            if status == 1 { "it has to wait for an administrator".into() } else { format!("its status is {status}") }
        },
    },
    Attack {
        name: "A registration is changed without its token",
        answers: &["401 invalid_token"],
        audit: Some(("register", 401, "")),
        attempt: |stage| {
            let answer = register(&stage.server, |_| ()).expect(201).json();
            let address = answer["registration_client_uri"].as_str().expect("an address").to_string();
            told(&stage.server.client().with_token("guess").request("DELETE", &address, &[], b""))
        },
    },
    Attack {
        name: "The server is made to fetch keys from inside of the hospital (SSRF by jwks_uri)",
        answers: &["nothing was fetched"],
        audit: None,
        attempt: |_| {
            // A server that is reached by loopback alone lets its own machine be asked; this one is known by a name.
            let server = TestApp::builder().secured().set("base-url", HOSPITAL).start();
            let inside = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            inside.set_nonblocking(true).expect("it can be");
            let port = inside.local_addr().expect("an address").port();
            for host in [
                format!("http://127.0.0.1:{port}"),
                format!("https://127.0.0.1:{port}"),
                format!("https://localhost:{port}"),
                format!("https://[::ffff:127.0.0.1]:{port}"),
                format!("https://2130706433:{port}"),
                format!("https://0x7f.1:{port}"),
                format!("https://0.0.0.0:{port}"),
                "https://169.254.169.254".into(),
                "https://10.0.0.1".into(),
                "https://[fd00::1]".into(),
                "file:///etc/passwd".into(),
            ] {
                let answer = register(&server, |body| {
                    body["jwks_uri"] = json!(format!("{host}/jwks"));
                    body["token_endpoint_auth_method"] = json!("private_key_jwt");
                });
                if answer.status == 201 {
                    let id = answer.json()["client_id"].as_str().unwrap_or("").to_string();
                    server.sql(&format!("update client set status = 2 where id = '{id}'"));
                    let came = assert_as(&server, &id);
                    assert_eq!((came.status, came.json()["error"].as_str()), (401, Some("invalid_client")), "{host}");
                } else {
                    assert_eq!(answer.status, 400, "{host}: {}", answer.text());
                }
                let is_reached = inside.accept().is_ok();
                assert!(!is_reached, "{host} was asked");
            }
            "nothing was fetched".into()
        },
    },
];

/// Sends an assertion, for which the server has to get the keys of the client.
fn assert_as(server: &TestApp, id: &str) -> Response {
    let aud = HOSPITAL.replace("/fhir", "/oauth/token");
    let claims = json!({"iss": id, "sub": id, "aud": aud, "exp": now_s() + 60, "jti": unique("jti")});
    let assertion = Signer::es384().sign(&json!({}), &claims);
    let body = form(&[
        ("grant_type", "authorization_code"),
        ("code", "x"),
        ("redirect_uri", "https://app.example/callback"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", &assertion),
    ]);
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    server.client().request("POST", "/oauth/token", &headers, body.as_bytes())
}
