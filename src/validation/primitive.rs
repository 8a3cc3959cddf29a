//! The values of primitive types: their JSON type and their text.
//!
//! R4 <https://hl7.org/fhir/R4/datatypes.html#primitive>. The regular expressions of that page, by hand, with the
//! rules that it gives in words.

use serde_json::Value;

use super::{temporal, xhtml};
use crate::catalog::Primitive;

/// R4: strings shall not exceed 1 MB, by which it means 1024 * 1024 characters.
const STRING_CHARS_MAX: usize = 1024 * 1024;
/// R4 asks for at least 18 digits of precision. More than this is refused rather than rounded by whoever reads it.
const DECIMAL_DIGITS_MAX: usize = 64;
/// The range of IEEE doubles, in powers of ten: R4's own example of extreme decimals stays within ±245.
const DECIMAL_EXPONENT_MAX: i32 = 307;

/// What is wrong with a value; the texts complete "must be …".
#[derive(Debug, PartialEq)]
pub(super) enum Wrong {
    JsonType(&'static str),
    Rule(&'static str),
}

/// Returns whether a value other than null is one of this type.
pub(super) fn check(primitive: Primitive, value: &Value) -> Result<(), Wrong> {
    match primitive {
        Primitive::Boolean => match value {
            Value::Bool(_) => Ok(()),
            _ => Err(Wrong::JsonType("true or false")),
        },
        Primitive::Decimal | Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt => match value {
            Value::Number(number) => check_number(primitive, number.as_str()),
            _ => Err(Wrong::JsonType("a number")),
        },
        _ => match value {
            Value::String(text) => check_text(primitive, text),
            _ => Err(Wrong::JsonType("a string")),
        },
    }
}

fn check_number(primitive: Primitive, text: &str) -> Result<(), Wrong> {
    let (ok, rule) = match primitive {
        Primitive::Integer => (is_integer_from(text, i32::MIN), "an integer of 32 bits, without point or exponent"),
        Primitive::PositiveInt => (is_integer_from(text, 1), "an integer from 1 to 2147483647"),
        Primitive::UnsignedInt => (is_integer_from(text, 0), "an integer from 0 to 2147483647"),
        _ => (is_decimal(text), "a decimal of at most 64 digits and between 1e-307 and 1e308"),
    };
    if ok { Ok(()) } else { Err(Wrong::Rule(rule)) }
}

fn check_text(primitive: Primitive, text: &str) -> Result<(), Wrong> {
    if text.is_empty() {
        return Err(Wrong::Rule("more than an empty string: leave out what has no value"));
    }
    let (ok, rule) = match primitive {
        Primitive::String | Primitive::Markdown => (is_string(text), "at most 1 MB, without control characters"),
        Primitive::Code => (is_code(text), "a code: no space before, behind or doubled, no other whitespace"),
        Primitive::Id => (is_id(text), "an id: 1 to 64 of the letters A-Z and a-z, digits, '-' and '.'"),
        Primitive::Uri | Primitive::Url | Primitive::Canonical => (is_uri(text), "a URI, which has no whitespace"),
        Primitive::Oid => (is_oid(text), "an OID as URI, such as urn:oid:1.2.3"),
        Primitive::Uuid => {
            (is_uuid(text), "a UUID as URI in lower case: urn:uuid:c757873d-ec9a-4326-a141-556f43239520")
        }
        Primitive::Date => (temporal::is_date(text), "a day, month or year that exists: YYYY-MM-DD, YYYY-MM or YYYY"),
        Primitive::DateTime => (
            temporal::is_date_time(text),
            "a date that exists; with a time it needs seconds and a timezone: YYYY-MM-DDThh:mm:ss+zz:zz",
        ),
        Primitive::Instant => {
            (temporal::is_instant(text), "a date that exists with seconds and a timezone: YYYY-MM-DDThh:mm:ss+zz:zz")
        }
        Primitive::Time => (temporal::is_time(text), "a time of day with seconds and without timezone: hh:mm:ss"),
        Primitive::Base64Binary => (is_base64(text), "base64 in groups of four, padded with '='"),
        Primitive::Xhtml if xhtml::is_div(text) => {
            (xhtml::is_inert(text), "without scripts, forms, embedded objects and event attributes (txt-1)")
        }
        Primitive::Xhtml => (false, "a well-formed XHTML fragment within one <div>"),
        // These are not text and never come here.
        Primitive::Boolean
        | Primitive::Decimal
        | Primitive::Integer
        | Primitive::PositiveInt
        | Primitive::UnsignedInt => (false, "a JSON value of its type"),
    };
    if ok { Ok(()) } else { Err(Wrong::Rule(rule)) }
}

fn is_integer_from(text: &str, min: i32) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits == "0" || digits.starts_with(|c: char| c.is_ascii_digit() && c != '0');
    plain && text.parse::<i32>().is_ok_and(|number| number >= min)
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?` within the limits above.
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix('+').unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || !is_digits(exponent.strip_prefix('-').unwrap_or(exponent)) {
        return false;
    }
    if (whole.len() > 1 && whole.starts_with('0')) || whole.len() + fraction.len() > DECIMAL_DIGITS_MAX {
        return false;
    }
    // Both lengths are below 64, so the magnitude is the exponent, give or take that much.
    exponent.parse::<i32>().is_ok_and(|e| {
        let highest = e.saturating_add(whole.len() as i32 - 1);
        let lowest = e.saturating_sub(if fraction == "0" { 0 } else { fraction.len() as i32 });
        highest <= DECIMAL_EXPONENT_MAX && lowest >= -DECIMAL_EXPONENT_MAX
    })
}

fn is_string(text: &str) -> bool {
    let allowed = |b: u8| b >= b' ' || matches!(b, b'\t' | b'\n' | b'\r');
    text.bytes().all(allowed) && (text.len() <= STRING_CHARS_MAX || text.chars().count() <= STRING_CHARS_MAX)
}

fn is_code(text: &str) -> bool {
    let mut after_space = true;
    for byte in text.bytes() {
        let space = byte == b' ';
        if byte < b' ' || (space && after_space) {
            return false;
        }
        after_space = space;
    }
    !after_space
}

fn is_id(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

fn is_uri(text: &str) -> bool {
    text.bytes().all(|b| b > b' ')
}

fn is_oid(text: &str) -> bool {
    let Some(arcs) = text.strip_prefix("urn:oid:") else {
        return false;
    };
    let is_arc =
        |arc: &str| arc == "0" || (!arc.starts_with('0') && !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()));
    let mut arcs = arcs.split('.');
    matches!(arcs.next(), Some("0" | "1" | "2")) && arcs.clone().next().is_some() && arcs.all(is_arc)
}

fn is_uuid(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else {
        return false;
    };
    uuid.len() == 36
        && uuid.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
        })
}

fn is_base64(text: &str) -> bool {
    let (mut data, mut padding) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => data += 1,
            b'=' => padding += 1,
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => return false,
        }
    }
    data > 0 && padding <= 2 && (data + padding).is_multiple_of(4)
}
