//! The key set in a registration: public keys alone, and one at least that this server can check signatures with.
//!
//! RFC 7517, RFC 7518 6; SMART App Launch 2.2, asymmetric authentication (RS384, ES384).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

const KEYS_MAX: usize = 20;
const ID_CHARS_MAX: usize = 200;
/// Bytes of an RSA modulus: 2048 to 8192 bits.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;
/// Bytes of a coordinate of P-384.
const COORDINATE: usize = 48;
/// What only the owner of a key may know.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Returns the rule that a key set breaks.
pub fn check(set: &Value) -> Result<(), String> {
    let keys = set.get("keys").and_then(Value::as_array).ok_or("it must be an object with an array 'keys'")?;
    if keys.is_empty() || keys.len() > KEYS_MAX {
        return Err(format!("it must hold 1 to {KEYS_MAX} keys"));
    }
    let mut names = Vec::new();
    let mut usable = 0;
    for (i, key) in keys.iter().enumerate() {
        let key = key.as_object().ok_or_else(|| format!("keys[{i}] is not an object"))?;
        let at = |rule: &str| format!("keys[{i}]: {rule}");
        if let Some(name) = PRIVATE.iter().find(|name| key.contains_key(**name)) {
            return Err(at(&format!("its member '{name}' is private; make a new key, this one is known now")));
        }
        let kid = text(key, "kid").filter(|kid| !kid.is_empty() && kid.chars().count() <= ID_CHARS_MAX);
        let kid = kid.ok_or_else(|| at("it has no 'kid', by which an assertion names it"))?;
        let kty = text(key, "kty").ok_or_else(|| at("it has no 'kty'"))?;
        if names.contains(&(kid, kty)) {
            return Err(at(&format!("the kid '{kid}' is there twice")));
        }
        names.push((kid, kty));
        if is_usable(key, kty).map_err(|rule| at(&rule))? {
            usable += 1;
        }
    }
    if usable == 0 {
        return Err("it has no key for RS384 (RSA of 2048 bits or more) or ES384 (EC on P-384)".into());
    }
    Ok(())
}

/// Returns whether assertions can be checked with this key. Keys for other purposes are let be, broken ones are not.
fn is_usable(key: &Map<String, Value>, kty: &str) -> Result<bool, String> {
    let algorithm = match (kty, text(key, "crv")) {
        ("RSA", _) => {
            let n = bytes(key, "n")?;
            bytes(key, "e")?;
            let significant = n.iter().skip_while(|b| **b == 0).count();
            if !MODULUS.contains(&significant) {
                return Err("its modulus must have 2048 to 8192 bits".into());
            }
            "RS384"
        }
        ("EC", Some("P-384")) => {
            if bytes(key, "x")?.len() != COORDINATE || bytes(key, "y")?.len() != COORDINATE {
                return Err(format!("its coordinates must have {COORDINATE} bytes"));
            }
            "ES384"
        }
        ("EC" | "OKP", _) => return Ok(false),
        _ => return Err(format!("the kty '{kty}' is none of a public key")),
    };
    let is_for_signatures = text(key, "use").is_none_or(|word| word == "sig");
    let verifies = key.get("key_ops").and_then(Value::as_array).is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    Ok(is_for_signatures && verifies && text(key, "alg").is_none_or(|alg| alg == algorithm))
}

fn text<'a>(key: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    key.get(name).and_then(Value::as_str)
}

fn bytes(key: &Map<String, Value>, name: &str) -> Result<Vec<u8>, String> {
    let text = text(key, name).ok_or_else(|| format!("it has no '{name}'"))?;
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
    bytes.ok().filter(|bytes| !bytes.is_empty()).ok_or_else(|| format!("'{name}' is not base64url"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn part(len: usize) -> String {
        URL_SAFE_NO_PAD.encode(vec![0xa5; len])
    }

    #[test]
    fn a_key_set_holds_public_keys_of_which_one_signs_as_smart_wants() {
        let rsa = json!({"kty": "RSA", "kid": "a", "n": part(256), "e": "AQAB"});
        let ec = json!({"kty": "EC", "crv": "P-384", "kid": "b", "x": part(48), "y": part(48), "alg": "ES384"});
        let other = json!({"kty": "EC", "crv": "P-256", "kid": "c", "x": part(32), "y": part(32)});
        let with = |key: &Value, name: &str, value: Value| {
            let mut key = key.clone();
            key[name] = value;
            json!({"keys": [key]})
        };
        for (set, broken) in [
            (json!({"keys": [rsa, ec, other]}), None),
            (with(&rsa, "alg", json!("RS384")), None),
            (with(&ec, "use", json!("sig")), None),
            (with(&ec, "key_ops", json!(["verify"])), None),
            (json!({"keys": [other]}), Some("no key for RS384")),
            (json!({}), Some("array 'keys'")),
            (json!({"keys": {}}), Some("array 'keys'")),
            (json!({"keys": []}), Some("1 to 20 keys")),
            (json!({"keys": ["x"]}), Some("not an object")),
            (json!({"keys": [rsa, rsa]}), Some("twice")),
            (with(&rsa, "d", json!("AQ")), Some("private")),
            (with(&ec, "d", json!("AQ")), Some("private")),
            (json!({"keys": [ec, {"kty": "oct", "kid": "k", "k": "AQ"}]}), Some("private")),
            (with(&rsa, "kty", json!("oct")), Some("'oct'")),
            (with(&rsa, "kid", Value::Null), Some("no 'kid'")),
            (with(&rsa, "kid", json!("")), Some("no 'kid'")),
            (with(&rsa, "kty", Value::Null), Some("no 'kty'")),
            (with(&rsa, "n", json!(part(128))), Some("2048")),
            (with(&rsa, "n", json!(part(2000))), Some("2048")),
            (with(&rsa, "n", json!("?")), Some("base64url")),
            (with(&rsa, "e", Value::Null), Some("no 'e'")),
            (with(&ec, "x", json!(part(32))), Some("48 bytes")),
            (with(&ec, "y", Value::Null), Some("no 'y'")),
            (with(&ec, "alg", json!("ES256")), Some("no key for RS384")),
            (with(&rsa, "alg", json!("HS256")), Some("no key for RS384")),
            (with(&rsa, "use", json!("enc")), Some("no key for RS384")),
            (with(&rsa, "key_ops", json!(["sign"])), Some("no key for RS384")),
        ] {
            let found = check(&set).err();
            match broken {
                None => assert_eq!(found, None, "{set}"),
                Some(rule) => assert!(found.as_ref().is_some_and(|f| f.contains(rule)), "{set}: {found:?}"),
            }
        }
    }
}
