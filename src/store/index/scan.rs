//! Indexes stored resources anew, a few at a time, while everybody reads and writes.
//!
//! A step takes the next resources of a type in the order of their numbers, locks them, makes their rows and writes what
//! differs, together with how far it came: a server that is killed goes on where it was. Versions, history and outbox
//! stay as they are. Everything that a writer of this epoch has touched is complete or will be passed; see
//! [`super::Index`] for why there are no others.

use super::super::lane::Open;
use super::super::row;
use super::super::search::write::{Columns, array};
use super::Index;
use crate::fhir::ResourceType;
use crate::search::extract;
use crate::store::{Store, StoreError, Stored};
use std::sync::Arc;
use tokio_postgres::types::ToSql;

const WORK: &str = include_str!("../sql/index_work.sql");
const NEXT: &str = include_str!("../sql/index_next.sql");
const LOCK_SOME: &str = include_str!("../sql/index_lock.sql");
const LOCK_ONE: &str = include_str!("../sql/index_lock_one.sql");
const WRITE: &str = include_str!("../sql/index_write.sql");
const ADVANCE: &str = include_str!("../sql/index_advance.sql");
const COMPLETE: &str = include_str!("../sql/index_complete.sql");
const AGAIN: &str = include_str!("../sql/index_again.sql");

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many resources are done; none when a type was finished.
    Done(usize),
    /// There is nothing to do, another process is at it, or transactions of an earlier epoch have not ended: look again
    /// soon.
    Wait,
}

/// A type with work left.
struct Work {
    resource_type: ResourceType,
    after_no: i64,
    is_counted: bool,
}

impl Store {
    /// Has resources indexed anew that need not be; empty for all types. Searches go on meanwhile.
    pub async fn reindex(&self, types: &[ResourceType]) -> Result<(), StoreError> {
        let numbers: Vec<i16> = types.iter().map(|t| t.number()).collect();
        let client = self.writes.get().await?;
        client.execute(AGAIN, &[&numbers]).await.map_err(StoreError::sql("failed to begin a reindex"))?;
        self.blueprint.index.work.notify_one();
        Ok(())
    }

    /// Indexes up to `limit` resources anew.
    pub async fn reindex_step(&self, limit: i64) -> Result<Step, StoreError> {
        let index = self.blueprint.index.now();
        let sql = StoreError::sql("failed to index anew");
        let open = Open::new(self.writes.get().await?);
        let client = open.get();
        // Arrays are joined with tables here, which the settings for plain writes do not foresee.
        client.batch_execute("begin; set local enable_hashjoin = on").await.map_err(&sql)?;
        let step = step(&open, &index, limit).await?;
        client.batch_execute("commit").await.map_err(&sql)?;
        open.close();
        Ok(step)
    }
}

async fn step(open: &Open, index: &Arc<Index>, limit: i64) -> Result<Step, StoreError> {
    let sql = StoreError::sql("failed to find what is to be indexed");
    let client = open.get();
    let statement = client.prepare_cached(WORK).await.map_err(&sql)?;
    let Some(row) = client.query_opt(&statement, &[]).await.map_err(&sql)? else { return Ok(Step::Wait) };
    let (epoch, is_settled): (i32, bool) = (row.get(0), row.get(1));
    if epoch != index.epoch() {
        return Err(StoreError::Outdated);
    }
    if !is_settled {
        return Ok(Step::Wait);
    }
    let Some(resource_type) = ResourceType::from_number(row.get(2)) else {
        return Err(StoreError::Damaged("a type without a name in index_type".into()));
    };
    let work = Work { resource_type, after_no: row.get(3), is_counted: row.get(4) };
    let nos = next(open, &work, limit).await?;
    let Some(first) = nos.first() else {
        complete(open, index, work.resource_type).await?;
        return Ok(Step::Done(0));
    };
    let mut locked = lock(open, LOCK_SOME, &nos).await?;
    if locked.first().is_none_or(|stored| stored.no != *first) {
        // Only one is waited for, and nothing else is held: so nobody waits in a circle.
        locked = lock(open, LOCK_ONE, &nos[..1]).await?;
    }
    // What another transaction holds is left, with all after it, for the next step.
    let held = nos.iter().zip(&locked).take_while(|(no, stored)| **no == stored.no).count();
    locked.truncate(held);
    write(open, index, work.resource_type, &locked).await?;
    // The one resource that was waited for may have been deleted meanwhile.
    let last = locked.last().map_or(*first, |stored| stored.no);
    let done = locked.len().max(1);
    let statement = client.prepare_cached(ADVANCE).await.map_err(&sql)?;
    let params: [&(dyn ToSql + Sync); 4] = [&work.resource_type.number(), &last, &(done as i64), &!work.is_counted];
    client.execute(&statement, &params).await.map_err(&sql)?;
    Ok(Step::Done(done))
}

