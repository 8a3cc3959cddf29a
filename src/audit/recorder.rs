//! Takes audit rows from any thread: those of reads through the spool, all others straight into the database.

use super::spool::{Segment, Spool, SpoolError, left_behind, remove};
use super::sync::Sync;
use crate::fault::{Fault, Kind};
use crate::store::audit::Entry;
use crate::store::audit::row::Row;
use crate::store::{Store, StoreError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, oneshot};

/// Rows that wait for the database with those who sent them.
const QUEUE_MAX: usize = 1024;
const BATCH_MAX: usize = 1024;
/// Bytes of the spool that go to the database at once.
const DRAIN_BYTES: usize = 2 << 20;
/// How long rows of reads gather before they are written together: a statement and a flush to disk cost the same for one as
/// for many.
const GATHER: Duration = Duration::from_millis(20);
/// How long a request waits for its row to be kept.
const WAIT: Duration = Duration::from_secs(5);

/// When the row of a read is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It survives the death of the process.
    Process,
    /// It survives the loss of power.
    Disk,
}

impl Durability {
    pub fn parse(text: &str) -> Option<Durability> {
        match text {
            "process" => Some(Durability::Process),
            "disk" => Some(Durability::Disk),
            _ => None,
        }
    }
}

/// How rows of reads are kept until they are in the database.
#[derive(Debug, Clone)]
pub struct Settings {
    pub folder: PathBuf,
    pub durability: Durability,
    pub spool_bytes_max: u64,
}

/// A row that could not be kept: what it tells of must not be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access could not be recorded in the audit, and so it was not given")]
pub struct Unrecorded;

impl From<Unrecorded> for Fault {
    fn from(unrecorded: Unrecorded) -> Fault {
        Fault::new(Kind::Unavailable, unrecorded.to_string())
    }
}

/// Takes audit rows, from any thread.
#[derive(Clone)]
pub struct Recorder(Arc<Shared>);

struct Shared {
    spool: Spool,
    durability: Durability,
    sync: Sync,
    /// There is something to drain.
    filled: Notify,
    /// Something was drained.
    freed: Notify,
    rows: mpsc::Sender<(Box<Entry>, oneshot::Sender<()>)>,
    flush: mpsc::Sender<oneshot::Sender<()>>,
}

impl Recorder {
    /// Starts to write on the calling thread's runtime, which must outlive those that record.
    pub fn start(store: Store, settings: Settings) -> Recorder {
        let (rows, queue) = mpsc::channel(QUEUE_MAX);
        let (flush, flushes) = mpsc::channel(16);
        let shared = Arc::new(Shared {
            spool: Spool::new(settings.folder, settings.spool_bytes_max),
            durability: settings.durability,
            sync: Sync::default(),
            filled: Notify::new(),
            freed: Notify::new(),
            rows,
            flush,
        });
        tokio::spawn(commit_all(store.clone(), queue));
        tokio::spawn(drain_all(store, shared.clone(), flushes));
        Recorder(shared)
    }

    /// Keeps the row of a read before its answer goes out. It reaches the database a moment later, whatever becomes of this
    /// process. Waits a while where there is no room.
    pub async fn record(&self, entry: Entry) -> Result<(), Unrecorded> {
        metrics::counter!("medilink_audit_rows_total", "way" => "spool").increment(1);
        let mut bytes = Vec::with_capacity(256);
        Row::of(&entry).encode(&mut bytes);
        let shared = &self.0;
        let began = Instant::now();
        let segment = loop {
            let freed = shared.freed.notified();
            match shared.spool.append(&bytes) {
                Ok(segment) => break segment,
                Err(error) => {
                    let left = WAIT.saturating_sub(began.elapsed());
                    if left.is_zero() {
                        return Err(refused(&error));
                    }
                    // A disk that is full is not told of when it is no more.
                    let _ = tokio::time::timeout(left.min(Duration::from_millis(250)), freed).await;
                }
            }
        };
        shared.filled.notify_one();
        match shared.durability {
            Durability::Process => Ok(()),
            Durability::Disk => shared.sync.wait(segment).await.map_err(|error| refused(&SpoolError::Io(error))),
        }
    }

    /// Writes a row and returns when it is committed, together with others that came at the same time.
    pub async fn commit(&self, entry: Entry) -> Result<(), Unrecorded> {
        metrics::counter!("medilink_audit_rows_total", "way" => "commit").increment(1);
        let (done, wait) = oneshot::channel();
        let written = async {
            self.0.rows.send((Box::new(entry), done)).await.map_err(|_| Unrecorded)?;
            wait.await.map_err(|_| Unrecorded)
        };
        tokio::time::timeout(WAIT, written).await.map_err(|_| Unrecorded)?
    }

    /// As [`Recorder::commit`]; while the database is away the row is kept in the spool. Where the database took it after all,
    /// without saying so in time, it has it twice.
    pub async fn keep(&self, entry: Entry) -> Result<(), Unrecorded> {
        match self.commit(entry.clone()).await {
            Ok(()) => Ok(()),
            Err(_) => self.record(entry).await,
        }
    }

