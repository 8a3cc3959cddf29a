//! What a write wants, and what became of it.

use super::audit;
use crate::access::consent_life;
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::search::Expr;
use crate::search::extract::IndexRows;
use crate::validation::Checked;
use bytes::Bytes;

/// A resource ready to be stored: its JSON cut where version and time go, and its search values.
///
/// The version is known only under the lock of the row, so the text is put together there.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// `{"resourceType":"Patient","id":"1","meta":{"versionId":"`
    head: String,
    /// What follows the `lastUpdated` text: `"` left out, the rest of `meta` and of the resource.
    tail: String,
    pub rows: IndexRows,
    /// The epoch of the registry that made the rows.
    pub epoch: i32,
    /// Id of the patient whose compartment the resource is in, for the shard of its number.
    pub patient: Option<String>,
    /// Health IDs that the resource, a Patient, carries. Each must have been given to it.
    pub health_ids: Vec<String>,
    /// Of a Consent what its life depends on.
    pub consent: Option<consent_life::State>,
    /// The server has made it, not a client: it makes steps that no client may.
    pub is_own: bool,
}

impl Prepared {
    /// The proof keeps everything out that was not checked.
    pub fn new(
        _: Checked,
        (head, tail): (String, String),
        rows: IndexRows,
        epoch: i32,
        patient: Option<String>,
    ) -> Prepared {
        Prepared { head, tail, rows, epoch, patient, health_ids: Vec::new(), consent: None, is_own: false }
    }

    /// Says which Health IDs the resource carries.
    pub fn with_health_ids(self, health_ids: Vec<String>) -> Prepared {
        Prepared { health_ids, ..self }
    }

    /// Says what the life of the resource, a Consent, depends on.
    pub fn with_consent(self, consent: Option<consent_life::State>) -> Prepared {
        Prepared { consent, ..self }
    }

    /// Says that the server has made it.
    pub fn by_server(self) -> Prepared {
        Prepared { is_own: true, ..self }
    }

    /// Returns the stored text of this content as the given version.
    pub fn text(&self, version: i32, updated: Instant) -> String {
        use std::fmt::Write;
        let mut text = String::with_capacity(self.head.len() + self.tail.len() + 64);
        text.push_str(&self.head);
        // Writing to a String cannot fail.
        let _ = write!(text, "{version}\",\"lastUpdated\":\"{updated}\"");
        text.push_str(&self.tail);
        text
    }
}

#[derive(Debug, Clone)]
pub enum Effect {
    Put(Box<Prepared>),
    Delete,
}

/// What must hold of the current version, decided under its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    None,
    /// The id was made by the server a moment ago: nothing can be there.
    New,
    /// If-Match: one of these versions is current.
    Version(i32),
    /// If-None-Match: `*` nothing is there.
    Absent,
}

/// One wish to change one resource.
#[derive(Debug, Clone)]
pub struct Write {
    pub resource_type: ResourceType,
    pub id: ResourceId,
    pub effect: Effect,
    pub condition: Condition,
    /// What must be met by what is there and by what takes its place: the writer's limits.
    pub sight: Expr,
    pub audit: audit::Entry,
}

/// A version that a write made.
#[derive(Debug, Clone)]
pub struct Written {
    pub resource_type: ResourceType,
    pub id: ResourceId,
    pub version: i32,
    pub updated: Instant,
    /// None for a deletion.
    pub content: Option<Bytes>,
}

/// What became of a write.
#[derive(Debug, Clone)]
pub enum Outcome {
    Created(Written),
    Updated(Written),
    Deleted(Written),
    /// A delete found nothing to delete: never there, or gone already.
    Nothing,
    /// What is there, or what was to be written, is outside the writer's limits.
    Hidden,
    /// The condition did not hold. Carries the current version, none when there is nothing.
    Refused(Option<i32>),
}

impl Write {
    /// Returns the patient whose compartment the written resource is in.
    pub fn patient(&self) -> Option<&str> {
        match &self.effect {
            Effect::Put(prepared) => prepared.patient.as_deref(),
            Effect::Delete => None,
        }
    }

    /// Returns the keys of the patients whose record the written resource is part of, as the audit knows them.
    pub fn patients(&self) -> Vec<i64> {
        let itself = (self.resource_type == ResourceType::PATIENT).then(|| audit::patient_key(&self.id));
        let owner = self.patient().and_then(ResourceId::parse).map(|id| audit::patient_key(&id));
        itself.into_iter().chain(owner).collect()
    }

    /// Returns whether the write can only be decided in a transaction of its own: other rows than its own have a say.
    pub fn is_alone(&self) -> bool {
        !self.health_ids().is_empty() || self.resource_type == ResourceType::CONSENT
    }

    /// Returns the Health IDs that the written resource carries.
    pub fn health_ids(&self) -> &[String] {
        match &self.effect {
            Effect::Put(prepared) => &prepared.health_ids,
            Effect::Delete => &[],
        }
    }
}
