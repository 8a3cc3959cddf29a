//! Who asks: a verified token, or nobody in particular on a server without security.

use super::role::{Right, Role};
use super::scope::Scope;
use crate::fhir::{ResourceId, ResourceType};
use std::sync::Arc;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// `auth=off`: anyone on the loopback interface.
    Unrestricted,
    /// No token was sent.
    Anonymous,
    /// The holder of a verified access token, or a person in a session of our own pages.
    Token(Arc<Token>),
}

/// What a verified access token says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// The `sub` claim: a user, a client or an operator.
    pub subject: String,
    /// The `jti` claim, which names this token in the audit.
    pub token_id: String,
    pub scopes: Vec<Scope>,
    /// What a system may do beside reading and writing; a person has these by role.
    pub rights: Vec<Right>,
    /// The client that the token was given to.
    pub client: Option<Box<str>>,
    /// The person on whose behalf the client acts; none for systems and operators.
    pub person: Option<Person>,
    /// The patient in context: all that `patient/` scopes open.
    pub patient: Option<ResourceId>,
    /// Why the data are wanted: a code of v3-PurposeOfUse.
    pub purpose: Option<Box<str>>,
    /// The Consent that the token stands on, as `Consent/id`.
    pub consent: Option<Box<str>>,
    /// The grant that the person has by breaking the glass.
    pub glass: Option<Box<str>>,
}

/// A signed-in person, as tokens and sessions say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    pub roles: Vec<Role>,
    /// Patient, Practitioner or RelatedPerson.
    pub fhir_user: Option<(ResourceType, ResourceId)>,
    /// Whether the scope `fhirUser` was granted: it opens the resource above for reading.
    pub reads_itself: bool,
    /// When a factor was last shown, in seconds since 1970, and which ones were (`pwd`, `otp`, `hwk`; RFC 8176).
    pub authenticated_s: i64,
    pub methods: Vec<Box<str>>,
}

impl Principal {
    /// Returns the name for the audit.
    pub fn name(&self) -> &str {
        match self {
            Principal::Unrestricted => "unrestricted",
            Principal::Anonymous => "anonymous",
            Principal::Token(token) => &token.subject,
        }
    }

    /// Returns the client that the principal came through.
    pub fn client(&self) -> Option<&str> {
        match self {
            Principal::Token(token) => token.client.as_deref(),
            _ => None,
        }
    }

    /// Returns the person who asks, where one does.
    pub fn person(&self) -> Option<&Person> {
        match self {
            Principal::Token(token) => token.person.as_ref(),
            _ => None,
        }
    }
}
