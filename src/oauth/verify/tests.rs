//! Which tokens hold, and every way in which one does not. The tokens are made by another library than the one under test.

use super::super::keys::public::Public;
use super::*;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation, jwk::Jwk};
use serde_json::{Value, json};
use std::path::PathBuf;

const BASE: &str = "http://a.example/fhir";
const T: i64 = 1_800_000_000;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("medilink-verify-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Folder(path)
    }

    fn keys(&self) -> Keys {
        Keys::load_or_create(&self.0).unwrap()
    }

    /// Returns the key of a file, for a library that knows nothing of ours.
    fn encoding(&self, file: &str) -> EncodingKey {
        use base64::Engine;
        let pkcs8 = std::fs::read(self.0.join("keys").join(file)).unwrap();
        let text = base64::engine::general_purpose::STANDARD.encode(pkcs8);
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
        if file == "signing.p8" {
            EncodingKey::from_ec_pem(pem.as_bytes()).unwrap()
        } else {
            EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Puts a key of the first releases into the folder.
fn keep_first(folder: &Folder) {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    let random = aws_lc_rs::rand::SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    std::fs::create_dir_all(folder.0.join("keys")).unwrap();
    std::fs::write(folder.0.join("keys/signing.p8"), pkcs8.as_ref()).unwrap();
}

fn header(key: &Public) -> Value {
    json!({"alg": key.alg.name(), "typ": "at+jwt", "kid": key.id})
}

fn claims() -> Value {
    json!({
        "iss": BASE, "aud": BASE, "sub": "someone", "jti": "t1", "iat": T, "exp": T + 3_600,
        "scope": "system/*.rs", "client_id": "app",
    })
}

/// Returns the value with other members; null takes one away.
fn with(mut value: Value, changes: Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    value.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    value
}

fn encode(part: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(part)
}

fn token(header: &Value, claims: &Value, key: &EncodingKey, alg: Algorithm) -> String {
    let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, alg).unwrap();
    format!("{message}.{signature}")
}

#[test]
fn a_token_holds_only_with_the_claims_of_one_that_was_signed_here_for_here() {
    let folder = Folder::new("claims");
    let keys = folder.keys();
    let key = keys.own()[0].public.clone();
    let encoding = folder.encoding("rs256-1.p8");
    for (changes, want) in [
        (json!({}), Ok(())),
        (json!({"exp": T + 1}), Ok(())),
        (json!({"exp": T}), Err(Refused::Expired)),
        (json!({"exp": T - 1}), Err(Refused::Expired)),
        (json!({"exp": null}), Err(Refused::Form)),
        (json!({"exp": "soon"}), Err(Refused::Form)),
        (json!({"iat": T + 5}), Ok(())),
        (json!({"iat": T + 6}), Err(Refused::Future)),
        (json!({"iat": null}), Err(Refused::Form)),
        (json!({"nbf": T + 5}), Ok(())),
        (json!({"nbf": T + 6}), Err(Refused::Future)),
        (json!({"iss": "http://b.example/fhir"}), Err(Refused::Elsewhere)),
        (json!({"iss": null}), Err(Refused::Form)),
        (json!({"iss": format!("{BASE}/")}), Err(Refused::Elsewhere)),
        (json!({"aud": "http://b.example/fhir"}), Err(Refused::Elsewhere)),
        (json!({"aud": null}), Err(Refused::Form)),
        // We sign for one server; who says more says it of another's.
        (json!({"aud": [BASE, "http://b.example/fhir"]}), Err(Refused::Form)),
        (json!({"aud": [BASE]}), Err(Refused::Form)),
        (json!({"sub": null}), Err(Refused::Form)),
        (json!({"jti": null}), Err(Refused::Form)),
        (json!({"scope": ["system/*.rs"]}), Err(Refused::Form)),
        // Longer than its revocation is kept.
        (json!({"exp": T + TOKEN_S_MAX}), Ok(())),
        (json!({"exp": T + TOKEN_S_MAX + 1}), Err(Refused::Form)),
        (json!({"grant_id": "g", "exp": T + GRANT_TOKEN_S_MAX + 1}), Err(Refused::Form)),
        (json!({"exp": i64::MAX, "iat": i64::MIN}), Err(Refused::Form)),
        (json!({"what_later_releases_say": true}), Ok(())),
    ] {
        let token = token(&header(&key), &with(claims(), changes.clone()), &encoding, Algorithm::RS256);
        assert_eq!(verify(&keys, BASE, &token, T).map(drop), want, "{changes}");
    }
}

#[test]
fn a_header_chooses_nothing() {
    let folder = Folder::new("header");
    keep_first(&folder);
    let keys = folder.keys();
    let own = keys.own();
    let (first, key) = (own[0].public.clone(), own[1].public.clone());
    let (ec, rsa) = (folder.encoding("signing.p8"), folder.encoding("rs256-1.p8"));
    let public = serde_json::to_vec(&key.jwk).unwrap();
    let (hmac, by_n) = (EncodingKey::from_secret(&public), key.jwk["n"].as_str().unwrap());
    let by_n = EncodingKey::from_secret(by_n.as_bytes());
    let (rs, es, hs) = (Algorithm::RS256, Algorithm::ES256, Algorithm::HS256);
    let of_key = header(&key);
    for (header, encoding, alg, want) in [
        (of_key.clone(), &rsa, rs, Ok(())),
        // The key of the first releases goes on.
        (header(&first), &ec, es, Ok(())),
        (of_key.clone(), &ec, es, Err(Refused::Signature)),
        (with(of_key.clone(), json!({"alg": "none"})), &rsa, rs, Err(Refused::Header)),
        (with(of_key.clone(), json!({"alg": "None"})), &rsa, rs, Err(Refused::Header)),
        (with(of_key.clone(), json!({"alg": null})), &rsa, rs, Err(Refused::Header)),
        (with(of_key.clone(), json!({"alg": "HS256"})), &hmac, hs, Err(Refused::Header)),
        (with(of_key.clone(), json!({"alg": "HS256"})), &by_n, hs, Err(Refused::Header)),
        (of_key.clone(), &hmac, hs, Err(Refused::Signature)),
        (with(of_key.clone(), json!({"alg": "RS512"})), &rsa, Algorithm::RS512, Err(Refused::Header)),
        (of_key.clone(), &rsa, Algorithm::RS512, Err(Refused::Signature)),
        (of_key.clone(), &rsa, Algorithm::PS256, Err(Refused::Signature)),
        // One key's name with the other's algorithm.
        (with(of_key.clone(), json!({"kid": first.id})), &rsa, rs, Err(Refused::Header)),
        (with(of_key.clone(), json!({"kid": first.id, "alg": "ES256"})), &rsa, rs, Err(Refused::Signature)),
        (with(header(&first), json!({"kid": key.id})), &ec, es, Err(Refused::Header)),
        (with(of_key.clone(), json!({"kid": "unknown"})), &rsa, rs, Err(Refused::UnknownKey)),
        (with(of_key.clone(), json!({"kid": ""})), &rsa, rs, Err(Refused::UnknownKey)),
        (with(of_key.clone(), json!({"kid": null})), &rsa, rs, Err(Refused::Header)),
        (with(of_key.clone(), json!({"kid": [key.id]})), &rsa, rs, Err(Refused::Header)),
        (with(of_key.clone(), json!({"kid": "../../../../dev/null"})), &rsa, rs, Err(Refused::UnknownKey)),
        (with(of_key.clone(), json!({"kid": "x' union select 'key' --"})), &rsa, rs, Err(Refused::UnknownKey)),
        (with(of_key.clone(), json!({"kid": format!("{}\u{0}", key.id)})), &rsa, rs, Err(Refused::Header)),
        // An id_token, and a client's assertion.
        (with(of_key.clone(), json!({"typ": "JWT"})), &rsa, rs, Err(Refused::Header)),
        (with(of_key.clone(), json!({"typ": null})), &rsa, rs, Err(Refused::Header)),
        (with(of_key.clone(), json!({"crit": ["exp"]})), &rsa, rs, Err(Refused::Header)),
        (with(of_key.clone(), json!({"b64": false, "crit": ["b64"]})), &rsa, rs, Err(Refused::Header)),
        (with(of_key.clone(), json!({"jwk": key.jwk})), &rsa, rs, Err(Refused::Header)),
        (with(of_key.clone(), json!({"jku": "http://evil.example/jwks"})), &rsa, rs, Err(Refused::Header)),
        (with(of_key.clone(), json!({"x5c": ["AAAA"]})), &rsa, rs, Err(Refused::Header)),
    ] {
        let token = token(&header, &claims(), encoding, alg);
        assert_eq!(verify(&keys, BASE, &token, T).map(drop), want, "{header} {alg:?}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let folder = Folder::new("form");
    let keys = folder.keys();
    let key = keys.own()[0].public.clone();
    let good = token(&header(&key), &claims(), &folder.encoding("rs256-1.p8"), Algorithm::RS256);
    let parts: Vec<&str> = good.split('.').collect();
    let twice = format!(r#"{{"alg":"RS256","alg":"none","typ":"at+jwt","kid":"{}"}}"#, key.id);
    let long = token(
        &header(&key),
        &with(claims(), json!({"scope": "x".repeat(TOKEN_BYTES_MAX)})),
        &folder.encoding("rs256-1.p8"),
        Algorithm::RS256,
    );
    for (token, want) in [
        (String::new(), Refused::Form),
        ("nonsense".to_string(), Refused::Form),
        ("..".to_string(), Refused::Header),
        ("a.b.c".to_string(), Refused::Form),
        (format!("{}.{}", parts[0], parts[1]), Refused::Form),
        (format!("{}.{}.", parts[0], parts[1]), Refused::Signature),
        (format!("{good}."), Refused::Form),
        (format!("{good}=="), Refused::Form),
        (format!("{good}.{}", parts[2]), Refused::Form),
        (format!("{}.{}.{}", parts[0], encode(b"{}"), parts[2]), Refused::Signature),
        (format!("{}.{}.{}", encode(twice.as_bytes()), parts[1], parts[2]), Refused::Header),
        (format!("{}.{}.{}", encode(b"[]"), parts[1], parts[2]), Refused::Header),
        (format!("{}.{}.{}", encode(&[0xff, 0xfe]), parts[1], parts[2]), Refused::Header),
        (long, Refused::Form),
    ] {
        let shown: String = token.chars().take(80).collect();
        assert_eq!(verify(&keys, BASE, &token, T).map(drop), Err(want), "{shown}");
    }
}

#[test]
fn tokens_of_other_servers_are_not_ours_and_ours_are_read_by_others() {
    let (ours, theirs) = (Folder::new("ours"), Folder::new("theirs"));
    let (keys, other) = (ours.keys(), theirs.keys());
    let mine = Claims::new(BASE, "someone", "system/*.rs", 60);
    let now_s = mine.iat;
    let signed = mine.sign(&keys).unwrap();
    assert_eq!(verify(&keys, BASE, &signed, now_s).unwrap().claims.jti, mine.jti);
    assert_eq!(verify(&other, BASE, &signed, now_s).map(drop), Err(Refused::UnknownKey));
    assert_eq!(verify(&ours.keys(), BASE, &signed, now_s).map(drop), Ok(()), "the key is kept");

    let id_token = keys.sign_id_token(&with(claims(), json!({"iat": now_s, "exp": now_s + 60}))).unwrap();
    assert_eq!(verify(&keys, BASE, &id_token, now_s).map(drop), Err(Refused::Header), "an id_token opens nothing");
    let jwk: Jwk = serde_json::from_value(keys.published()["keys"][0].clone()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[BASE]);
    validation.set_issuer(&[BASE]);
    let read = jsonwebtoken::decode::<Value>(&id_token, &DecodingKey::from_jwk(&jwk).unwrap(), &validation).unwrap();
    assert_eq!(read.claims["sub"], "someone");
    assert_eq!(read.header.kid, jwk.common.key_id);
    let (mode, folder) = (keys.own()[0].path.metadata().unwrap(), keys.own()[0].path.display().to_string());
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(mode.permissions().mode() & 0o777, 0o600, "{folder}");
}
