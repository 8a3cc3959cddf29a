//! People and records of the tests about broken glass, on a server that they share.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::{Client, Response};
use crate::races::unique;

pub const REASON: &str = "unconscious after a fall, no relatives known";

/// Returns the secured server that the tests here share.
pub fn app() -> &'static TestApp {
    static APP: OnceLock<TestApp> = OnceLock::new();
    APP.get_or_init(|| TestApp::builder().secured().start())
}

/// The operator of the server, who keeps the record.
pub fn operator() -> &'static Client {
    static OPERATOR: OnceLock<Client> = OnceLock::new();
    OPERATOR.get_or_init(|| app().client_with("system/*.cruds"))
}

pub fn now_us() -> i64 {
    medilink::fhir::Instant::now().0
}

/// Adds a Patient and returns the id.
pub fn patient() -> String {
    let id = unique("patient");
    operator().put(&format!("Patient/{id}"), &json!({"resourceType": "Patient", "id": id})).expect(201);
    id
}

/// Somebody who has signed in, with what their token says.
#[derive(Clone)]
pub struct Person {
    /// `Practitioner/1`.
    pub who: Option<String>,
    pub role: &'static str,
    /// How long ago the factors were shown, and which ones.
    pub age_s: i64,
    pub methods: &'static [&'static str],
    pub scope: &'static str,
}

impl Person {
    pub fn new(role: &'static str, who: &str) -> Person {
        Person { who: Some(who.into()), role, age_s: 0, methods: &["pwd", "otp"], scope: "user/*.cruds" }
    }

    /// Returns a client that sends a token of this person, each of an account of its own.
    pub fn on(&self, app: &TestApp) -> Client {
        let token = app.forged(|claims| {
            claims.sub = uuid::Uuid::new_v4().to_string();
            claims.scope = self.scope.into();
            claims.roles = vec![self.role.to_string()];
            claims.fhir_user = self.who.clone();
            claims.auth_time = Some(claims.iat - self.age_s);
            claims.amr = self.methods.iter().map(ToString::to_string).collect();
        });
        app.client().with_token(&token)
    }

    pub fn client(&self) -> Client {
        self.on(app())
    }
}

/// Returns a physician of whom nobody knows yet.
pub fn physician() -> Person {
    Person::new("physician", &format!("Practitioner/{}", unique("doctor")))
}

pub fn parameters(list: &[(&str, &str, Value)]) -> Value {
    let list: Vec<Value> = list.iter().map(|(name, key, value)| json!({"name": name, *key: value})).collect();
    json!({"resourceType": "Parameters", "parameter": list})
}

/// Breaks the glass over a record.
pub fn break_glass(client: &Client, patient: &str) -> Response {
    let body = parameters(&[("reason", "valueString", json!(REASON))]);
    client.post(&format!("Patient/{patient}/$break-glass"), &body)
}

pub fn end_glass(client: &Client, patient: &str, grant: &str) -> Response {
    let body = parameters(&[("grant", "valueString", json!(grant))]);
    client.post(&format!("Patient/{patient}/$end-break-glass"), &body)
}

/// Returns the value of a parameter of an answer.
#[track_caller]
pub fn part(answer: &Response, name: &str) -> Value {
    let list = answer.json()["parameter"].take();
    let found = list.as_array().and_then(|list| list.iter().find(|part| part["name"] == name).cloned());
    let found = found.unwrap_or_else(|| panic!("{}: no '{name}': {}", answer.asked, answer.text()));
    let value = found.as_object().and_then(|part| part.iter().find(|(key, _)| key.starts_with("value")));
    value.map(|(_, value)| value.clone()).unwrap_or_else(|| panic!("no value in {found}"))
}

/// Returns a text of an answer.
#[track_caller]
pub fn word(answer: &Response, name: &str) -> String {
    part(answer, name).as_str().unwrap_or_else(|| panic!("'{name}' is no text")).to_string()
}

#[track_caller]
pub fn consent_of(answer: &Response) -> String {
    part(answer, "consent")["reference"].as_str().expect("a reference").to_string()
}

/// Returns the one Task that asks for the review of a grant.
#[track_caller]
pub fn task_of(app: &TestApp, grant: &str) -> String {
    let rows = app.sql(&format!("select task from break_glass where id = '{grant}'"));
    format!("Task/{}", rows.first().expect("the grant is there").get::<_, String>(0))
}

/// Returns status and detail of the audit rows of an action over a record, the oldest first, waiting until there are as many.
pub fn audited(app: &TestApp, action: &str, patient: &str, number: usize) -> Vec<(i16, String)> {
    let query = format!(
        "select status, coalesce(detail, '') from audit where action = '{action}' and id = '{patient}' order by at, no"
    );
    let began = Instant::now();
    loop {
        let rows: Vec<(i16, String)> = app.sql(&query).iter().map(|row| (row.get(0), row.get(1))).collect();
        if rows.len() >= number || began.elapsed() > Duration::from_secs(5) {
            return rows;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the notices with a code about a patient.
pub fn notices(app: &TestApp, patient: &str, code: &str) -> Vec<Value> {
    let found = app
        .client_with("system/*.cruds")
        .get(&format!("Communication?subject=Patient/{patient}&_count=100"))
        .expect(200);
    found.resources().into_iter().filter(|it| it["topic"]["coding"][0]["code"] == code).collect()
}
