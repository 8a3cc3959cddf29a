//! Tokens with the purpose BTG rest on broken glass, and tokens of `Consent/[id]/$token` on a Consent.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::stage::*;
use crate::client::{Client, Response};
use crate::races::unique;

const REDIRECT: &str = "https://app.example/callback";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const SCOPE: &str = "openid fhirUser user/Patient.rs user/Observation.rs user/Consent.rs offline_access";

/// An app that a physician has signed in to.
struct App {
    client: String,
    who: String,
    access: String,
    refresh: String,
}

impl App {
    /// Registers a public client and has a code of a new account exchanged.
    fn new() -> App {
        let (client, who, now) = (unique("client"), format!("Practitioner/{}", unique("doctor")), now_us());
        let data = json!({
            "client_name": client, "token_endpoint_auth_method": "none", "redirect_uris": [REDIRECT],
            "grant_types": ["authorization_code", "refresh_token", EXCHANGE], "scope": format!("{SCOPE} patient/*.rs")
        });
        let (account, allowed_id) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
        let allowed = json!({"scope": SCOPE, "auth_time_s": now / 1_000_000, "amr": ["pwd", "otp"]});
        let (code, verifier) = (unique("code"), "v".repeat(43));
        let code_hash: String = Sha256::digest(&code).iter().map(|b| format!("{b:02x}")).collect();
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        for sql in [
            format!(
                "insert into client (id, status, secret, data, created, changed)
                 values ('{client}', 2, null, '{data}', {now}, {now})"
            ),
            format!(
                "insert into account (id, login, name, status, roles, fhir_user, created)
                 values ('{account}', '{account}', 'Dora', 2, '{{physician}}', '{who}', {now})"
            ),
            format!(
                "insert into authorization_grant (id, client, account, session, data, created, used)
                 values ('{allowed_id}', '{client}', '{account}', null, '{allowed}', {now}, {now})"
            ),
            format!(
                "insert into authorization_code (hash, \"grant\", redirect, challenge, ends)
                 values ('\\x{code_hash}', '{allowed_id}', '{REDIRECT}', '{challenge}', {})",
                now + 60_000_000
            ),
        ] {
            app().sql(&sql);
        }
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &client),
            ("code", &code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", &verifier),
        ];
        let body = post("/oauth/token", &form).expect(200).json();
        App { who, access: text(&body, "access_token"), refresh: text(&body, "refresh_token"), client }
    }

    fn fhir(&self) -> Client {
        app().client().with_token(&self.access)
    }

    /// Asks with the refresh token, and keeps the next.
    fn refreshed(&mut self, more: &[(&str, &str)]) -> Response {
        let refresh = self.refresh.clone();
        let mut form = vec![("grant_type", "refresh_token"), ("client_id", &self.client), ("refresh_token", &refresh)];
        form.extend(more);
        let answer = post("/oauth/token", &form);
        if answer.status == 200 {
            self.refresh = text(&answer.json(), "refresh_token");
        }
        answer
    }

    fn exchanged(&self, more: &[(&str, &str)]) -> Response {
        let mut form = vec![
            ("grant_type", EXCHANGE),
            ("client_id", &self.client),
            ("subject_token", &self.access),
            ("subject_token_type", ACCESS_TOKEN),
        ];
        form.extend(more);
        post("/oauth/token", &form)
    }
}

fn post(path: &str, form: &[(&str, &str)]) -> Response {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    app().client().request("POST", path, &[("Content-Type", "application/x-www-form-urlencoded")], body.as_bytes())
}

#[track_caller]
fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_else(|| panic!("no text '{name}' in {body}")).to_string()
}

fn claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).expect("a JWT has three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("they are base64url")).expect("claims are JSON")
}

#[track_caller]
fn refused(response: Response, error: &str) {
    let response = response.expect(400);
    assert_eq!(response.json()["error"], error, "{}", response.text());
}

