//! Cuts a file into requests without building its resources: they stay the bytes that they were.

use std::io::{BufReader, Read};

use bytes::Bytes;
use serde_json::value::RawValue;

use super::Method;
use super::entry::{Entry, Head, address, entry_of};
use super::files::{self, Form, Source};
use super::lines::lines;
use super::report::{Failure, Tally};

pub const GROUP_ENTRIES_MAX: usize = 200;
const FILE_BYTES_MAX: u64 = 1 << 30;

/// What is sent in one go, and where it came from.
#[derive(Debug)]
pub struct Unit {
    pub file: String,
    pub work: Work,
}

#[derive(Debug)]
pub enum Work {
    /// A Bundle as it was found.
    Bundle {
        body: Bytes,
        is_batch: bool,
        entries: usize,
    },
    Single {
        method: Method,
        path: String,
        body: Bytes,
        place: String,
    },
    /// Entries that we gathered; `stands_alone` means none needs another one of them.
    Group {
        entries: Vec<Entry>,
        stands_alone: bool,
    },
}

/// Hands every unit of a file to `send`; returns false once that does. What cannot be read goes to the tally.
pub fn split(source: &Source, tally: &Tally, send: &mut dyn FnMut(Unit) -> bool) -> bool {
    let file = source.path.display().to_string();
    let fail = |place: String, reason: String| tally.fail(Failure { file: file.clone(), place, reason, resources: 1 });
    let opened = files::open(source, |opened| tally.counted(opened));
    let result = match (opened, source.form) {
        (Err(error), _) => Err(error),
        (Ok(reader), Form::Ndjson) => lines(BufReader::with_capacity(256 << 10, reader), &file, &fail, send),
        (Ok(reader), Form::Json) => whole(reader, &file, &fail, send),
    };
    tally.file_done();
    result.unwrap_or_else(|error| {
        fail(String::new(), format!("failed to read: {error}"));
        true
    })
}

/// Notes a failure at a place, with a reason.
pub type Fail<'a> = dyn Fn(String, String) + 'a;

fn whole(reader: impl Read, file: &str, fail: &Fail, send: &mut dyn FnMut(Unit) -> bool) -> std::io::Result<bool> {
    let mut body = Vec::new();
    reader.take(FILE_BYTES_MAX + 1).read_to_end(&mut body)?;
    if body.len() as u64 > FILE_BYTES_MAX {
        fail(String::new(), format!("larger than {FILE_BYTES_MAX} bytes; use ndjson"));
        return Ok(true);
    }
    let body = Bytes::from(body);
    // Some programs begin their files with a byte order mark.
    let body = if body.starts_with(b"\xEF\xBB\xBF") { body.slice(3..) } else { body };
    let head: Head = match serde_json::from_slice(&body) {
        Ok(head) => head,
        Err(error) => {
            fail(String::new(), format!("not a JSON object: {error}"));
            return Ok(true);
        }
    };
    let mut send = |work| send(Unit { file: file.to_string(), work });
    if head.resource_type.as_deref() != Some("Bundle") {
        return Ok(match single(&head, body.clone(), String::new()) {
            Ok(work) => send(work),
            Err(reason) => {
                fail(String::new(), reason);
                true
            }
        });
    }
    let entries = head.entry.as_deref().unwrap_or_default();
    Ok(match head.bundle_type().as_str() {
        "transaction" => send(Work::Bundle { body: body.clone(), is_batch: false, entries: entries.len() }),
        "batch" => send(Work::Bundle { body: body.clone(), is_batch: true, entries: entries.len() }),
        "collection" | "searchset" | "document" | "message" => gather(entries, fail, &mut send),
        other => {
            fail("Bundle.type".to_string(), format!("\"{other}\" is not a type of Bundle that can be loaded"));
            true
        }
    })
}

fn gather(entries: &[&RawValue], fail: &Fail, send: &mut dyn FnMut(Work) -> bool) -> bool {
    let mut group = Vec::new();
    let mut linked = false;
    for (index, raw) in entries.iter().enumerate() {
        let place = format!("entry[{index}]");
        match entry_of(raw) {
            Ok(Some((json, by_urn))) => {
                linked |= by_urn;
                group.push(Entry { place, json });
            }
            Ok(None) => {}
            Err(reason) => fail(place, reason),
        }
    }
    // Entries that know each other by urn:uuid must stay together: only one transaction can resolve that.
    if linked {
        return send(Work::Group { entries: group, stands_alone: false });
    }
    let mut group = group.into_iter().peekable();
    while group.peek().is_some() {
        let entries = group.by_ref().take(GROUP_ENTRIES_MAX).collect();
        if !send(Work::Group { entries, stands_alone: true }) {
            return false;
        }
    }
    true
}

fn single(head: &Head, body: Bytes, place: String) -> Result<Work, String> {
    let (method, path) = address(head)?;
    Ok(Work::Single { method, path, body, place })
}
