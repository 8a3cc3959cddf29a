//! Keeps keys and revocations up to date: what other processes revoke ends here within a second, and keys get successors
//! in time.

use crate::oauth::Keys;
use crate::oauth::keys::KeyError;
use crate::store::Store;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the database is asked for revocations. A look has the rest of a second to come back.
const LOOK: Duration = Duration::from_millis(400);
/// How often keys are looked after.
const KEEP: Duration = Duration::from_secs(60);

/// Runs for as long as the server does. Keys are `days` old when they get a successor.
pub async fn run(store: Store, keys: Arc<Keys>, days: i64) {
    let (mut kept, mut was_away) = (Instant::now(), false);
    loop {
        tokio::time::sleep(LOOK).await;
        let looked = store.follow_revocations().await;
        if let (Err(error), false) = (&looked, was_away) {
            tracing::warn!(%error, "failed to look at what is revoked; requests wait until it can be read");
        }
        was_away = looked.is_err();
        if !was_away && (kept.elapsed() >= KEEP || keys.is_outdated()) {
            kept = Instant::now();
            if let Err(error) = keep(&store, &keys, days).await {
                tracing::warn!(%error, "failed to look after the signing keys; trying again in a minute");
            }
        }
    }
}

async fn keep(store: &Store, keys: &Keys, days: i64) -> Result<(), KeyError> {
    keys.keep(store, days).await?;
    Ok(store.sweep_revocations().await?)
}
