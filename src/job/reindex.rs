//! Keeps what is indexed up to date: takes note of search parameters, and indexes stored resources anew when that
//! is needed, without getting in the way of requests.

use crate::store::Store;
use crate::store::index::{Standing, Step};
use std::time::{Duration, Instant};

/// How often the database is asked for changes that other processes made.
const LOOK: Duration = Duration::from_secs(1);
/// How long to wait where another process is at work, or the database away.
const PAUSE: Duration = Duration::from_millis(200);
/// Resources at a time: few enough that a writer who meets one does not notice.
const BATCH: i64 = 100;

/// Runs for as long as the server does.
pub async fn run(store: Store) {
    let mut was_away = false;
    loop {
        let looked = store.look().await;
        if let (Err(error), false) = (&looked, was_away) {
            tracing::warn!(%error, "failed to look at the state of the index");
        }
        was_away = looked.is_err();
        let pending = looked.is_ok_and(|standing| {
            report(&standing);
            standing.is_pending()
        });
        if pending {
            work(&store, Instant::now() + LOOK).await;
        } else {
            // Neither is missed: who asks for work leaves a note.
            let _ = tokio::time::timeout(LOOK, store.indexing_wanted()).await;
        }
    }
}

/// Indexes until it is time to look again. Half of the time is left to requests.
async fn work(store: &Store, until: Instant) {
    let mut has_finished = false;
    while Instant::now() < until {
        let began = Instant::now();
        let pause = match store.reindex_step(BATCH).await {
            Ok(Step::Done(0)) => {
                has_finished = true;
                continue;
            }
            Ok(Step::Done(_)) => began.elapsed(),
            // Nothing more, it seems: that is told at once, so that what is complete can be asked.
            Ok(Step::Wait) if has_finished => return,
            Ok(Step::Wait) => return tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::warn!(%error, "failed to index anew; trying again");
                return tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::sleep(pause).await;
    }
}

fn report(standing: &Standing) {
    let (done, total) = standing.sum();
    metrics::gauge!("medilink_reindex_done").set(done as f64);
    metrics::gauge!("medilink_reindex_total").set(total as f64);
}
