//! Codes: what they give, and to whom not.

use serde_json::json;

use super::given::*;

#[test]
fn a_code_gives_what_was_allowed() {
    let client = client("none", json!({}));
    let context = json!([{"reference": "DiagnosticReport/r1"}]);
    let (code, authorization) = fresh_code(
        &client,
        json!({
            "nonce": "n-1", "encounter": "e1", "fhir_context": context, "intent": "order-review",
            "need_patient_banner": true, "smart_style_url": "https://h.example/style.json", "purpose_of_use": "TREAT"
        }),
    );
    let origin = [("Origin", "https://app.example")];
    let answer = post("/oauth/token", &code_form(&client, &code), &origin).expect(200);
    for (name, value) in [
        ("cache-control", "no-store"),
        ("pragma", "no-cache"),
        ("content-type", "application/json"),
        ("access-control-allow-origin", "*"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    let body = answer.json();
    let same = [
        ("token_type", json!("Bearer")),
        ("expires_in", json!(3600)),
        ("scope", json!(SCOPE)),
        ("patient", json!("p1")),
        ("encounter", json!("e1")),
        ("fhirContext", context),
        ("intent", json!("order-review")),
        ("need_patient_banner", json!(true)),
        ("smart_style_url", json!("https://h.example/style.json")),
    ];
    for (name, value) in same {
        assert_eq!(body[name], value, "{name}");
    }
    let user = format!("{}/Practitioner/d1", app().base());
    let id = claims(&text(&body, "id_token"));
    for (name, value) in [
        ("iss", json!(app().base())),
        ("aud", json!(client)),
        ("nonce", json!("n-1")),
        ("fhirUser", json!(user)),
        ("auth_time", json!(1_780_000_000)),
    ] {
        assert_eq!(id[name], value, "{name} of the id_token");
    }
    let access = claims(&text(&body, "access_token"));
    assert_eq!(access["sub"], id["sub"]);
    for (name, value) in [
        ("client_id", json!(client)),
        ("fhirUser", json!("Practitioner/d1")),
        ("roles", json!(["physician"])),
        ("patient", json!("p1")),
        ("grant_id", json!(authorization)),
        ("amr", json!(["pwd", "otp"])),
        ("purpose_of_use", json!("TREAT")),
    ] {
        assert_eq!(access[name], value, "{name} of the access token");
    }
    app().client().with_token(&text(&body, "access_token")).get("Patient").expect(200);
    audited(&client, "authorization_code: token");
}

#[test]
fn a_code_wants_its_client_redirect_and_verifier() {
    let (own, other) = (client("none", json!({})), client("none", json!({})));
    let wrong = "x".repeat(43);
    let changes: [(&str, Option<&str>); 9] = [
        ("code_verifier", None),
        ("code_verifier", Some("")),
        ("code_verifier", Some("   ")),
        ("code_verifier", Some(&wrong)),
        ("code_verifier", Some(CHALLENGE)),
        ("redirect_uri", Some("https://app.example/callback/")),
        ("redirect_uri", Some("https://app.example/Callback")),
        ("redirect_uri", Some("https://app.example:443/callback")),
        ("client_id", Some(&other)),
    ];
    for (field, value) in changes {
        let (code, _) = fresh_code(&own, json!({}));
        let mut form = code_form(&own, &code);
        form.retain(|(name, _)| *name != field);
        form.extend(value.map(|value| (field, value)));
        let said = refused(token(&form), 400, "invalid_grant");
        assert!(!said.contains(&code), "{field} = {value:?}");
        // It was its only try.
        refused(token(&code_form(&own, &code)), 400, "invalid_grant");
    }
    let expired = code(&authorization(&own, &account(), None, json!({})), -1);
    refused(token(&code_form(&own, &expired)), 400, "invalid_grant");
    refused(token(&code_form(&own, "guessed")), 400, "invalid_grant");
    refused(token(&code_form("nobody", "guessed")), 401, "invalid_client");
    refused(token(&[("client_id", &own)]), 400, "invalid_request");
    refused(token(&[("client_id", &own), ("grant_type", "password")]), 400, "unsupported_grant_type");
    refused(token(&[("client_id", &own), ("client_id", &own)]), 400, "invalid_request");
    let as_json = app().client().post("/oauth/token", &json!({"grant_type": "authorization_code"}));
    refused(as_json, 400, "invalid_request");
    audited(&own, "code_verifier");
}

#[test]
fn pages_of_any_origin_may_ask() {
    let origin = [("Origin", "https://app.example")];
    for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/userinfo"] {
        let preflight = app().client().request("OPTIONS", path, &origin, b"").expect(204);
        assert_eq!(preflight.header("access-control-allow-origin"), Some("*"), "{path}");
        assert!(preflight.header("access-control-allow-headers").is_some_and(|all| all.contains("Authorization")));
    }
    let answer = post("/oauth/token", &[("client_id", "nobody")], &origin);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    refused(answer, 401, "invalid_client");
    assert_eq!(app().client().get("/oauth/token").status, 405);
}

#[test]
fn a_code_is_good_once_and_its_reuse_ends_what_it_gave() {
    let client = client("none", json!({}));
    let (code, authorization) = fresh_code(&client, json!({}));
    let body = token(&code_form(&client, &code)).expect(200).json();
    refused(token(&code_form(&client, &code)), 400, "invalid_grant");
    assert!(has_ended(&authorization));
    refused(token(&refresh_form(&client, &text(&body, "refresh_token"))), 400, "invalid_grant");
    audited(&client, "110113 Security Alert");
}

#[test]
fn of_twenty_who_send_a_code_at_once_one_wins_at_most() {
    let client = client("none", json!({}));
    for _ in 0..3 {
        let (code, authorization) = fresh_code(&client, json!({}));
        let answers = at_once(20, || token(&code_form(&client, &code)));
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        assert!(won <= 1, "{won} won");
        assert!(answers.iter().all(|answer| [200, 400].contains(&answer.status)));
        assert!(has_ended(&authorization), "who came later ended what the first was given");
    }
}

#[test]
fn a_code_gives_less_when_roles_or_people_have_changed() {
    let client = client("none", json!({}));
    let person = account();
    let authorization = authorization(&client, &person, None, json!({}));
    app().sql(&format!("update account set status = 3 where id = '{person}'"));
    refused(token(&code_form(&client, &code(&authorization, 60))), 400, "invalid_grant");
    app().sql(&format!("update account set status = 2 where id = '{person}'"));
    token(&code_form(&client, &code(&authorization, 60))).expect(200);
}
