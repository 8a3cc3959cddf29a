//! History of an instance, of types, of everything.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#history>. Newest first; a page goes on after the last row of the one before.

use super::error::StoreError;
use super::meter;
use super::row::{self, Deed, Stored};
use crate::fhir::{Instant, ResourceId, ResourceType};
use deadpool_postgres::Object;
use tokio_postgres::Row;

const INSTANCE: &str = include_str!("sql/history_instance.sql");
const TYPES: &str = include_str!("sql/history_types.sql");

#[derive(Debug, Clone)]
pub enum HistoryScope {
    Instance(ResourceType, ResourceId),
    Type(ResourceType),
    System,
}

impl HistoryScope {
    /// Returns the types that may be in it.
    pub fn types(&self) -> Vec<ResourceType> {
        match self {
            HistoryScope::Instance(t, _) | HistoryScope::Type(t) => vec![*t],
            HistoryScope::System => ResourceType::all().collect(),
        }
    }
}

/// What of the history is wanted.
#[derive(Debug, Clone)]
pub struct HistoryQuery {
    pub scope: HistoryScope,
    /// Versions made at or after this moment.
    pub since: Option<Instant>,
    /// Versions that were current at some time within these moments, both included.
    pub at: Option<(Instant, Instant)>,
    pub count: i64,
    /// The last row of the page before: its time, number and version.
    pub after: Option<(Instant, i64, i32)>,
}

/// A page of history.
#[derive(Debug)]
pub struct HistoryPage {
    pub versions: Vec<(Stored, Deed)>,
    pub more: bool,
}

/// Returns a page of the history of these types; `client` may be inside a transaction.
pub(super) async fn history(
    client: &Object,
    types: &[ResourceType],
    query: &HistoryQuery,
) -> Result<HistoryPage, StoreError> {
    let types: Vec<i16> = types.iter().copied().map(ResourceType::number).collect();
    let since = query.since.map_or(i64::MIN, |i| i.0);
    let (at_lo, at_hi) = query.at.map_or((None, i64::MAX), |(lo, hi)| (Some(lo.0), hi.0));
    let (after_at, after_no, after_version) =
        query.after.map_or((i64::MAX, i64::MAX, i32::MAX), |(at, no, version)| (at.0, no, version));
    let started = std::time::Instant::now();
    let fetch = query.count + 1;
    let sql = if matches!(query.scope, HistoryScope::Instance(..)) { INSTANCE } else { TYPES };
    let statement = client.prepare_cached(sql).await.map_err(StoreError::sql("failed to prepare history"))?;
    let rows = match &query.scope {
        HistoryScope::Instance(t, id) => {
            let (t, id) = (t.number(), id.as_str());
            client.query(&statement, &[&t, &id, &since, &at_lo, &at_hi, &after_version, &fetch]).await
        }
        HistoryScope::Type(_) | HistoryScope::System => {
            client
                .query(&statement, &[&types, &since, &at_lo, &at_hi, &after_at, &after_no, &after_version, &fetch])
                .await
        }
    }
    .map_err(StoreError::sql("failed to read history"))?;
    meter::took("history", started);
    let read = |row: Row| {
        let deed = Deed::from_number(row.get(7));
        Some((row::stored(row)?, deed))
    };
    let mut versions: Vec<(Stored, Deed)> = rows.into_iter().filter_map(read).collect();
    let more = versions.len() as i64 > query.count;
    versions.truncate(query.count as usize);
    Ok(HistoryPage { versions, more })
}
