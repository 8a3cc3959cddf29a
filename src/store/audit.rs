//! Audit rows: who asked for what, and what the answer was.

use super::StoreError;
use crate::fhir::{Instant, ResourceId, ResourceType};

const AUDIT: &str = include_str!("sql/audit.sql");

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
        }
    }

    pub fn of_client(self, client: &str) -> Entry {
        Entry { client: Some(client.into()), ..self }
    }

    pub fn with_detail(self, detail: impl Into<Box<str>>) -> Entry {
        Entry { detail: Some(detail.into()), ..self }
    }

    /// Returns the row with what became of the write.
    pub fn of(&self, outcome: &super::Outcome) -> Entry {
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

impl super::Store {
    /// Writes audit rows that belong to no other transaction.
    pub async fn audit(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let client = self.writes.get().await?;
        let numbers = self.blueprint.numbers.reserve(&client, entries.len()).await?;
        let mut batch = super::apply::Batch::default();
        for (entry, number) in entries.iter().zip(numbers) {
            batch.audit(number, entry);
        }
        let statement = client.prepare_cached(AUDIT).await.map_err(StoreError::sql("failed to prepare audit rows"))?;
        client
            .execute(&statement, &batch.audit_params())
            .await
            .map_err(StoreError::sql("failed to write audit rows"))?;
        Ok(())
    }
}
