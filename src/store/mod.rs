//! The store: the one writer of truth. PostgreSQL is spoken to here and nowhere else.
//!
//! A [`Store`] belongs to the thread that made it: its connections live on that thread's runtime, so that no answer has
//! to cross threads. [`Blueprint`] is what threads share, and makes one for each.

pub mod apply;
pub mod audit;
mod care;
pub mod change;
pub mod embedded;
pub mod error;
pub mod feed;
pub mod find;
mod history;
pub mod hl7;
pub mod identity;
pub mod index;
mod lane;
mod meter;
mod number;
pub mod outbox;
pub mod policy;
mod pool;
mod read;
pub mod row;
mod schema;
pub mod search;
pub mod secret;
pub mod terminology;
pub mod trail;
pub mod tx;
mod view;

pub use change::{Condition, Effect, Outcome, Prepared, Write, Written};
pub use error::StoreError;
pub use history::{HistoryPage, HistoryQuery, HistoryScope};
pub use pool::PLANNER_OPTIONS;
pub use row::{Deed, Stored};
pub use schema::migrate;
pub use view::{Ahead, View};

use crate::access::consent::Implied;
use crate::catalog::Catalog;
use crate::search::Registry;
use deadpool_postgres::Pool;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// How much its libraries say in the log by default: what goes wrong is told once, by the request it went wrong for.
pub const LOG_LEVELS: &[(&str, &str)] = &[("refinery_core", "warn"), ("tokio_postgres", "warn"), ("deadpool", "error")];

/// How the database is reached and how much of it is used.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// `postgres://…` or a key-value connection string.
    pub url: String,
    /// Connections of each kind that one thread may hold.
    pub pool_size: usize,
    /// How long a statement may run.
    pub statement_ms_max: u64,
    /// How long a request waits for a connection.
    pub wait_ms_max: u64,
    /// What holds for patients of whom no Consent says anything.
    pub implied: Implied,
}

/// What the stores of all threads share.
#[derive(Clone)]
pub struct Blueprint {
    settings: Arc<StoreSettings>,
    index: Arc<index::Shared>,
    numbers: Arc<number::Numbers>,
    cursor_key: Arc<OnceCell<secret::Secret>>,
    revocations: Arc<identity::revocation::Revocations>,
    policy: Arc<policy::Shared>,
    audit: Arc<audit::Ground>,
}

impl Blueprint {
    pub fn new(settings: StoreSettings, registry: Arc<Registry>) -> Blueprint {
        Blueprint {
            settings: Arc::new(settings),
            index: Arc::new(index::Shared::new(registry)),
            numbers: Arc::new(number::Numbers::default()),
            cursor_key: Arc::new(OnceCell::new()),
            revocations: Arc::default(),
            policy: Arc::default(),
            audit: Arc::default(),
        }
    }

    /// Says what the audit stands on, before any store is made.
    pub fn with_audit(self, ground: audit::Ground) -> Blueprint {
        Blueprint { audit: Arc::new(ground), ..self }
    }

    /// Returns a store for the calling thread. Must be called inside its runtime; connects when first used.
    pub fn store(&self) -> Result<Store, StoreError> {
        let reads = pool::new(&self.settings, pool::Use::Reads)?;
        let writes = pool::new(&self.settings, pool::Use::Writes)?;
        let store = Store {
            blueprint: self.clone(),
            index: self.index.now(),
            reader: Arc::new(pool::Shared::new(reads.clone())),
            writer: lane::start(self.clone(), writes.clone()),
            looker: policy::start(self.clone(), reads.clone()),
            reads,
            writes,
        };
        meter::watch(&store);
        Ok(store)
    }
}

/// The store of one thread.
#[derive(Clone)]
pub struct Store {
    blueprint: Blueprint,
    /// What is indexed, as the request sees it that this store serves.
    index: Arc<index::Index>,
    /// One connection that carries the point reads of this thread side by side.
    reader: Arc<pool::Shared>,
    /// Gathers single writes into transactions.
    writer: lane::Writer,
    /// Asks whether what is remembered to decide by has changed.
    looker: policy::Looker,
    reads: Pool,
    writes: Pool,
}

impl Store {
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.index.registry.catalog
    }

    /// Returns the searchable side of the catalog.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.index.registry
    }

    /// Returns whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let client = self.reader.get().await?;
        client.simple_query("").await.map_err(StoreError::sql("failed to ping"))?;
        Ok(())
    }

    /// Has the database take statistics anew, as is wise after a load.
    pub async fn analyze(&self) -> Result<(), StoreError> {
        let client = self.reads.get().await?;
        client
            .batch_execute("set statement_timeout = 0; analyze; reset statement_timeout")
            .await
            .map_err(StoreError::sql("failed to analyze"))
    }
}
