//! What happened, kept: refusals and reads. Writes carry their row in their own transaction.
//!
//! Rows wait in a bounded queue; a request whose row finds no room waits with it, so that nothing is dropped.

use crate::store::audit::Entry;
use crate::store::{Store, StoreError};
use tokio::sync::mpsc;

const QUEUE_MAX: usize = 4096;
const BATCH_MAX: usize = 512;

/// Takes audit rows of one thread.
#[derive(Clone)]
pub struct Recorder(mpsc::Sender<Entry>);

impl Recorder {
    /// Starts the queue on the calling thread's runtime.
    pub fn start(store: Store) -> Recorder {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(run(store, receiver));
        Recorder(sender)
    }

    /// Queues a row; waits when the queue is full.
    pub async fn record(&self, entry: Entry) {
        metrics::counter!("medilink_audit_rows_total").increment(1);
        if self.0.send(entry).await.is_err() {
            tracing::error!("an audit row came after the queue was closed");
        }
    }
}

async fn run(store: Store, mut entries: mpsc::Receiver<Entry>) {
    let mut batch = Vec::new();
    while entries.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let mut attempt = 0;
        // A database that is away gets the rows when it is back; meanwhile the queue fills and holds requests up.
        while let Err(error) = store.audit(&batch).await {
            attempt += 1;
            if !matches!(error, StoreError::Away(_) | StoreError::Contended(_) | StoreError::Slow) && attempt > 3 {
                tracing::error!(%error, rows = batch.len(), "failed to write audit rows");
                break;
            }
            crate::store::tx::pause(attempt).await;
        }
        batch.clear();
    }
}
