//! The parameters of a URL or of a form, taken apart.
//!
//! WHATWG URL, application/x-www-form-urlencoded: `+` is a space, `%XX` a byte, the bytes UTF-8.

use crate::fault::{Fault, Kind};

/// Returns the decoded pairs in their order; a broken escape or invalid UTF-8 is a fault that names the parameter.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, Fault> {
    let mut pairs = Vec::new();
    for pair in text.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name, true).ok_or_else(|| broken("the name of a parameter", name))?;
        let value = decode(value, true).ok_or_else(|| broken(&format!("parameter '{name}'"), value))?;
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// Returns one value of a form decoded; none when an escape is broken.
pub fn decode_value(text: &str) -> Option<String> {
    decode(text, true)
}

/// Returns a path segment decoded; none when an escape is broken.
pub fn decode_segment(text: &str) -> Option<String> {
    decode(text, false)
}

fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    if !text.bytes().any(|b| b == b'%' || b == b'+' || b == 0) {
        return Some(text.to_string());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        match b {
            b'%' => out.push(hex(bytes.next()?)? << 4 | hex(bytes.next()?)?),
            b'+' if plus_is_space => out.push(b' '),
            other => out.push(other),
        }
    }
    // PostgreSQL cannot store NUL, and no FHIR value may hold one.
    String::from_utf8(out).ok().filter(|s| !s.contains('\0'))
}

fn hex(b: u8) -> Option<u8> {
    char::from(b).to_digit(16).map(|d| d as u8)
}

/// Appends a parameter value to a URL, escaping what cannot stand there.
pub fn encode(out: &mut String, text: &str) {
    for b in text.bytes() {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b',' | b':' | b'/' | b'$' | b'|' => {
                out.push(char::from(b));
            }
            _ => {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                out.push('%');
                out.push(char::from(HEX[usize::from(b >> 4)]));
                out.push(char::from(HEX[usize::from(b & 15)]));
            }
        }
    }
}

fn broken(what: &str, text: &str) -> Fault {
    let text: String = text.chars().take(80).collect();
    Fault::new(Kind::Invalid, format!("{what} is not properly encoded (%XX escapes of UTF-8, no NUL): '{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_once() {
        let pairs = parse("name=M%C3%BCller+A&_id=a,b&x&code=http%3A%2F%2Floinc.org%7C1%2B1").unwrap();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("name", "Müller A"), ("_id", "a,b"), ("x", ""), ("code", "http://loinc.org|1+1")]);
    }

    #[test]
    fn broken_escapes_name_their_parameter() {
        for text in ["name=%", "name=%4", "name=%zz", "name=%ff", "name=a%00b"] {
            assert!(parse(text).unwrap_err().to_string().contains("'name'"), "{text}");
        }
    }

    #[test]
    fn encoding_and_decoding_meet() {
        let mut out = String::new();
        encode(&mut out, "a b&c=d+é|");
        assert_eq!(decode(&out, true).as_deref(), Some("a b&c=d+é|"));
    }
}
