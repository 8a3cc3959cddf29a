//! Keys of clients, and JSON Web Tokens put together by hand: the good ones and those that nobody should accept.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

/// A key pair of a client.
pub struct Signer {
    pub kid: String,
    pair: Pair,
}

enum Pair {
    Es256(EcdsaKeyPair),
    Es384(EcdsaKeyPair),
    Rs384(Box<RsaKeyPair>),
}

impl Signer {
    /// Returns a key of the kind that the server itself signs with.
    pub fn es256() -> Signer {
        Signer { kid: unique("es"), pair: Pair::Es256(elliptic(&signature::ECDSA_P256_SHA256_FIXED_SIGNING)) }
    }

    pub fn es384() -> Signer {
        Signer { kid: unique("es"), pair: Pair::Es384(elliptic(&signature::ECDSA_P384_SHA384_FIXED_SIGNING)) }
    }

    pub fn rs384() -> Signer {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        Signer { kid: unique("rs"), pair: Pair::Rs384(Box::new(pair)) }
    }

    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Es256(_) => "ES256",
            Pair::Es384(_) => "ES384",
            Pair::Rs384(_) => "RS384",
        }
    }

    /// Returns the public half as a JWK.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Es256(pair) => point(pair, "P-256"),
            Pair::Es384(pair) => point(pair, "P-384"),
            Pair::Rs384(pair) => {
                // RSAPublicKey of 2048 bits: the modulus begins after the tags, the lengths and a zero.
                let der = pair.public_key().as_ref();
                json!({"kty": "RSA", "n": BASE64.encode(&der[9..265]), "e": "AQAB"})
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.algorithm());
        jwk["use"] = json!("sig");
        jwk
    }

    /// Returns the set that a client registers.
    pub fn jwks(&self) -> Value {
        json!({"keys": [self.jwk()]})
    }

    /// Signs claims under a header of which `alg` and `kid` are told, unless it says otherwise itself.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let mut whole = json!({"alg": self.algorithm(), "kid": self.kid, "typ": "JWT"});
        for (name, value) in header.as_object().into_iter().flatten() {
            whole[name] = value.clone();
        }
        let text = unsigned(&whole, claims);
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Es256(pair) | Pair::Es384(pair) => {
                pair.sign(&random, text.as_bytes()).expect("it signs").as_ref().to_vec()
            }
            Pair::Rs384(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA384, &random, text.as_bytes(), &mut signature).expect("it signs");
                signature
            }
        };
        format!("{text}.{}", BASE64.encode(signature))
    }
}

fn elliptic(algorithm: &'static signature::EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).expect("a key");
    EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref()).expect("it was just made")
}

/// An uncompressed point is a 4, x, y.
fn point(pair: &EcdsaKeyPair, curve: &str) -> Value {
    let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
    json!({"kty": "EC", "crv": curve, "x": BASE64.encode(x), "y": BASE64.encode(y)})
}

/// Returns header and claims, ready to be signed.
fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
}

/// Returns a token that is signed by nobody.
pub fn signed_by_nobody(claims: &Value) -> String {
    format!("{}.", unsigned(&json!({"alg": "none", "typ": "JWT"}), claims))
}

/// Returns a token "signed" with what everybody knows, a public key, as if it were a shared secret.
pub fn signed_with_public_key(algorithm: &str, kid: &str, public: &[u8], claims: &Value) -> String {
    let hash = if algorithm == "HS384" { hmac::HMAC_SHA384 } else { hmac::HMAC_SHA256 };
    let text = unsigned(&json!({"alg": algorithm, "kid": kid, "typ": "at+jwt"}), claims);
    let tag = hmac::sign(&hmac::Key::new(hash, public), text.as_bytes());
    format!("{text}.{}", BASE64.encode(tag.as_ref()))
}

/// Returns the header and the claims of a token, whoever signed it.
pub fn opened(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| {
        let bytes = BASE64.decode(part).unwrap_or_else(|e| panic!("{token}: {e}"));
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    });
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// Returns a token with another header in front of the same claims and the same signature.
pub fn with_header(token: &str, change: impl FnOnce(&mut Value)) -> String {
    let (mut header, _) = opened(token);
    change(&mut header);
    let (_, rest) = token.split_once('.').expect("a token has three parts");
    format!("{}.{rest}", BASE64.encode(header.to_string()))
}

pub fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    i64::try_from(since.as_secs()).expect("a number of seconds")
}

/// Returns a name that nobody else has.
pub fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", uuid::Uuid::new_v4().simple())
}
