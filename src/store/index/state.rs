//! Reads of the tables that say what is indexed and how far.

use super::{Index, Shared, epoch};
use crate::catalog::{Origin, Own};
use crate::fhir::ResourceType;
use crate::search::Registry;
use crate::search::progress::{Catching, Progress};
use crate::store::StoreError;
use deadpool_postgres::Object;
use std::sync::{Arc, OnceLock};
use tokio_postgres::{GenericClient, IsolationLevel, Row};

const SEEN: &str = include_str!("../sql/index_seen.sql");
const STANDING: &str = include_str!("../sql/index_standing.sql");

/// What a poll sees.
pub(super) struct Seen {
    pub release: i64,
    /// What the epoch has taken into account, and what is stored.
    pub marker: i64,
    pub stored: i64,
}

/// How far the work on the index is.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The revision of the tables that this is of.
    pub(super) revision: i32,
    /// Every type that was ever indexed, in the order of the numbers.
    pub types: Vec<TypeStanding>,
}

#[derive(Debug, Clone)]
pub struct TypeStanding {
    pub resource_type: ResourceType,
    pub pending: bool,
    pub done: i64,
    /// None until the work on the type has begun.
    pub total: Option<i64>,
}

impl Standing {
    pub fn is_pending(&self) -> bool {
        self.types.iter().any(|one| one.pending)
    }

    /// Returns how many resources of the types in work are done, and how many there are.
    pub fn sum(&self) -> (i64, i64) {
        let pending = self.types.iter().filter(|one| one.pending);
        pending.fold((0, 0), |(done, total), one| (done + one.done, total + one.total.unwrap_or(one.done)))
    }
}

impl TypeStanding {
    pub fn percent(&self) -> u8 {
        match self.total {
            _ if !self.pending => 100,
            Some(total) if total > 0 => (self.done * 100 / total).clamp(0, 100) as u8,
            _ => 0,
        }
    }
}

pub(super) async fn seen(client: &Object) -> Result<Seen, StoreError> {
    let sql = StoreError::sql("failed to look at the state of the index");
    let statement = client.prepare_cached(SEEN).await.map_err(&sql)?;
    let row = client.query_one(&statement, &[]).await.map_err(&sql)?;
    Ok(Seen { release: row.get(0), marker: row.get(1), stored: row.get(2) })
}

pub(super) async fn standing(client: &Object) -> Result<Standing, StoreError> {
    let sql = StoreError::sql("failed to look at the work on the index");
    let statement = client.prepare_cached(STANDING).await.map_err(&sql)?;
    let rows = client.query(&statement, &[]).await.map_err(&sql)?;
    let one = |row: &Row| {
        Some(TypeStanding {
            resource_type: ResourceType::from_number(row.get(1))?,
            pending: row.get(2),
            done: row.get(3),
            total: row.get(4),
        })
    };
    let revision = rows.first().map_or(0, |row| row.get(0));
    Ok(Standing { revision, types: rows.iter().filter_map(one).collect() })
}

/// Returns the parameters of the database that count.
pub(super) async fn own(client: &impl GenericClient) -> Result<Vec<Own>, StoreError> {
    let rows = client
        .query("select id, since, definition from index_parameter order by since, id", &[])
        .await
        .map_err(StoreError::sql("failed to read the search parameters"))?;
    let read = |row: &Row| {
        let id: String = row.get(0);
        let definition = serde_json::from_str(row.get(2)).map_err(|e| StoreError::Damaged(format!("{id}: {e}")))?;
        Ok(Own { origin: Origin { id: id.into(), since: row.get(1) }, definition })
    };
    rows.iter().map(read).collect()
}

/// Makes what is indexed of one moment of the tables.
pub(super) async fn load(client: &mut Object, shared: &Shared) -> Result<Index, StoreError> {
    let sql = StoreError::sql("failed to read the state of the index");
    let tx = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let tx = tx.start().await.map_err(&sql)?;
    let tx: &tokio_postgres::Transaction = &tx;
    let state = tx.query_one("select epoch, revision, release from index_state", &[]).await.map_err(&sql)?;
    let pending = tx.query("select type, complete from index_type where pending", &[]).await.map_err(&sql)?;
    let own = own(tx).await?;
    let catching = pending.iter().filter_map(|row| {
        let mut complete: Option<Vec<i64>> = row.get(1);
        complete.iter_mut().for_each(|keys| keys.sort_unstable());
        Some((ResourceType::from_number(row.get(0))?, Catching { complete }))
    });
    let superseded = state.get::<_, i64>(2) != shared.release;
    // No epoch has this number, so nothing that this process writes is taken.
    let epoch = if superseded { -1 } else { state.get(0) };
    let registry = if own.is_empty() && pending.is_empty() {
        shared.plain.caught_up(epoch)
    } else {
        let progress = Progress::new(epoch, catching.collect(), shared.percents.clone());
        Registry::over(epoch::catalog(&shared.catalog, &own)?, &shared.plain.base_url, progress)
    };
    Ok(Index { registry: Arc::new(registry), revision: state.get(1), superseded, statement: OnceLock::new() })
}
