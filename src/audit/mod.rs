//! What happened, kept: refusals and reads. Writes carry their row in their own transaction.
//!
//! Rows wait in a bounded queue; a request whose row finds no room waits with it, so that nothing is dropped.

pub mod event;
pub mod words;

pub use words::words;

use crate::store::audit::Entry;
use crate::store::{Store, StoreError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

const QUEUE_MAX: usize = 8192;
const BATCH_MAX: usize = 4096;
/// How long rows gather before they are written together: a statement and a flush to disk cost the same for one as for many.
const GATHER: Duration = Duration::from_millis(20);

enum Message {
    Row(Box<Entry>),
    /// Answered once every row before it is written.
    Flush(oneshot::Sender<()>),
}

/// Takes audit rows, from any thread.
#[derive(Clone)]
pub struct Recorder(mpsc::Sender<Message>);

impl Recorder {
    /// Starts the queue on the calling thread's runtime, which must outlive those that record.
    pub fn start(store: Store) -> Recorder {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(run(store, receiver));
        Recorder(sender)
    }

    /// Queues a row; waits when the queue is full.
    pub async fn record(&self, entry: Entry) {
        metrics::counter!("medilink_audit_rows_total").increment(1);
        if self.0.send(Message::Row(Box::new(entry))).await.is_err() {
            tracing::error!("an audit row came after the queue was closed");
        }
    }

    /// Waits until every row queued so far is written.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.0.send(Message::Flush(done)).await.is_ok() {
            // An error here means that the queue ended, and with it what could be waited for.
            let _ = wait.await;
        }
    }
}

async fn run(store: Store, mut messages: mpsc::Receiver<Message>) {
    let mut batch = Vec::new();
    while messages.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let is_awaited = |batch: &[Message]| batch.iter().any(|message| matches!(message, Message::Flush(_)));
        if !is_awaited(&batch) && batch.len() < BATCH_MAX {
            tokio::time::sleep(GATHER).await;
            while batch.len() < BATCH_MAX
                && let Ok(message) = messages.try_recv()
            {
                batch.push(message);
            }
        }
        let mut rows = Vec::with_capacity(batch.len());
        let mut waiting = Vec::new();
        for message in batch.drain(..) {
            match message {
                Message::Row(entry) => rows.push(*entry),
                Message::Flush(done) => waiting.push(done),
            }
        }
        write(&store, &rows).await;
        for done in waiting {
            // Whoever waited may have gone.
            let _ = done.send(());
        }
    }
}

/// Writes rows. A database that is away gets them when it is back; meanwhile the queue fills and holds requests up.
async fn write(store: &Store, rows: &[Entry]) {
    if rows.is_empty() {
        return;
    }
    let mut attempt = 0;
    while let Err(error) = store.audit(rows).await {
        attempt += 1;
        if !matches!(error, StoreError::Away(_) | StoreError::Contended(_) | StoreError::Slow) && attempt > 3 {
            tracing::error!(%error, rows = rows.len(), "failed to write audit rows");
            return;
        }
        crate::store::tx::pause(attempt).await;
    }
}
