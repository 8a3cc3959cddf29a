//! ST, TX, FT, NM, SI, ID: text and numbers as FHIR primitives.
//!
//! R4 <https://hl7.org/fhir/R4/datatypes.html#primitive>: what comes out of here is valid there.

use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::{Code, Place};
use serde_json::Value;
use std::str::FromStr;

/// R4: strings have at most 1 MB.
const STRING_MAX: usize = 1024 * 1024;
/// Digits that a decimal has at most.
const DIGITS_MAX: usize = 60;

/// Returns a text as a FHIR string: without control characters and without spaces around it; none where nothing is left.
pub fn clean(text: &str) -> Option<String> {
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept: String = unix.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    let kept = kept.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    (!kept.is_empty()).then(|| kept.to_string())
}

/// Returns a text as a FHIR code: like a string, on one line and with single spaces.
pub fn clean_code(text: &str) -> Option<String> {
    let text = clean(text)?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Returns the first leaf as a FHIR string.
pub fn string(part: Part) -> Option<String> {
    limited(clean(&part.text()?)?)
}

/// Returns the first leaf as a FHIR code, as it is.
pub fn plain_code(part: Part) -> Option<String> {
    clean_code(&part.text()?)
}

/// Returns all that is in a part as one text: separators that nobody escaped are text, too.
pub fn whole(part: Part) -> Option<String> {
    if part.len() <= 1 {
        return string(part);
    }
    let raw = part.whole()?;
    let bare = raw.trim_end_matches(|c: char| c == part.mark() || c.is_whitespace());
    limited(clean(bare)?)
}

fn limited(text: String) -> Option<String> {
    (text.len() <= STRING_MAX).then_some(text)
}

/// Returns the repetitions of a field as the lines of one text, empty lines between them.
pub fn lines(field: Part) -> Option<String> {
    let all: Vec<String> = field.repetitions().filter_map(whole).collect();
    limited(clean(&all.join("\n"))?)
}

/// Returns the segment that a place is in.
pub fn segment_at<'m>(ctx: &Ctx<'m>, at: Place) -> Option<Segment<'m>> {
    ctx.message.segments().find(|segment| segment.name == at.name() && segment.nth == at.nth)
}

/// Returns the whole field that a part is of.
pub fn field_of<'m>(ctx: &Ctx<'m>, at: Place) -> Option<Part<'m>> {
    segment_at(ctx, at).map(|segment| segment.field(usize::from(at.field)))
}

/// Returns the text of a number as JSON writes it, its digits kept: `+7.50` is `7.50`, `.5` is `0.5`.
pub fn decimal_text(text: &str) -> Option<String> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits.trim_start()),
        None => ("", text.strip_prefix('+').unwrap_or(text).trim_start()),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.parse::<i16>().ok().filter(|e| e.abs() < 200)?)),
        None => (digits, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || mantissa.len() > DIGITS_MAX || (whole.len() + fraction.len()) == 0 {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    let power = exponent.map(|e| format!("e{e}")).unwrap_or_default();
    Some(format!("{sign}{whole}{point}{fraction}{power}"))
}

/// Returns a number as JSON, its digits kept.
pub fn number(text: &str) -> Option<Value> {
    serde_json::Number::from_str(&decimal_text(text)?).ok().map(Value::Number)
}

/// NM → decimal.
pub fn decimal(ctx: &Ctx, part: Part) -> Option<Value> {
    let text = part.text()?;
    let value = number(&text);
    if value.is_none() {
        ctx.warn(Code::DataType, part.at, "is no number");
    }
    value
}

/// NM, SI → integer, from `least` on.
pub fn integer(ctx: &Ctx, part: Part, least: i32) -> Option<Value> {
    let text = part.text()?;
    // `3.0` is an integer that was written as a number.
    let digits = decimal_text(&text).map(|text| match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole.to_string(),
        _ => text,
    });
    let value = digits.and_then(|digits| digits.parse::<i32>().ok()).filter(|value| *value >= least);
    if value.is_none() {
        ctx.warn(Code::DataType, part.at, format!("is no integer from {least} on"));
    }
    value.map(Value::from)
}

/// Returns what `Y` and `N` say (tables 0136 and 0532); nothing for other codes.
pub fn boolean(part: Part) -> Option<bool> {
    match part.text()?.to_ascii_uppercase().as_str() {
        "Y" | "YES" | "T" | "TRUE" | "1" => Some(true),
        "N" | "NO" | "F" | "FALSE" | "0" => Some(false),
        _ => None,
    }
}

/// Returns a text with everything percent-encoded that a URI does not have by itself.
pub fn percent_encode(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|b| if is_plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Returns a text as a URI where it is one with a scheme; spaces and control characters are encoded.
pub fn absolute(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    (is_scheme && !rest.is_empty()).then(|| bare_uri(text))
}

/// Returns a text with what no URI has encoded: spaces and control characters.
pub fn bare_uri(text: &str) -> String {
    let mut uri = String::with_capacity(text.len());
    for c in text.trim().chars() {
        if c.is_whitespace() || c.is_control() {
            uri.push_str(&percent_encode(c.encode_utf8(&mut [0; 4])));
        } else {
            uri.push(c);
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn text_is_valid_in_fhir() {
        check("string", " a  b ", "a  b");
        check("string", "a\\X0D\\b\\X07\\c", "a\nbc");
        check("string", "\\X07\\", "-");
        check("string", "a^b", "a");
        check("markdown", "a^b&c", "a^b&c");
        check("markdown", "a^^", "a");
        check("markdown", "one\\.br\\two", "one\ntwo");
        check("lines", "one~~two^2~three", "one\ntwo^2\nthree");
        check("code", " A  B ", "A B");
        check("uri", "https://a.example/x y?a=1&b=2", "https://a.example/x%20y?a=1&b=2");
        check("textConcept", "rest", r#"{"text":"rest"}"#);
    }

    #[test]
    fn numbers_keep_their_digits() {
        for (text, expected) in [
            ("1", "1"),
            ("+7.50", "7.50"),
            ("-0.10", "-0.10"),
            (".5", "0.5"),
            ("5.", "5"),
            ("007", "7"),
            ("00.0", "0.0"),
            ("- 3", "-3"),
            ("1e3", "1e3"),
            ("12345678901234567890.1", "12345678901234567890.1"),
        ] {
            assert_eq!(decimal_text(text).as_deref(), Some(expected), "{text}");
            check("decimal", text, expected);
        }
        for text in ["", ".", "-", "1,5", "1.2.3", "0x1", "1e", "1e999", "NaN", "1 2", "٣"] {
            assert_eq!(decimal_text(text), None, "{text}");
        }
        check("decimal", "many", "- ! ZZZ-1");
        check("positiveInt", "3.0", "3");
        check("positiveInt", "0", "- ! ZZZ-1");
        check("unsignedInt", "0", "0");
        check("integer", "-4", "-4");
        check("integer", "99999999999", "- ! ZZZ-1");
        check("integer", "1.5", "- ! ZZZ-1");
    }

    #[test]
    fn yes_and_no() {
        check("boolean", "Y", "true");
        check("boolean", "n", "false");
        check("boolean", "U", "-");
    }
}
