//! Signing and verifying access tokens.
//!
//! A verified token is remembered until it ends, so that a request costs a look-up and not a signature check.

use super::keys::Keys;
use crate::access::Principal;
use crate::access::principal::{Person, Token};
use crate::access::role::{Right, Role};
use crate::access::scope::Scope;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// Claims of an access token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The base URL of the server that signed.
    pub iss: String,
    /// The base URL of the server that it is for.
    pub aud: String,
    pub sub: String,
    pub jti: String,
    /// Seconds since 1970.
    pub iat: i64,
    pub exp: i64,
    /// Space-separated.
    pub scope: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The Patient, Practitioner or RelatedPerson that the person is, as `Type/id`.
    #[serde(default, rename = "fhirUser", skip_serializing_if = "Option::is_none")]
    pub fhir_user: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encounter: Option<String>,
    /// The authorization that the token belongs to: ended as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose_of_use: Option<String>,
    /// The Consent that the token stands on, as `Consent/id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
}

impl Claims {
    /// Returns the claims of a new token for this server.
    pub fn new(base_url: &str, subject: &str, scope: &str, ttl_s: i64) -> Claims {
        let now = Instant::now().0 / 1_000_000;
        Claims {
            iss: base_url.to_string(),
            aud: base_url.to_string(),
            sub: subject.to_string(),
            jti: uuid::Uuid::new_v4().to_string(),
            iat: now,
            exp: now + ttl_s,
            scope: scope.to_string(),
            client_id: None,
            fhir_user: None,
            roles: Vec::new(),
            patient: None,
            encounter: None,
            grant_id: None,
            auth_time: None,
            amr: Vec::new(),
            purpose_of_use: None,
            consent: None,
        }
    }

    /// Returns what policy is told of the holder.
    fn token(self) -> Token {
        let id = |text: String| ResourceId::parse(&text);
        let fhir_user = self.fhir_user.as_deref().and_then(|text| {
            let (t, id) = text.split_once('/')?;
            ResourceType::parse(t).zip(ResourceId::parse(id))
        });
        // Whoever signed in is a person, and may do what their roles say: without any, nothing.
        let person = (self.auth_time.is_some() || !self.roles.is_empty()).then(|| Person {
            roles: self.roles.iter().filter_map(|name| Role::parse(name)).collect(),
            fhir_user,
            authenticated_s: self.auth_time.unwrap_or(0),
            methods: self.amr.iter().map(|method| method.as_str().into()).collect(),
        });
        Token {
            subject: self.sub,
            token_id: self.jti,
            scopes: self.scope.split_ascii_whitespace().filter_map(Scope::parse).collect(),
            rights: self.scope.split_ascii_whitespace().filter_map(Right::parse).collect(),
            client: self.client_id.map(Into::into),
            person,
            patient: self.patient.and_then(id),
            purpose: self.purpose_of_use.map(Into::into),
            consent: self.consent.map(Into::into),
        }
    }

    pub fn sign(&self, keys: &Keys) -> Result<String, Fault> {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
        header.kid = Some(keys.id.clone());
        header.typ = Some("at+jwt".to_string());
        jsonwebtoken::encode(&header, self, &keys.encoding).map_err(|e| Fault::internal("failed to sign a token", e))
    }
}

/// Verified tokens that one thread remembers at most; past that it forgets all and verifies again.
const REMEMBERED_MAX: usize = 10_000;

/// Verifies tokens for one thread.
pub struct Verifier {
    keys: Arc<Keys>,
    validation: jsonwebtoken::Validation,
    known: RefCell<HashMap<String, (i64, Arc<Token>)>>,
}

impl Verifier {
    pub fn new(keys: Arc<Keys>, base_url: &str) -> Verifier {
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
        validation.set_audience(&[base_url]);
        validation.set_issuer(&[base_url]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation.leeway = 0;
        Verifier { keys, validation, known: RefCell::default() }
    }

    /// Returns who sent an Authorization header; no header is nobody, a bad one is a fault.
    pub fn principal(&self, authorization: Option<&str>) -> Result<Principal, Fault> {
        let Some(header) = authorization else { return Ok(Principal::Anonymous) };
        let token = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => {
                return Err(Fault::new(Kind::Unauthorized, "the Authorization header must be 'Bearer <access token>'"));
            }
        };
        let now = Instant::now().0 / 1_000_000;
        if let Some((exp, known)) = self.known.borrow().get(token)
            && *exp > now
        {
            return Ok(Principal::Token(known.clone()));
        }
        let claims = self.verify(token)?;
        let exp = claims.exp;
        let verified = Arc::new(claims.token());
        let mut known = self.known.borrow_mut();
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(token.to_string(), (exp, verified.clone()));
        Ok(Principal::Token(verified))
    }

    fn verify(&self, token: &str) -> Result<Claims, Fault> {
        use jsonwebtoken::errors::ErrorKind;
        jsonwebtoken::decode::<Claims>(token, &self.keys.decoding, &self.validation).map(|t| t.claims).map_err(|e| {
            let why = match e.kind() {
                ErrorKind::ExpiredSignature => "it has expired",
                ErrorKind::InvalidSignature => "its signature is not this server's",
                ErrorKind::InvalidAudience | ErrorKind::InvalidIssuer => "it is for another server",
                ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => "its algorithm is not ES256",
                _ => "it is not a token of this server",
            };
            Fault::new(Kind::Unauthorized, format!("the access token is not accepted: {why}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(name: &str) -> (std::path::PathBuf, Arc<Keys>) {
        let dir = std::env::temp_dir().join(format!("medilink-keys-{name}-{}", std::process::id()));
        let keys = Arc::new(Keys::load_or_create(&dir).unwrap());
        (dir, keys)
    }

    #[test]
    fn only_tokens_signed_here_for_here_and_still_valid_are_accepted() {
        let (dir, ours) = keys("ours");
        let (other_dir, theirs) = keys("theirs");
        let base = "http://a.example/fhir";
        let verifier = Verifier::new(ours.clone(), base);
        let token = |keys: &Keys, base: &str, ttl_s: i64| {
            format!("Bearer {}", Claims::new(base, "x", "system/*.rs", ttl_s).sign(keys).unwrap())
        };
        let good = token(&ours, base, 60);
        for (header, want) in [
            (good.as_str(), None),
            // The second time it is remembered.
            (good.as_str(), None),
            (&token(&theirs, base, 60), Some("signature")),
            (&token(&ours, "http://b.example/fhir", 60), Some("another server")),
            (&token(&ours, base, -5), Some("expired")),
            ("Bearer nonsense", Some("not a token")),
            ("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.", Some("not a")),
            ("Basic eDp5", Some("Bearer")),
        ] {
            let got = verifier.principal(Some(header)).err().map(|f| f.to_string());
            assert_eq!(got.is_some(), want.is_some(), "{header}: {got:?}");
            assert!(got.unwrap_or_default().contains(want.unwrap_or("")), "{header}");
        }
        assert_eq!(verifier.principal(None).unwrap(), Principal::Anonymous);
        assert_eq!(Keys::load_or_create(&dir).unwrap().id, ours.id, "the key is kept");
        let _ = (std::fs::remove_dir_all(dir), std::fs::remove_dir_all(other_dir));
    }
}
