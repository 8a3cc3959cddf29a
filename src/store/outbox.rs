//! The outbox: every change once, in an order that a follower can trust.
//!
//! Transactions commit in another order than they begin. A follower that remembered the highest row it saw
//! would miss the rows of a slow one. Rows are therefore given out only once no transaction that is still running could
//! put a row before them.

use super::Store;
use super::error::StoreError;
use crate::fhir::ResourceType;
use tokio_postgres::Row;

const FOLLOW: &str = include_str!("sql/outbox_follow.sql");

/// A place in the outbox; the default is its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Transaction id as PostgreSQL writes it: 64 bits, never reused.
    pub xid: String,
    pub no: i64,
    pub version: i32,
}

impl Default for Position {
    fn default() -> Position {
        Position { xid: "0".into(), no: 0, version: 0 }
    }
}

/// One change.
#[derive(Debug, Clone)]
pub struct Change {
    pub position: Position,
    pub resource_type: ResourceType,
    pub deleted: bool,
}

impl Store {
    /// Returns up to `limit` changes after `from`, oldest first.
    ///
    /// Needs no grant: it gives out numbers only, never content.
    pub async fn follow(&self, from: &Position, limit: i64) -> Result<Vec<Change>, StoreError> {
        let client = self.reads.get().await?;
        let statement = client.prepare_cached(FOLLOW).await.map_err(StoreError::sql("failed to prepare the outbox"))?;
        let rows = client
            .query(&statement, &[&from.xid, &from.no, &from.version, &limit])
            .await
            .map_err(StoreError::sql("failed to follow the outbox"))?;
        rows.iter().map(change).collect()
    }
}

/// Returns the change of a row of `xid, no, version, type, deleted, ...`.
pub(super) fn change(row: &Row) -> Result<Change, StoreError> {
    let number: i16 = row.get(3);
    Ok(Change {
        position: position(row),
        resource_type: ResourceType::from_number(number)
            .ok_or_else(|| StoreError::Damaged(format!("resource type {number} in the outbox")))?,
        deleted: row.get(4),
    })
}

pub(super) fn position(row: &Row) -> Position {
    Position { xid: row.get(0), no: row.get(1), version: row.get(2) }
}
