//! Audit rows: who asked for what, about whom, and what the answer was.
//!
//! Each row is authenticated where it is made ([`row`]), written once, and chained afterwards.

pub mod chain;
pub mod columns;
pub mod copy;
pub mod row;
pub mod spool;

use crate::access::Principal;
use crate::fhir::reference::Literal;
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::search::key::Keyer;
use row::MacKey;
use serde_json::value::RawValue;
use std::path::PathBuf;

/// What the audit of a process stands on.
pub struct Ground {
    /// Authenticates rows; not in the database.
    pub key: MacKey,
    /// Where the head of the chain and its checkpoints are kept beside the database; none in tests of the store alone.
    pub folder: Option<PathBuf>,
}

impl Default for Ground {
    /// A key that everybody knows: for tests of the store alone.
    fn default() -> Ground {
        Ground { key: MacKey::new(&[0; 32]), folder: None }
    }
}

/// Returns the key under which the audit knows a patient: `resource.target` of `Patient/id`.
pub fn patient_key(id: &ResourceId) -> i64 {
    Keyer::fixed().target(ResourceType::PATIENT.name(), id.as_str())
}

/// One audit row. Rows of writes go into the transaction of the write.
#[derive(Debug, Clone)]
pub struct Entry {
    pub at: Instant,
    pub request: Box<str>,
    pub principal: Box<str>,
    /// The client that the principal came through.
    pub client: Option<Box<str>>,
    pub action: &'static str,
    pub resource_type: Option<ResourceType>,
    pub id: Option<ResourceId>,
    pub version: Option<i32>,
    pub status: u16,
    /// What is worth knowing besides: which rule refused, which factor was used. Never a secret.
    pub detail: Option<Box<str>>,
    /// The person who asked, as `Practitioner/1`.
    pub agent: Option<Box<str>>,
    /// Why: a code of v3-PurposeOfUse.
    pub purpose: Option<Box<str>>,
    /// The `jti` of the access token.
    pub token: Option<Box<str>>,
    /// Where the request came from.
    pub address: Option<Box<str>>,
    /// Search parameters, or the operation with its own. Never a secret.
    pub query: Option<Box<str>>,
    /// Keys ([`Keyer::target`]) of the patients whose data came out or were written.
    pub patients: Vec<i64>,
    /// What decided: `Consent/id`, or the id of a broken glass.
    pub consent: Option<Box<str>>,
    /// An AuditEvent that a client posted.
    pub content: Option<Box<RawValue>>,
}

impl Entry {
    /// Returns the row of a happening that is about no resource: a sign-in, a token, a launch.
    pub fn event(action: &'static str, request: &str, principal: &str, status: u16) -> Entry {
        Entry {
            at: Instant::now(),
            request: request.into(),
            principal: principal.into(),
            client: None,
            action,
            resource_type: None,
            id: None,
            version: None,
            status,
            detail: None,
            agent: None,
            purpose: None,
            token: None,
            address: None,
            query: None,
            patients: Vec::new(),
            consent: None,
            content: None,
        }
    }

    /// Returns the row of what a principal did or asked for.
    pub fn by(principal: &Principal, action: &'static str, request: &str, status: u16) -> Entry {
        let entry = Entry::event(action, request, principal.name(), status);
        let Principal::Token(token) = principal else { return entry };
        let person = token.person.as_ref().and_then(|person| person.fhir_user.as_ref());
        // An operator's token may be given out in the name of somebody.
        let named = || Literal::parse(&token.subject).map(|_| token.subject.as_str().into());
        Entry {
            client: token.client.clone(),
            agent: person.map(|(t, id)| format!("{t}/{id}").into()).or_else(named),
            purpose: token.purpose.clone(),
            token: (!token.token_id.is_empty()).then(|| token.token_id.as_str().into()),
            consent: token.consent.clone(),
            ..entry
        }
    }

    /// Says which resource it is about.
    pub fn of(self, resource_type: ResourceType, id: &ResourceId) -> Entry {
        Entry { resource_type: Some(resource_type), id: Some(id.clone()), ..self }
    }

    pub fn of_client(self, client: &str) -> Entry {
        Entry { client: Some(client.into()), ..self }
    }

    pub fn with_detail(self, detail: impl Into<Box<str>>) -> Entry {
        Entry { detail: Some(detail.into()), ..self }
    }

    /// Says where the request came from; an empty address is none.
    pub fn from(self, address: &str) -> Entry {
        Entry { address: (!address.is_empty()).then(|| address.into()), ..self }
    }

    /// Says that it is about this patient, too.
    pub fn about_patient(self, id: &ResourceId) -> Entry {
        self.with_patients(vec![patient_key(id)])
    }

    /// Says that it is about these patients, too: keys as of [`patient_key`].
    pub fn with_patients(mut self, mut keys: Vec<i64>) -> Entry {
        self.patients.append(&mut keys);
        self
    }

    pub fn with_query(self, query: impl Into<Box<str>>) -> Entry {
        Entry { query: Some(query.into()), ..self }
    }

    /// Says what decided: `Consent/id`, or the id of a broken glass.
    pub fn by_consent(self, consent: impl Into<Box<str>>) -> Entry {
        Entry { consent: Some(consent.into()), ..self }
    }

    /// Keeps an AuditEvent that a client posted.
    pub fn with_content(self, content: Box<RawValue>) -> Entry {
        Entry { content: Some(content), ..self }
    }

    /// Returns the row with what became of the write.
    pub fn became(&self, outcome: &super::Outcome) -> Entry {
        use super::Outcome;
        let (status, version) = match outcome {
            Outcome::Created(w) => (201, Some(w.version)),
            Outcome::Updated(w) => (200, Some(w.version)),
            Outcome::Deleted(w) => (204, Some(w.version)),
            Outcome::Nothing => (204, None),
            Outcome::Hidden => (403, None),
            Outcome::Refused(_) => (412, None),
        };
        Entry { status, version, ..self.clone() }
    }
}