/// Returns the numbers of the next resources.
async fn next(open: &Open, work: &Work, limit: i64) -> Result<Vec<i64>, StoreError> {
    let sql = StoreError::sql("failed to find the next resources");
    let statement = open.get().prepare_cached(NEXT).await.map_err(&sql)?;
    let params: [&(dyn ToSql + Sync); 3] = [&work.resource_type.number(), &work.after_no, &limit];
    let rows = open.get().query(&statement, &params).await.map_err(&sql)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Locks resources against writers and returns them in the order of their numbers.
async fn lock(open: &Open, lock: &str, nos: &[i64]) -> Result<Vec<Stored>, StoreError> {
    let sql = StoreError::sql("failed to lock the next resources");
    let statement = open.get().prepare_cached(lock).await.map_err(&sql)?;
    let rows = open.get().query(&statement, &[&nos]).await.map_err(&sql)?;
    Ok(rows.into_iter().filter_map(row::stored).collect())
}

/// Writes the rows that the resources lack and removes those that are not theirs.
async fn write(open: &Open, index: &Index, t: ResourceType, locked: &[Stored]) -> Result<(), StoreError> {
    let (Some(first), Some(last)) = (locked.first(), locked.last()) else { return Ok(()) };
    let mut nos = Vec::with_capacity(locked.len());
    let (mut shapes, mut refs) = (Vec::with_capacity(locked.len()), Vec::with_capacity(locked.len()));
    let mut about = Vec::with_capacity(locked.len());
    let mut columns = Columns::default();
    for stored in locked {
        let Some(content) = &stored.content else { continue };
        let value = serde_json::from_slice(content)
            .map_err(|e| StoreError::Damaged(format!("{}/{}: {e}", stored.resource_type, stored.id)))?;
        let rows = extract(&index.registry, t, &value);
        nos.push(stored.no);
        shapes.push(rows.shape.key);
        refs.push(array(&rows.refs));
        about.push(array(&rows.about));
        columns.add(stored.no, rows);
    }
    let sql = StoreError::sql("failed to write index rows anew");
    let (c, number) = (&columns, t.number());
    let mut p: Vec<&(dyn ToSql + Sync)> = vec![&nos, &shapes, &refs, &number, &first.no, &last.no];
    p.extend([&c.terms.0 as &(dyn ToSql + Sync), &c.terms.1]);
    p.extend([&c.strings.0 as &(dyn ToSql + Sync), &c.strings.1, &c.strings.2]);
    p.extend([&c.dates.0 as &(dyn ToSql + Sync), &c.dates.1, &c.dates.2, &c.dates.3]);
    p.extend([&c.quantities.0 as &(dyn ToSql + Sync), &c.quantities.1, &c.quantities.2, &c.quantities.3]);
    p.extend([&c.timeline.0 as &(dyn ToSql + Sync), &c.timeline.1, &c.timeline.2, &c.timeline.3]);
    p.extend([&c.shapes.0 as &(dyn ToSql + Sync), &c.shapes.1, &c.shapes.2]);
    p.extend([&about as &(dyn ToSql + Sync), &c.links.0, &c.links.1, &c.links.2, &c.links.3]);
    let statement = open.get().prepare_cached(WRITE).await.map_err(&sql)?;
    open.get().execute(&statement, &p).await.map_err(&sql)?;
    Ok(())
}

/// Notes that every resource of the type has all its rows.
async fn complete(open: &Open, index: &Index, t: ResourceType) -> Result<(), StoreError> {
    let sql = StoreError::sql("failed to complete the index of a type");
    let statement = open.get().prepare_cached(COMPLETE).await.map_err(&sql)?;
    let columns = index.registry.column_keys(t);
    open.get().execute(&statement, &[&t.number(), &columns]).await.map_err(&sql)?;
    Ok(())
}
