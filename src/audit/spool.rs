//! The spool: rows of reads on their way into the database, in files that outlive the process.
//!
//! A row is appended by one write(2) before the answer goes out, so that whatever ends the process leaves it to be found.
//! Files are segments of a bounded size, locked by the process that writes them; those of a process that has gone are read to
//! their end by another one. How far a segment has reached the database stands in the database, in the transaction of its rows.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// After so many bytes a segment is followed by another.
const SEGMENT_BYTES: u64 = 4 << 20;
/// Before every row: its length and a checksum, four bytes each.
const FRAME: usize = 8;
const EXTENSION: &str = "spool";

/// One file.
pub struct Segment {
    pub name: String,
    pub path: PathBuf,
    pub file: File,
    /// Bytes of whole rows in it.
    written: AtomicU64,
    /// How many of them are in the database.
    drained: AtomicU64,
}

impl Segment {
    fn create(folder: &Path) -> Result<Arc<Segment>> {
        super::head::make_folder(folder)?;
        let name = uuid::Uuid::now_v7().simple().to_string();
        let path = folder.join(format!("{name}.{EXTENSION}"));
        let file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(&path)?;
        // Nobody else knows the name, so the lock is to be had; it goes with the process.
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        Ok(Arc::new(Segment { name, path, file, written: AtomicU64::new(0), drained: AtomicU64::new(0) }))
    }

    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    pub fn drained(&self) -> u64 {
        self.drained.load(Ordering::Acquire)
    }

    pub fn set_drained(&self, position: u64) {
        self.drained.store(position, Ordering::Release);
    }

    /// Returns whole rows from a position on, up to about `max` bytes, and the position after them. A row cut short, as by a
    /// full disk, ends the segment.
    pub fn read(&self, from: u64, max: usize) -> Result<(Vec<Vec<u8>>, u64)> {
        let length = (self.written() - from).min(max.max(FRAME) as u64) as usize;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, from)?;
        let (mut rows, mut at) = (Vec::new(), 0);
        while let Some(frame) = bytes.get(at..at + FRAME) {
            let size = u32::from_be_bytes(frame[..4].try_into().expect("four bytes")) as usize;
            let Some(row) = bytes.get(at + FRAME..at + FRAME + size) else {
                if rows.is_empty() && FRAME + size > length && (length as u64) < self.written() - from {
                    // One row of more than `max`.
                    return self.read(from, FRAME + size);
                }
                break;
            };
            if checksum(row) != frame[4..] {
                break;
            }
            rows.push(row.to_vec());
            at += FRAME + size;
        }
        Ok((rows, from + at as u64))
    }
}

/// Why a row could not be spooled.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("the spool of the audit is full")]
    Full,
    #[error("the spool of the audit cannot be written: {0}")]
    Io(#[from] Error),
}

/// The segments of this process. Rows are appended by any thread.
pub struct Spool {
    folder: PathBuf,
    bytes_max: u64,
    waiting: AtomicU64,
    segments: Mutex<Vec<Arc<Segment>>>,
}

impl Spool {
    /// Makes no file before the first row.
    pub fn new(folder: PathBuf, bytes_max: u64) -> Spool {
        Spool { folder, bytes_max, waiting: AtomicU64::new(0), segments: Mutex::default() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the bytes that are not in the database yet.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Acquire)
    }

    /// Appends a row; returns the segment it is in.
    pub fn append(&self, row: &[u8]) -> std::result::Result<Arc<Segment>, SpoolError> {
        let mut framed = Vec::with_capacity(FRAME + row.len());
        framed.extend((row.len() as u32).to_be_bytes());
        framed.extend(checksum(row));
        framed.extend(row);
        let size = framed.len() as u64;
        let mut segments = self.segments.lock().expect("no holder of this lock can panic");
        if self.waiting() + size > self.bytes_max {
            return Err(SpoolError::Full);
        }
        if segments.last().is_none_or(|last| last.written() + size > SEGMENT_BYTES.min(self.bytes_max)) {
            let fresh = Segment::create(&self.folder)?;
            segments.push(fresh);
        }
        let segment = segments.last().expect("one was pushed a line before where there was none").clone();
        if let Err(error) = (&segment.file).write_all(&framed) {
            // What was written of it must not stand before the next row.
            if segment.file.set_len(segment.written()).is_err() {
                segments.push(Segment::create(&self.folder)?);
            }
            return Err(error.into());
        }
        segment.written.fetch_add(size, Ordering::AcqRel);
        self.waiting.fetch_add(size, Ordering::AcqRel);
        Ok(segment)
    }

    /// Returns the oldest segment with rows that are not in the database; removes those that are through.
    pub fn next(&self) -> Option<Arc<Segment>> {
        let mut segments = self.segments.lock().expect("no holder of this lock can panic");
        while segments.len() > 1 && segments[0].drained() >= segments[0].written() {
            remove(&segments.remove(0));
        }
        segments.first().filter(|first| first.drained() < first.written()).cloned()
    }

    /// Notes that a segment is in the database up to a position.
    pub fn drained(&self, segment: &Segment, position: u64) {
        let before = segment.drained();
        segment.set_drained(position);
        self.waiting.fetch_sub(position - before, Ordering::AcqRel);
    }

    /// Keeps a segment that cannot be read to its end under another name, so that it holds up no other.
    pub fn set_aside(&self, segment: &Segment) {
        tracing::error!(
            segment = segment.name,
            "a spool file of the audit cannot be read to its end; it is kept as .damaged"
        );
        if let Err(error) = std::fs::copy(&segment.path, segment.path.with_extension("damaged")) {
            tracing::error!(%error, "failed to keep a damaged spool file of the audit");
        }
        self.drained(segment, segment.written());
    }

    /// Removes the files of a process that ends in peace; what is not drained stays for another.
    pub fn close(&self) {
        let mut segments = self.segments.lock().expect("no holder of this lock can panic");
        segments.retain(|segment| {
            let is_through = segment.drained() >= segment.written();
            if is_through {
                remove(segment);
            }
            !is_through
        });
    }
}

/// Removes a segment that is through. Where its file stays, nothing is read from it twice: its position is in the database.
pub fn remove(segment: &Segment) {
    if let Err(error) = std::fs::remove_file(&segment.path) {
        tracing::warn!(%error, "failed to remove a drained spool file of the audit");
    }
}

/// Returns the segments that processes left which are no more.
pub fn left_behind(folder: &Path) -> Result<Vec<Segment>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            continue;
        }
        let Some(name) = path.file_stem().and_then(|name| name.to_str()).map(str::to_string) else { continue };
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            file => file?,
        };
        if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() || !path.exists() {
            // A living process has it, or one that has just removed it.
            continue;
        }
        let written = AtomicU64::new(file.metadata()?.len());
        found.push(Segment { name, path, file, written, drained: AtomicU64::new(0) });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Tells a row cut short from a whole one; what nobody else may write needs no more.
fn checksum(row: &[u8]) -> [u8; 4] {
    let hash = row.iter().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193));
    hash.to_be_bytes()
}

#[cfg(test)]
mod tests;
