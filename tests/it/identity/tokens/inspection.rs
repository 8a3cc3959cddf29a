//! Introspection, revocation, userinfo.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::given::*;

/// Registers a client with the secret "secret" and returns it with the tokens of an authorization.
fn with_tokens() -> (String, Value, String) {
    let client = client_with("client_secret_post", json!({}), 2, Some("secret"));
    let (code, authorization) = fresh_code(&client, json!({"encounter": "e1", "intent": "order"}));
    let mut form = code_form(&client, &code);
    form.push(("client_secret", "secret"));
    (client.clone(), token(&form).expect(200).json(), authorization)
}

fn introspect(client: &str, token: &str) -> Value {
    let form = [("client_id", client), ("client_secret", "secret"), ("token", token)];
    post("/oauth/introspect", &form, &[]).expect(200).expect_header("cache-control", "no-store").json()
}

fn revoke(client: &str, token: &str) {
    post("/oauth/revoke", &[("client_id", client), ("client_secret", "secret"), ("token", token)], &[]).expect(200);
}

/// Waits until an access token opens nothing any more.
fn refused_within_a_second(access: &str) {
    let (holder, began) = (app().client().with_token(access), Instant::now());
    while holder.get("Patient").status != 401 {
        assert!(began.elapsed() < Duration::from_secs(1), "a revoked token is still accepted");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_client_learns_of_its_own_tokens_and_nothing_of_others() {
    let (client, body, _) = with_tokens();
    let (access, refresh) = (text(&body, "access_token"), text(&body, "refresh_token"));
    let told = introspect(&client, &access);
    let claims = claims(&access);
    for (name, value) in [
        ("active", json!(true)),
        ("scope", json!(SCOPE)),
        ("client_id", json!(client)),
        ("token_type", json!("Bearer")),
        ("exp", claims["exp"].clone()),
        ("iat", claims["iat"].clone()),
        ("sub", claims["sub"].clone()),
        ("iss", json!(app().base())),
        ("patient", json!("p1")),
        ("encounter", json!("e1")),
        ("intent", json!("order")),
        ("fhirUser", json!(format!("{}/Practitioner/d1", app().base()))),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    let of_refresh = introspect(&client, &refresh);
    assert_eq!((&of_refresh["active"], &of_refresh["scope"]), (&json!(true), &json!(SCOPE)));
    let inactive = json!({"active": false});
    let other = with_tokens().0;
    let expired = app().forged(|claims| {
        claims.client_id = Some(client.clone());
        claims.exp = claims.iat - 1;
    });
    for (client, token) in
        [(&other, access.as_str()), (&other, &refresh), (&client, "nonsense"), (&client, &expired), (&client, "a.b.c")]
    {
        assert_eq!(introspect(client, token), inactive, "{token}");
    }
}

#[test]
fn introspection_is_protected() {
    let (_, body, _) = with_tokens();
    let access = text(&body, "access_token");
    let ask = |headers: &[(&str, &str)], form: &[(&str, &str)]| {
        let mut all = vec![("token", access.as_str())];
        all.extend(form);
        post("/oauth/introspect", &all, headers)
    };
    refused(ask(&[], &[]), 401, "invalid_client");
    let public = client("none", json!({}));
    refused(ask(&[], &[("client_id", &public)]), 401, "invalid_client");
    let answer = ask(&[("Authorization", "Bearer nonsense")], &[]);
    assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")));
    refused(answer, 401, "invalid_token");
    for (bearer, active) in [
        (app().token("system/Patient.rs"), true),
        (app().token("user/Patient.rs"), false),
        (access.clone(), true),
        (text(&with_tokens().1, "access_token"), false),
    ] {
        let answer = ask(&[("Authorization", &format!("Bearer {bearer}"))], &[]).expect(200);
        assert_eq!(answer.json()["active"], active, "{bearer}");
    }
}

#[test]
fn a_revoked_refresh_token_takes_its_family_along() {
    let (client, body, authorization) = with_tokens();
    let (access, refresh) = (text(&body, "access_token"), text(&body, "refresh_token"));
    let other = with_tokens().0;
    revoke(&other, &refresh);
    revoke(&client, "nonsense");
    assert!(!has_ended(&authorization), "another client cannot revoke it");
    revoke(&client, &refresh);
    assert!(has_ended(&authorization));
    let mut form = refresh_form(&client, &refresh);
    form.push(("client_secret", "secret"));
    refused(token(&form), 400, "invalid_grant");
    assert_eq!(introspect(&client, &access), json!({"active": false}));
    assert_eq!(introspect(&client, &refresh), json!({"active": false}));
    refused_within_a_second(&access);
    audited(&client, "was ended");
}

#[test]
fn a_revoked_access_token_is_noted_for_all_processes() {
    let (client, body, authorization) = with_tokens();
    let (access, other) = (text(&body, "access_token"), with_tokens().0);
    let query = format!("select 1 from revocation where kind = 'token' and name = '{}'", text(&claims(&access), "jti"));
    revoke(&other, &access);
    assert!(app().sql(&query).is_empty(), "another client cannot revoke it");
    revoke(&client, &access);
    assert!(!app().sql(&query).is_empty());
    refused_within_a_second(&access);
    assert_eq!(introspect(&client, &access), json!({"active": false}));
    assert!(!has_ended(&authorization), "the rest of its family lives on");
    refused(post("/oauth/revoke", &[("token", &access)], &[]), 401, "invalid_client");
}

#[test]
fn userinfo_tells_what_the_scopes_say() {
    let (_, body, authorization) = with_tokens();
    let access = text(&body, "access_token");
    let holder = app().client().with_token(&access);
    let user = format!("{}/Practitioner/d1", app().base());
    let want = json!({"sub": claims(&access)["sub"], "fhirUser": user});
    assert_eq!(holder.get("/oauth/userinfo").expect(200).json(), want);
    assert_eq!(holder.request("POST", "/oauth/userinfo", &[], b"").expect(200).json(), want);
    let client = client("none", json!({}));
    let (code, _) = fresh_code(&client, json!({"scope": "openid profile"}));
    let body = token(&code_form(&client, &code)).expect(200).json();
    let told = app().client().with_token(&text(&body, "access_token")).get("/oauth/userinfo").expect(200).json();
    assert_eq!((&told["name"], &told["profile"]), (&json!("Dora Doctor"), &json!(user)));
    refused(app().client().get("/oauth/userinfo"), 401, "invalid_token");
    refused(app().client_with("system/Patient.rs").get("/oauth/userinfo"), 403, "access_denied");
    let suspend = "update account set status = 3 where id = (select account from authorization_grant where id";
    app().sql(&format!("{suspend} = '{authorization}')"));
    refused(holder.get("/oauth/userinfo"), 401, "invalid_token");
}
