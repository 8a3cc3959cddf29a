//! Places for the indexes of several processes that share a folder: each process takes one for itself.
//!
//! Every process has an index of its own, so that none waits for another; a process that starts takes the first free place
//! and catches up from where its last owner left it.

use super::IndexError;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Processes that may share a folder.
const PLACES: usize = 8;

/// A place, held until this is dropped or the process ends.
pub struct Slot {
    pub folder: PathBuf,
    _lock: File,
}

/// Takes the first free place below `root`.
pub fn take(root: &Path) -> Result<Slot, IndexError> {
    for place in 0..PLACES {
        if let Some(slot) = take_place(root, place)? {
            return Ok(slot);
        }
    }
    Err(IndexError::Taken(root.display().to_string()))
}

/// Takes the first place, which is that of a server by itself; fails where a server runs.
pub fn take_first(root: &Path) -> Result<Slot, IndexError> {
    take_place(root, 0)?.ok_or_else(|| IndexError::Taken(root.display().to_string()))
}

fn take_place(root: &Path, place: usize) -> Result<Option<Slot>, IndexError> {
    let failed = |e: std::io::Error| IndexError::Write(format!("{}: {e}", root.display()));
    fs::create_dir_all(root).map_err(failed)?;
    let lock = File::create(root.join(format!("{place}.lock"))).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(Slot { folder: root.join(place.to_string()), _lock: lock })),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(e)) => Err(failed(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_has_a_place_of_its_own() {
        let root = std::env::temp_dir().join(format!("slots-{}", uuid::Uuid::new_v4()));
        let first = take(&root).unwrap();
        let second = take(&root).unwrap();
        assert_ne!(first.folder, second.folder);
        assert!(take_first(&root).is_err());
        let folder = first.folder.clone();
        drop(first);
        assert_eq!(take(&root).unwrap().folder, folder);
        let _ = fs::remove_dir_all(root);
    }
}
