//! Point reads: one statement, one round trip, on the connection that the thread's reads share.

use super::error::StoreError;
use super::row::{self, Stored};
use super::{Store, meter};
use crate::fhir::{ResourceId, ResourceType};
use deadpool_postgres::Object;
use std::time::Instant;
use tokio_postgres::types::ToSql;

const READ: &str = include_str!("sql/read.sql");
const VREAD: &str = include_str!("sql/vread.sql");

impl Store {
    pub(super) async fn read_shared(&self, t: ResourceType, id: &ResourceId) -> Result<Option<Stored>, StoreError> {
        // A read can be repeated: once more on a new connection when the shared one turns out to be gone.
        match current(self.reader.get().await?.as_ref(), t, id).await {
            Err(StoreError::Away(_)) => current(self.reader.get().await?.as_ref(), t, id).await,
            done => done,
        }
    }

    /// Reads a resource before it is decided who may see it: [`View::seen`](super::View::seen) must be asked.
    pub async fn read_ahead(&self, t: ResourceType, id: &ResourceId) -> Result<super::Ahead, StoreError> {
        self.read_shared(t, id).await.map(super::Ahead)
    }

    pub(super) async fn vread_shared(
        &self,
        t: ResourceType,
        id: &ResourceId,
        number: i32,
    ) -> Result<Option<Stored>, StoreError> {
        match version(self.reader.get().await?.as_ref(), t, id, number).await {
            Err(StoreError::Away(_)) => version(self.reader.get().await?.as_ref(), t, id, number).await,
            done => done,
        }
    }
}

/// Returns the current version of a resource.
pub(super) async fn current(client: &Object, t: ResourceType, id: &ResourceId) -> Result<Option<Stored>, StoreError> {
    ask(client, READ, &[&t.number(), &id.as_str()]).await
}

/// Returns one version of a resource.
pub(super) async fn version(
    client: &Object,
    t: ResourceType,
    id: &ResourceId,
    version: i32,
) -> Result<Option<Stored>, StoreError> {
    ask(client, VREAD, &[&t.number(), &id.as_str(), &version]).await
}

async fn ask(client: &Object, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Stored>, StoreError> {
    let started = Instant::now();
    let statement = client.prepare_cached(sql).await.map_err(StoreError::sql("failed to prepare a read"))?;
    let row = client.query_opt(&statement, params).await.map_err(StoreError::sql("failed to read"))?;
    meter::took("read", started);
    Ok(row.and_then(row::stored))
}
