//! Every part of an assertion wrong in turn.

use super::*;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::EncodingKey;
use serde_json::json;
use std::sync::LazyLock;

const ENDPOINT: &str = "https://h.example/oauth/token";
const ISSUER: &str = "https://h.example/fhir";
const NOW_S: i64 = 1_780_000_000;

/// A key and its public half as a client registers it.
struct Pair {
    alg: Algorithm,
    key: EncodingKey,
    public: Value,
}

static RSA: LazyLock<Pair> = LazyLock::new(rsa);
static EC: LazyLock<Pair> = LazyLock::new(|| {
    let rng = aws_lc_rs::rand::SystemRandom::new();
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &rng).unwrap();
    pair(Algorithm::ES384, EncodingKey::from_ec_der(der.as_ref()), "ec")
});

fn rsa() -> Pair {
    let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der = key.as_der().unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
    pair(Algorithm::RS384, EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(), "rsa")
}

fn pair(alg: Algorithm, key: EncodingKey, kid: &str) -> Pair {
    let mut public = serde_json::to_value(Jwk::from_encoding_key(&key, alg).unwrap()).unwrap();
    public["kid"] = json!(kid);
    Pair { alg, key, public }
}

fn header(pair: &Pair) -> Header {
    Header { kid: Some(pair.public["kid"].as_str().unwrap().to_string()), ..Header::new(pair.alg) }
}

fn claims() -> Value {
    json!({"iss": "c1", "sub": "c1", "aud": ENDPOINT, "exp": NOW_S + 300, "iat": NOW_S, "jti": "j1"})
}

/// Returns the words of the refusal, empty for none.
fn judge(jwt: &str, jwks: &Value) -> String {
    let judged = Assertion::read(jwt).and_then(|assertion| {
        assert_eq!(assertion.client, "c1");
        assertion.verify(jwks)?;
        assertion.check(&[ENDPOINT, ISSUER], NOW_S)
    });
    match judged {
        Ok(once) => {
            assert_eq!(once.jti, "j1");
            String::new()
        }
        Err(refusal) => {
            assert_eq!(refusal.error, Error::InvalidClient);
            refusal.description
        }
    }
}

#[test]
fn each_claim_must_be_right() {
    let jwks = json!({"keys": [RSA.public, EC.public]});
    for pair in [&*RSA, &*EC] {
        for (name, value, says) in [
            ("jti", json!("j1"), None),
            ("aud", json!(ISSUER), None),
            ("aud", json!([ENDPOINT]), None),
            ("exp", json!(NOW_S + 1), None),
            ("exp", json!((NOW_S + 60) as f64 + 0.5), None),
            ("nbf", json!(NOW_S), None),
            ("iss", json!("c2"), Some("'iss' and 'sub'")),
            ("sub", json!("c2"), Some("'iss' and 'sub'")),
            ("sub", Value::Null, Some("'iss' and 'sub'")),
            ("aud", json!("https://h.example/oauth/token/"), Some("'aud'")),
            ("aud", json!("https://other.example/token"), Some("'aud'")),
            ("aud", json!([ENDPOINT, "https://other.example/token"]), Some("'aud'")),
            ("aud", json!([]), Some("'aud'")),
            ("aud", Value::Null, Some("'aud'")),
            ("exp", json!(NOW_S), Some("expired")),
            ("exp", json!(NOW_S + 400), Some("five minutes")),
            ("exp", json!("soon"), Some("'exp'")),
            ("exp", Value::Null, Some("'exp'")),
            ("exp", json!(1e300), Some("'exp'")),
            ("iat", json!(NOW_S + 60), Some("'iat'")),
            ("nbf", json!(NOW_S + 60), Some("'nbf'")),
            ("jti", json!(""), Some("'jti'")),
            ("jti", json!(7), Some("'jti'")),
            ("jti", json!("x".repeat(257)), Some("'jti'")),
        ] {
            let mut claims = claims();
            claims[name] = value.clone();
            let jwt = jsonwebtoken::encode(&header(pair), &claims, &pair.key).unwrap();
            let said = judge(&jwt, &jwks);
            assert_eq!(said.is_empty(), says.is_none(), "{name} = {value}: {said}");
            assert!(said.contains(says.unwrap_or_default()), "{name} = {value}: {said}");
        }
    }
}

