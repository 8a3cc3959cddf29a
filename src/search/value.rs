//! Values of a query: lists, parts and escapes.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#escaping>: a comma divides alternatives, `|` and `$` divide parts, and a
//! backslash takes the meaning from any of them and from itself.

use std::borrow::Cow;

/// Returns the parts between the separators that no backslash precedes; the parts are still escaped.
pub fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == separator {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Returns the text that an escaped text means; none when a backslash stands before anything but `\ , | $`.
pub fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next().filter(|c| matches!(c, '\\' | ',' | '|' | '$'))?),
            c => out.push(c),
        }
    }
    Some(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_take_the_meaning_from_separators() {
        assert_eq!(split("a,b", ','), ["a", "b"]);
        assert_eq!(split(r"a\,b,c", ','), [r"a\,b", "c"]);
        assert_eq!(split(r"a\\,b", ','), [r"a\\", "b"]);
        assert_eq!(split("", ','), [""]);
        assert_eq!(split("|", '|'), ["", ""]);
        assert_eq!(unescape(r"a\,b\|c\$d\\e").as_deref(), Some(r"a,b|c$d\e"));
        assert_eq!(unescape(r"a\b"), None);
        assert_eq!(unescape(r"a\"), None);
    }
}
