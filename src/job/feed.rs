//! Takes up HL7 v2 messages that are kept and were not worked off: at the start what a killed process left, later what failed for the
//! server's own sake. On a thread of its own, as whoever takes messages belongs to one.

use crate::fault::Fault;
use crate::feed::Intake;
use crate::fhir::Instant;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::Notify;

const EVERY: Duration = Duration::from_secs(60);
/// Whoever took a message has so long to finish it.
const LEFT_ALONE_US: i64 = 30 * 1_000_000;

/// The running job.
pub struct Feed {
    stop: Arc<Notify>,
    thread: JoinHandle<()>,
}

/// Starts the job. `intake` is called on its thread, inside its runtime.
pub fn start(intake: impl FnOnce() -> Result<Intake, Fault> + Send + 'static) -> std::io::Result<Feed> {
    let stop = Arc::new(Notify::new());
    let stopped = stop.clone();
    let thread = std::thread::Builder::new().name("feed".into()).spawn(move || {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(async {
                tokio::select! {
                    () = run(intake) => {}
                    () = stopped.notified() => {}
                }
            }),
            Err(error) => tracing::error!(%error, "failed to start the thread of the feeds"),
        }
    })?;
    Ok(Feed { stop, thread })
}

impl Feed {
    /// Ends the job. A message that it is at is found to be done, or is taken up, by the next one.
    pub fn stop(self) {
        self.stop.notify_one();
        // It has told the log if it broke off.
        let _ = self.thread.join();
    }
}

async fn run(intake: impl FnOnce() -> Result<Intake, Fault>) {
    let intake = match intake() {
        Ok(intake) => intake,
        Err(fault) => return tracing::error!(?fault, "failed to start the job of the feeds"),
    };
    // Another server of the same database may be at some of them, which does no harm: each is taken over once.
    let mut tried_before = Instant::now();
    let mut was_away = false;
    loop {
        let done = intake.catch_up(tried_before).await;
        if let (Err(fault), false) = (&done, was_away) {
            tracing::warn!(?fault, "failed to look for messages that wait; trying again in a minute");
        }
        was_away = done.is_err();
        if !matches!(done, Ok(messages) if messages > 0) {
            tokio::time::sleep(EVERY).await;
            tried_before = Instant(Instant::now().0 - LEFT_ALONE_US);
        }
    }
}
