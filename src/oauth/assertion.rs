//! Assertions that clients sign to show who they are.
//!
//! RFC 7523 3, SMART App Launch 2.2 <https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html>. Pure: the keys
//! come in, and what remains for the caller is to see that the `jti` is new.

use super::refusal::{Error, Refusal};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde_json::Value;

/// What `client_assertion_type` must say.
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far ahead an assertion may end.
const LIFE_S_MAX: i64 = 300;
/// How far the clocks of clients may go before ours.
const SKEW_S_MAX: i64 = 30;
const BYTES_MAX: usize = 16 << 10;

/// An assertion that was read and not yet believed.
#[derive(Debug)]
pub struct Assertion<'a> {
    pub header: Header,
    /// The client that it speaks of.
    pub client: String,
    claims: Value,
    jwt: &'a str,
}

/// What must never be seen again, and for how long.
#[derive(Debug, PartialEq, Eq)]
pub struct Once {
    pub jti: String,
    pub for_s: i64,
}

pub fn refusal(why: impl Into<String>) -> Refusal {
    Refusal::new(Error::InvalidClient, format!("the client assertion is not accepted: {}", why.into()))
}

impl Assertion<'_> {
    /// Reads an assertion whose algorithm is one of ours and whose header brings no key of its own.
    pub fn read(jwt: &str) -> Result<Assertion<'_>, Refusal> {
        if jwt.len() > BYTES_MAX {
            return Err(refusal("it is too long"));
        }
        let header = jsonwebtoken::decode_header(jwt)
            .map_err(|_| refusal("its header is not that of a JWT signed with RS384 or ES384"))?;
        if !matches!(header.alg, Algorithm::RS384 | Algorithm::ES384) {
            return Err(refusal("its algorithm is neither RS384 nor ES384"));
        }
        // A key that the sender brings along proves nothing; neither does an extension that is not understood here.
        if header.jwk.is_some() || header.x5u.is_some() || header.x5c.is_some() || header.crit.is_some() {
            return Err(refusal("its header has one of jwk, x5u, x5c, crit"));
        }
        let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(jwt)
            .map_err(|_| refusal("its claims are not a JSON object"))?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        match (text("iss"), text("sub")) {
            (Some(iss), Some(sub)) if iss == sub => {
                let client = iss.to_string();
                Ok(Assertion { header, client, claims, jwt })
            }
            _ => Err(refusal("'iss' and 'sub' must both be the client_id")),
        }
    }

    /// Checks the signature under one of the registered keys: the one that `kid` and key type leave.
    pub fn verify(&self, jwks: &Value) -> Result<(), Refusal> {
        let key = choose(jwks, &self.header)?;
        let decoding = DecodingKey::from_jwk(&key).map_err(|_| refusal("the registered key cannot be read"))?;
        let mut validation = Validation::new(self.header.alg);
        validation.required_spec_claims.clear();
        (validation.validate_exp, validation.validate_aud) = (false, false);
        jsonwebtoken::decode::<Value>(self.jwt, &decoding, &validation)
            .map(drop)
            .map_err(|_| refusal("its signature is not that of the registered key"))
    }

    /// Checks for whom and when it holds; returns what must be new.
    pub fn check(&self, audiences: &[&str], now_s: i64) -> Result<Once, Refusal> {
        // An assertion for several servers could be used by each of them at the others.
        let audience = match self.claims.get("aud") {
            Some(Value::Array(all)) if all.len() == 1 => all[0].as_str(),
            Some(one) => one.as_str(),
            None => None,
        };
        if !audience.is_some_and(|audience| audiences.contains(&audience)) {
            return Err(refusal(format!("'aud' must be {}", audiences[0])));
        }
        let time = |name: &str| match self.claims.get(name) {
            None => Ok(None),
            Some(time) => seconds(time).map(Some).ok_or_else(|| refusal(format!("'{name}' is not a number"))),
        };
        let exp = time("exp")?.ok_or_else(|| refusal("'exp' is missing"))?;
        if exp <= now_s {
            return Err(refusal("it has expired"));
        }
        if exp > now_s + LIFE_S_MAX + SKEW_S_MAX {
            return Err(refusal("it ends more than five minutes ahead"));
        }
        for name in ["iat", "nbf"] {
            if time(name)?.is_some_and(|time| time > now_s + SKEW_S_MAX) {
                return Err(refusal(format!("'{name}' is in the future")));
            }
        }
        match self.claims.get("jti").and_then(Value::as_str) {
            Some(jti) if (1..=256).contains(&jti.len()) => {
                Ok(Once { jti: jti.to_string(), for_s: exp - now_s + SKEW_S_MAX })
            }
            _ => Err(refusal("'jti' must be a text of at most 256 bytes")),
        }
    }
}

/// Returns whether a set of keys has one of this name; if not, it may be time to fetch it again.
pub fn knows(jwks: &Value, kid: &str) -> bool {
    keys(jwks).any(|key| key.get("kid").and_then(Value::as_str) == Some(kid))
}

/// SMART App Launch 2.2: of the registered keys, `kid` and `kty` must leave exactly one.
fn choose(jwks: &Value, header: &Header) -> Result<Jwk, Refusal> {
    let kid = header.kid.as_deref().ok_or_else(|| refusal("its header has no 'kid'"))?;
    let (kty, wanted) = match header.alg {
        Algorithm::RS384 => ("RSA", KeyAlgorithm::RS384),
        _ => ("EC", KeyAlgorithm::ES384),
    };
    let text = |key: &Value, name: &str, wanted: &str| key.get(name).and_then(Value::as_str) == Some(wanted);
    let mut found = keys(jwks).filter(|key| text(key, "kid", kid) && text(key, "kty", kty));
    let (Some(key), None) = (found.next(), found.next()) else {
        return Err(refusal("'kid' and key type must name exactly one registered key"));
    };
    let key: Jwk =
        serde_json::from_value(key.clone()).map_err(|_| refusal("the registered key is not a JSON Web Key"))?;
    let signs = key.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let algorithm = key.common.key_algorithm.is_none_or(|alg| alg == wanted);
    let curve = match &key.algorithm {
        AlgorithmParameters::EllipticCurve(ec) => ec.curve == EllipticCurve::P384,
        AlgorithmParameters::RSA(_) => true,
        _ => false,
    };
    if signs && algorithm && curve { Ok(key) } else { Err(refusal("the registered key is not for this algorithm")) }
}

fn keys(jwks: &Value) -> impl Iterator<Item = &Value> {
    jwks.get("keys").and_then(Value::as_array).into_iter().flatten()
}

/// Returns the whole seconds of a NumericDate (RFC 7519 2), which may have a fraction.
fn seconds(value: &Value) -> Option<i64> {
    let seconds = value.as_i64().or_else(|| value.as_f64().map(|s| s as i64))?;
    (0..=1 << 40).contains(&seconds).then_some(seconds)
}

#[cfg(test)]
mod tests;
