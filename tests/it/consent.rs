//! Consent: asked for, given, refused, withdrawn; and who sees what, on every way there is to it.

mod binary;
pub mod cases;
mod everything;
mod holes;
mod labels;
mod leak;
mod life;
mod mail;
mod matrix;
mod pages;
mod pages_glass;
mod plain;
mod races;
mod time;

use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::{Client, Response};
use crate::identity::browser::add_person;
use crate::races::unique;

/// Returns the server with security that the tests here share.
fn app() -> &'static TestApp {
    static APP: OnceLock<TestApp> = OnceLock::new();
    APP.get_or_init(|| TestApp::builder().secured().start())
}

/// Somebody with an account, and how they signed in.
struct Somebody<'a> {
    app: &'a TestApp,
    account: String,
    role: &'static str,
    /// `Practitioner/1`.
    record: String,
}

impl<'a> Somebody<'a> {
    /// Adds a resource and an account that is linked to it.
    fn new(app: &'a TestApp, role: &'static str, record: &Value, more: &[&str]) -> Somebody<'a> {
        let t = record["resourceType"].as_str().expect("a type");
        let id = keeper(app).post(t, record).expect(201).id();
        let (login, record) = (unique(role), format!("{t}/{id}"));
        let flags: Vec<&str> = ["--fhir-user", &record].into_iter().chain(more.iter().copied()).collect();
        add_person(app, &login, "correct horse battery staple", role, &flags);
        let account: String = app.sql(&format!("select id::text from account where login = '{login}'"))[0].get(0);
        Somebody { app, account, role, record }
    }

    fn physician(app: &'a TestApp) -> Somebody<'a> {
        let name = json!([{"prefix": ["Dr."], "given": ["Ada"], "family": "Okafor"}]);
        Somebody::new(app, "physician", &json!({"resourceType": "Practitioner", "name": name}), &[])
    }

    fn patient(app: &'a TestApp) -> Somebody<'a> {
        Somebody::new(app, "patient", &json!({"resourceType": "Patient", "name": [{"family": "Lind"}]}), &[])
    }

    fn id(&self) -> &str {
        self.record.split_once('/').expect("a reference").1
    }

    /// Returns a client that has just signed in with a second factor.
    fn client(&self) -> Client {
        self.signed_in(0, &["pwd", "otp"])
    }

    /// Returns a client that signed in so long ago, by these methods.
    fn signed_in(&self, ago_s: i64, methods: &[&str]) -> Client {
        self.app.client().with_token(&self.app.forged(|claims| {
            claims.sub = self.account.clone();
            claims.scope = "user/*.cruds".to_string();
            claims.roles = vec![self.role.to_string()];
            claims.fhir_user = Some(self.record.clone());
            claims.client_id = Some("some-app".to_string());
            claims.patient = self.record.strip_prefix("Patient/").map(str::to_string);
            claims.auth_time = Some(claims.iat - ago_s);
            claims.amr = methods.iter().map(ToString::to_string).collect();
        }))
    }
}

/// Returns the keeper of the record.
fn keeper(app: &TestApp) -> Client {
    app.client_with("system/*.cruds")
}

/// Returns the id of what was made, also where its maker may not read it.
#[track_caller]
fn located(made: &Response) -> String {
    let location = made.header("location").unwrap_or_else(|| panic!("no location: {}", made.text()));
    location.rsplit('/').nth(2).expect("an id before the version").to_string()
}

fn parameters(list: Value) -> Value {
    match list.as_array() {
        Some(none) if none.is_empty() => json!({"resourceType": "Parameters"}),
        _ => json!({"resourceType": "Parameters", "parameter": list}),
    }
}

/// Returns a date so many days from now.
fn day(days: i64) -> String {
    medilink::fhir::Instant(medilink::fhir::Instant::now().0 + days * 86_400_000_000).to_string()
}

fn class(code: &str) -> Value {
    json!({"name": "class", "valueCoding": {"code": code}})
}

/// Returns what a request for laboratory results and medicines for 30 days says.
fn wanted(patient: &Somebody) -> Vec<Value> {
    vec![
        json!({"name": "patient", "valueReference": {"reference": patient.record}}),
        json!({"name": "purpose", "valueCoding": {"code": "TREAT"}}),
        class("labs"),
        class("meds"),
        json!({"name": "validity", "valuePeriod": {"end": day(30)}}),
    ]
}

fn ask(client: &Client, list: Vec<Value>) -> Response {
    client.post("Consent/$request", &parameters(list.into()))
}

/// Asks, and returns the id of the Consent.
#[track_caller]
fn asked(by: &Somebody, patient: &Somebody) -> String {
    ask(&by.client(), wanted(patient)).expect(201).id()
}

fn call(client: &Client, id: &str, operation: &str, list: Value) -> Response {
    client.post(&format!("Consent/{id}/${operation}"), &parameters(list))
}

/// Returns the one resource that a search finds.
#[track_caller]
fn only(client: &Client, search: &str) -> Value {
    let mut found = client.get(search).expect(200).resources();
    assert_eq!(found.len(), 1, "{search}: {found:?}");
    found.remove(0)
}

/// Returns the words of the notices that somebody has, by code.
fn notices(app: &TestApp, recipient: &str) -> Vec<(String, String)> {
    let found = keeper(app).get(&format!("Communication?recipient={recipient}&_sort=_lastUpdated")).expect(200);
    let text = |it: &Value, path: &str| it.pointer(path).and_then(Value::as_str).unwrap_or_default().to_string();
    found
        .resources()
        .iter()
        .map(|it| (text(it, "/topic/coding/0/code"), text(it, "/payload/0/contentString")))
        .collect()
}

fn codes(app: &TestApp, recipient: &str) -> Vec<String> {
    notices(app, recipient).into_iter().map(|(code, _)| code).collect()
}
