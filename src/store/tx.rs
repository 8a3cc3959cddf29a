//! Transactions of several steps: conditional interactions and Bundles.
//!
//! Locks are taken in one order by everybody: first the advisory locks of conditions, by number, then the rows, by type and
//! id. So two transactions over the same resources wait for each other and never deadlock. A transaction that is
//! dropped before [`Tx::commit`] leaves nothing.

use super::apply::{Batch, allowed};
use super::change::{Condition, Effect, Outcome, Write};
use super::error::StoreError;
use super::find::{self, Match};
use super::lane::{self, Open};
use super::row::{self, Stored};
use super::{Store, audit, number};
use crate::access::Grant;
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::search::{Expr, Search};
use deadpool_postgres::Object;
use std::collections::HashMap;

const LOCK: &str = include_str!("sql/lock.sql");
const HOLD: &str = include_str!("sql/hold.sql");

/// How often a write that met another transaction is tried before the client is told.
const ATTEMPTS_MAX: u32 = 8;

/// What a condition holds so that nobody else decides the same one meanwhile.
#[derive(Debug, Clone, Default)]
pub struct Holds {
    /// Types of which a condition is open-ended: nobody else decides a condition on them.
    pub whole: Vec<ResourceType>,
    /// Types on which conditions with keys are decided.
    pub keyed: Vec<ResourceType>,
    /// Search keys that the conditions ask for.
    pub keys: Vec<i64>,
    /// Search keys that the resources to be written will have: another condition may ask for one of them.
    pub written: Vec<i64>,
}

/// Current versions of locked resources.
pub type Found = HashMap<(ResourceType, ResourceId), Stored>;

/// An open transaction.
pub struct Tx {
    open: Open,
    store: Store,
}

impl Store {
    /// Opens a transaction on a connection of its own.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let open = Open::new(self.writes.get().await?);
        open.get().batch_execute("begin").await.map_err(StoreError::sql("failed to begin"))?;
        Ok(Tx { open, store: self.clone() })
    }

    /// Does one write, in the lane where it can, and returns what became of it after the commit.
    pub async fn write(&self, grant: &Grant, write: Write) -> Result<Outcome, StoreError> {
        let write = match self.writer.write(write).await {
            lane::Answer::Done(outcome) => return Ok(outcome),
            lane::Answer::Failed(error) => return Err(error),
            lane::Answer::Alone(write) => *write,
        };
        let mut attempt = 1;
        loop {
            match self.write_alone(grant, &write).await {
                Err(StoreError::Outdated) if attempt < ATTEMPTS_MAX => {}
                Err(error) if error.is_contended() && attempt < ATTEMPTS_MAX => pause(attempt).await,
                done => return done,
            }
            attempt += 1;
        }
    }

    async fn write_alone(&self, grant: &Grant, write: &Write) -> Result<Outcome, StoreError> {
        let tx = self.begin().await?;
        let outcome = tx.write_one(grant, write).await?;
        tx.commit().await?;
        Ok(outcome)
    }
}

/// Waits a little longer each time, and not in step with others.
pub async fn pause(attempt: u32) {
    let spread = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
    tokio::time::sleep(std::time::Duration::from_millis((1 << attempt.min(6)) + spread / 16)).await;
}

impl Tx {
    /// Waits until no other transaction decides a condition that could meet one of these.
    pub async fn hold(&self, holds: &Holds) -> Result<(), StoreError> {
        let (exclusive, shared) = holds.locks();
        if exclusive.is_empty() && shared.is_empty() {
            return Ok(());
        }
        let client = self.open.get();
        let statement = client.prepare_cached(HOLD).await.map_err(StoreError::sql("failed to prepare a hold"))?;
        client.query(&statement, &[&shared, &exclusive]).await.map_err(StoreError::sql("failed to hold"))?;
        Ok(())
    }

