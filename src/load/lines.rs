//! Reads ndjson: a resource a line, however many there are.
//!
//! R4 <https://hl7.org/fhir/R4/nd-json.html>.

use std::io::{BufRead, Read};

use bytes::Bytes;

use super::entry::{Entry, Head, entry_json};
use super::split::{Fail, GROUP_ENTRIES_MAX, Unit, Work};

const GROUP_BYTES_MAX: usize = 4 << 20;
const LINE_BYTES_MAX: u64 = 64 << 20;

/// Hands the lines of an ndjson file on, gathered in groups; returns false once `send` does.
pub fn lines(
    mut reader: impl BufRead,
    file: &str,
    fail: &Fail,
    send: &mut dyn FnMut(Unit) -> bool,
) -> std::io::Result<bool> {
    let mut send = |work| send(Unit { file: file.to_string(), work });
    let (mut group, mut group_bytes) = (Vec::new(), 0);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = reader.by_ref().take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line)?;
        if read as u64 > LINE_BYTES_MAX {
            fail(
                format!("line {number}"),
                format!("longer than {LINE_BYTES_MAX} bytes; reading of this file ends here"),
            );
            break;
        }
        let is_full = group.len() == GROUP_ENTRIES_MAX || group_bytes + line.len() > GROUP_BYTES_MAX;
        if (read == 0 || is_full) && !group.is_empty() {
            let entries = std::mem::take(&mut group);
            group_bytes = 0;
            if !send(Work::Group { entries, stands_alone: true }) {
                return Ok(false);
            }
        }
        if read == 0 {
            break;
        }
        let place = format!("line {number}");
        let text = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line).trim_ascii();
        if text.is_empty() {
            continue;
        }
        match line_of(text) {
            Ok(Line::Entry(json)) => {
                group_bytes += json.len();
                group.push(Entry { place, json });
            }
            Ok(Line::Bundle(work)) => {
                if !send(work) {
                    return Ok(false);
                }
            }
            Err(reason) => fail(place, reason),
        }
    }
    Ok(true)
}

enum Line {
    Entry(String),
    Bundle(Work),
}

fn line_of(text: &[u8]) -> Result<Line, String> {
    let text = std::str::from_utf8(text).map_err(|_| "not UTF-8".to_string())?;
    let head: Head = serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))?;
    let is_bundle = head.resource_type.as_deref() == Some("Bundle");
    match head.bundle_type().as_str() {
        kind @ ("transaction" | "batch") if is_bundle => Ok(Line::Bundle(Work::Bundle {
            body: Bytes::copy_from_slice(text.as_bytes()),
            is_batch: kind == "batch",
            entries: head.entry.as_ref().map_or(0, Vec::len),
        })),
        _ => Ok(Line::Entry(entry_json(None, text, &head)?)),
    }
}
