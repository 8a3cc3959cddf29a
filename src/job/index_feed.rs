//! Feeds the text index from the outbox, on a thread of its own and behind all others.
//!
//! A pass goes over every change since the last one, also those that are not settled yet: documents are made of current content,
//! so their order is all the same, and a search need not wait for somebody's long transaction. The index keeps the last position
//! that nothing can appear before any more, and goes on from there after a restart. Without an index, or with a damaged one, it
//! is built from the current resources first.

use crate::index::document::texts;
use crate::index::writer::{Progress, Writer};
use crate::index::{IndexError, TextIndex, slot};
use crate::store::outbox::Position;
use crate::store::{Blueprint, Store, StoreError, Stored};
use futures_util::FutureExt;
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the outbox is looked at when no search asks. A commit flushes files beside the database's own; a search that
/// asks has one at once.
const EVERY: Duration = Duration::from_secs(2);
/// Changes read at a time, and resources read at a time.
const CHANGES: i64 = 2_000;
const RESOURCES: usize = 500;
/// Documents after which a long pass or build commits, so that an interruption costs no more than those.
const COMMIT_DOCUMENTS: usize = 50_000;
/// Pauses between attempts to keep an index that cannot be kept.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How far behind other threads this one and those of the library stand.
const NICENESS: i32 = 5;

#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("the text index {0}")]
    Index(#[from] IndexError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The running feed.
pub struct Feed {
    index: TextIndex,
    thread: JoinHandle<()>,
}

/// Starts to keep `index` in a place below the folder `root`.
pub fn start(blueprint: Blueprint, index: TextIndex, root: PathBuf) -> std::io::Result<Feed> {
    let fed = index.clone();
    let thread = std::thread::Builder::new().name("text-feed".into()).spawn(move || {
        // Threads that the library starts inherit it; where it is not allowed, all are equal.
        let _ = rustix::process::nice(NICENESS);
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(run(blueprint, &fed, &root)),
            Err(error) => tracing::error!(%error, "failed to start the feed of the text index"),
        }
    })?;
    Ok(Feed { index, thread })
}

impl Feed {
    /// Ends the feed after what it is just doing.
    pub fn stop(self) {
        self.index.stop();
        // It has told the log if it broke off.
        let _ = self.thread.join();
    }
}

/// Builds the index of the first place anew, while no server uses it; returns the number of documents.
pub async fn rebuild(blueprint: Blueprint, root: &Path) -> Result<u64, FeedError> {
    let slot = slot::take_first(root)?;
    let store = blueprint.store()?;
    let index = TextIndex::default();
    let mut writer = Writer::create(&slot.folder)?;
    let mut progress = beginning(&store).await?;
    build(&store, &index, &mut writer, &mut progress).await?;
    Ok(writer.reader()?.documents())
}

