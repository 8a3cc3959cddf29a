//! Removes what has ended: sessions, secrets that were good once, counts of tries, old authorizations; and the text of HL7 v2 messages
//! that were worked off long ago, where the operator wants that.
//!
//! Nothing is refused because of it: what has ended is refused while it is still there, too.

use crate::fhir::Instant;
use crate::store::{Store, StoreError};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(60);
/// How long an authorization that has ended is kept, so that the reuse of its tokens is seen.
const KEPT_US: i64 = 30 * DAY_US;
const DAY_US: i64 = 86_400 * 1_000_000;

/// Runs for as long as the server does. Servers on one database do the same work twice, which harms nothing.
pub async fn run(store: Store, session_idle_s: i64, hl7_raw_days: Option<u32>) {
    loop {
        let swept = async {
            sweep(&store, session_idle_s).await?;
            match hl7_raw_days {
                Some(days) => remove_texts(&store, days).await,
                None => Ok(()),
            }
        };
        if let Err(error) = swept.await {
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

/// Removes the texts of messages that were worked off so long ago.
async fn remove_texts(store: &Store, days: u32) -> Result<(), StoreError> {
    /// Rows at a time, so that nobody waits for them long.
    const ROWS: i64 = 1_000;
    let before = Instant(Instant::now().0 - i64::from(days) * DAY_US);
    while store.remove_hl7_raw(before, ROWS).await? > 0 {}
    Ok(())
}
