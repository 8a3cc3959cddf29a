//! The spool without a database.

use super::*;

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("medilink-spool-{}", uuid::Uuid::new_v4()))
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

/// Drains everything, as the database would take it.
fn drain(spool: &Spool, max: usize) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    while let Some(segment) = spool.next() {
        let (rows, position) = segment.read(segment.drained(), max).unwrap();
        assert!(!rows.is_empty(), "rows that wait can be read");
        spool.drained(&segment, position);
        out.extend(rows);
    }
    out
}

#[test]
fn rows_come_out_as_they_went_in_and_their_files_go() {
    let folder = folder();
    let spool = Spool::new(folder.clone(), 64 << 20);
    assert_eq!(files(&folder), 0, "no row, no file");
    let rows: Vec<Vec<u8>> = (0..12).map(|n| vec![n; 1_000_000]).collect();
    for row in &rows {
        spool.append(row).unwrap();
    }
    assert_eq!(files(&folder), 3, "segments are of a bounded size");
    // A read of less than one row still gives that row.
    assert!(drain(&spool, 64) == rows);
    assert_eq!((spool.waiting(), files(&folder)), (0, 1));
    spool.close();
    assert_eq!(files(&folder), 0);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_full_spool_takes_nothing_until_it_is_drained() {
    let folder = folder();
    let spool = Spool::new(folder.clone(), 100);
    for _ in 0..2 {
        spool.append(&[1; 40]).unwrap();
        spool.append(&[2; 40]).unwrap();
        assert!(matches!(spool.append(&[3; 40]), Err(SpoolError::Full)));
        assert_eq!(drain(&spool, 1000).len(), 2);
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_cannot_be_written_is_said() {
    let spool = Spool::new(PathBuf::from("/dev/null/audit"), 100);
    assert!(matches!(spool.append(&[1]), Err(SpoolError::Io(_))));
}

#[test]
fn rows_of_a_dead_process_are_found_and_those_of_a_living_one_left() {
    let folder = folder();
    let spool = Spool::new(folder.clone(), 1000);
    spool.append(b"one").unwrap();
    spool.append(b"two").unwrap();
    assert!(left_behind(&folder).unwrap().is_empty());
    drop(spool);
    let found = left_behind(&folder).unwrap();
    assert_eq!(found.len(), 1);
    let (rows, position) = found[0].read(0, 1000).unwrap();
    assert_eq!((rows, position), (vec![b"one".to_vec(), b"two".to_vec()], found[0].written()));
    assert!(left_behind(&folder).unwrap().is_empty(), "it is taken");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_row_cut_short_ends_what_is_read() {
    let folder = folder();
    let spool = Spool::new(folder.clone(), 1000);
    let segment = spool.append(b"whole").unwrap();
    spool.append(b"cut").unwrap();
    let length = segment.written();
    for cut in [1, 3, 4, 10] {
        let (rows, position) = {
            let file = OpenOptions::new().read(true).open(&segment.path).unwrap();
            let written = AtomicU64::new(length - cut);
            let short = Segment { name: "x".into(), path: folder.clone(), file, written, drained: AtomicU64::new(0) };
            short.read(0, 1000).unwrap()
        };
        assert_eq!((rows, position), (vec![b"whole".to_vec()], 13), "{cut} bytes are missing");
    }
    segment.file.set_len(0).unwrap();
    std::fs::write(&segment.path, [0, 0, 0, 1, 9, 9, 9, 9, 7]).unwrap();
    let (rows, _) = segment.read(0, 9).unwrap();
    assert!(rows.is_empty(), "a checksum that does not fit");
    std::fs::remove_dir_all(folder).unwrap();
}
