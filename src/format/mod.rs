//! Bytes in, checked JSON values out, and back.
//!
//! R4 <https://hl7.org/fhir/R4/formats.html>. Inside the server a resource is JSON; XML is turned into it at the
//! edge and out of it again.

pub mod json;
pub mod media;
pub mod subset;
pub mod xml;

pub use media::{ContentKind, Format};
pub use subset::{Subset, SummaryMode};

use crate::fault::{Fault, Kind};

/// What reading a body may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deepest nesting: of objects and arrays in JSON, of elements in XML.
    pub depth_max: usize,
    /// Longest number, in characters.
    pub number_chars_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { depth_max: 64, number_chars_max: 100 }
    }
}

/// Returns `bytes` as text without a byte order mark; `what` names the format in the message.
fn utf8<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str, Fault> {
    if bytes.starts_with(b"\xfe\xff") || bytes.starts_with(b"\xff\xfe") {
        return Err(Fault::new(Kind::Malformed, format!("the {what} is in UTF-16; FHIR wants UTF-8")));
    }
    let start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    std::str::from_utf8(&bytes[start..]).map_err(|error| {
        let at = start + error.valid_up_to();
        let text = format!("the {what} is not UTF-8: byte {at} is 0x{:02x}, which cannot stand there", bytes[at]);
        Fault::new(Kind::Malformed, text)
    })
}