async fn run(blueprint: Blueprint, index: &TextIndex, root: &Path) {
    let (mut pause, mut anew) = (PAUSE_MIN, false);
    while !index.is_stopping() {
        let started = Instant::now();
        let kept = AssertUnwindSafe(keep(&blueprint, index, root, anew)).catch_unwind().await;
        anew = false;
        match kept {
            Ok(Ok(())) => return,
            Ok(Err(FeedError::Index(error @ IndexError::Damaged(_)))) => {
                tracing::warn!(%error, "the text index is made anew from the current resources");
                anew = true;
                index.building(0);
            }
            Ok(Err(FeedError::Index(error))) => {
                tracing::error!(%error, "the text index cannot be kept; text searches are refused");
                index.failed();
            }
            Ok(Err(FeedError::Store(error))) => tracing::warn!(%error, "the text index cannot be fed"),
            Err(_) => {
                tracing::error!("the feed of the text index broke off; the index is made anew");
                anew = true;
                index.building(0);
            }
        }
        if started.elapsed() > PAUSE_MAX {
            pause = PAUSE_MIN;
        }
        index.asked_within(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Keeps the index until it is told to stop.
async fn keep(blueprint: &Blueprint, index: &TextIndex, root: &Path, anew: bool) -> Result<(), FeedError> {
    let slot = slot::take(root)?;
    let store = blueprint.store()?;
    let opened = if anew { None } else { Writer::open(&slot.folder)? };
    let (mut writer, mut progress) = match opened {
        Some((writer, progress)) if is_of_this_database(&store, &writer, &progress).await? => (writer, progress),
        // Dropped first, since an index has one writer.
        other => {
            drop(other);
            (Writer::create(&slot.folder)?, beginning(&store).await?)
        }
    };
    let started = Instant::now();
    let is_new = progress.built_to.is_some();
    build(&store, index, &mut writer, &mut progress).await?;
    let mut reader = writer.reader()?;
    if is_new && !index.is_stopping() {
        let (documents, seconds) = (reader.documents(), started.elapsed().as_secs_f32());
        tracing::info!(documents, seconds, "the text index is built");
    }
    let mut ahead = HashSet::new();
    let mut first = true;
    while !index.is_stopping() {
        let number = index.asked();
        let changed = match pass(&store, &mut writer, &mut progress, &mut ahead).await {
            // What was done is done again, to the same effect.
            Err(FeedError::Store(error)) => {
                tracing::debug!(%error, "the text index could not be fed");
                tokio::time::sleep(EVERY).await;
                continue;
            }
            done => done?,
        };
        if changed {
            reader.check()?;
            commit(&mut writer, &progress)?;
            reader = writer.reader()?;
        }
        if changed || first {
            index.publish(reader.clone());
            first = false;
        }
        if index.take_damage() {
            return Err(IndexError::Damaged("a search could not read it".into()).into());
        }
        index.serve(number);
        index.asked_within(EVERY).await;
    }
    Ok(())
}

/// An index that was kept for another database, or for a later state of a restored one, ends where the outbox has nothing.
async fn is_of_this_database(store: &Store, writer: &Writer, progress: &Progress) -> Result<bool, FeedError> {
    if progress.position == Position::default() {
        return Ok(writer.reader()?.documents() == 0);
    }
    Ok(store.outbox_has(&progress.position).await?)
}

async fn beginning(store: &Store) -> Result<Progress, FeedError> {
    Ok(Progress { position: store.outbox_end().await?, built_to: Some(i64::MIN) })
}

/// Adds all resources that a building index does not have yet.
async fn build(
    store: &Store,
    index: &TextIndex,
    writer: &mut Writer,
    progress: &mut Progress,
) -> Result<(), FeedError> {
    let mut documents = writer.reader()?.documents();
    let mut waiting = 0;
    while let Some(after) = progress.built_to {
        if index.is_stopping() {
            return Ok(());
        }
        index.building(documents);
        let rows = store.feed_all(after, RESOURCES as i64).await?;
        for row in &rows {
            write(store, row, |t| writer.add(row.no, row.resource_type, t))?;
        }
        documents += rows.len() as u64;
        waiting += rows.len();
        progress.built_to = rows.last().map(|row| row.no);
        if progress.built_to.is_none() || waiting >= COMMIT_DOCUMENTS {
            commit(writer, progress)?;
            waiting = 0;
        }
    }
    Ok(())
}

/// Goes over all changes since the last settled one; returns whether any was new.
///
/// `ahead` are the changes that are in the index already and not settled yet.
async fn pass(
    store: &Store,
    writer: &mut Writer,
    progress: &mut Progress,
    ahead: &mut HashSet<(i64, i32)>,
) -> Result<bool, FeedError> {
    let (mut from, mut all_settled) = (progress.position.clone(), true);
    let (mut changed, mut waiting) = (false, 0);
    loop {
        let seen = store.follow_ahead(&from, CHANGES).await?;
        let mut nos: Vec<i64> = Vec::with_capacity(seen.len());
        for change in seen.iter().map(|seen| &seen.change.position) {
            if !ahead.contains(&(change.no, change.version)) {
                nos.push(change.no);
            }
        }
        nos.sort_unstable();
        nos.dedup();
        update(store, writer, &nos).await?;
        changed |= !nos.is_empty();
        waiting += nos.len();
        for seen in &seen {
            let position = &seen.change.position;
            // Between two reads a transaction may have ended that has changes before those of the first.
            all_settled &= seen.settled;
            if all_settled {
                ahead.remove(&(position.no, position.version));
                progress.position = position.clone();
            } else {
                ahead.insert((position.no, position.version));
            }
        }
        match seen.last() {
            Some(last) if seen.len() as i64 == CHANGES => from = last.change.position.clone(),
            _ => return Ok(changed),
        }
        if waiting >= COMMIT_DOCUMENTS {
            commit(writer, progress)?;
            waiting = 0;
        }
    }
}

async fn update(store: &Store, writer: &Writer, nos: &[i64]) -> Result<(), FeedError> {
    for nos in nos.chunks(RESOURCES) {
        for row in store.feed_some(nos).await? {
            match row.content {
                Some(_) => write(store, &row, |texts| writer.put(row.no, row.resource_type, texts))?,
                None => writer.remove(row.no),
            }
            metrics::histogram!("medilink_text_lag_seconds").record(age_s(&row));
        }
        metrics::counter!("medilink_text_changes_total").increment(nos.len() as u64);
    }
    Ok(())
}

fn write(
    store: &Store,
    row: &Stored,
    put: impl FnOnce(&crate::index::document::Texts) -> Result<(), IndexError>,
) -> Result<(), FeedError> {
    let content = row.content.as_deref().unwrap_or_default();
    match serde_json::from_slice(content) {
        Ok(resource) => Ok(put(&texts(store.registry(), row.resource_type, &resource))?),
        Err(error) => Err(StoreError::Damaged(format!("{}/{}: {error}", row.resource_type, row.id)).into()),
    }
}

fn commit(writer: &mut Writer, progress: &Progress) -> Result<(), IndexError> {
    let started = Instant::now();
    writer.commit(progress)?;
    metrics::histogram!("medilink_text_commit_seconds").record(started.elapsed().as_secs_f64());
    Ok(())
}

/// Returns the seconds since a version was made.
fn age_s(row: &Stored) -> f64 {
    let now_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as i64);
    (now_us - row.updated.0).max(0) as f64 / 1e6
}
