//! Compact JSON Web Signatures, as this server makes and takes them: one form, of which the token chooses nothing.
//!
//! RFC 7515, with the counsel of RFC 8725: the algorithm is the key's, and a header has what ours have and nothing else.
//! So there is no `none`, no key that a token brings along (`jku`, `jwk`, `x5c`), and nothing critical to overlook (`crit`).

use super::keys::file::Own;
use super::keys::public::Public;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header<'a> {
    pub alg: &'a str,
    pub typ: &'a str,
    pub kid: &'a str,
}

/// A token whose signature is still to be verified.
pub struct Unverified<'a> {
    header: Vec<u8>,
    /// What is signed: header and claims as they came.
    message: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
}

/// Returns claims, signed.
pub fn sign(own: &Own, typ: &str, claims: &impl Serialize) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let header = Header { alg: own.public.alg.name(), typ, kid: &own.public.id };
    let mut token = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header)?);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims)?, &mut token);
    let signature = own.sign(token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// Returns the parts of a token; none where it has not the form.
pub fn split(token: &str) -> Option<Unverified<'_>> {
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    if claims.contains('.') {
        return None;
    }
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    Some(Unverified { header: decode(header)?, message, claims, signature: decode(signature)? })
}

impl Unverified<'_> {
    /// Returns the header, where it is one that this server writes.
    pub fn header(&self) -> Option<Header<'_>> {
        serde_json::from_slice(&self.header).ok()
    }

    /// Returns the claims once the key has verified them; none where the signature is not its.
    pub fn claims<T: DeserializeOwned>(&self, key: &Public) -> Option<Result<T, ()>> {
        if !key.verifies(self.message.as_bytes(), &self.signature) {
            return None;
        }
        let claims = URL_SAFE_NO_PAD.decode(self.claims).map_err(drop);
        Some(claims.and_then(|bytes| serde_json::from_slice(&bytes).map_err(drop)))
    }
}
