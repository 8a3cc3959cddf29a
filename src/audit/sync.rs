//! Waits for the disk, many rows with one flush.

use super::spool::Segment;
use std::io::{Error, Result};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

type Waiting = oneshot::Sender<std::result::Result<(), String>>;

/// Those who wait for a flush, each with the file; none where no flush is under way.
type Waiters = Option<Vec<(Arc<Segment>, Waiting)>>;

/// Those who wait for the next flush; none where no flush is under way.
#[derive(Default)]
pub struct Sync(Arc<Mutex<Waiters>>);

impl Sync {
    /// Returns when what was written to the segment before the call is on the disk.
    pub async fn wait(&self, segment: Arc<Segment>) -> Result<()> {
        let (done, wait) = oneshot::channel();
        let is_first = {
            let mut waiting = self.0.lock().expect("no holder of this lock can panic");
            let is_first = waiting.is_none();
            waiting.get_or_insert_default().push((segment, done));
            is_first
        };
        if is_first {
            let waiting = self.0.clone();
            tokio::task::spawn_blocking(move || flush_all(&waiting));
        }
        match wait.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(text)) => Err(Error::other(text)),
            Err(_) => Err(Error::other("the server is stopping")),
        }
    }
}

/// Flushes a file and its name.
fn flush(segment: &Segment) -> Result<()> {
    segment.file.sync_data()?;
    segment.path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
}

/// Flushes until nobody waits: who comes during a flush waits for the next one.
fn flush_all(waiting: &Mutex<Waiters>) {
    loop {
        let batch = {
            let mut waiting = waiting.lock().expect("no holder of this lock can panic");
            match waiting.as_mut() {
                Some(some) if !some.is_empty() => std::mem::take(some),
                _ => {
                    *waiting = None;
                    return;
                }
            }
        };
        let mut flushed: Vec<(String, std::result::Result<(), String>)> = Vec::new();
        for (segment, done) in batch {
            let known = flushed.iter().find(|(name, _)| *name == segment.name).map(|(_, result)| result.clone());
            let result = known.unwrap_or_else(|| {
                let result = flush(&segment).map_err(|error| error.to_string());
                flushed.push((segment.name.clone(), result.clone()));
                result
            });
            // Whoever waited may have gone.
            let _ = done.send(result);
        }
    }
}
