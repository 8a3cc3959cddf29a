//! Ways in that a hostile reader has found: each was open once, and stays shut.
//!
//! OWASP API Security Top 10 (object level authorization, resource consumption), RFC 9700 (OAuth security).

use std::time::{Duration, Instant};

use medilink::oauth::Claims;
use serde_json::{Value, json};

use super::browser::{Browser, Page};
use super::smart::App;
use super::stage::Stage;
use crate::app::TestApp;
use crate::client::{Client, Response};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const BODY: (&str, &str) = ("Content-Type", "application/json");

fn person(server: &TestApp, roles: &[&str], is: &str, patient: &str) -> Client {
    server.client().with_token(&server.forged(|claims: &mut Claims| {
        claims.scope = "patient/*.cruds".into();
        claims.roles = roles.iter().map(ToString::to_string).collect();
        claims.fhir_user = Some(is.into());
        claims.patient = Some(patient.into());
    }))
}

/// A receptionist chooses any patient for an app; being a patient here too does not open the record of that one.
#[test]
fn a_second_role_makes_no_record_ones_own() {
    let stage = Stage::set();
    let related = json!({"resourceType": "RelatedPerson", "id": "of-ada", "patient": {"reference": "Patient/ada"}});
    stage.server.client_with("system/*.cruds").put("RelatedPerson/of-ada", &related).expect(201);
    for (roles, is, patient, of, is_open) in [
        (&["patient"][..], "Patient/ben", "ben", "of-ben", true),
        (&["patient"], "Patient/ada", "ben", "of-ben", false),
        (&["receptionist", "patient"], "Patient/ada", "ada", "laboratory", true),
        (&["receptionist", "patient"], "Patient/ada", "ben", "of-ben", false),
        (&["receptionist", "patient"], "Practitioner/house", "ben", "of-ben", false),
        (&["admin", "related-person"], "RelatedPerson/of-ada", "ben", "of-ben", false),
        (&["related-person"], "RelatedPerson/of-ada", "ada", "laboratory", true),
    ] {
        let answer = person(&stage.server, roles, is, patient).get(&format!("Observation/{of}"));
        let allowed = if is_open { &[200][..] } else { &[403, 404] };
        assert!(allowed.contains(&answer.status), "{roles:?} {is} {patient}: {}", answer.text());
    }
}

/// What somebody performed or wrote is in their compartment, whomever it is about.
#[test]
fn a_record_is_written_by_nobody_but_its_own() {
    let stage = Stage::set();
    let twin = json!({"resourceType": "Patient", "id": "twin", "name": [{"family": "Twin"}],
        "link": [{"type": "seealso", "other": {"reference": "Patient/ada"}}]});
    stage.server.client_with("system/*.cruds").put("Patient/twin", &twin).expect(201);
    let ada = person(&stage.server, &["patient"], "Patient/ada", "ada");
    let (own, ben) = (json!({"reference": "Patient/ada"}), json!({"reference": "Patient/ben"}));
    let finding = |subject: &Value| json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject, "performer": [own]});
    let paper = |subject: &Value| {
        json!({"resourceType": "DocumentReference", "status": "current", "subject": subject, "author": [own],
            "content": [{"attachment": {"title": "x"}}]})
    };
    ada.post("Observation", &finding(&own)).expect(201);
    ada.post("Observation", &finding(&ben)).expect(403);
    ada.post("DocumentReference", &paper(&own)).expect(201);
    ada.post("DocumentReference", &paper(&ben)).expect(403);
    let note = json!({"resourceType": "Communication", "status": "completed", "sender": own});
    let mut told = ada.post("Communication", &note).expect(201).json();
    told["subject"] = ben.clone();
    ada.put(&format!("Communication/{}", told["id"].as_str().unwrap_or("")), &told).expect(403);
    ada.put("Patient/twin", &twin).expect(403);
}