#[test]
fn an_app_is_given_a_token_that_carries_the_grant() {
    let (app_, id) = (App::new(), patient());
    let answer = break_glass(&app_.fhir(), &id).expect(200);
    let (grant, token) = (word(&answer, "grant"), word(&answer, "access_token"));
    let (before, told) = (claims(&app_.access), claims(&token));
    for name in ["sub", "client_id", "grant_id", "fhirUser", "roles", "amr", "auth_time", "iss", "aud"] {
        assert_eq!(told[name], before[name], "{name}");
    }
    assert_ne!(told["jti"], before["jti"]);
    assert_eq!((&told["purpose_of_use"], &told["btg"]), (&json!("BTG"), &json!(grant)));
    assert_eq!(told["scope"], "user/Patient.rs user/Observation.rs user/Consent.rs fhirUser");
    let lasts_s = told["exp"].as_i64().zip(told["iat"].as_i64()).map(|(exp, iat)| exp - iat);
    assert_eq!(lasts_s, Some(900));
    assert_eq!(part(&answer, "expires_in"), 900);
    let form = [("token", token.as_str())];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let bearer = format!("Bearer {}", app_.access);
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", bearer.as_str())];
    let seen = app().client().request("POST", "/oauth/introspect", &headers, body.as_bytes()).expect(200).json();
    assert_eq!((&seen["active"], &seen["purpose_of_use"], &seen["btg"]), (&json!(true), &json!("BTG"), &json!(grant)));
    let row = app().sql(&format!("select client from break_glass where id = '{grant}'"));
    assert_eq!(row[0].get::<_, Option<String>>(0).as_deref(), Some(app_.client.as_str()));

    // A grant that ends soon gives a token that ends with it.
    let soon = now_us() + 120_000_000;
    app().sql(&format!("update break_glass set expires = {soon} where id = '{grant}'"));
    let again = break_glass(&app_.fhir(), &id).expect(200);
    assert!(part(&again, "expires_in").as_i64().is_some_and(|seconds| (100..=120).contains(&seconds)));
    // A token that was made from another ends no later than that.
    let narrow = app().client().with_token(&word(&again, "access_token"));
    app().sql(&format!("update break_glass set expires = {} where id = '{grant}'", now_us() + 3_600_000_000));
    let from_short = break_glass(&narrow, &id).expect(200);
    assert!(part(&from_short, "expires_in").as_i64().is_some_and(|seconds| seconds <= 120));
    // A person without an app is given none.
    let plain = break_glass(&physician().client(), &id).expect(200);
    assert!(!plain.text().contains("access_token"));
}

#[test]
fn a_refresh_token_gives_the_purpose_only_while_a_grant_is_open() {
    let mut app_ = App::new();
    refused(app_.refreshed(&[("purpose_of_use", "BTG")]), "invalid_target");
    let (one, two) = (patient(), patient());
    let first = word(&break_glass(&app_.fhir(), &one).expect(200), "grant");
    let body = app_.refreshed(&[("purpose_of_use", "BTG")]).expect(200).json();
    let told = claims(&text(&body, "access_token"));
    assert_eq!((&told["purpose_of_use"], &told["btg"]), (&json!("BTG"), &json!(first)));
    // What is not asked for is not given.
    let plain = claims(&text(&app_.refreshed(&[]).expect(200).json(), "access_token"));
    assert_eq!((plain.get("purpose_of_use"), plain.get("btg")), (None, None));
    refused(app_.refreshed(&[("purpose_of_use", "HMARKT")]), "invalid_request");

    let second = word(&break_glass(&app_.fhir(), &two).expect(200), "grant");
    refused(app_.refreshed(&[("purpose_of_use", "BTG")]), "invalid_target");
    refused(app_.refreshed(&[("purpose_of_use", "BTG"), ("patient", &patient())]), "invalid_target");
    for (id, grant) in [(&one, &first), (&two, &second)] {
        let body = app_.refreshed(&[("purpose_of_use", "BTG"), ("patient", id)]).expect(200).json();
        assert_eq!(claims(&text(&body, "access_token"))["btg"], json!(grant));
        let body = app_.exchanged(&[("purpose_of_use", "BTG"), ("patient", id)]).expect(200).json();
        assert_eq!(claims(&text(&body, "access_token"))["btg"], json!(grant));
    }
    end_glass(&app_.fhir(), &one, &first).expect(200);
    app().sql(&format!("update break_glass set expires = {} where id = '{second}'", now_us() - 1_000));
    for id in [&one, &two] {
        refused(app_.refreshed(&[("purpose_of_use", "BTG"), ("patient", id)]), "invalid_target");
        refused(app_.exchanged(&[("purpose_of_use", "BTG"), ("patient", id)]), "invalid_target");
    }
    app_.refreshed(&[]).expect(200);
}

