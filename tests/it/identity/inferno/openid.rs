//! Who the person is, in terms of OpenID Connect.

use jsonwebtoken::jwk::JwkSet;
use serde_json::Value;

use super::{ORIGIN, enables_cors, has, text};
use crate::identity::signer::{now_s, opened};
use crate::identity::smart::App;
use crate::identity::stage::Stage;
use crate::identity::table::Table;

pub fn openid(table: &mut Table, stage: &Stage) {
    table.group("OpenID Connect");
    let scope = "launch/patient openid fhirUser patient/Patient.rs";
    let app = App::public(&stage.server, scope);
    let given = app.tokens(&stage.ada, scope);
    let client = stage.server.client();
    table.check("ID token can be decoded", || assert!(opened(text(&given, "id_token")).1.is_object()));
    let found = table.check("OpenID Connect well-known configuration can be retrieved", || {
        client.get(".well-known/openid-configuration").expect(200).json()
    });
    table.after(found.as_ref(), "OpenID Connect well-known configuration contains all required fields", |found| {
        for name in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
            text(found, name);
        }
        has(found, "response_types_supported", "code");
        assert!(found["subject_types_supported"].as_array().is_some_and(|types| !types.is_empty()));
        has(found, "id_token_signing_alg_values_supported", "RS256");
    });
    let keys = table.after(found.as_ref(), "JWKS can be retrieved", |found| {
        let keys = client.get(text(found, "jwks_uri")).expect(200).json();
        let is_bare = |key: &Value| key["kid"].is_string() && key["kty"].is_string() && key["d"].is_null();
        assert!(keys["keys"].as_array().is_some_and(|keys| keys.iter().all(is_bare)), "{keys}");
        keys
    });
    table.after(keys.as_ref(), "ID token header contains required information", |keys| {
        let (header, _) = opened(text(&given, "id_token"));
        assert_eq!(header["alg"], "RS256");
        let named = keys["keys"].as_array().expect("keys").iter().filter(|key| key["kid"] == header["kid"]);
        assert_eq!(named.count(), 1, "{header}");
    });
    table.after(keys.as_ref(), "ID token payload has required claims and a valid signature", |keys| {
        let claims = verified(text(&given, "id_token"), keys, &app.id, stage.server.base());
        assert!(text(&claims, "sub").len() <= 255 && claims["sub"].as_str().is_some_and(str::is_ascii));
        assert!(claims["exp"].as_i64().is_some_and(|exp| exp > now_s()), "{claims}");
        assert!(claims["iat"].as_i64().is_some_and(|iat| iat <= now_s()), "{claims}");
        assert!(text(&claims, "fhirUser").ends_with("Patient/ada"), "{claims}");
    });
    table.check("ID token repeats the nonce of the request", || {
        let asked = app.asks(scope).with("nonce", "n-0S6_WzA2Mj");
        let came = asked.allowed(&mut stage.ada.clone());
        let given = app.exchange(came.get("code").expect("a code"), &asked.verifier).expect(200).json();
        assert_eq!(opened(text(&given, "id_token")).1["nonce"], "n-0S6_WzA2Mj");
    });
    let fhir_user = || text(&opened(text(&given, "id_token")).1, "fhirUser").to_string();
    let token = client.with_token(text(&given, "access_token"));
    table.check("FHIR resource representing the current user can be retrieved", || {
        assert_eq!(token.get(&fhir_user()).expect(200).id(), "ada");
    });
    table.check("SMART FHIR User REST API Endpoint Enables CORS", || {
        enables_cors(&token.get_with(&fhir_user(), &[("Origin", ORIGIN)]));
        let asks = [
            ("Origin", ORIGIN),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", "authorization"),
        ];
        enables_cors(&client.request("OPTIONS", &fhir_user(), &asks, b""));
    });
    table.check("UserInfo tells the same person (OpenID Connect Core 5.3)", || {
        let told = token.get("/oauth/userinfo").expect(200).json();
        assert_eq!(told["sub"], opened(text(&given, "id_token")).1["sub"]);
    });
}

/// Returns the claims of an id_token, as a library for apps verifies it.
fn verified(token: &str, keys: &Value, audience: &str, issuer: &str) -> Value {
    let keys: JwkSet = serde_json::from_value(keys.clone()).expect("a set of keys");
    let (header, _) = opened(token);
    let key = keys.find(text(&header, "kid")).expect("the key is in the set");
    let key = jsonwebtoken::DecodingKey::from_jwk(key).expect("a key");
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    rules.set_audience(&[audience]);
    rules.set_issuer(&[issuer]);
    jsonwebtoken::decode(token, &key, &rules).unwrap_or_else(|e| panic!("{e}: {token}")).claims
}
