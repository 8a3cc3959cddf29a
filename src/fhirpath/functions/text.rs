//! Splitting, joining, encoding and escaping of strings.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#additional-string-functions>.

use super::super::arithmetic::check_length;
use super::super::error::FhirpathError;
use super::super::item::Item;
use super::{Invocation, string};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use std::fmt::Write;

type One<'a> = Result<Option<Item<'a>>, FhirpathError>;

pub(super) fn to_chars<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Result<(), FhirpathError> {
    let Some(text) = call.input_text()? else { return Ok(()) };
    call.evaluator.spend(text.len())?;
    out.extend(text.chars().map(|c| Item::String(c.to_string().into())));
    Ok(())
}

pub(super) fn split<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Result<(), FhirpathError> {
    let (Some(text), Some(separator)) = (call.input_text()?, call.argument_text(0)?) else {
        return Ok(());
    };
    call.evaluator.spend(text.len())?;
    if separator.is_empty() {
        out.extend(text.chars().map(|c| Item::String(c.to_string().into())));
        return Ok(());
    }
    out.extend(text.split(&*separator).map(|part| Item::String(part.to_string().into())));
    Ok(())
}

pub(super) fn join<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let separator = call.argument_text(0)?.unwrap_or_default();
    if call.input.is_empty() {
        return Ok(None);
    }
    let mut out = String::new();
    let input = std::mem::take(&mut call.input);
    for (i, item) in input.into_iter().filter(|item| !item.is_void()).enumerate() {
        if i > 0 {
            out.push_str(&separator);
        }
        let text = call.text_of(item)?;
        check_length(out.len() + text.len() + separator.len())?;
        out.push_str(&text);
    }
    string(out)
}

pub(super) fn encode<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let (Some(text), Some(format)) = (call.input_text()?, call.argument_text(0)?) else {
        return Ok(None);
    };
    check_length(text.len() * 2)?;
    match &*format {
        "hex" => string(text.bytes().fold(String::new(), |mut out, byte| {
            // Writing to a String cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })),
        "base64" => string(STANDARD.encode(text.as_bytes())),
        "urlbase64" => string(URL_SAFE.encode(text.as_bytes())),
        _ => Ok(None),
    }
}

pub(super) fn decode<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let (Some(text), Some(format)) = (call.input_text()?, call.argument_text(0)?) else {
        return Ok(None);
    };
    let bytes = match &*format {
        "hex" => from_hex(text.as_bytes()),
        "base64" => STANDARD.decode(text.as_bytes()).ok(),
        "urlbase64" => URL_SAFE.decode(text.as_bytes()).ok(),
        _ => None,
    };
    Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()).map(|text| Item::String(text.into())))
}

fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let nibble = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?)).collect()
}

const HTML: [(char, &str); 5] = [('<', "&lt;"), ('>', "&gt;"), ('&', "&amp;"), ('"', "&quot;"), ('\'', "&#39;")];
const JSON: [(char, &str); 7] =
    [('"', "\\\""), ('\\', "\\\\"), ('\n', "\\n"), ('\r', "\\r"), ('\t', "\\t"), ('\u{c}', "\\f"), ('\u{8}', "\\b")];

pub(super) fn escape<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let (Some(text), Some(target)) = (call.input_text()?, call.argument_text(0)?) else {
        return Ok(None);
    };
    check_length(text.len() * 6)?;
    let table: &[(char, &str)] = match &*target {
        "html" => &HTML,
        "json" => &JSON,
        _ => return Ok(None),
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match table.iter().find(|(from, _)| *from == c) {
            Some((_, to)) => out.push_str(to),
            None => out.push(c),
        }
    }
    string(out)
}

pub(super) fn unescape<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let (Some(text), Some(target)) = (call.input_text()?, call.argument_text(0)?) else {
        return Ok(None);
    };
    let table: &[(char, &str)] = match &*target {
        "html" => &HTML,
        "json" => &JSON,
        _ => return Ok(None),
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(c) = rest.chars().next() {
        let (next, taken) = match table.iter().find(|(_, escaped)| rest.starts_with(escaped)) {
            Some((plain, escaped)) => (*plain, escaped.len()),
            None => (c, c.len_utf8()),
        };
        out.push(next);
        rest = &rest[taken..];
    }
    string(out)
}
