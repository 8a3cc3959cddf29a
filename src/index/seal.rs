//! Whether the files of an index are still those that were checked: its files are written once and never changed.
//!
//! The library maps files into memory. One that was cut off since would end the process on the next access, so they are looked
//! at before every search.

use super::IndexError;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tantivy::Index;

const META: &str = "meta.json";

/// The files of a commit and what they were like.
pub struct Seal {
    folder: PathBuf,
    files: Vec<(PathBuf, Mark)>,
}

#[derive(Debug, PartialEq, Eq)]
struct Mark {
    bytes: u64,
    changed: Option<SystemTime>,
}

impl Mark {
    fn of(data: &Metadata) -> Mark {
        Mark { bytes: data.len(), changed: data.modified().ok() }
    }
}

impl Seal {
    /// Marks the files of the last commit. Those of a part that an index need not have may be missing.
    pub fn new(index: &Index, folder: &Path) -> Result<Seal, IndexError> {
        let listed = index.load_metas().map_err(IndexError::read)?.list_segment_files();
        let mark = |path: PathBuf| Some((Mark::of(&fs::metadata(folder.join(&path)).ok()?), path));
        let files = listed.into_iter().filter_map(mark).map(|(mark, path)| (path, mark)).collect();
        Ok(Seal { folder: folder.to_path_buf(), files })
    }

    /// Returns an error when a file is not what it was.
    pub fn check(&self, index: &Index) -> Result<(), IndexError> {
        let damaged = |path: &Path, what: &str| Err(IndexError::Damaged(format!("{} {what}", path.display())));
        if fs::metadata(self.folder.join(META)).is_err() {
            return damaged(Path::new(META), "is gone");
        }
        let mut gone = Vec::new();
        for (path, mark) in &self.files {
            match fs::metadata(self.folder.join(path)) {
                Ok(data) if Mark::of(&data) == *mark => {}
                Ok(_) => return damaged(path, "was changed"),
                Err(e) if e.kind() == ErrorKind::NotFound => gone.push(path),
                Err(e) => return damaged(path, &format!("cannot be read: {e}")),
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        // Parts that were merged into others are removed in peace.
        let listed = index.load_metas().map_err(IndexError::read)?.list_segment_files();
        match gone.into_iter().find(|path| listed.contains(*path)) {
            Some(path) => damaged(path, "is gone"),
            None => Ok(()),
        }
    }
}
