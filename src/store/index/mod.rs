//! What the index rows of a database are made by, and how the processes that share it agree on that.
//!
//! Every change of what is indexed begins an epoch: another release of this server, or a SearchParameter that was
//! stored, changed or deleted. A statement that writes index rows names the epoch whose registry made them, and the
//! database refuses it in any other; so once the transactions of before have ended, nobody can store rows of before, and
//! [`scan`] needs to pass each resource once. Until it has passed them all, new columns are not asked.

mod epoch;
mod scan;
mod state;

pub use scan::Step;
pub use state::{Standing, TypeStanding};

use super::error::StoreError;
use super::{Blueprint, Store};
use crate::catalog::Catalog;
use crate::search::Registry;
use crate::search::progress::Percents;
use arc_swap::ArcSwap;
use bytes::Bytes;
use std::sync::{Arc, OnceLock};
use tokio::sync::{Mutex, Notify};

/// What is indexed, as one request sees it from its beginning to its end.
#[derive(Debug)]
pub struct Index {
    pub registry: Arc<Registry>,
    /// The state of the tables that it was made of.
    revision: i32,
    /// Another release has taken the database over; this one may read and must not write.
    superseded: bool,
    /// The CapabilityStatement, which changes when this does; written by the first who asks.
    pub statement: OnceLock<Bytes>,
}

/// What the threads of a process share of it.
pub(super) struct Shared {
    now: ArcSwap<Index>,
    /// What the binary carries, and what that makes of a database without parameters of its own.
    catalog: Arc<Catalog>,
    plain: Arc<Registry>,
    /// Fingerprint of what it indexes by itself.
    release: i64,
    percents: Arc<Percents>,
    /// Held by whoever reads the tables anew, so that the work is done once.
    reading: Mutex<()>,
    /// Wakes the job that indexes.
    work: Notify,
}

impl Index {
    pub(super) fn new(registry: Arc<Registry>, revision: i32) -> Index {
        Index { registry, revision, superseded: false, statement: OnceLock::new() }
    }

    pub fn epoch(&self) -> i32 {
        self.registry.progress.epoch
    }
}

impl Shared {
    pub fn new(registry: Arc<Registry>) -> Shared {
        Shared {
            catalog: registry.catalog.clone(),
            plain: registry.clone(),
            release: epoch::release(&registry),
            // No database has this revision, so the first look reads the tables.
            now: ArcSwap::from_pointee(Index::new(registry, -1)),
            percents: Arc::new(Percents::new()),
            reading: Mutex::new(()),
            work: Notify::new(),
        }
    }

    pub fn now(&self) -> Arc<Index> {
        self.now.load_full()
    }
}

impl Blueprint {
    /// Returns the error of a write whose epoch is over: to be tried again, where that can help.
    pub(super) fn outdated(&self) -> StoreError {
        if self.index.now.load().superseded {
            return StoreError::Away("a newer release of the server has taken over this database".into());
        }
        StoreError::Outdated
    }
}

impl Store {
    /// Returns the store over what is indexed now; none when this one is.
    pub fn newer(&self) -> Option<Store> {
        let now = self.blueprint.index.now.load();
        let same = std::ptr::eq(Arc::as_ptr(&now), Arc::as_ptr(&self.index));
        (!same).then(|| Store { index: now.clone(), ..self.clone() })
    }

    /// Returns what is indexed, as this store sees it.
    pub fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// Takes the database over for this release, or joins others of the same; to be called before anything is written.
    pub async fn adopt(&self) -> Result<(), StoreError> {
        self.look_as(true).await.map(drop)
    }

    /// Takes note of parameters that were stored and of what other processes have done; returns what is left to index.
    pub async fn look(&self) -> Result<Standing, StoreError> {
        self.look_as(false).await
    }

    async fn look_as(&self, starting: bool) -> Result<Standing, StoreError> {
        let shared = &self.blueprint.index;
        let _one_at_a_time = shared.reading.lock().await;
        let mut client = self.reads.get().await?;
        let seen = state::seen(&client).await?;
        let is_ours = seen.release == shared.release;
        if (is_ours && seen.marker != seen.stored) || (!is_ours && starting) {
            epoch::begin(&mut client, shared).await?;
        }
        // Of one moment: what is told to be complete here is searchable when this returns.
        let standing = state::standing(&client).await?;
        let now = shared.now.load();
        if now.revision != standing.revision {
            let index = state::load(&mut client, shared).await?;
            if index.superseded && !now.superseded {
                tracing::error!("another release has taken over this database; this server can only read now");
            }
            shared.now.store(Arc::new(index));
        }
        for one in &standing.types {
            shared.percents.set(one.resource_type, one.percent());
        }
        if standing.is_pending() {
            shared.work.notify_one();
        }
        Ok(standing)
    }

    /// Waits until there may be something to index.
    pub async fn indexing_wanted(&self) {
        self.blueprint.index.work.notified().await;
    }
}
