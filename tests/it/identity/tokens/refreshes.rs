//! Refresh tokens: rotation, reuse, binding, ends.

use jsonwebtoken::{Algorithm, Header, jwk::Jwk};
use serde_json::json;

use super::given::*;

/// Returns the tokens of a new authorization, and the authorization.
fn tokens(client: &str, session: Option<(&str, &str)>, scope: &str) -> (serde_json::Value, String) {
    let own = account();
    let (account, session) = session.map_or((own.as_str(), None), |(account, hash)| (account, Some(hash)));
    let authorization = authorization(client, account, session, json!({"scope": scope, "need_patient_banner": true}));
    (token(&code_form(client, &code(&authorization, 60))).expect(200).json(), authorization)
}

#[test]
fn every_refresh_gives_the_next_token_and_the_context_again() {
    let client = client("none", json!({}));
    let mut body = tokens(&client, None, SCOPE).0;
    for _ in 0..3 {
        let before = text(&body, "refresh_token");
        body = token(&refresh_form(&client, &before)).expect(200).json();
        assert_ne!(text(&body, "refresh_token"), before);
        assert_eq!(
            (&body["scope"], &body["patient"], &body["need_patient_banner"], &body["expires_in"], &body["token_type"]),
            (&json!(SCOPE), &json!("p1"), &json!(true), &json!(3600), &json!("Bearer"))
        );
        assert_eq!(claims(&text(&body, "id_token"))["nonce"], json!(null));
        app().client().with_token(&text(&body, "access_token")).get("Patient").expect(200);
    }
}

#[test]
fn a_refresh_may_ask_for_less_and_not_for_more() {
    let client = client("none", json!({}));
    let refresh = text(&tokens(&client, None, SCOPE).0, "refresh_token");
    for wider in ["user/Patient.cruds", "user/*.rs", "system/Patient.rs", "profile", &format!("{SCOPE} user/Goal.rs")] {
        let mut form = refresh_form(&client, &refresh);
        form.push(("scope", wider));
        refused(token(&form), 400, "invalid_scope");
    }
    let mut form = refresh_form(&client, &refresh);
    form.push(("scope", "user/Patient.r"));
    let body = token(&form).expect(200).json();
    assert_eq!((&body["scope"], body.get("id_token")), (&json!("user/Patient.r"), None));
    // What was left out once is not lost: RFC 6749 6.
    let body = token(&refresh_form(&client, &text(&body, "refresh_token"))).expect(200).json();
    assert_eq!(body["scope"], SCOPE);
}

#[test]
fn a_token_that_comes_again_ends_its_family() {
    let client = client("none", json!({}));
    let (body, authorization) = tokens(&client, None, SCOPE);
    let first = text(&body, "refresh_token");
    let second = text(&token(&refresh_form(&client, &first)).expect(200).json(), "refresh_token");
    let third = text(&token(&refresh_form(&client, &second)).expect(200).json(), "refresh_token");
    refused(token(&refresh_form(&client, &first)), 400, "invalid_grant");
    assert!(has_ended(&authorization));
    refused(token(&refresh_form(&client, &third)), 400, "invalid_grant");
    audited(&client, "110113 Security Alert");
}

#[test]
fn a_lost_answer_is_forgiven_once_and_only_one_holder_is_left() {
    let client = client("none", json!({}));
    let (body, authorization) = tokens(&client, None, SCOPE);
    let first = text(&body, "refresh_token");
    let lost = text(&token(&refresh_form(&client, &first)).expect(200).json(), "refresh_token");
    let again = text(&token(&refresh_form(&client, &first)).expect(200).json(), "refresh_token");
    let again = text(&token(&refresh_form(&client, &again)).expect(200).json(), "refresh_token");
    refused(token(&refresh_form(&client, &lost)), 400, "invalid_grant");
    assert!(has_ended(&authorization), "what was thought lost was not");
    refused(token(&refresh_form(&client, &again)), 400, "invalid_grant");

    let (body, authorization) = tokens(&client, None, SCOPE);
    let first = text(&body, "refresh_token");
    token(&refresh_form(&client, &first)).expect(200);
    token(&refresh_form(&client, &first)).expect(200);
    refused(token(&refresh_form(&client, &first)), 400, "invalid_grant");
    assert!(has_ended(&authorization), "it is forgiven once");

    let (body, authorization) = tokens(&client, None, SCOPE);
    let first = text(&body, "refresh_token");
    token(&refresh_form(&client, &first)).expect(200);
    app().sql(&format!("update refresh_token set used = used - 11000000 where \"grant\" = '{authorization}'"));
    refused(token(&refresh_form(&client, &first)), 400, "invalid_grant");
    assert!(has_ended(&authorization), "it is forgiven for ten seconds");
}

#[test]
fn of_twenty_refreshes_at_once_two_succeed_at_most_and_the_family_ends() {
    let client = client("none", json!({}));
    let (body, authorization) = tokens(&client, None, SCOPE);
    let refresh = text(&body, "refresh_token");
    let answers = at_once(20, || token(&refresh_form(&client, &refresh)));
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((1..=2).contains(&won), "{won} won");
    assert!(answers.iter().all(|answer| [200, 400].contains(&answer.status)));
    assert!(has_ended(&authorization));
}

#[test]
fn a_refresh_token_is_of_its_client_alone() {
    let (own, other) = (client("none", json!({})), client("none", json!({})));
    let (body, authorization) = tokens(&own, None, SCOPE);
    let refresh = text(&body, "refresh_token");
    refused(token(&refresh_form(&other, &refresh)), 400, "invalid_grant");
    refused(token(&refresh_form(&own, "guessed")), 400, "invalid_grant");
    assert!(!has_ended(&authorization));
    token(&refresh_form(&own, &refresh)).expect(200);
}

