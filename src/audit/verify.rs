//! Goes over the chain of the audit and names the first record that is not as the server left it.
//!
//! Three things hold each other: the mac of a row (it is the server's), the mac of a link (it is the server's, and stands where
//! it was put), and the hash of a link (all before it is as it was). The head in the data folder and the checkpoints say how long the chain is.

use super::checkpoint::{self, Checkpoint};
use super::head;
use crate::fhir::{Instant, ResourceType};
use crate::store::audit::Ground;
use crate::store::audit::chain::{Link, Stored};
use crate::store::audit::row::{Hash, MacKey, Row, link_hash};
use crate::store::{Store, StoreError};
use std::collections::BTreeMap;
use std::fmt;

/// Records that are fetched together; a reordered one is looked for among so many.
const BATCH: i64 = 4096;

/// What has become of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Altered,
    Missing,
    Inserted,
    Reordered,
    Truncated,
}

impl Change {
    pub fn name(self) -> &'static str {
        match self {
            Change::Altered => "altered",
            Change::Missing => "missing",
            Change::Inserted => "inserted",
            Change::Reordered => "reordered",
            Change::Truncated => "truncated",
        }
    }
}

/// A record that is not as the server left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub kind: Change,
    /// Its place in the chain; none for a row that has none.
    pub seq: Option<i64>,
    /// Its number in the table `audit`; none where that is gone too.
    pub number: Option<i64>,
    pub at: Option<Instant>,
    pub who: Option<String>,
    pub what: Option<String>,
    /// What was found out, in words.
    pub text: &'static str,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub checked: u64,
    /// Place and hash of the last link that was checked.
    pub seq: i64,
    pub head: Hash,
    pub first_broken: Option<Broken>,
}

/// Checks the chain from the place `from` to the place `to`, both included; all of it, and what is not in it, without them.
pub async fn verify(store: &Store, from: Option<i64>, to: Option<i64>) -> Result<Report, StoreError> {
    verify_against(store, from, to, &[]).await
}

/// As [`verify`], and holds checkpoints from elsewhere against the chain.
pub async fn verify_against(
    store: &Store,
    from: Option<i64>,
    to: Option<i64>,
    checkpoints: &[Checkpoint],
) -> Result<Report, StoreError> {
    let ground = store.audit_ground();
    let mut marks = marks(store, ground).await?;
    marks.extend(checkpoints.iter().map(|checkpoint| (checkpoint.seq, checkpoint.hash)));
    let marks = Marks::new(marks);
    let first = from.unwrap_or(1).max(1);
    let mut walk = Walk { key: &ground.key, marks: &marks, seq: first - 1, hash: [0; 32] };
    let mut report = Report { checked: 0, seq: 0, head: [0; 32], first_broken: None };
    if first > 1 {
        // The hash that the range stands on; its mac says that it is the server's.
        let before = store.walk_audit(first - 2, 1).await?;
        match before.first() {
            Some(link) if link.seq == first - 1 && is_placed(&ground.key, link) => {
                walk.hash = link.hash.as_slice().try_into().unwrap_or_default();
            }
            _ => {
                report.first_broken =
                    Some(broken(Change::Missing, Some(first - 1), None, "the link before is not there"));
                return Ok(report);
            }
        }
    }
    loop {
        let limit = to.map_or(BATCH, |to| (to - walk.seq).clamp(0, BATCH));
        let links = if limit == 0 { Vec::new() } else { store.walk_audit(walk.seq, limit).await? };
        for (index, link) in links.iter().enumerate() {
            report.first_broken = walk.step(link, &links[index + 1..]);
            if report.first_broken.is_some() {
                return Ok(report);
            }
            report.checked += 1;
            (report.seq, report.head) = (walk.seq, walk.hash);
        }
        if (links.len() as i64) < limit || limit == 0 {
            break;
        }
    }
    if to.is_none() {
        report.first_broken = match marks.beyond(walk.seq) {
            Some(_) => {
                let text = "the chain was longer than it is";
                Some(broken(Change::Truncated, Some(walk.seq + 1), None, text))
            }
            None => aside(store, &ground.key, from).await?,
        };
    }
    Ok(report)
}

/// Looks at what is not in the chain: rows that wait for their link, and those that never had or have lost it.
async fn aside(store: &Store, key: &MacKey, from: Option<i64>) -> Result<Option<Broken>, StoreError> {
    let mut after = i64::MIN;
    loop {
        let rows = store.unlinked_audit(after, BATCH).await?;
        for row in &rows {
            let (kind, text) = match (row.stored.is_sound(key), row.overtaken) {
                (false, _) => (Change::Inserted, "the server did not make it"),
                (true, true) => (Change::Missing, "its link is not there"),
                (true, false) => continue,
            };
            return Ok(Some(broken(kind, None, Some(&row.stored), text)));
        }
        match rows.last() {
            Some(last) if rows.len() as i64 == BATCH => after = last.stored.no,
            _ => break,
        }
    }
    if from.is_some() {
        return Ok(None);
    }
    let odd = store.odd_audit_patient().await?;
    Ok(odd.map(|no| Broken {
        number: Some(no),
        ..broken(Change::Altered, None, None, "the log of a patient does not have it as it is")
    }))
}

/// Places of the chain and the hashes they had.
struct Marks(BTreeMap<i64, Vec<Hash>>);

