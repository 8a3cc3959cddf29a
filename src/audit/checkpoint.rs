//! Checkpoints: signed statements of how far the chain went and what its hash was, to be kept where this server cannot write.
//!
//! A statement is a JWS (RFC 7515) in compact form, signed with Ed25519 (RFC 8037) under a key of the data folder. Its public
//! half lies beside the statements as a JWK (RFC 7517).

use super::head::{hex, unhex};
use crate::fhir::Instant;
use crate::store::audit::chain::Head;
use crate::store::audit::row::Hash;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Private key, public key and statements in the folder of the audit.
const KEY: &str = "checkpoint.p8";
const PUBLIC: &str = "checkpoint.jwk";
const STATEMENTS: &str = "checkpoints.jsonl";

/// What a statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub seq: i64,
    pub hash: Hash,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    seq: i64,
    hash: String,
    count: i64,
    time: String,
    server: String,
}

/// Returns a statement about a head, signed with the key of the folder.
pub fn sign(folder: &Path, head: Head, at: Instant, server: &str) -> Result<String> {
    let pair = pair(folder)?;
    let claims = Claims {
        seq: head.seq,
        hash: hex(&head.hash),
        count: head.seq,
        time: at.to_string(),
        server: server.to_string(),
    };
    let header = json!({"alg": "EdDSA", "kid": kid(pair.public_key().as_ref()), "typ": "audit-checkpoint+jws"});
    let mut statement = BASE64.encode(header.to_string());
    statement.push('.');
    BASE64.encode_string(serde_json::to_vec(&claims)?, &mut statement);
    let signature = pair.sign(statement.as_bytes());
    statement.push('.');
    BASE64.encode_string(signature.as_ref(), &mut statement);
    Ok(statement)
}

/// Returns what a statement says, where this key has signed it.
pub fn read(statement: &str, public: &[u8]) -> Option<Checkpoint> {
    let (message, signature) = statement.trim().rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let header: Value = serde_json::from_slice(&BASE64.decode(header).ok()?).ok()?;
    if header["alg"] != "EdDSA" || header.get("crit").is_some() {
        return None;
    }
    let signature = BASE64.decode(signature).ok()?;
    UnparsedPublicKey::new(&ED25519, public).verify(message.as_bytes(), &signature).ok()?;
    let claims: Claims = serde_json::from_slice(&BASE64.decode(claims).ok()?).ok()?;
    Some(Checkpoint { seq: claims.seq, hash: unhex(&claims.hash)? })
}

/// Adds a statement to the file of the folder.
pub fn keep(folder: &Path, statement: &str) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.append(true).create(true).mode(0o600).open(folder.join(STATEMENTS))?;
    file.write_all(format!("{}\n", json!({ "checkpoint": statement })).as_bytes())?;
    file.sync_all()
}

/// Returns the statements of the file of the folder.
pub fn kept(folder: &Path) -> Result<Vec<String>> {
    match std::fs::read_to_string(folder.join(STATEMENTS)) {
        Ok(text) => Ok(statements(&text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Returns the statements of a text, one a line: bare, or as this server's file has them.
pub fn statements(text: &str) -> Vec<String> {
    let statement = |line: &str| match serde_json::from_str::<Value>(line) {
        Ok(value) => value["checkpoint"].as_str().unwrap_or_default().to_string(),
        Err(_) => line.to_string(),
    };
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(statement).collect()
}

/// Returns the public key of the folder; none where no statement was ever signed.
pub fn public(folder: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::read(folder.join(KEY)) {
        Ok(bytes) => Ok(Some(from_file(&bytes)?.public_key().as_ref().to_vec())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the public key that a JWK says.
pub fn from_jwk(text: &str) -> Option<Vec<u8>> {
    let jwk: Value = serde_json::from_str(text).ok()?;
    let is_ours = jwk["kty"] == "OKP" && jwk["crv"] == "Ed25519";
    is_ours.then(|| BASE64.decode(jwk["x"].as_str()?).ok()).flatten()
}

/// Returns the key of the folder; makes it when there is none. Of two processes that do so at once, one gives the file its name.
fn pair(folder: &Path) -> Result<Ed25519KeyPair> {
    let path = folder.join(KEY);
    if !path.exists() {
        let fresh = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| Error::other("no randomness"))?;
        let draft = folder.join(format!("{KEY}.new-{}", std::process::id()));
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(fresh.as_ref())?;
        file.sync_all()?;
        match std::fs::hard_link(&draft, &path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => std::fs::remove_file(&draft)?,
        }
    }
    let pair = from_file(&std::fs::read(&path)?)?;
    let key = pair.public_key().as_ref();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": kid(key), "use": "sig", "x": BASE64.encode(key)});
    std::fs::write(folder.join(PUBLIC), format!("{jwk}\n"))?;
    Ok(pair)
}

fn from_file(bytes: &[u8]) -> Result<Ed25519KeyPair> {
    Ed25519KeyPair::from_pkcs8(bytes).map_err(|_| Error::other(format!("the file '{KEY}' of the audit holds no key")))
}

/// Returns the name of a key: RFC 7638, the hash of its JWK.
fn kid(public: &[u8]) -> String {
    use aws_lc_rs::digest::{SHA256, digest};
    let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, BASE64.encode(public));
    BASE64.encode(digest(&SHA256, jwk.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_that_signed_it_reads_a_statement() {
        let folder = |name: &str| {
            let path = std::env::temp_dir().join(format!("medilink-{name}-{}", uuid::Uuid::new_v4()));
            super::super::head::make_folder(&path).unwrap();
            path
        };
        let (ours, theirs) = (folder("ours"), folder("theirs"));
        assert_eq!(public(&ours).unwrap(), None);
        let head = Head { seq: 12, hash: [3; 32] };
        let statement = sign(&ours, head, Instant(0), "https://example.org/fhir").unwrap();
        sign(&theirs, head, Instant(0), "").unwrap();
        let (key, other) = (public(&ours).unwrap().unwrap(), public(&theirs).unwrap().unwrap());
        assert_eq!(read(&statement, &key), Some(Checkpoint { seq: 12, hash: [3; 32] }));
        assert_eq!(read(&statement, &other), None);
        assert_eq!(from_jwk(&std::fs::read_to_string(ours.join(PUBLIC)).unwrap()), Some(key.clone()));
        let mut parts: Vec<String> = statement.split('.').map(str::to_string).collect();
        parts[1] = BASE64.encode(r#"{"seq":1,"hash":"","count":1,"time":"","server":""}"#);
        assert_eq!(read(&parts.join("."), &key), None);
        keep(&ours, &statement).unwrap();
        keep(&ours, "x.y.z").unwrap();
        assert_eq!(kept(&ours).unwrap(), [statement.clone(), "x.y.z".into()]);
        assert_eq!(statements(&format!("{statement}\n\n")), [statement]);
        for folder in [ours, theirs] {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}
