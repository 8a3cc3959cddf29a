//! Strings as search compares them: without case, accents and odd spaces.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#string>: a match ignores case and combining characters. The stored form is
//! the folded text; where folding changed it, a separator and the text as it was follow, for `:exact`.

use std::borrow::Cow;
use std::fmt::Write;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest folded text that stands in one row, in bytes: a B-tree cannot hold much more.
pub const ROW_BYTES_MAX: usize = 1_500;
/// What is longer in a row may have been cut there, between characters.
pub const UNCUT_BYTES_MAX: usize = ROW_BYTES_MAX - 4;
/// Longest text that can be searched for, in bytes of the folded form.
pub const QUERY_BYTES_MAX: usize = 1_000;
/// Longest text that stands in its row as it was; of longer ones a hash does.
const WHOLE_BYTES_MAX: usize = 1_000;

/// Stands between the folded and the original text; folding removes it from both.
const SEPARATOR: char = '\u{1}';

/// Returns the text without case, accents, control characters and repeated spaces.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    if text.is_ascii() {
        for byte in text.bytes() {
            push(&mut out, char::from(byte.to_ascii_lowercase()));
        }
    } else {
        for c in text.nfkd().filter(|c| !is_combining_mark(*c)) {
            match c {
                'ß' | 'ẞ' => out.push_str("ss"),
                'ı' => out.push('i'),
                _ => c.to_lowercase().filter(|c| !is_combining_mark(*c)).for_each(|c| push(&mut out, c)),
            }
        }
    }
    if out.ends_with(' ') {
        out.pop();
    }
    out
}

fn push(out: &mut String, c: char) {
    if !c.is_whitespace() && !c.is_control() {
        out.push(c);
    } else if c.is_whitespace() && !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

/// Returns what stands in the index for a text.
///
/// The same call makes the value that `:exact` looks for.
pub fn stored(text: &str) -> String {
    let mut folded = fold(text);
    if folded.len().max(text.len()) > WHOLE_BYTES_MAX {
        // The whole text is told apart by its length and hash.
        let whole = crate::search::key::Keyer::fixed().hash(&[text.as_bytes()]);
        folded.truncate(floor_boundary(&folded, ROW_BYTES_MAX));
        // Writing to a String cannot fail.
        let _ = write!(folded, "{SEPARATOR}{}:{whole:x}", text.len());
        return folded;
    }
    if folded != text {
        folded.push(SEPARATOR);
        folded.push_str(&printable(text));
    }
    folded
}

/// Returns the parts of a long folded text that the first row does not hold, each overlapping the one before
/// by as much as a query can be long, so that `:contains` misses nothing. A separator marks the last, where the text ends.
pub fn continuations(folded: &str) -> impl Iterator<Item = String> {
    let step = ROW_BYTES_MAX - QUERY_BYTES_MAX;
    let long = folded.len() > UNCUT_BYTES_MAX;
    let parts = if long { (folded.len() - QUERY_BYTES_MAX).div_ceil(step).max(2) } else { 1 };
    (1..parts).map(move |i| {
        let from = floor_boundary(folded, i * step);
        if i + 1 == parts {
            return format!("{}{SEPARATOR}", &folded[from..]);
        }
        folded[from..floor_boundary(folded, from + ROW_BYTES_MAX)].to_string()
    })
}

/// Returns the text that follows a folded text and every stored form of it.
pub fn after_equal(folded: &str) -> String {
    format!("{folded}\u{2}")
}

/// Returns the text that follows every text with this prefix; none when there is none.
pub fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            _ => char::from_u32(last as u32 + 1),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// PostgreSQL holds no NUL in text, and the separator must be ours alone.
fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(['\0', SEPARATOR]) { text.replace(['\0', SEPARATOR], "\u{fffd}").into() } else { text.into() }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_leaves_no_case_accent_or_odd_space() {
        for (text, folded) in [
            ("Müller", "muller"),
            ("  Anna \t Maria ", "anna maria"),
            ("STRAẞE", "strasse"),
            ("Ångström", "angstrom"),
            ("İstanbul", "istanbul"),
            ("ﬁne", "fine"),
            ("Łódź", "łodz"),
            ("Ωmega", "ωmega"),
            ("\u{0}\u{1}a", "a"),
            ("", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn the_stored_form_keeps_the_original_for_exact() {
        assert_eq!(stored("anna"), "anna");
        assert_eq!(stored("Anna"), "anna\u{1}Anna");
        assert_eq!(stored("a\u{0}b"), "ab\u{1}a\u{fffd}b");
        let long = "Ä".repeat(3_000);
        assert!(stored(&long).len() < ROW_BYTES_MAX + 40);
        assert_ne!(stored(&long), stored(&format!("{long}a")));
    }

    #[test]
    fn every_window_of_a_long_text_stands_in_one_part() {
        let text: String = (0..1_100).map(|i| format!("{i:04}")).collect();
        let first = text[..ROW_BYTES_MAX].to_string();
        let parts: Vec<String> = std::iter::once(first).chain(continuations(&text)).collect();
        for at in 0..text.len() - QUERY_BYTES_MAX {
            let window = &text[at..at + QUERY_BYTES_MAX];
            assert!(parts.iter().any(|part| part.contains(window)), "window at {at}");
        }
        assert_eq!(continuations("short").count(), 0);
    }

    #[test]
    fn only_the_row_in_which_a_text_ends_looks_like_it() {
        for filler in ["a", "ä", "€", "😀"] {
            for length in 1_480..2_600 {
                let text: String = filler.chars().cycle().take(length / filler.len()).chain(['.']).collect();
                let first = text[..floor_boundary(&text, ROW_BYTES_MAX)].to_string();
                let more: Vec<String> = continuations(&text).collect();
                let ends = |row: &&String| row.len() <= UNCUT_BYTES_MAX || row.ends_with(SEPARATOR);
                let found: Vec<&String> = std::iter::once(&first).chain(&more).filter(ends).collect();
                assert_eq!(found.len(), 1, "{filler} {length}");
                assert!(found[0].trim_end_matches(SEPARATOR).ends_with('.'), "{filler} {length}");
            }
        }
    }

    #[test]
    fn the_end_of_a_prefix_is_the_next_text() {
        assert_eq!(after_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(after_prefix("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(after_prefix("\u{10ffff}"), None);
        assert_eq!(after_prefix(""), None);
    }
}
