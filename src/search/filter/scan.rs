//! The text of a filter, read from left to right.
//!
//! R4 <https://hl7.org/fhir/R4/search_filter.html>: what a word means depends on where it stands (`eq` may be a value),
//! so the parser says what it wants next.

use crate::fault::{Fault, Kind};

pub struct Scanner<'a> {
    text: &'a str,
    /// In bytes.
    at: usize,
}

/// Longest piece of a filter that a message shows, in characters.
const SHOWN_MAX: usize = 20;

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Scanner<'a> {
        Scanner { text, at: 0 }
    }

    /// Returns the place as a count of characters from 1 on.
    pub fn place(&self) -> usize {
        self.text[..self.at].chars().count() + 1
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Passes over white space and returns whether there was any.
    pub fn space(&mut self) -> bool {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start().len();
        self.at += length;
        length > 0
    }

    pub fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    /// Returns the letters, digits, `_` and `-` that come next; perhaps none.
    pub fn word(&mut self) -> &'a str {
        self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    }

    /// Passes over a word when it is this one, in any case.
    pub fn eat_word(&mut self, wanted: &str) -> bool {
        let before = self.at;
        let found = self.word().eq_ignore_ascii_case(wanted);
        if !found {
            self.at = before;
        }
        found
    }

    /// Returns the value that comes next: a JSON string, or anything without white space, `)` and `]`.
    pub fn value(&mut self) -> Result<String, Fault> {
        if self.peek() == Some('"') {
            return self.string();
        }
        let token = self.take(|c| !c.is_whitespace() && !matches!(c, ')' | ']'));
        if token.is_empty() { Err(self.expected("a value")) } else { Ok(token.to_string()) }
    }

    fn string(&mut self) -> Result<String, Fault> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end else {
            return Err(self.wrong("the string has no closing '\"'"));
        };
        let Ok(string) = serde_json::from_str(&rest[..=end]) else {
            return Err(self.wrong("the string is not one of JSON: a backslash or a control character is wrong"));
        };
        self.at += end + 1;
        match self.peek() {
            Some(c) if !c.is_whitespace() && !matches!(c, ')' | ']') => Err(self.expected("a space after the string")),
            _ => Ok(string),
        }
    }

    /// Returns the fault that something else should stand here.
    pub fn expected(&self, what: &str) -> Fault {
        let found: String = self.rest().chars().take(SHOWN_MAX).collect();
        match found.as_str() {
            "" => self.wrong(&format!("expected {what}, but the filter ends")),
            found => self.wrong(&format!("expected {what}, found '{found}'")),
        }
    }

    pub fn wrong(&self, what: &str) -> Fault {
        Fault::new(Kind::Invalid, format!("parameter '_filter' at character {}: {what}", self.place()))
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }
}
