//! Does what the clock makes of Consents: see `operation::consent::due`.

use crate::interaction::Settings;
use crate::operation::consent::due;
use crate::store::Store;
use std::sync::Arc;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(60);

/// Runs for as long as the server does; of servers on one database one at a time does the work.
pub async fn run(store: Store, settings: Arc<Settings>) {
    let mut was_away = false;
    loop {
        let newer = store.newer();
        match due::run(newer.as_ref().unwrap_or(&store), &settings).await {
            Ok(done) => {
                metrics::counter!("medilink_consents_expired_total").increment(done as u64);
                was_away = false;
            }
            Err(error) => {
                if !was_away {
                    tracing::warn!(?error, "failed to look after Consents; trying again in a minute");
                }
                was_away = true;
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}
