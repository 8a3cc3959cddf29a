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
    /// Why the data are wanted: a code of v3-ActReason; where none is told see [`Token::purpose`].
    pub purpose: Option<Box<str>>,
    /// The Consent that the token stands on, as `Consent/id`.
    pub consent: Option<Box<str>>,
    /// The grant of broken glass that the token carries; whether that is open still is for the policy to see.
    pub glass: Option<Box<str>>,
    /// What the person allowed the client, by its id: what ends it ends the token.
    pub authorization: Option<Box<str>>,
    /// When the token ends, in seconds since 1970; 0 for a session of our own pages.
    pub expires_s: i64,
}

/// Purposes of use by which nothing else is told, as codes of v3-ActReason.
const TREATMENT: &str = "TREAT";
pub(super) const OPERATIONS: &str = "HOPERAT";

impl Token {
    /// Returns why the data are wanted: what the token says, or what its holder is there for. Whoever has several roles asks by
    /// the first of treatment, payment, compliance, operations and the record of one's own.
    pub fn purpose(&self) -> &str {
        if let Some(purpose) = &self.purpose {
            return purpose;
        }
        let Some(person) = &self.person else { return TREATMENT };
        let purposes = person.roles.iter().map(|role| match role {
            Role::Physician | Role::Nurse | Role::Receptionist | Role::Pharmacist | Role::LabTechnician => {
                (0, TREATMENT)
            }
            Role::InsurerAuditor => (1, "HPAYMT"),
            Role::SystemAuditor => (2, "HCOMPL"),
            Role::Admin | Role::FacilityAdmin => (3, OPERATIONS),
            Role::Patient | Role::RelatedPerson => (4, "PATRQT"),
        });
        purposes.min().map_or("PATRQT", |(_, purpose)| purpose)
    }
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

    /// Returns why the data are wanted: a code of v3-ActReason.
    pub fn purpose(&self) -> &str {
        match self {
            Principal::Token(token) => token.purpose(),
            Principal::Unrestricted | Principal::Anonymous => OPERATIONS,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_no_purpose_asks_for_what_the_roles_are_there_for() {
        for (roles, told, want) in [
            (&[Role::Physician][..], None, "TREAT"),
            (&[Role::Patient, Role::Nurse], None, "TREAT"),
            (&[Role::Receptionist], None, "TREAT"),
            (&[Role::Patient], None, "PATRQT"),
            (&[Role::RelatedPerson], None, "PATRQT"),
            (&[Role::InsurerAuditor, Role::SystemAuditor], None, "HPAYMT"),
            (&[Role::SystemAuditor], None, "HCOMPL"),
            (&[Role::Admin, Role::Patient], None, "HOPERAT"),
            (&[], None, "PATRQT"),
            (&[Role::Physician], Some("BTG"), "BTG"),
        ] {
            let person = Person { roles: roles.to_vec(), ..Person::default() };
            let token = Token { person: Some(person), purpose: told.map(Into::into), ..Token::default() };
            assert_eq!(token.purpose(), want, "{roles:?} {told:?}");
        }
        assert_eq!(Token::default().purpose(), "TREAT", "a system of the house");
        assert_eq!(Principal::Unrestricted.purpose(), "HOPERAT");
    }
}