#[test]
fn exactly_one_registered_key_must_be_meant() {
    let (other, ec256) = (rsa(), {
        let mut key = EC.public.clone();
        key["crv"] = json!("P-256");
        key
    });
    let with = |pair: &Pair, name: &str, value: Value| {
        let mut key = pair.public.clone();
        key[name] = value;
        key
    };
    for (keys, right) in [
        (json!([RSA.public]), true),
        (json!([RSA.public, EC.public]), true),
        // One name for two types of keys is allowed.
        (json!([RSA.public, with(&EC, "kid", json!("rsa"))]), true),
        (json!([with(&RSA, "use", json!("sig"))]), true),
        (json!([RSA.public, RSA.public]), false),
        (json!([RSA.public, other.public]), false),
        (json!([other.public]), false),
        (json!([EC.public]), false),
        (json!([with(&RSA, "kid", json!("else"))]), false),
        (json!([with(&RSA, "kid", Value::Null)]), false),
        (json!([with(&RSA, "use", json!("enc"))]), false),
        (json!([with(&RSA, "alg", json!("RS256"))]), false),
        (json!([with(&RSA, "kty", json!("EC"))]), false),
        (json!([with(&EC, "kid", json!("rsa"))]), false),
        (json!([ec256]), false),
        (json!([{"kid": "rsa", "kty": "RSA"}]), false),
        (json!([{"kid": "rsa", "kty": "oct", "k": "AAAA"}]), false),
        (json!([]), false),
        (json!("keys"), false),
    ] {
        let jwt = jsonwebtoken::encode(&header(&RSA), &claims(), &RSA.key).unwrap();
        let said = judge(&jwt, &json!({"keys": keys}));
        assert_eq!(said.is_empty(), right, "{keys}: {said}");
    }
}

#[test]
fn the_header_brings_no_key_and_no_other_algorithm() {
    let jwks = json!({"keys": [RSA.public, EC.public]});
    let sign = |header: &Header| jsonwebtoken::encode(header, &claims(), &RSA.key).unwrap();
    let good = sign(&header(&RSA));
    assert_eq!(judge(&good, &jwks), "");
    let own: Jwk = serde_json::from_value(RSA.public.clone()).unwrap();
    for (header, says) in [
        (Header { kid: None, ..header(&RSA) }, "'kid'"),
        (Header { kid: Some("../rsa".into()), ..header(&RSA) }, "exactly one"),
        (Header { jwk: Some(own), ..header(&RSA) }, "jwk"),
        (Header { x5u: Some("https://h.example/x".into()), ..header(&RSA) }, "x5u"),
        (Header { x5c: Some(vec!["AAAA".into()]), ..header(&RSA) }, "x5c"),
        (Header { crit: Some(vec!["exp".into()]), ..header(&RSA) }, "crit"),
        (Header { alg: Algorithm::RS256, ..header(&RSA) }, "algorithm"),
        (Header { alg: Algorithm::PS384, ..header(&RSA) }, "algorithm"),
    ] {
        let said = judge(&sign(&header), &jwks);
        assert!(said.contains(says), "{header:?}: {said}");
    }
    // HS256 under what everyone knows, the public key; and no signature at all.
    let public = EncodingKey::from_secret(RSA.public["n"].as_str().unwrap().as_bytes());
    let confused = Header { kid: Some("rsa".into()), ..Header::new(Algorithm::HS256) };
    assert_ne!(judge(&jsonwebtoken::encode(&confused, &claims(), &public).unwrap(), &jwks), "");
    let payload = good.split('.').nth(1).unwrap();
    for header in [r#"{"alg":"none","kid":"rsa"}"#, r#"{"alg":"None"}"#, r#"{"alg":"RS384","kid":"rsa"}"#, "{}", ""] {
        let unsigned = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(header));
        assert_ne!(judge(&unsigned, &jwks), "", "{header}");
    }
    let other = jsonwebtoken::encode(&header(&RSA), &claims(), &rsa().key).unwrap();
    let stolen = format!("{}.{}", good.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    for jwt in ["", "x", "..", "a.b.c", &good[..good.len() - 4], &stolen, &other, &"a".repeat(20_000)] {
        assert_ne!(judge(jwt, &jwks), "", "{jwt}");
    }
}