/// An app that was let see one patient would otherwise launch itself for any other, and need not even ask.
#[test]
fn an_app_launches_itself_for_nobody_whom_its_token_does_not_reach() {
    let stage = Stage::set();
    let server = &stage.server;
    let app = App::public(server, "launch launch/patient patient/*.rs");
    let house: uuid::Uuid = server.sql("select id from account where login = 'house'")[0].get(0);
    let held = server.forged(|claims: &mut Claims| {
        (claims.sub, claims.client_id) = (house.to_string(), Some(app.id.clone()));
        (claims.scope, claims.patient) = ("patient/*.rs".into(), Some("ada".into()));
        (claims.roles, claims.fhir_user) = (vec!["physician".into()], Some("Practitioner/house".into()));
    });
    let held = server.client().with_token(&held);
    let launch = |name: &str, to: &str| {
        let parameters = json!({"resourceType": "Parameters", "parameter": [
            {"name": "client", "valueString": app.id},
            {"name": name, "valueReference": {"reference": to}},
        ]});
        held.post("$launch", &parameters).status
    };
    assert_eq!(launch("patient", "Patient/ada"), 200);
    assert_eq!(launch("encounter", "Encounter/encounter"), 200);
    assert_eq!(launch("patient", "Patient/ben"), 422);
}

/// To compare each field with all others takes a worker's time by the square of what anybody may send.
#[test]
fn a_form_of_many_fields_costs_nothing() {
    let server = TestApp::builder().secured().start();
    let app = App::public(&server, "openid");
    let many: Vec<String> = (0..12_000).map(|i| format!("{i:04x}")).collect();
    let asked = app.asks(&many[..8_000].join(" ")).url();
    let (_, asked) = asked.split_once('?').expect("a query");
    for (path, body) in [
        ("/oauth/token", many.join("&")),
        (
            "/oauth/authorize",
            format!("{}&{}", app.asks("openid").url().split_once('?').expect("a query").1, many[..11_000].join("&")),
        ),
        ("/oauth/authorize", asked.to_string()),
    ] {
        assert!(body.len() < 64 << 10);
        let began = Instant::now();
        let answer = server.client().request("POST", path, &[FORM], body.as_bytes());
        assert!([303, 400, 401].contains(&answer.status), "{path}: {}", answer.status);
        assert!(began.elapsed() < Duration::from_millis(700), "{path} took {:?}", began.elapsed());
    }
}

fn register(server: &TestApp, scope: &str, from: &str) -> Response {
    let body = json!({"client_name": "App", "redirect_uris": ["https://app.example/cb"], "scope": scope,
        "token_endpoint_auth_method": "none"});
    let from = ("X-Forwarded-For", from);
    server.client().request("POST", "/oauth/register", &[BODY, from], body.to_string().as_bytes())
}

/// Whoever has one address of IPv6 has 2^64 of them.
#[test]
fn a_network_counts_as_one_address() {
    let server = TestApp::builder().secured().set("trusted-proxies", "127.0.0.1").start();
    for i in 0..30 {
        register(&server, "patient/*.rs", &format!("2001:db8:1:2::{i:x}")).expect(201);
    }
    register(&server, "patient/*.rs", "2001:db8:1:2:ffff::1").expect(429);
    register(&server, "patient/*.rs", "2001:db8:1:3::1").expect(201);
}

/// What is approved is what was looked at: a client may change what it says while an administrator reads.
#[test]
fn an_administrator_approves_what_they_have_seen() {
    let server = TestApp::builder().secured().start();
    let given = register(&server, "user/Patient.rs", "").expect(201).json();
    let text = |name: &str| given[name].as_str().unwrap_or_default().to_string();
    let (id, place, key) =
        (text("client_id"), text("registration_client_uri"), format!("Bearer {}", text("registration_access_token")));
    let here = format!("/admin/clients/{id}");
    let mut admin = super::clients::person(&server, "ada", "admin", 0);
    let approve = |admin: &mut Browser, page: &Page| {
        let seen = page.hidden("seen").unwrap_or_default();
        admin.submit(&here, &[("do", "approve"), ("seen", &seen)])
    };
    let shown = admin.get(&here).expect(200);
    let other = json!({"client_id": id, "client_name": "App", "redirect_uris": ["https://evil.example/cb"],
        "scope": "user/*.cruds", "token_endpoint_auth_method": "none"});
    server.client().request("PUT", &place, &[BODY, ("Authorization", &key)], other.to_string().as_bytes()).expect(200);
    approve(&mut admin, &shown).expect(409);
    let status =
        |server: &TestApp| -> i16 { server.sql(&format!("select status from client where id = '{id}'"))[0].get(0) };
    assert_eq!(status(&server), 1);
    let shown = admin.get(&here).expect(200).expect_words("https://evil.example/cb");
    approve(&mut admin, &shown).expect(303);
    assert_eq!(status(&server), 2);
}