    /// As [`Recorder::keep`], for what has happened already and cannot be taken back.
    pub async fn note(&self, entry: Entry) {
        if self.keep(entry).await.is_err() {
            tracing::error!("an audit row was lost: neither the database nor the spool takes it");
        }
    }

    /// Waits until every row so far is in the database, and removes what is no longer needed.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.0.flush.send(done).await.is_ok() {
            // An error here means that the task ended, and with it what could be waited for.
            let _ = wait.await;
        }
    }
}

fn refused(error: &SpoolError) -> Unrecorded {
    metrics::counter!("medilink_audit_refused_total").increment(1);
    tracing::error!(%error, "a request was refused because its audit row could not be kept");
    Unrecorded
}

/// Writes rows that somebody waits for: what has gathered while the last ones were written goes together.
async fn commit_all(store: Store, mut queue: mpsc::Receiver<(Box<Entry>, oneshot::Sender<()>)>) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
        // Who no longer waits has noted it elsewhere, or was refused.
        batch.retain(|(_, done)| !done.is_closed());
        let (rows, waiting): (Vec<Entry>, Vec<_>) = batch.drain(..).map(|(row, done)| (*row, done)).unzip();
        if rows.is_empty() {
            continue;
        }
        if commit_batch(&store, &rows).await {
            for done in waiting {
                // Whoever waited may have gone.
                let _ = done.send(());
            }
        }
    }
}

/// Returns whether the rows are written; those who wait are told so or hear nothing.
async fn commit_batch(store: &Store, rows: &[Entry]) -> bool {
    let began = Instant::now();
    let mut attempt = 0;
    while let Err(error) = store.audit(rows).await {
        attempt += 1;
        let may_pass = matches!(error, StoreError::Away(_) | StoreError::Contended(_) | StoreError::Slow);
        if began.elapsed() > WAIT || (!may_pass && attempt > 3) {
            tracing::error!(%error, rows = rows.len(), "failed to write audit rows");
            return false;
        }
        crate::store::tx::pause(attempt).await;
    }
    true
}

/// Brings the spool into the database, for as long as the process lives.
async fn drain_all(store: Store, shared: Arc<Shared>, mut flushes: mpsc::Receiver<oneshot::Sender<()>>) {
    loop {
        let flush = tokio::select! {
            () = shared.filled.notified() => None,
            flush = flushes.recv() => Some(flush),
        };
        if flush.is_none() {
            tokio::time::sleep(GATHER).await;
        }
        while let Some(segment) = shared.spool.next() {
            let before = segment.drained();
            let position = drain(&store, &segment).await;
            if position == before {
                // What was written whole is read whole; a disk that gives back something else must not hold up the rest.
                shared.spool.set_aside(&segment);
                continue;
            }
            shared.spool.drained(&segment, position);
            shared.freed.notify_waiters();
            metrics::gauge!("medilink_audit_spool_bytes").set(shared.spool.waiting() as f64);
        }
        match flush {
            None => {}
            Some(None) => return,
            Some(Some(done)) => {
                shared.spool.close();
                // Whoever waited may have gone.
                let _ = done.send(());
            }
        }
    }
}

/// Writes the next rows of a segment, waiting for a database that is away; returns the position after them.
async fn drain(store: &Store, segment: &Segment) -> u64 {
    let mut attempt = 0;
    loop {
        let from = segment.drained();
        let done = match segment.read(from, DRAIN_BYTES) {
            Ok((rows, position)) if rows.is_empty() => return position,
            Ok((rows, position)) => store.drain_audit(&segment.name, from as i64, position as i64, &rows).await,
            Err(error) => Err(StoreError::Damaged(error.to_string())),
        };
        match done {
            Ok(position) => return position as u64,
            Err(error) => {
                attempt += 1;
                if attempt == 1 || attempt % 100 == 0 {
                    tracing::warn!(%error, "failed to write spooled audit rows; trying again");
                }
                crate::store::tx::pause(attempt).await;
            }
        }
    }
}

/// Brings into the database what processes have left that are no more; returns the number of their files.
pub async fn recover(store: &Store, folder: &std::path::Path) -> std::io::Result<usize> {
    let found = left_behind(folder)?;
    for segment in &found {
        while let before = segment.drained()
            && before < segment.written()
        {
            let position = drain(store, segment).await;
            segment.set_drained(position);
            if position == before {
                // A row that the death of its process has cut short was never answered for.
                tracing::info!(bytes = segment.written() - position, "a spooled audit row was cut short");
                break;
            }
        }
        remove(segment);
        if let Err(error) = store.forget_audit_spool(&segment.name).await {
            tracing::warn!(%error, "failed to forget a drained spool file of the audit");
        }
    }
    Ok(found.len())
}
