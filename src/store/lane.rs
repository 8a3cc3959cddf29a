//! The write lane: single writes that arrive together are committed together.
//!
//! A commit costs a flush to disk and a statement costs its set-up, whatever it carries. While one batch is on its way
//! the next gathers, so a lone writer waits for nobody and sixteen pay once. Every write is still decided by itself,
//! under the lock of its row, and answered only after the commit.

use super::apply::{self, Batch, allowed};
use super::change::{Condition, Outcome, Write};
use super::error::StoreError;
use super::row::{self, Stored};
use super::{Blueprint, care, meter, number};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::search::Expr;
use deadpool_postgres::{GenericClient, Object, Pool};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Writes in one batch at most: enough to share a flush, few enough to keep the answer quick.
const BATCH_MAX: usize = 128;
/// Writes that may wait; a client beyond that waits for room.
const QUEUE_MAX: usize = 1024;

const LOCK_FREE: &str = include_str!("sql/lock_free.sql");

/// What the lane says of a write.
pub enum Answer {
    Done(Outcome),
    /// Not for the lane (the row is new, another transaction holds it, or see `Write::is_alone`): to be done in a transaction of its own.
    Alone(Box<Write>),
    Failed(StoreError),
}

struct Job {
    write: Write,
    answer: oneshot::Sender<Answer>,
}

#[derive(Clone)]
pub struct Writer(mpsc::Sender<Job>);

impl Writer {
    pub async fn write(&self, write: Write) -> Answer {
        let (answer, wait) = oneshot::channel();
        if self.0.send(Job { write, answer }).await.is_err() {
            return Answer::Failed(StoreError::Away("the server is stopping".into()));
        }
        wait.await.unwrap_or_else(|_| Answer::Failed(StoreError::Away("the write lane broke off".into())))
    }
}

pub fn start(blueprint: Blueprint, pool: Pool) -> Writer {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    tokio::spawn(run(blueprint, pool, receiver));
    Writer(sender)
}

async fn run(blueprint: Blueprint, pool: Pool, mut jobs: mpsc::Receiver<Job>) {
    let mut waiting: Vec<Job> = Vec::new();
    loop {
        if waiting.is_empty() && jobs.recv_many(&mut waiting, BATCH_MAX).await == 0 {
            return;
        }
        while waiting.len() < BATCH_MAX {
            match jobs.try_recv() {
                Ok(job) => waiting.push(job),
                Err(_) => break,
            }
        }
        let batch = first_of_each(&mut waiting);
        metrics::histogram!("medilink_write_batch_size").record(batch.len() as f64);
        commit(&blueprint, &pool, batch).await;
    }
}

/// Takes the first write of every resource; a second write of the same one sees the first committed.
fn first_of_each(waiting: &mut Vec<Job>) -> Vec<Job> {
    let mut seen = std::collections::HashSet::new();
    let mut batch = Vec::with_capacity(waiting.len());
    let mut later = Vec::new();
    for job in waiting.drain(..) {
        if batch.len() < BATCH_MAX && seen.insert((job.write.resource_type, job.write.id.clone())) {
            batch.push(job);
        } else {
            later.push(job);
        }
    }
    *waiting = later;
    batch
}

async fn commit(blueprint: &Blueprint, pool: &Pool, jobs: Vec<Job>) {
    let writes: Vec<&Write> = jobs.iter().map(|j| &j.write).collect();
    let started = std::time::Instant::now();
    let done = try_commit(blueprint, pool, &writes).await;
    meter::took("write batch", started);
    match done {
        Ok(answers) => {
            for (job, outcome) in jobs.into_iter().zip(answers) {
                let answer = match outcome {
                    Some(outcome) => Answer::Done(outcome),
                    None => Answer::Alone(Box::new(job.write)),
                };
                // A client that has gone away does not undo its write.
                let _ = job.answer.send(answer);
            }
        }
        Err(StoreError::Away(text)) => {
            for job in jobs {
                let _ = job.answer.send(Answer::Failed(StoreError::Away(text.clone())));
            }
        }
        // One write that the database will not take must not spoil the others: each is tried by itself.
        Err(_) => {
            for job in jobs {
                let _ = job.answer.send(Answer::Alone(Box::new(job.write)));
            }
        }
    }
}

/// Returns one outcome a write, none for those to be done alone; nothing is committed on error.
async fn try_commit(blueprint: &Blueprint, pool: &Pool, writes: &[&Write]) -> Result<Vec<Option<Outcome>>, StoreError> {
    let client = Open::new(pool.get().await?);
    let numbers = blueprint.numbers.reserve(client.get(), writes.len() * 2).await?;
    let known: Vec<&Write> = writes.iter().filter(|w| w.condition != Condition::New).copied().collect();
    if known.is_empty() {
        let limits = limits(blueprint, client.get(), writes, &HashMap::new()).await?;
        let (batch, outcomes) = decide(blueprint, writes, &limits, &HashMap::new(), &numbers)?;
        send(client.get(), &batch).await?;
        client.close();
        return Ok(outcomes);
    }
    // Prepared now, so that the statement goes out before the commit that follows it, and not after.
    prepare(client.get()).await?;
    let found = begin_and_lock(client.get(), &known).await?;
    let limits = limits(blueprint, client.get(), writes, &found).await?;
    let (batch, outcomes) = decide(blueprint, writes, &limits, &found, &numbers)?;
    let (applied, committed) = tokio::join!(send(client.get(), &batch), client.get().batch_execute("commit"));
    applied?;
    committed.map_err(StoreError::sql("failed to commit"))?;
    client.close();
    Ok(outcomes)
}