    /// Returns up to `max` resources that each search finds.
    pub async fn matching(
        &self,
        grant: &Grant,
        searches: &[Search],
        max: usize,
    ) -> Result<Vec<Vec<Match>>, StoreError> {
        let client = self.open.get();
        // All questions go out before the first answer is awaited.
        futures_util::future::try_join_all(searches.iter().map(|s| find::matching(client, grant, s, max))).await
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn client(&self) -> &Object {
        self.open.get()
    }

    /// Locks the resources and returns their current versions; what does not exist is not in the answer.
    pub async fn lock(&self, _grant: &Grant, keys: &[(ResourceType, ResourceId)]) -> Result<Found, StoreError> {
        if keys.is_empty() {
            return Ok(Found::new());
        }
        let types: Vec<i16> = keys.iter().map(|k| k.0.number()).collect();
        let ids: Vec<&str> = keys.iter().map(|k| k.1.as_str()).collect();
        let client = self.open.get();
        let statement = client.prepare_cached(LOCK).await.map_err(StoreError::sql("failed to prepare a lock"))?;
        let rows = client.query(&statement, &[&types, &ids]).await.map_err(StoreError::sql("failed to lock"))?;
        Ok(rows.into_iter().filter_map(row::stored).map(|s| ((s.resource_type, s.id.clone()), s)).collect())
    }

    /// Writes all of `writes`, which name each resource once and whose resources are locked: `found` is the answer of
    /// [`Tx::lock`], for which new ids need not be asked. Outcomes come in the same order; the caller rolls back, by
    /// dropping the transaction, when one of them is a refusal it cannot accept.
    pub async fn write(&self, grant: &Grant, writes: &[Write], found: &Found) -> Result<Vec<Outcome>, StoreError> {
        self.check_health_ids(writes).await?;
        self.check_active(writes, found)?;
        let blueprint = &self.store.blueprint;
        let numbers = blueprint.numbers.reserve(self.open.get(), writes.len() * 2).await?;
        let now = Instant::now();
        let mut batch = Batch::new(blueprint.index.now(), blueprint.audit.clone());
        let mut outcomes = Vec::with_capacity(writes.len());
        let each: Vec<&Write> = writes.iter().collect();
        let limits = lane::limits(blueprint, self.open.get(), &each, found).await?;
        for ((write, numbers), sight) in writes.iter().zip(numbers.chunks(2)).zip(&limits) {
            let outcome = match found.get(&(write.resource_type, write.id.clone())) {
                Some(current) => lane::replace(&mut batch, current, write, sight.as_ref(), now)?,
                None => create(&mut batch, numbers[0], write, sight.as_ref(), now),
            };
            if write.resource_type == ResourceType::CONSENT {
                self.check_consent(grant, found.get(&(write.resource_type, write.id.clone())), write, &outcome).await?;
            }
            batch.audit(numbers[1], write, &outcome);
            outcomes.push(outcome);
        }
        match lane::send(self.open.get(), &batch).await {
            Err(StoreError::Outdated) => {
                // Whoever tries again does so with what is indexed by then.
                self.store.look().await?;
                Err(blueprint.outdated())
            }
            sent => sent.map(|()| outcomes),
        }
    }

    /// Locks the resource of one write and writes it.
    pub async fn write_one(&self, grant: &Grant, write: &Write) -> Result<Outcome, StoreError> {
        let keys = match write.condition {
            Condition::New => Vec::new(),
            _ => vec![(write.resource_type, write.id.clone())],
        };
        let found = self.lock(grant, &keys).await?;
        let mut outcomes = self.write(grant, std::slice::from_ref(write), &found).await?;
        outcomes.pop().ok_or_else(|| StoreError::Damaged("a write without an outcome".into()))
    }

    /// Writes audit rows that stand for no write.
    pub async fn record(&self, entries: &[audit::Entry]) -> Result<(), StoreError> {
        let rows: Vec<audit::row::Row> = entries.iter().map(audit::row::Row::of).collect();
        self.store.copy_audit(self.open.get(), &rows).await
    }

    pub async fn commit(self) -> Result<(), StoreError> {
        self.open.get().batch_execute("commit").await.map_err(StoreError::sql("failed to commit"))?;
        self.open.close();
        Ok(())
    }
}

fn create(batch: &mut Batch, number: i64, write: &Write, sight: Option<&Expr>, now: Instant) -> Outcome {
    match write.effect {
        _ if !allowed(write.condition, None) => Outcome::Refused(None),
        Effect::Delete => Outcome::Nothing,
        Effect::Put(_) => batch.create(number::with_shard(number, write.patient()), write, sight, now),
    }
}

impl Holds {
    /// Keys share this many locks a type: a transaction can then hold every one of them.
    const SPREAD: i64 = 512;

    /// Returns the numbers of the exclusive and of the shared locks, sorted: the order that everybody keeps.
    fn locks(&self) -> (Vec<i64>, Vec<i64>) {
        // Lock numbers: the type in the upper half, then 0 for the type itself, 1.. for its keys.
        let whole_of = |t: &ResourceType| (i64::from(t.number()) + 1) << 32;
        let mut exclusive: Vec<i64> = self.whole.iter().map(whole_of).collect();
        let mut shared: Vec<i64> = self.keyed.iter().map(whole_of).collect();
        let lock_of = |key: &i64| 1 + key.rem_euclid(Self::SPREAD);
        exclusive.extend(self.keys.iter().map(lock_of));
        shared.extend(self.written.iter().map(lock_of));
        for locks in [&mut exclusive, &mut shared] {
            locks.sort_unstable();
            locks.dedup();
        }
        shared.retain(|lock| exclusive.binary_search(lock).is_err());
        (exclusive, shared)
    }
}