/// Stores a Consent that permits a purpose to a person, and returns its id.
fn consent(patient: &str, who: &str, purpose: &str) -> String {
    let consent = json!({
        "resourceType": "Consent", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": format!("Patient/{patient}")},
        "provision": {
            "type": "permit", "period": {"end": "2099-12-31"},
            "actor": [{"role": {"text": "recipient"}, "reference": {"reference": who}}],
            "purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": purpose}]
        }
    });
    operator().post("Consent", &consent).expect(201).id()
}

#[test]
fn a_consent_alone_gives_no_purpose_of_broken_glass() {
    let (app_, id) = (App::new(), patient());
    let written = consent(&id, &app_.who, "BTG");
    let address = format!("{}/Consent/{written}", app().base());
    refused(app_.exchanged(&[("resource", &address)]), "invalid_target");
    app_.fhir().post(&format!("Consent/{written}/$token"), &json!({"resourceType": "Parameters"})).expect(422);
    let grant = word(&break_glass(&app_.fhir(), &id).expect(200), "grant");
    let body = app_.exchanged(&[("resource", &address)]).expect(200).json();
    let told = claims(&text(&body, "access_token"));
    assert_eq!((&told["purpose_of_use"], &told["btg"]), (&json!("BTG"), &json!(grant)));
}

#[test]
fn a_consent_gives_a_token_for_its_patient() {
    let (app_, id) = (App::new(), patient());
    let consent = consent(&id, &app_.who, "TREAT");
    let path = format!("Consent/{consent}/$token");
    let scope = |scope: &str| parameters(&[("scope", "valueString", json!(scope))]);
    let answer = app_.fhir().post(&path, &scope("patient/Observation.rs")).expect(200);
    assert_eq!(
        (word(&answer, "token_type"), word(&answer, "scope")),
        ("Bearer".into(), "patient/Observation.rs".into())
    );
    assert_eq!(part(&answer, "expires_in"), 900);
    let told = claims(&word(&answer, "access_token"));
    for (name, want) in [
        ("consent", json!(format!("Consent/{consent}"))),
        ("patient", json!(id)),
        ("purpose_of_use", json!("TREAT")),
        ("grant_id", claims(&app_.access)["grant_id"].clone()),
    ] {
        assert_eq!(told[name], want, "{name}");
    }
    let all = app_.fhir().request("POST", &path, &[], b"").expect(200);
    assert_eq!(word(&all, "scope"), "patient/Patient.rs patient/Observation.rs patient/Consent.rs");
    app_.fhir().post(&path, &scope("user/Observation.rs")).expect(400);
    app_.fhir().post(&path, &scope("patient/Observation.c")).expect(400);
    app_.fhir().get(&path).expect(405);
    app_.fhir().post("Consent/none/$token", &scope("patient/Observation.rs")).expect(404);
    for other in [operator().clone(), physician().client()] {
        other.post(&path, &scope("patient/Observation.rs")).expect(403);
    }
    let resource = operator().get(&format!("Consent/{consent}")).expect(200).json();
    for (pointer, value) in
        [("/status", json!("inactive")), ("/provision/actor/0/reference/reference", json!("Practitioner/x"))]
    {
        let mut changed = resource.clone();
        *changed.pointer_mut(pointer).expect("it is there") = value;
        operator().put(&format!("Consent/{consent}"), &changed).expect(200);
        let answer = app_.fhir().post(&path, &scope("patient/Observation.rs"));
        assert!([403, 404, 422].contains(&answer.status), "{pointer}: {} {}", answer.status, answer.text());
    }
    let query =
        format!("select 1 from audit where action = 'token' and id = '{consent}' and detail like 'consent: token %'");
    assert_eq!(app().sql(&query).len(), 2);
}
