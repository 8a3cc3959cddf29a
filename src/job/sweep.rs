//! Removes what has ended: sessions, secrets that were good once, counts of tries, old authorizations.
//!
//! Nothing is refused because of it: what has ended is refused while it is still there, too.

use crate::fhir::Instant;
use crate::store::{Store, StoreError};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(60);
/// How long an authorization that has ended is kept, so that the reuse of its tokens is seen.
const KEPT_US: i64 = 30 * 86_400 * 1_000_000;

/// Runs for as long as the server does. Servers on one database do the same work twice, which harms nothing.
pub async fn run(store: Store, session_idle_s: i64) {
    loop {
        if let Err(error) = sweep(&store, session_idle_s).await {
            tracing::warn!(%error, "failed to remove what has ended; trying again");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn sweep(store: &Store, session_idle_s: i64) -> Result<(), StoreError> {
    let now = Instant::now();
    store.sweep_sessions(now, Instant(now.0 - session_idle_s * 1_000_000)).await?;
    // What was allowed for as long as a session lasts ends with it, also when nobody signed out.
    store.end_orphaned_authorizations().await?;
    store.sweep_once().await?;
    store.sweep_attempts().await?;
    store.sweep_policy_changes().await?;
    store.sweep_authorizations(Instant(now.0 - KEPT_US)).await
}
