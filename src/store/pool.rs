//! Connections: a pool for each use, and one connection that many requests share.

use super::StoreSettings;
use super::error::StoreError;
use deadpool_postgres::{Hook, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_postgres::{Config, NoTls};

/// How the planner is set on every connection: a statement is planned once, for all values.
pub const PLANNER_OPTIONS: &str =
    "-c jit=off -c plan_cache_mode=force_generic_plan -c max_parallel_workers_per_gather=0";

/// Statements that a connection keeps prepared. Clients decide how many shapes of searches there are, and each costs memory here
/// and in PostgreSQL; a connection that has more forgets all of them, and prepares those in use again.
const STATEMENTS_MAX: usize = 400;

/// What a connection is for. The planner is told, since it cannot see how selective a hashed key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Reads,
    /// Statements that touch named rows only: always through an index, however small the tables still look.
    Writes,
}

pub fn new(settings: &StoreSettings, purpose: Use) -> Result<Pool, StoreError> {
    let mut config = Config::from_str(&settings.url).map_err(|e| StoreError::Away(format!("database_url: {e}")))?;
    let ms = settings.statement_ms_max;
    let mut options = format!(
        "-c statement_timeout={ms} -c idle_in_transaction_session_timeout={ms} -c search_path=public {PLANNER_OPTIONS}"
    );
    if purpose == Use::Writes {
        options.push_str(" -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off");
    }
    if let Some(own) = config.get_options() {
        options = format!("{own} {options}");
    }
    config.options(options).application_name("medilink").connect_timeout(Duration::from_secs(5));
    let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    Pool::builder(manager)
        .max_size(settings.pool_size)
        .wait_timeout(Some(Duration::from_millis(settings.wait_ms_max)))
        .create_timeout(Some(Duration::from_millis(settings.wait_ms_max)))
        .runtime(Runtime::Tokio1)
        .post_create(Hook::sync_fn(|_, _| {
            metrics::counter!("medilink_pool_connects_total").increment(1);
            Ok(())
        }))
        .pre_recycle(Hook::sync_fn(|client, _| {
            if client.statement_cache.size() > STATEMENTS_MAX {
                client.statement_cache.clear();
            }
            Ok(())
        }))
        .build()
        .map_err(|e| StoreError::Away(e.to_string()))
}

/// One connection of a pool that many requests use side by side: their statements travel in one packet and the
/// database answers them in one go.
pub struct Shared {
    pool: Pool,
    current: Mutex<Option<Arc<Object>>>,
}

impl Shared {
    pub fn new(pool: Pool) -> Shared {
        Shared { pool, current: Mutex::new(None) }
    }

    pub async fn get(&self) -> Result<Arc<Object>, StoreError> {
        let current = self.current.lock().expect("no holder of this lock can panic").clone();
        if let Some(object) = current.filter(|o| !o.is_closed()) {
            return Ok(object);
        }
        let fresh = Arc::new(self.pool.get().await?);
        *self.current.lock().expect("no holder of this lock can panic") = Some(fresh.clone());
        Ok(fresh)
    }
}
