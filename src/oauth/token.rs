//! What an access token says.
//!
//! RFC 9068 2.2, SMART App Launch 2.2 (launch context).

use super::keys::Keys;
use crate::access::principal::{Person, Token};
use crate::access::role::{Right, Role};
use crate::access::scope::Scope;
use crate::fault::Fault;
use crate::fhir::{Instant, ResourceId, ResourceType};
use serde::{Deserialize, Serialize};

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
    /// No earlier; a server of this kind writes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
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
    /// The grant of broken glass that the purpose BTG rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub btg: Option<String>,
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
            nbf: None,
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
            btg: None,
        }
    }

    /// Returns what policy is told of the holder.
    pub fn token(self) -> Token {
        let id = |text: String| ResourceId::parse(&text);
        let fhir_user = self.fhir_user.as_deref().and_then(|text| {
            let (t, id) = text.split_once('/')?;
            ResourceType::parse(t).zip(ResourceId::parse(id))
        });
        let reads_itself = super::call::has_scope(&self.scope, "fhirUser");
        // Whoever signed in is a person, and may do what their roles say: without any, nothing.
        let person = (self.auth_time.is_some() || !self.roles.is_empty()).then(|| Person {
            roles: self.roles.iter().filter_map(|name| Role::parse(name)).collect(),
            fhir_user,
            reads_itself,
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
            glass: self.btg.map(Into::into),
            authorization: self.grant_id.map(Into::into),
            expires_s: self.exp,
        }
    }

    /// Returns the access token.
    pub fn sign(&self, keys: &Keys) -> Result<String, Fault> {
        keys.sign_access_token(self)
    }
}
