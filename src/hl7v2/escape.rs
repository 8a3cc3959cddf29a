//! Escape sequences: `\F\`, `\S\`, `\X0D\`, `\.br\` and the others, decoded once, after everything is split.
//!
//! HL7 v2.5 chapter 2.7. What is not known stays as it is written.

use super::message::Marks;
use std::borrow::Cow;

/// Returns a text without its escape sequences.
pub fn decode(text: &str, marks: Marks) -> Cow<'_, str> {
    let Some(escape) = marks.escape.filter(|c| text.contains(*c)) else { return Cow::Borrowed(text) };
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(escape) {
        decoded.push_str(before);
        match after.split_once(escape).filter(|(name, _)| is_name(name)) {
            Some((name, after)) => {
                if !replace(name, marks, &mut decoded) {
                    decoded.push(escape);
                    decoded.push_str(name);
                    decoded.push(escape);
                }
                rest = after;
            }
            None => {
                decoded.push(escape);
                rest = after;
            }
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// Returns a text with everything in it escaped that is not text: separators and control characters.
pub fn encode(text: &str, marks: Marks) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        let name = match c {
            c if c == marks.field => "F",
            c if c == marks.component => "S",
            c if Some(c) == marks.sub => "T",
            c if Some(c) == marks.repetition => "R",
            c if Some(c) == marks.escape => "E",
            c if Some(c) == marks.truncation => "P",
            '\n' => ".br",
            c if c.is_control() => "",
            c => {
                encoded.push(c);
                continue;
            }
        };
        match marks.escape.filter(|_| !name.is_empty()) {
            Some(escape) => encoded.extend([escape].into_iter().chain(name.chars()).chain([escape])),
            None => encoded.push(' '),
        }
    }
    encoded
}

/// Returns whether something between two escape characters may be a sequence; a lone backslash in a path is none.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 256 && name.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c))
}

/// Appends what a sequence stands for; returns whether it is known.
fn replace(name: &str, marks: Marks, to: &mut String) -> bool {
    let mark = match name {
        "F" => Some(marks.field),
        "S" => Some(marks.component),
        "T" => marks.sub,
        "R" => marks.repetition,
        "E" => marks.escape,
        "P" => marks.truncation,
        // Begin and end of a highlight, which plain text has not.
        "H" | "N" => return true,
        _ => None,
    };
    if let Some(mark) = mark {
        to.push(mark);
        return true;
    }
    if let Some(digits) = name.strip_prefix('X') {
        return hexadecimal(digits, to);
    }
    let command = name.strip_prefix('.').map(|c| c.trim_end_matches(|c: char| c.is_ascii_digit() || "+-".contains(c)));
    match command {
        Some("br" | "sp" | "ce") => to.push('\n'),
        // Indents, skips and filling are about a printer.
        Some("in" | "ti" | "sk" | "fi" | "nf") => {}
        _ => return false,
    }
    true
}

fn hexadecimal(digits: &str, to: &mut String) -> bool {
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return false;
    }
    let bytes: Option<Vec<u8>> = (0..digits.len())
        .step_by(2)
        .map(|at| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    let Some(bytes) = bytes else { return false };
    match String::from_utf8(bytes) {
        Ok(text) => to.push_str(&text),
        Err(error) => to.extend(error.into_bytes().into_iter().map(char::from)),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(decode(text, Marks::default()), expected, "{text}");
    }

    #[test]
    fn sequences_are_decoded_once_and_what_is_not_known_stays() {
        check("plain", "plain");
        check(r"a\F\b\S\c\T\d\R\e\E\f", "a|b^c&d~e\\f");
        check(r"\E\F\E\", r"\F\");
        check(r"one\.br\two\.sp2\three", "one\ntwo\nthree");
        check(r"\H\loud\N\", "loud");
        check(r"\X0D0A\", "\r\n");
        check(r"\XC3A9\\XE9\", "éé");
        check(r"\X0\ \XZZ\", r"\X0\ \XZZ\");
        check(r"\Zab\", r"\Zab\");
        check(r"C:\temp", r"C:\temp");
        check(r"C:\te mp\x", r"C:\te mp\x");
        check(r"\.in+4\x", "x");
        check(r"ends in \", r"ends in \");
    }

    #[test]
    fn what_is_escaped_is_decoded_to_itself() {
        for marks in [Marks::default(), Marks { truncation: Some('#'), ..Marks::default() }] {
            let text = "a|b^c&d~e\\f#g \\F\\ é\nh";
            assert_eq!(decode(&encode(text, marks), marks), text);
        }
        assert_eq!(encode("a|b\r\u{b}c\u{1c}", Marks::default()), r"a\F\b  c ");
        assert_eq!(encode("a|b", Marks { escape: None, ..Marks::default() }), "a b");
    }
}