/// Returns the limits of each writer, with what they must know of care; none where they stand as they are.
pub async fn limits(
    blueprint: &Blueprint,
    client: &Object,
    writes: &[&Write],
    found: &Found,
) -> Result<Vec<Option<Expr>>, StoreError> {
    let batch = Batch::new(blueprint.index.now(), Arc::default());
    let current = |write: &Write| {
        let stored = found.get(&(write.resource_type, write.id.clone()))?;
        batch.rows_of(stored).ok()
    };
    care::limits(client, writes, current).await
}

type Found = HashMap<(ResourceType, ResourceId), Stored>;

async fn begin_and_lock(client: &Object, writes: &[&Write]) -> Result<Found, StoreError> {
    let types: Vec<i16> = writes.iter().map(|w| w.resource_type.number()).collect();
    let ids: Vec<&str> = writes.iter().map(|w| w.id.as_str()).collect();
    let statement = client.prepare_cached(LOCK_FREE).await.map_err(StoreError::sql("failed to prepare a lock"))?;
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&types, &ids];
    let (begun, rows) = tokio::join!(client.batch_execute("begin"), client.query(&statement, &params));
    begun.map_err(StoreError::sql("failed to begin"))?;
    let rows = rows.map_err(StoreError::sql("failed to lock"))?;
    Ok(rows.into_iter().filter_map(row::stored).map(|s| ((s.resource_type, s.id.clone()), s)).collect())
}

fn decide(
    blueprint: &Blueprint,
    writes: &[&Write],
    limits: &[Option<Expr>],
    found: &Found,
    numbers: &[i64],
) -> Result<(Batch, Vec<Option<Outcome>>), StoreError> {
    let now = Instant::now();
    let mut batch = Batch::new(blueprint.index.now(), blueprint.audit.clone());
    let mut outcomes = Vec::with_capacity(writes.len());
    for (i, write) in writes.iter().enumerate() {
        // Whether a Health ID was given to this patient, and whether this step of a Consent may be made by this caller.
        let outcome = if write.is_alone() {
            None
        } else if write.condition == Condition::New {
            Some(batch.create(number::with_shard(numbers[2 * i], write.patient()), write, limits[i].as_ref(), now))
        } else {
            match found.get(&(write.resource_type, write.id.clone())) {
                None => None,
                Some(current) => Some(replace(&mut batch, current, write, limits[i].as_ref(), now)?),
            }
        };
        if let Some(outcome) = &outcome {
            batch.audit(numbers[2 * i + 1], write, outcome);
        }
        outcomes.push(outcome);
    }
    Ok((batch, outcomes))
}

/// Decides a write against the current version, which is locked, and adds it to the batch when it is allowed.
pub fn replace(
    batch: &mut Batch,
    current: &Stored,
    write: &Write,
    sight: Option<&Expr>,
    now: Instant,
) -> Result<Outcome, StoreError> {
    if batch.hides(Some(current), write, sight)? {
        return Ok(Outcome::Hidden);
    }
    if !allowed(write.condition, Some(current)) {
        return Ok(Outcome::Refused((!current.is_deleted()).then_some(current.version)));
    }
    if current.is_deleted() && matches!(write.effect, super::Effect::Delete) {
        return Ok(Outcome::Nothing);
    }
    if batch.hides(None, write, sight)? || batch.strays(Some(current), write)? {
        return Ok(Outcome::Hidden);
    }
    batch.replace(current, write, now)
}

async fn prepare(client: &Object) -> Result<(), StoreError> {
    for sql in apply::STATEMENTS {
        client.prepare_cached(sql).await.map_err(StoreError::sql("failed to prepare a write"))?;
    }
    Ok(())
}

/// Sends the batch in one statement.
pub async fn send(client: &Object, batch: &Batch) -> Result<(), StoreError> {
    if batch.is_empty() {
        return Ok(());
    }
    let (sql, params) = batch.statement();
    let statement = client.prepare_cached(sql).await.map_err(StoreError::sql("failed to prepare a write"))?;
    let started = std::time::Instant::now();
    client.execute(&statement, &params).await.map_err(StoreError::sql("failed to write"))?;
    meter::took("write", started);
    Ok(())
}

/// A connection that may be inside a transaction: unless it is closed properly it is not given back to the pool but
/// shut, which makes the database roll back.
pub struct Open(Option<Object>);

impl Open {
    pub fn new(object: Object) -> Open {
        Open(Some(object))
    }

    pub fn get(&self) -> &Object {
        self.0.as_ref().expect("the connection is there until close or drop")
    }

    /// Gives the connection back, its transaction being over.
    pub fn close(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}
