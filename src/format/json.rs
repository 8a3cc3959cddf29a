//! JSON in and out, without the liberties that a general parser takes.
//!
//! R4 <https://hl7.org/fhir/R4/json.html>. Decimals keep their digits (`1.50` stays `1.50`; only the exponent is
//! respelled, `1E2` as `1e+2`), properties keep their order, and whatever two parsers might read differently is
//! refused: a property given twice, NUL, half a surrogate pair, bytes that are not UTF-8.

mod visitor;

use memchr::memmem;
use serde_json::Value;

use self::visitor::{Reading, Refusal};
use super::{Limits, utf8};
use crate::fault::{Fault, Kind};

/// serde_json spells numbers and raw values as an object with one of two keys that start so. Input must not.
const PRIVATE_KEYS: &str = "$serde_json::private::";

/// serde_json itself gives up at 128; our own check, which names the element, has to come first.
const DEPTH_MAX: usize = 126;

/// Returns the one JSON value of `bytes`, or a fault with the element, the line and the column (in bytes).
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Value, Fault> {
    let text = utf8(bytes, "JSON")?;
    let limits = Limits { depth_max: limits.depth_max.min(DEPTH_MAX), ..*limits };
    let reading = Reading::new(text, limits);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = reading.value(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| explain(&error, reading))
}

/// Returns the text of `bytes` for a caller that reads it lazily as `RawValue` and hands the parts to [`read`].
///
/// Checks what concerns the text as a whole: the encoding, and serde_json's private keys.
pub fn prescan(bytes: &[u8]) -> Result<&str, Fault> {
    let text = utf8(bytes, "JSON")?;
    match memmem::find(text.as_bytes(), PRIVATE_KEYS.as_bytes()) {
        None => Ok(text),
        Some(at) => Err(Fault::new(Kind::Structure, format!("`{PRIVATE_KEYS}` at byte {at} is not allowed here"))),
    }
}

/// Returns `value` as JSON text: on one line, or indented by two spaces.
pub fn write(value: &Value, pretty: bool) -> Result<Vec<u8>, Fault> {
    let written = if pretty { serde_json::to_vec_pretty(value) } else { serde_json::to_vec(value) };
    written.map_err(|source| Fault::internal("failed to write JSON", source))
}

/// Returns the fault for an error of the parser or a refusal of ours.
fn explain(error: &serde_json::Error, reading: Reading) -> Fault {
    let (line, column) = (error.line(), error.column());
    let (refusal, expression) = reading.outcome();
    let element = expression.as_deref().unwrap_or("the body");
    let (kind, what) = match refusal {
        Some(Refusal::Twice) => (Kind::Structure, format!("{element} appears twice")),
        Some(Refusal::PrivateKey) => (Kind::Structure, format!("`{PRIVATE_KEYS}` cannot begin a property name")),
        Some(Refusal::Deep(max)) => (Kind::TooLarge, format!("nested more than {max} levels deep")),
        Some(Refusal::Nul) => (Kind::Malformed, "a string contains the character NUL (U+0000)".to_string()),
        Some(Refusal::LongNumber(chars)) => (Kind::Value, format!("a number of {chars} characters is not read")),
        None if error.is_eof() && line <= 1 && column == 0 => (Kind::Malformed, "the body is empty".to_string()),
        None => (Kind::Malformed, format!("not JSON: {}", syntax(&error.to_string()))),
    };
    let diagnostics = format!("{what} (line {line}, column {column})");
    match expression {
        Some(expression) => Fault::at(kind, expression, diagnostics),
        None => Fault::new(kind, diagnostics),
    }
}

/// Returns the parser's words without its position, and plainer where they would puzzle.
fn syntax(message: &str) -> &str {
    match message.rsplit_once(" at line ").map_or(message, |(what, _)| what) {
        what if what.ends_with("hex escape") => "a \\u escape is broken or half a surrogate pair",
        "expected ident" => "expected true, false or null",
        what => what,
    }
}

#[cfg(test)]
mod tests;
