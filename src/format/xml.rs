//! FHIR XML to JSON values and back, by the definitions in the catalog.
//!
//! R4 <https://hl7.org/fhir/R4/xml.html>. Reading is strict: elements stand in the order of their definition, none is
//! empty, nothing unknown passes, a document type (and with it every entity of its own) is refused. Decimals keep
//! their digits; the narrative keeps its text. An attribute value is normalised as XML demands, so a line break that
//! matters is written `&#xA;`.

mod path;
mod read;
mod write;
mod xhtml;

#[cfg(test)]
mod tests;

pub use read::read;
pub use write::write;

const FHIR: &str = "http://hl7.org/fhir";
const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// Returns where `text` has a character that XML 1.0 has no place for, not even as a reference.
///
/// Asked for every byte that is read or written, hence in blocks that the compiler can take 32 bytes at a time.
fn illegal_at(text: &str) -> Option<usize> {
    let suspicious = |b: u8| (b < b' ') & (b != b'\t') & (b != b'\n') & (b != b'\r') | (b == 0xef);
    let bytes = text.as_bytes();
    for start in (0..bytes.len()).step_by(64) {
        let block = &bytes[start..bytes.len().min(start + 64)];
        if block.iter().fold(false, |any, b| any | suspicious(*b)) {
            let is_bad = |at: &usize| match bytes[*at] {
                // U+FFFE and U+FFFF; much else begins with the same byte.
                0xef => bytes[*at..].starts_with(b"\xef\xbf\xbe") || bytes[*at..].starts_with(b"\xef\xbf\xbf"),
                b => suspicious(b),
            };
            if let Some(at) = (start..start + block.len()).find(is_bad) {
                return Some(at);
            }
        }
    }
    None
}
