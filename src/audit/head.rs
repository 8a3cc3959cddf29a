//! The head of the chain, kept in the data folder beside the database: whoever cuts off the end of the chain is found out.
//!
//! The file `audit/head` names the last link. It never goes back: where the database has less, or something else, what it
//! said is kept in the file `audit/lost`, and every check says so until somebody who knows why takes the line away.

use crate::store::audit::chain::Head;
use crate::store::audit::row::Hash;
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

const HEAD: &str = "head";
const LOST: &str = "lost";

/// Makes the folder of the audit, which its owner alone can read.
pub fn make_folder(folder: &Path) -> Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Returns the head that was last written; none where none was.
pub fn read(folder: &Path) -> Result<Option<Head>> {
    let Some(text) = there(std::fs::read_to_string(folder.join(HEAD)))? else { return Ok(None) };
    parse(&text).map(Some)
}

/// Writes the head, whole or not at all.
pub fn write(folder: &Path, head: Head, at: i64) -> Result<()> {
    let draft = folder.join(format!("{HEAD}.new"));
    std::fs::write(&draft, format!("{} {} {at}\n", head.seq, hex(&head.hash)))?;
    std::fs::rename(&draft, folder.join(HEAD))
}

/// Keeps a head that the database has no more.
pub fn lose(folder: &Path, head: Head) -> Result<()> {
    let lost = lost(folder)?;
    if lost.contains(&head) {
        return Ok(());
    }
    let path = folder.join(LOST);
    let mut file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(format!("{} {}\n", head.seq, hex(&head.hash)).as_bytes())?;
    file.sync_all()
}

/// Returns the heads that the database had once and has no more.
pub fn lost(folder: &Path) -> Result<Vec<Head>> {
    let text = there(std::fs::read_to_string(folder.join(LOST)))?.unwrap_or_default();
    text.lines().map(parse).collect()
}

fn there<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

fn parse(line: &str) -> Result<Head> {
    let mut words = line.split_whitespace();
    let seq = words.next().and_then(|seq| seq.parse().ok());
    let hash = words.next().and_then(unhex);
    match (seq, hash) {
        (Some(seq), Some(hash)) => Ok(Head { seq, hash }),
        _ => Err(Error::new(ErrorKind::InvalidData, "the file of the head of the audit is damaged")),
    }
}

/// Returns a hash as text.
pub fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the hash that a text says; none where it says none.
pub fn unhex(text: &str) -> Option<Hash> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> = (0..32).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written_and_a_lost_one_stays() {
        let folder = std::env::temp_dir().join(format!("medilink-head-{}", uuid::Uuid::new_v4()));
        make_folder(&folder).unwrap();
        assert_eq!(read(&folder).unwrap(), None);
        let (first, second) = (Head { seq: 7, hash: [0xab; 32] }, Head { seq: 9, hash: [1; 32] });
        for head in [first, second] {
            write(&folder, head, 1).unwrap();
            assert_eq!(read(&folder).unwrap(), Some(head));
        }
        for head in [first, first, second] {
            lose(&folder, head).unwrap();
        }
        assert_eq!(lost(&folder).unwrap(), [first, second]);
        std::fs::write(folder.join(HEAD), "x").unwrap();
        assert!(read(&folder).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn only_a_hash_is_read_as_one() {
        assert_eq!(unhex(&hex(&[0x5f; 32])), Some([0x5f; 32]));
        for wrong in ["", "zz", &"z".repeat(64), &"é".repeat(32)] {
            assert_eq!(unhex(wrong), None, "{wrong}");
        }
    }
}
