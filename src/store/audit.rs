//! Audit rows: who asked for what, and what the answer was.

use super::StoreError;
use crate::access::Principal;
use crate::fhir::{Instant, ResourceId, ResourceType};
use futures_util::pin_mut;
use std::borrow::Cow;
use std::pin::Pin;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;

const AUDIT: &str = "copy audit (no, at, request, principal, action, type, id, version, status, client, detail)
    from stdin (format binary)";
const TYPES: [Type; 11] = [
    Type::INT8,
    Type::INT8,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::INT2,
    Type::TEXT,
    Type::INT4,
    Type::INT2,
    Type::TEXT,
    Type::TEXT,
];

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

    /// Returns the row of what a principal did or asked for.
    pub fn by(principal: &Principal, action: &'static str, request: &str, status: u16) -> Entry {
        Entry { client: principal.client().map(Into::into), ..Entry::event(action, request, principal.name(), status) }
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

impl super::Store {
    /// Writes audit rows that belong to no other transaction, all or none.
    pub async fn audit(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let client = self.writes.get().await?;
        let numbers = self.blueprint.numbers.reserve(&client, entries.len()).await?;
        // A copy fills whole pages at a time, which costs half of what rows one by one do.
        let sink = client.copy_in(AUDIT).await.map_err(StoreError::sql("failed to begin a copy of audit rows"))?;
        let writer = BinaryCopyInWriter::new(sink, &TYPES);
        pin_mut!(writer);
        for (entry, number) in entries.iter().zip(numbers) {
            write(writer.as_mut(), number, entry).await.map_err(StoreError::sql("failed to write audit rows"))?;
        }
        writer.finish().await.map(drop).map_err(StoreError::sql("failed to end a copy of audit rows"))
    }
}

async fn write(writer: Pin<&mut BinaryCopyInWriter>, number: i64, entry: &Entry) -> Result<(), tokio_postgres::Error> {
    let status = i16::try_from(entry.status).unwrap_or(i16::MAX);
    let (t, id) = (entry.resource_type.map(ResourceType::number), entry.id.as_ref().map(ResourceId::as_str));
    let (request, principal) = (storable(&entry.request), storable(&entry.principal));
    let (client, detail) = (entry.client.as_deref().map(storable), entry.detail.as_deref().map(storable));
    writer
        .write(&[
            &number,
            &entry.at.0,
            &request,
            &principal,
            &entry.action,
            &t,
            &id,
            &entry.version,
            &status,
            &client,
            &detail,
        ])
        .await
}

/// Returns a text as the database takes it: one NUL that somebody sent must not keep a batch of rows out of the audit.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}
