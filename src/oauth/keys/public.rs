//! Public keys as they are published: JSON Web Keys.
//!
//! RFC 7517 and RFC 7518 6 (the form), RFC 7638 (the name of a key).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alg {
    /// RSA PKCS #1 v1.5 with SHA-256: what every client can verify (OpenID Connect Core 15.1, RFC 9068 2.1), and what is
    /// verified three times as fast as the other.
    Rs256,
    /// ECDSA on P-256 with SHA-256, as in the first releases.
    Es256,
}

impl Alg {
    /// Returns the name in headers and keys.
    pub fn name(self) -> &'static str {
        match self {
            Alg::Rs256 => "RS256",
            Alg::Es256 => "ES256",
        }
    }
}

/// A key that signatures are verified with.
#[derive(Debug)]
pub struct Public {
    /// The `kid`.
    pub id: String,
    pub alg: Alg,
    /// As it is published.
    pub jwk: Value,
    key: ParsedPublicKey,
}

impl Public {
    /// Returns the key of a P-256 point (`04 x y`). Without a name it is named by its thumbprint.
    pub fn of_point(point: &[u8], id: Option<String>) -> Option<Public> {
        let (x, y) = point.strip_prefix(&[4]).filter(|xy| xy.len() == 64)?.split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let id = id.unwrap_or_else(|| thumbprint(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)));
        let jwk =
            json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": Alg::Es256.name(), "kid": id});
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()?;
        Some(Public { id, alg: Alg::Es256, jwk, key })
    }

    /// Returns the key of an RSA modulus and exponent, big-endian without leading zeros.
    pub fn of_modulus(n: &[u8], e: &[u8]) -> Option<Public> {
        let key = RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?;
        let (n, e) = (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
        let id = thumbprint(&format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#));
        let jwk = json!({"kty": "RSA", "n": n, "e": e, "use": "sig", "alg": Alg::Rs256.name(), "kid": id});
        Some(Public { id, alg: Alg::Rs256, jwk, key })
    }

    /// Returns a key that another process has published; none where it is not one that a server of this kind makes.
    pub fn parse(jwk: &Value) -> Option<Public> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        match text("kty")? {
            "EC" => {
                let point = [vec![4], bytes("x")?, bytes("y")?].concat();
                Public::of_point(&point, text("kid").map(str::to_string))
            }
            "RSA" => Public::of_modulus(&bytes("n")?, &bytes("e")?).filter(|key| text("kid") == Some(&key.id)),
            _ => None,
        }
    }

    /// Returns whether this key has signed the message.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

fn thumbprint(members: &str) -> String {
    use sha2::{Digest, Sha256};
    URL_SAFE_NO_PAD.encode(Sha256::digest(members.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7638 3.1.
    #[test]
    fn a_key_is_named_by_its_thumbprint() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = Public::parse(
            &json!({"kty": "RSA", "n": n, "e": "AQAB", "kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"}),
        );
        assert_eq!(key.unwrap().id, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn what_is_no_key_of_ours_is_not_read() {
        for jwk in [
            json!({}),
            json!({"kty": "oct", "k": "AAAA", "kid": "x"}),
            json!({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "x"}),
            json!({"kty": "EC", "crv": "P-256", "x": "!", "y": "!", "kid": "x"}),
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "x"}),
            // On no curve.
            json!({"kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode([1; 32]), "y": URL_SAFE_NO_PAD.encode([1; 32]), "kid": "x"}),
        ] {
            assert!(Public::parse(&jwk).is_none(), "{jwk}");
        }
    }
}
