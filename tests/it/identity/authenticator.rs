//! A software authenticator: makes and uses a passkey by hand, well or in one chosen way badly.
//!
//! W3C Web Authentication Level 3: 6.1 authenticator data, 6.5.1 attested credential data, 8.7 no attestation.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PRESENT: u8 = 0x01;
pub const VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

/// One key on one device.
pub struct Authenticator {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    /// The user handle that it was made for.
    user: String,
}

/// What a device says when a key is used.
#[derive(Clone)]
pub struct Use {
    pub kind: &'static str,
    pub origin: &'static str,
    pub host: &'static str,
    pub flags: u8,
    pub counter: u32,
    /// Other than the one asked for.
    pub challenge: Option<String>,
    /// Other than the one the key was made for.
    pub user: Option<Value>,
    pub id: Option<Vec<u8>>,
    pub breaks_signature: bool,
}

impl Use {
    pub fn good(counter: u32) -> Use {
        Use {
            kind: "webauthn.get",
            origin: "http://localhost",
            host: "localhost",
            flags: PRESENT | VERIFIED,
            counter,
            challenge: None,
            user: None,
            id: None,
            breaks_signature: false,
        }
    }
}

impl Authenticator {
    /// Makes a key as the options ask; returns it with what the browser would send.
    pub fn make(options: &Value, origin: &str, flags: u8) -> (Authenticator, Value) {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key can be made");
        let user = options["publicKey"]["user"]["id"].as_str().expect("options name the user").to_string();
        let id = uuid::Uuid::new_v4().as_bytes().to_vec();
        let mut data = authenticator_data("localhost", PRESENT | ATTESTED | flags, 0);
        data.extend([0; 16]);
        data.extend([0, id.len() as u8]);
        data.extend(&id);
        data.extend(cose(key.public_key().as_ref()));
        let mut attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        attestation.push(u8::try_from(data.len()).expect("the data is short"));
        attestation.extend(&data);
        let challenge = options["publicKey"]["challenge"].as_str().expect("options have a challenge");
        let client_data = client_data("webauthn.create", challenge, origin);
        let credential = json!({
            "id": text(&id), "rawId": text(&id), "type": "public-key",
            "response": {"attestationObject": text(&attestation), "clientDataJSON": text(&client_data)},
        });
        (Authenticator { key, id, user }, credential)
    }

    /// Uses the key; returns what the browser would send.
    pub fn answer(&self, options: &Value, how: &Use) -> Value {
        let asked = options["publicKey"]["challenge"].as_str().expect("options have a challenge");
        let client_data = client_data(how.kind, how.challenge.as_deref().unwrap_or(asked), how.origin);
        let data = authenticator_data(how.host, how.flags, how.counter);
        let mut signed = data.clone();
        signed.extend(Sha256::digest(&client_data));
        let signature = self.key.sign(&SystemRandom::new(), &signed).expect("it can sign");
        let mut signature = signature.as_ref().to_vec();
        if how.breaks_signature {
            *signature.last_mut().expect("it is not empty") ^= 1;
        }
        let id = how.id.as_ref().unwrap_or(&self.id);
        json!({
            "id": text(id), "rawId": text(id), "type": "public-key",
            "response": {
                "authenticatorData": text(&data), "clientDataJSON": text(&client_data), "signature": text(&signature),
                "userHandle": how.user.clone().unwrap_or(json!(self.user)),
            },
        })
    }

    pub fn name(&self) -> String {
        text(&self.id)
    }
}

fn authenticator_data(host: &str, flags: u8, counter: u32) -> Vec<u8> {
    let mut data = Sha256::digest(host.as_bytes()).to_vec();
    data.push(flags);
    data.extend(counter.to_be_bytes());
    data
}

fn client_data(kind: &str, challenge: &str, origin: &str) -> Vec<u8> {
    json!({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false}).to_string().into_bytes()
}

/// Returns a P-256 point as a COSE key for ES256 (RFC 9053).
fn cose(point: &[u8]) -> Vec<u8> {
    let (x, y) = point[1..].split_at(32);
    [&b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20"[..], x, b"\x22\x58\x20", y].concat()
}

pub fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
