//! Timings of statements and counts of connections, for `/metrics`.

use super::Store;
use deadpool_postgres::Pool;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(5);

/// Records how long a statement took, from asking to the last row.
pub fn took(statement: &'static str, since: Instant) {
    metrics::histogram!("medilink_store_seconds", "statement" => statement).record(since.elapsed().as_secs_f64());
}

/// Reports the connections of a store for as long as its pools are open.
pub fn watch(store: &Store) {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    let thread = THREADS.fetch_add(1, Ordering::Relaxed).to_string();
    let pools = [("reads", store.reads.clone()), ("writes", store.writes.clone())];
    tokio::spawn(async move {
        while pools.iter().all(|(_, pool)| !pool.is_closed()) {
            for (name, pool) in &pools {
                report(name, pool, &thread);
            }
            tokio::time::sleep(EVERY).await;
        }
    });
}

fn report(name: &'static str, pool: &Pool, thread: &str) {
    let status = pool.status();
    let used = status.size - status.available;
    for (state, count) in [("used", used), ("idle", status.available), ("waited for", status.waiting)] {
        metrics::gauge!("medilink_pool_connections", "pool" => name, "state" => state, "thread" => thread.to_string())
            .set(count as f64);
    }
}
