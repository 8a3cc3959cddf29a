//! The text index: words of whole resources and the texts beside codes, kept by tantivy, which is spoken to here and nowhere
//! else.
//!
//! It holds numbers of resources and words, no resource: what is found goes through a search of the store, with a grant, before
//! anybody sees it. It can be thrown away at any time and is then made again from the current resources. [`TextIndex`] is
//! what searches ask; `job::index_feed` fills it by a [`writer::Writer`].

pub mod document;
pub mod error;
mod narrative;
mod query;
pub mod rank;
pub mod reader;
mod schema;
mod seal;
pub mod slot;
#[cfg(test)]
mod tests;
mod words;
pub mod writer;

pub use error::IndexError;

use reader::Reader;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// How much its library says in the log by default: what goes wrong is told once, where it is dealt with.
pub const LOG_LEVELS: &[(&str, &str)] = &[("tantivy", "warn")];

/// Resources that the text of one parameter may find; more is refused, never cut.
pub const CANDIDATES_MAX: usize = 50_000;
/// How long a search waits for the index to hold what was written before it.
pub const WAIT_MAX: Duration = Duration::from_secs(2);

/// What searches see of the index.
#[derive(Clone)]
enum State {
    /// From the beginning, or anew after damage; this many documents are in.
    Building(u64),
    Ready(Arc<Reader>),
    /// It cannot be kept at the moment; the reason is for the log.
    Failed,
}

/// The text index of this process, shared by all threads.
#[derive(Clone)]
pub struct TextIndex(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Searches are numbered. One may look once the feed has gone over the outbox after it came.
    asked: AtomicU64,
    served: watch::Sender<u64>,
    wake: Notify,
    damaged: AtomicBool,
    stopping: AtomicBool,
}

impl Default for TextIndex {
    fn default() -> TextIndex {
        TextIndex(Arc::new(Shared {
            state: Mutex::new(State::Building(0)),
            asked: AtomicU64::new(0),
            served: watch::Sender::new(0),
            wake: Notify::new(),
            damaged: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }))
    }
}

impl TextIndex {
    /// Runs a search over an index that holds everything written before this call, on a thread for such work.
    pub async fn search<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Reader) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, IndexError> {
        let reader = self.fresh().await?;
        let run = move || {
            reader.check()?;
            job(&reader)
        };
        // What garbage in a file makes of the library may be a panic as well as an error.
        let done = tokio::task::spawn_blocking(run).await.unwrap_or_else(|e| Err(IndexError::Damaged(e.to_string())));
        if let Err(IndexError::Damaged(reason)) = &done {
            tracing::warn!(reason, "the text index is damaged; it is made anew");
            self.0.damaged.store(true, Ordering::Release);
            self.set(State::Building(0));
            self.0.wake.notify_one();
            return Err(IndexError::Building(0));
        }
        done
    }

    /// Returns a reader of everything written before this call, or why there is none within the time.
    async fn fresh(&self) -> Result<Arc<Reader>, IndexError> {
        if let State::Failed = *self.lock() {
            return Err(IndexError::Failed);
        }
        let started = Instant::now();
        let number = self.0.asked.fetch_add(1, Ordering::AcqRel) + 1;
        self.0.wake.notify_one();
        let mut served = self.0.served.subscribe();
        let waited = tokio::time::timeout(WAIT_MAX, served.wait_for(|served| *served >= number)).await;
        metrics::histogram!("medilink_text_wait_seconds").record(started.elapsed().as_secs_f64());
        let state = self.lock().clone();
        match state {
            State::Ready(reader) if waited.is_ok() => Ok(reader),
            State::Ready(_) => Err(IndexError::Behind),
            State::Building(documents) => Err(IndexError::Building(documents)),
            State::Failed => Err(IndexError::Failed),
        }
    }

    /// For the feed: waits until a search asks, or the time is over.
    pub async fn asked_within(&self, time: Duration) {
        // Either is a reason to look.
        let _ = tokio::time::timeout(time, self.0.wake.notified()).await;
    }

    /// For the feed: the number of the last search that came.
    pub fn asked(&self) -> u64 {
        self.0.asked.load(Ordering::Acquire)
    }

    /// For the feed: everything committed before the search of this number came is in the reader.
    pub fn publish(&self, reader: Arc<Reader>) {
        metrics::gauge!("medilink_text_documents").set(reader.documents() as f64);
        self.set(State::Ready(reader));
    }

    /// For the feed: the outbox was gone over after the search of this number came.
    pub fn serve(&self, number: u64) {
        self.0.served.send_replace(number);
    }

    /// For the feed: the index is being made and has this many documents.
    pub fn building(&self, documents: u64) {
        self.set(State::Building(documents));
    }

    /// For the feed: the index cannot be kept at the moment.
    pub fn failed(&self) {
        self.set(State::Failed);
    }

    /// For the feed: whether a search met damage since this was last asked.
    pub fn take_damage(&self) -> bool {
        self.0.damaged.swap(false, Ordering::AcqRel)
    }

    /// Tells the feed to end.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Release);
        self.0.wake.notify_one();
    }

    pub fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }

    fn set(&self, state: State) {
        *self.lock() = state;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
