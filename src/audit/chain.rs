//! Keeps the chain: links what is new, and writes down how far it is.

use super::{checkpoint, head};
use crate::fhir::Instant;
use crate::store::audit::chain::{BATCH_MAX, Head, Linked};
use crate::store::{Store, StoreError};
use std::path::Path;

/// What keeps the chain from being kept.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the folder of the audit: {0}")]
    Folder(#[from] std::io::Error),
}

/// Links everything that can be linked now; returns the head where this process has linked something.
pub async fn link(store: &Store) -> Result<Option<Head>, ChainError> {
    let folder = store.audit_ground().folder.as_deref();
    if let Some(folder) = folder {
        head::make_folder(folder)?;
        notice_loss(store, folder).await?;
    }
    let mut linked = None;
    while let Linked::Rows(number, head, at) = store.link_audit().await? {
        if number > 0 {
            metrics::gauge!("medilink_audit_chain_lag_seconds").set((Instant::now().0 - at).max(0) as f64 / 1e6);
            metrics::gauge!("medilink_audit_chain_length").set(head.seq as f64);
            linked = Some(head);
            if let Some(folder) = folder {
                head::write(folder, head, at)?;
            }
        }
        if number < BATCH_MAX {
            break;
        }
    }
    Ok(linked)
}

/// Keeps the head of the data folder where the database has lost it, before another one takes its place.
async fn notice_loss(store: &Store, folder: &Path) -> Result<(), ChainError> {
    let Some(known) = head::read(folder)?.filter(|head| head.seq > 0) else { return Ok(()) };
    let found = store.walk_audit(known.seq - 1, 1).await?;
    if found.first().is_none_or(|link| link.seq != known.seq || link.hash != known.hash)
        && !head::lost(folder)?.contains(&known)
    {
        tracing::error!(
            seq = known.seq,
            "the audit in the database is not the one that was written: run 'medilink audit verify'"
        );
        head::lose(folder, known)?;
    }
    Ok(())
}

/// Signs a statement about the chain as it is and keeps it; none where there is no chain, or no folder.
pub async fn sign(store: &Store, server: &str) -> Result<Option<String>, ChainError> {
    let Some(folder) = store.audit_ground().folder.as_deref() else { return Ok(None) };
    head::make_folder(folder)?;
    let (head, now) = (store.audit_head().await?, Instant::now());
    if head.seq == 0 {
        return Ok(None);
    }
    let statement = checkpoint::sign(folder, head, now, server)?;
    store.keep_audit_checkpoint(head.seq, now, &statement).await?;
    checkpoint::keep(folder, &statement)?;
    Ok(Some(statement))
}
