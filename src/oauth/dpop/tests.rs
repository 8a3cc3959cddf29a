//! Every part of a proof wrong in turn.

use super::*;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

const ENDPOINT: &str = "https://h.example/oauth/token";
const NOW_S: i64 = 1_780_000_000;

fn key() -> EncodingKey {
    let rng = aws_lc_rs::rand::SystemRandom::new();
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
    EncodingKey::from_ec_der(der.as_ref())
}

fn header(key: &EncodingKey) -> Header {
    let jwk = Jwk::from_encoding_key(key, Algorithm::ES256).unwrap();
    Header { typ: Some("dpop+jwt".into()), jwk: Some(jwk), ..Header::new(Algorithm::ES256) }
}

#[test]
fn a_proof_is_of_this_request_now_and_by_the_key_it_names() {
    let (own, other) = (key(), key());
    let proof = |name: &str, value: Value| {
        let mut claims = json!({"jti": "j1", "htm": "POST", "htu": ENDPOINT, "iat": NOW_S});
        claims[name] = value;
        claims
    };
    for (name, value, right) in [
        ("jti", json!("j1"), true),
        ("htu", json!(format!("{ENDPOINT}?a=b")), true),
        ("iat", json!(NOW_S - 60), true),
        ("jti", json!(""), false),
        ("jti", Value::Null, false),
        ("htm", json!("GET"), false),
        ("htu", json!("https://other.example/oauth/token"), false),
        ("iat", json!(NOW_S - 61), false),
        ("iat", json!(NOW_S + 31), false),
    ] {
        let jwt = jsonwebtoken::encode(&header(&own), &proof(name, value.clone()), &own).unwrap();
        let got = verify(&jwt, ENDPOINT, NOW_S);
        assert_eq!(got.is_ok(), right, "{name} = {value}: {got:?}");
        if let Ok((thumbprint, _)) = got {
            assert_eq!(thumbprint.len(), 43, "a SHA-256 in base64url");
        }
    }
    let good = proof("jti", json!("j1"));
    for header in [
        Header { typ: Some("JWT".into()), ..header(&own) },
        Header { jwk: None, ..header(&own) },
        Header { jwk: header(&other).jwk, ..header(&own) },
    ] {
        let jwt = jsonwebtoken::encode(&header, &good, &own).unwrap();
        assert!(verify(&jwt, ENDPOINT, NOW_S).is_err(), "{header:?}");
    }
    let secret = EncodingKey::from_secret(b"x");
    let symmetric = Header { alg: Algorithm::HS256, ..header(&own) };
    let jwt = jsonwebtoken::encode(&symmetric, &good, &secret).unwrap();
    assert!(verify(&jwt, ENDPOINT, NOW_S).is_err());
}