impl Marks {
    fn new(marks: Vec<(i64, Hash)>) -> Marks {
        let mut found: BTreeMap<i64, Vec<Hash>> = BTreeMap::new();
        for (seq, hash) in marks.into_iter().filter(|(seq, _)| *seq > 0) {
            found.entry(seq).or_default().push(hash);
        }
        Marks(found)
    }

    fn beyond(&self, seq: i64) -> Option<i64> {
        self.0.keys().next_back().copied().filter(|last| *last > seq)
    }

    fn contradicts(&self, seq: i64, hash: &Hash) -> bool {
        self.0.get(&seq).is_some_and(|hashes| hashes.iter().any(|known| known != hash))
    }
}

async fn marks(store: &Store, ground: &Ground) -> Result<Vec<(i64, Hash)>, StoreError> {
    let Some(folder) = &ground.folder else { return Ok(Vec::new()) };
    let damaged = |error: std::io::Error| StoreError::Damaged(format!("the folder of the audit: {error}"));
    let mut marks: Vec<(i64, Hash)> = Vec::new();
    marks.extend(head::read(folder).map_err(damaged)?.map(|head| (head.seq, head.hash)));
    marks.extend(head::lost(folder).map_err(damaged)?.iter().map(|head| (head.seq, head.hash)));
    let mut known = checkpoint::kept(folder).map_err(damaged)?;
    known.extend(store.audit_checkpoints().await?);
    if let Some(key) = checkpoint::public(folder).map_err(damaged)? {
        // Statements under keys of other servers are for those who have their keys.
        marks.extend(known.iter().filter_map(|text| checkpoint::read(text, &key)).map(|it| (it.seq, it.hash)));
    }
    Ok(marks)
}

struct Walk<'a> {
    key: &'a MacKey,
    marks: &'a Marks,
    seq: i64,
    hash: Hash,
}

impl Walk<'_> {
    /// Checks the next link; `later` are those after it.
    fn step(&mut self, link: &Link, later: &[Link]) -> Option<Broken> {
        let seq = self.seq + 1;
        if link.seq != seq {
            return Some(broken(Change::Missing, Some(seq), None, "there is no link at this place"));
        }
        if !is_placed(self.key, link) {
            let (kind, text) = misplaced(self.key, link, later);
            return Some(broken(kind, Some(seq), link.row.as_ref(), text));
        }
        let Some(row) = &link.row else {
            let mut found = broken(Change::Missing, Some(seq), None, "its row is not there");
            found.number = Some(link.no);
            return Some(found);
        };
        let hash = link_hash(&self.hash, row.no, &row.bytes, &row.mac);
        let found = match (row.is_sound(self.key), link.sound) {
            (true, true) if link.hash == hash => None,
            (true, true) => Some((Change::Altered, "what is before it is not what was there")),
            (_, true) => Some((Change::Altered, "the row is not as the server wrote it")),
            (_, false) => Some((Change::Inserted, "the server did not make it")),
        };
        if let Some((kind, text)) = found {
            return Some(broken(kind, Some(seq), Some(row), text));
        }
        if self.marks.contradicts(seq, &hash) {
            return Some(broken(Change::Altered, Some(seq), Some(row), "a head or checkpoint says another hash"));
        }
        (self.seq, self.hash) = (seq, hash);
        None
    }
}

fn is_placed(key: &MacKey, link: &Link) -> bool {
    link.mac == key.link(link.seq, link.no, link.sound, &link.hash)
}

/// Says how a link came to stand where it does not belong.
fn misplaced(key: &MacKey, link: &Link, later: &[Link]) -> (Change, &'static str) {
    let fits = |seq: i64, number: i64| link.mac == key.link(seq, number, link.sound, &link.hash);
    let belongs_here =
        |other: &&Link| other.mac == key.link(link.seq, other.no, other.sound, &other.hash) && other.seq != link.seq;
    let hash_belongs = |other: &&Link| fits(link.seq, other.no);
    if later.iter().any(|other| belongs_here(&other) || hash_belongs(&other)) {
        return (Change::Reordered, "it stands in the place of another");
    }
    if (1..=BATCH).any(|further| fits(link.seq + further, link.no)) {
        return (Change::Missing, "what was at this place is not there; what followed was moved up");
    }
    (Change::Altered, "its link is not as the server wrote it")
}

fn broken(kind: Change, seq: Option<i64>, row: Option<&Stored>, text: &'static str) -> Broken {
    Broken {
        kind,
        seq,
        number: row.map(|row| row.no),
        at: row.map(|row| Instant(row.row.at)),
        who: row.map(|row| row.row.principal.to_string()),
        what: row.map(|row| what(&row.row)),
        text,
    }
}

/// Returns what a row is of: `read Patient/1`.
fn what(row: &Row) -> String {
    let mut text = row.action.to_string();
    if let Some(t) = row.type_.and_then(ResourceType::from_number) {
        text.push_str(&format!(" {t}"));
    }
    if let Some(id) = &row.id {
        text.push_str(&format!("/{id}"));
    }
    text
}

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.kind.name())?;
        match self.seq {
            Some(seq) => write!(out, ": record {seq}")?,
            None => write!(out, ": a record outside the chain")?,
        }
        if let Some(number) = self.number {
            write!(out, ", row {number}")?;
        }
        if let Some(at) = self.at {
            write!(out, ", {at}")?;
        }
        for part in [&self.who, &self.what].into_iter().flatten() {
            write!(out, ", {part}")?;
        }
        write!(out, " ({})", self.text)
    }
}
