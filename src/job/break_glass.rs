//! Ends grants of broken glass that have run out.

use crate::interaction::Settings;
use crate::operation::break_glass::expire::expire;
use crate::store::Store;
use std::sync::Arc;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(20);

/// Runs for as long as the server does. Servers on one database may do so side by side.
pub async fn run(store: Store, settings: Arc<Settings>) {
    loop {
        match expire(&store, &settings).await {
            Ok(0) => {}
            Ok(ended) => tracing::info!(ended, "emergency accesses have run out"),
            Err(fault) => tracing::warn!(?fault, "failed to end emergency accesses that have run out; trying again"),
        }
        tokio::time::sleep(EVERY).await;
    }
}
