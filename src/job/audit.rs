//! Keeps the audit: brings in what dead processes left, links what is new, and signs a checkpoint every hour.

use crate::audit::{chain, head, recorder};
use crate::store::Store;
use std::time::{Duration, Instant};

/// How far the chain may be behind.
const LINK: Duration = Duration::from_millis(300);
const CHECKPOINT: Duration = Duration::from_secs(3600);
/// How often files of other processes are looked for that ended meanwhile.
const RECOVER: Duration = Duration::from_secs(60);

/// Runs for as long as the server does. `server` is named in checkpoints.
pub async fn run(store: Store, server: String) {
    tokio::spawn(recover(store.clone()));
    adopt(&store).await;
    let (mut was_broken, mut signed) = (false, Instant::now());
    loop {
        let linked = chain::link(&store).await;
        if let (Err(error), false) = (&linked, was_broken) {
            tracing::warn!(%error, "failed to chain the audit; trying again");
        }
        was_broken = linked.is_err();
        // Of several processes the one that links signs too.
        if matches!(linked, Ok(Some(_))) && signed.elapsed() >= CHECKPOINT {
            signed = Instant::now();
            if let Err(error) = chain::sign(&store, &server).await {
                tracing::error!(%error, "failed to sign a checkpoint of the audit");
            }
        }
        tokio::time::sleep(LINK).await;
    }
}

/// Rows of before there were macs are taken for true once, when the chain begins.
async fn adopt(store: &Store) {
    let folder = store.audit_ground().folder.as_deref();
    if !matches!(folder.map(head::read), Some(Ok(None))) {
        return;
    }
    while let Err(error) = store.adopt_audit().await {
        tracing::warn!(%error, "failed to authenticate audit rows of before; trying again");
        tokio::time::sleep(LINK).await;
    }
}

async fn recover(store: Store) {
    let Some(folder) = store.audit_ground().folder.clone() else { return };
    loop {
        match recorder::recover(&store, &folder).await {
            Ok(0) => {}
            Ok(files) => tracing::info!(files, "audit rows that another process left were brought in"),
            Err(error) => tracing::warn!(%error, "failed to look for audit rows that another process left"),
        }
        tokio::time::sleep(RECOVER).await;
    }
}
