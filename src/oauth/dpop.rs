//! Proofs that a device holds its key: what refresh tokens of public clients are bound by.
//!
//! RFC 9449. Access tokens stay bearer tokens; the binding is of refresh tokens alone.

use super::Server;
use super::call::Call;
use super::refusal::{Error, Refusal};
use crate::store::identity::once::Once;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

const AGE_S_MAX: i64 = 60;
const SKEW_S_MAX: i64 = 30;
const BYTES_MAX: usize = 8 << 10;
const ALGORITHMS: [Algorithm; 4] = [Algorithm::ES256, Algorithm::ES384, Algorithm::RS256, Algorithm::PS256];

#[derive(Debug, Deserialize)]
struct Proof {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
}

/// Returns the thumbprint of the key that the sender holds; none where there is no proof.
pub async fn device_key(server: &Server, call: &Call<'_>) -> Result<Option<String>, Refusal> {
    let Some(jwt) = call.dpop else { return Ok(None) };
    let endpoint = format!("{}/oauth/token", server.settings.root_url);
    let (key, jti) = verify(jwt, &endpoint, call.at_s())?;
    let is_new = server
        .store
        .keep_once(Once::Assertion, &format!("dpop:{key}:{jti}"), &serde_json::Value::Null, AGE_S_MAX + SKEW_S_MAX)
        .await?;
    if is_new { Ok(Some(key)) } else { Err(refusal("it was used before")) }
}

/// Checks a proof of a POST to the endpoint; returns the thumbprint of its key, and its id.
fn verify(jwt: &str, endpoint: &str, now_s: i64) -> Result<(String, String), Refusal> {
    if jwt.len() > BYTES_MAX {
        return Err(refusal("it is too long"));
    }
    let header = jsonwebtoken::decode_header(jwt).map_err(|_| refusal("it is no JWT with a known algorithm"))?;
    if header.typ.as_deref() != Some("dpop+jwt") || !ALGORITHMS.contains(&header.alg) || header.crit.is_some() {
        return Err(refusal("its header is not {typ: dpop+jwt, alg: ES256 | ES384 | RS256 | PS256, jwk}"));
    }
    let key: Jwk = header.jwk.ok_or_else(|| refusal("its header has no key"))?;
    let decoding = DecodingKey::from_jwk(&key).map_err(|_| refusal("its key cannot be read"))?;
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let proof = jsonwebtoken::decode::<Proof>(jwt, &decoding, &validation)
        .map_err(|_| refusal("its signature or one of jti, htm, htu, iat is wrong"))?
        .claims;
    let address = proof.htu.split(['?', '#']).next().unwrap_or_default();
    if proof.htm != "POST" || address != endpoint {
        return Err(refusal("it is for another request"));
    }
    if proof.iat > now_s + SKEW_S_MAX || proof.iat < now_s - AGE_S_MAX {
        return Err(refusal("it is not of now"));
    }
    if !(1..=256).contains(&proof.jti.len()) {
        return Err(refusal("'jti' must be a text of at most 256 bytes"));
    }
    let thumbprint = key.thumbprint(ThumbprintHash::SHA256).map_err(|_| refusal("its key is of no known kind"))?;
    Ok((thumbprint, proof.jti))
}

fn refusal(why: &str) -> Refusal {
    Refusal::new(Error::InvalidDpopProof, format!("the DPoP proof is not accepted: {why}"))
}

#[cfg(test)]
mod tests;
