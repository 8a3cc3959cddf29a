//! What the text index is fed with: changes as soon as they are committed, and the content they left.
//!
//! These calls need no grant, unlike all others that give out content: it becomes text documents only, and whatever is found
//! in those goes back through a search with a grant before anybody sees it.

use super::error::StoreError;
use super::outbox::{Change, Position};
use super::row::{self, Stored};
use super::{Store, outbox};
use deadpool_postgres::Object;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

const AHEAD: &str = include_str!("sql/outbox_ahead.sql");
const END: &str = include_str!("sql/outbox_end.sql");
const HAS: &str = include_str!("sql/outbox_has.sql");
const SOME: &str = include_str!("sql/feed_some.sql");
const ALL: &str = include_str!("sql/feed_all.sql");

/// A change that was seen, perhaps before its turn.
#[derive(Debug, Clone)]
pub struct Seen {
    pub change: Change,
    /// Nothing can appear before it any more.
    pub settled: bool,
}

impl Store {
    /// Returns up to `limit` committed changes after `from`. Those at the end that are not settled are given out again,
    /// with what has come before them meanwhile, to whoever asks again from the last settled one.
    pub async fn follow_ahead(&self, from: &Position, limit: i64) -> Result<Vec<Seen>, StoreError> {
        let client = self.reads.get().await?;
        let rows = ask(&client, AHEAD, &[&from.xid, &from.no, &from.version, &limit]).await?;
        rows.iter().map(|row| Ok(Seen { change: outbox::change(row)?, settled: row.get(5) })).collect()
    }

    /// Returns the last settled change; the default where there is none.
    pub async fn outbox_end(&self) -> Result<Position, StoreError> {
        let client = self.reads.get().await?;
        Ok(ask(&client, END, &[]).await?.first().map(outbox::position).unwrap_or_default())
    }

    /// Returns whether the outbox has the change at this position: it has not in another database than the one it is of.
    pub async fn outbox_has(&self, at: &Position) -> Result<bool, StoreError> {
        let client = self.reads.get().await?;
        let rows = ask(&client, HAS, &[&at.xid, &at.no, &at.version]).await?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }

    /// Returns the current versions of these numbers, for text documents alone.
    pub async fn feed_some(&self, nos: &[i64]) -> Result<Vec<Stored>, StoreError> {
        let client = self.reads.get().await?;
        Ok(ask(&client, SOME, &[&nos]).await?.into_iter().filter_map(row::stored).collect())
    }

    /// Returns up to `limit` resources with greater numbers than `after`, rising, for text documents alone.
    pub async fn feed_all(&self, after: i64, limit: i64) -> Result<Vec<Stored>, StoreError> {
        let client = self.reads.get().await?;
        Ok(ask(&client, ALL, &[&after, &limit]).await?.into_iter().filter_map(row::stored).collect())
    }
}

async fn ask(client: &Object, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
    let statement = client.prepare_cached(sql).await.map_err(StoreError::sql("failed to prepare the feed"))?;
    client.query(&statement, params).await.map_err(StoreError::sql("failed to feed the text index"))
}