/// A removal that was cut short leaves what people allowed; the next client of that name must not come into it.
#[test]
fn a_client_inherits_nothing_from_one_of_its_name() {
    let stage = Stage::set();
    let app = App::public(&stage.server, "openid offline_access patient/*.rs launch/patient");
    let tokens = app.tokens(&stage.ada, "openid offline_access patient/*.rs launch/patient");
    stage.server.sql(&format!("delete from client where id = '{}'", app.id));
    let arguments = [
        "--id",
        &app.id,
        "--name",
        "Other",
        "--redirect-uri",
        "https://other.example/cb",
        "--scope",
        "openid offline_access patient/*.rs launch/patient",
        "--public",
    ];
    assert!(stage.server.run("client add", &arguments).status.success());
    let refused = app.refresh(tokens["refresh_token"].as_str().expect("it goes on offline")).expect(400).json();
    assert_eq!(refused["error"], "invalid_grant");
}

#[test]
fn a_client_that_is_registered_for_less_gets_less() {
    let stage = Stage::set();
    let app = App::public(&stage.server, "openid offline_access patient/*.rs launch/patient");
    let tokens = app.tokens(&stage.ada, "openid offline_access patient/*.rs launch/patient");
    stage.server.sql(&format!(
        "update client set data = jsonb_set(data::jsonb, '{{scope}}', '\"offline_access patient/Observation.r patient/Observation.s\"')::json
         where id = '{}'",
        app.id
    ));
    let fresh = app.refresh(tokens["refresh_token"].as_str().expect("it goes on offline")).expect(200).json();
    let mut scopes: Vec<&str> = fresh["scope"].as_str().expect("scopes").split(' ').collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["offline_access", "patient/Observation.rs"]);
    assert_eq!(fresh.get("id_token"), None);
}

/// Five guesses are a person's, not five for each app that they have registered.
#[test]
fn guesses_at_health_ids_are_counted_by_person() {
    let server = TestApp::builder().secured().start();
    let guess = |i: usize| {
        let token = server.forged(|claims: &mut Claims| {
            (claims.sub, claims.client_id) = ("someone".into(), Some(format!("app-{i}")));
            (claims.scope, claims.roles) = ("patient/*.rs".into(), vec!["patient".into()]);
        });
        let parameters = json!({"resourceType": "Parameters", "parameter": [
            {"name": "identifier", "valueIdentifier": {"value": format!("{i}")}},
        ]});
        server.client().with_token(&token).post("Patient/$verify-health-id", &parameters).status
    };
    assert_eq!((0..6).map(guess).collect::<Vec<_>>(), [200, 200, 200, 200, 200, 429]);
}

/// Of all versions those of one patient may be few: who asks for them must not have the server read all others.
#[test]
fn a_history_of_what_is_hidden_has_an_end() {
    let stage = Stage::set();
    let operator = stage.server.client_with("system/*.cruds");
    let entry: Vec<Value> = (0..1_100)
        .map(|_| {
            let resource = json!({"resourceType": "Flag", "status": "active", "code": {"text": "x"},
                "subject": {"reference": "Patient/ben"}});
            json!({"resource": resource, "request": {"method": "POST", "url": "Flag"}})
        })
        .collect();
    for _ in 0..5 {
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entry});
        operator.send("POST", "", &[("Prefer", "return=minimal")], &bundle).expect(200);
    }
    let ada = person(&stage.server, &["patient"], "Patient/ada", "ada");
    ada.get("_history").expect(400).expect_issue("too-costly");
    ada.get("Flag/_history").expect(400).expect_issue("too-costly");
    ada.get("Observation/_history").expect(200);
}

/// A body that comes a byte at a time holds a connection, and there are so many of them.
#[test]
fn nobody_is_waited_for_without_end() {
    let server = TestApp::builder().secured().start();
    let head = format!(
        "POST /oauth/token HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\na=b",
        server.client().host()
    );
    let began = Instant::now();
    let answer = server.client().raw(&[head.as_bytes()]);
    assert!(answer.status >= 400, "{}", answer.status);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}
