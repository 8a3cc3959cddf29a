//! Point reads: one statement, one round trip, on the connection that the thread's reads share.

use super::error::StoreError;
use super::row::{self, Stored};
use super::{Ahead, Store, meter};
use crate::fhir::{ResourceId, ResourceType};
use deadpool_postgres::Object;
use std::time::Instant;
use tokio_postgres::types::ToSql;

const READ: &str = include_str!("sql/read.sql");
const READ_LOOK: &str = include_str!("sql/read_look.sql");
const VREAD: &str = include_str!("sql/vread.sql");

impl Store {
    pub(super) async fn read_shared(&self, t: ResourceType, id: &ResourceId) -> Result<Option<Stored>, StoreError> {
        // A read can be repeated: once more on a new connection when the shared one turns out to be gone.
        match current(self.reader.get().await?.as_ref(), t, id).await {
            Err(StoreError::Away(_)) => current(self.reader.get().await?.as_ref(), t, id).await,
            done => done,
        }
    }

    /// Reads a resource before it is decided who may see it ([`View::seen`](super::View::seen) must be asked), and looks in the
    /// same statement whether anything has changed by which that is decided. None where nothing was looked at yet.
    pub async fn read_ahead(&self, t: ResourceType, id: &ResourceId) -> Result<Option<Ahead>, StoreError> {
        let Some(seen) = self.policy_seen() else { return Ok(None) };
        let started = Instant::now();
        let client = self.reader.get().await?;
        let sql = StoreError::sql("failed to read");
        let statement = client.prepare_cached(READ_LOOK).await.map_err(&sql)?;
        let row = client.query_one(&statement, &[&t.number(), &id.as_str(), &&*seen]).await.map_err(&sql)?;
        meter::took("read", started);
        let is_current = !row.get::<_, bool>(7);
        let stored = row.get::<_, Option<i64>>(0).is_some().then(|| row::stored(row)).flatten();
        Ok(Some(Ahead { stored, is_current }))
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