#[test]
fn a_public_client_need_not_say_who_it_is() {
    let form = |refresh: &str| {
        // Failures that name no client count together, also those of the tests beside this one.
        app().sql("delete from attempt where key like 'client:?@%'");
        token(&[("grant_type", "refresh_token"), ("refresh_token", refresh)])
    };
    let client = client("none", json!({}));
    let (body, authorization) = tokens(&client, None, SCOPE);
    let first = text(&body, "refresh_token");
    let body = form(&first).expect(200).json();
    let second = text(&form(&text(&body, "refresh_token")).expect(200).json(), "refresh_token");
    // The rules of reuse are the same.
    refused(form(&first), 400, "invalid_grant");
    assert!(has_ended(&authorization));
    refused(form(&second), 400, "invalid_grant");
    refused(form("guessed"), 401, "invalid_client");
    // Who has a secret or a key shows it.
    for method in ["client_secret_basic", "client_secret_post", "private_key_jwt"] {
        let other = self::client("none", json!({}));
        let (body, authorization) = tokens(&other, None, SCOPE);
        let method = format!("data = jsonb_set(data::jsonb, '{{token_endpoint_auth_method}}', '\"{method}\"')");
        app().sql(&format!("update client set {method} where id = '{other}'"));
        refused(form(&text(&body, "refresh_token")), 401, "invalid_client");
        assert!(!has_ended(&authorization), "{method}");
    }
    // A client that is suspended has no way around.
    let suspended = self::client("none", json!({}));
    let refresh = text(&tokens(&suspended, None, SCOPE).0, "refresh_token");
    app().sql(&format!("update client set status = 3 where id = '{suspended}'"));
    refused(form(&refresh), 401, "invalid_client");
}

#[test]
fn tokens_end_with_what_they_stand_on() {
    let client = client("none", json!({}));
    // Nothing that lasts was allowed.
    assert_eq!(tokens(&client, None, "openid user/Patient.rs").0.get("refresh_token"), None);
    let person = account();
    // A session that ends soon: so do its tokens.
    let soon = session(&person, 600);
    let (body, _) = tokens(&client, Some((&person, &soon)), "user/Patient.rs online_access");
    assert!(body["expires_in"].as_i64().is_some_and(|s| (590..=600).contains(&s)), "{body}");
    let refresh = text(&body, "refresh_token");
    app().sql(&format!("delete from session where hash = '\\x{soon}'"));
    refused(token(&refresh_form(&client, &refresh)), 400, "invalid_grant");
    // A session that is not used any more has ended, too.
    let idle = session(&person, 36_000);
    let refresh = text(&tokens(&client, Some((&person, &idle)), "user/Patient.rs online_access").0, "refresh_token");
    app().sql(&format!("update session set seen = seen - 1801000000 where hash = '\\x{idle}'"));
    refused(token(&refresh_form(&client, &refresh)), 400, "invalid_grant");
    // A person who is suspended.
    let (body, authorization) = tokens(&client, None, SCOPE);
    let suspend = "update account set status = 3 where id = (select account from authorization_grant where id";
    app().sql(&format!("{suspend} = '{authorization}')"));
    refused(token(&refresh_form(&client, &text(&body, "refresh_token"))), 400, "invalid_grant");
}

#[test]
fn refresh_tokens_last_three_months_where_they_are_safe() {
    const DAY_S: i64 = 86_400;
    for (method, redirect, days) in [
        ("none", "https://app.example/callback", 30),
        ("none", "com.example.app:/callback", 90),
        ("none", "http://127.0.0.1/callback", 90),
    ] {
        let client = client(method, json!({"redirect_uris": [redirect]}));
        let authorization = tokens(&client, None, SCOPE).1;
        let rows = app().sql(&format!("select ends - created from refresh_token where \"grant\" = '{authorization}'"));
        let lasts_s = rows[0].get::<_, i64>(0) / 1_000_000;
        assert!((lasts_s - days * DAY_S).abs() < 60, "{method} {redirect}: {lasts_s} s");
    }
}

/// Returns a DPoP proof for the token endpoint.
fn proof(key: &Signer) -> String {
    let jwk = Jwk::from_encoding_key(&key.key, Algorithm::ES384).expect("it has a public half");
    let header = Header { typ: Some("dpop+jwt".into()), jwk: Some(jwk), ..Header::new(Algorithm::ES384) };
    let htu = format!("http://{}/oauth/token", app().client().host());
    let claims = json!({"jti": name("proof"), "htm": "POST", "htu": htu, "iat": now_s()});
    jsonwebtoken::encode(&header, &claims, &key.key).expect("claims can be signed")
}

#[test]
fn a_refresh_token_is_bound_to_the_key_of_its_device() {
    let client = client("none", json!({}));
    let (own, other) = (Signer::es384("own"), Signer::es384("other"));
    let (code, authorization) = fresh_code(&client, json!({}));
    let first = proof(&own);
    let body = post("/oauth/token", &code_form(&client, &code), &[("DPoP", &first)]).expect(200).json();
    assert_eq!(body["token_type"], "Bearer");
    let refresh = text(&body, "refresh_token");
    let send = |headers: &[(&str, &str)]| post("/oauth/token", &refresh_form(&client, &refresh), headers);
    refused(send(&[]), 400, "invalid_grant");
    refused(send(&[("DPoP", &proof(&other))]), 400, "invalid_grant");
    refused(send(&[("DPoP", "nonsense")]), 400, "invalid_dpop_proof");
    refused(send(&[("DPoP", &first)]), 400, "invalid_dpop_proof");
    assert!(!has_ended(&authorization), "who has no key cannot end what is another's");
    send(&[("DPoP", &proof(&own))]).expect(200);
    audited(&client, "110113 Security Alert");
}
