//! Splits an expression into tokens.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#lexical-elements>.

use super::error::FhirpathError;
use super::temporal::Temporal;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or keyword as written.
    Word(String),
    /// A name in backticks, which is never a keyword.
    Quoted(String),
    Text(String),
    /// Digits with at most one point.
    Number(String),
    /// An integer that ends in `L`.
    Long(String),
    Temporal(Temporal),
    /// `%name`, `` %`name` `` or `%'name'`.
    Variable(String),
    /// `$this`, `$index`, `$total`, without the sign.
    Special(String),
    Symbol(&'static str),
    End,
}

/// Longer symbols stand before those that they begin with.
const SYMBOLS: [&str; 21] =
    ["!=", "!~", "<=", ">=", ".", ",", "(", ")", "[", "]", "{", "}", "+", "-", "*", "/", "&", "|", "=", "~", "<"];

/// Returns the tokens with the byte at which each begins; the last one is `End`.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, FhirpathError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut out = Vec::with_capacity(text.len() / 4 + 2);
    loop {
        lexer.skip_space()?;
        let start = lexer.at;
        let token = lexer.token()?;
        let end = token == Token::End;
        out.push((token, start));
        if end {
            return Ok(out);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn error(&self, message: impl Into<String>) -> FhirpathError {
        FhirpathError::syntax(self.at, message)
    }

    fn skip_space(&mut self) -> Result<(), FhirpathError> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                let end = trimmed.find("*/").ok_or_else(|| self.error("the comment has no end"))?;
                self.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Token, FhirpathError> {
        let Some(first) = self.peek() else {
            return Ok(Token::End);
        };
        match first {
            'a'..='z' | 'A'..='Z' | '_' => Ok(Token::Word(self.word())),
            '0'..='9' => Ok(self.number()),
            '\'' | '"' => Ok(Token::Text(self.delimited(first)?)),
            '`' => Ok(Token::Quoted(self.delimited('`')?)),
            '@' => self.temporal(),
            '%' => self.variable(),
            '$' => {
                self.at += 1;
                Ok(Token::Special(self.word()))
            }
            _ => self.symbol(),
        }
    }

    fn symbol(&mut self) -> Result<Token, FhirpathError> {
        let rest = self.rest();
        if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            self.at += symbol.len();
            return Ok(Token::Symbol(symbol));
        }
        if rest.starts_with('>') {
            self.at += 1;
            return Ok(Token::Symbol(">"));
        }
        let found: String = rest.chars().take(1).collect();
        Err(self.error(format!("unexpected {found:?}")))
    }

    fn word(&mut self) -> String {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_string()
    }

    fn digits(&mut self) -> usize {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        self.at += end;
        end
    }

    /// A point belongs to the number only when a digit follows: `1.toString()` is a call.
    fn number(&mut self) -> Token {
        let start = self.at;
        self.digits();
        let fraction = self.rest().strip_prefix('.').is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()));
        if fraction {
            self.at += 1;
            self.digits();
        } else if self.rest().starts_with('L') {
            let text = self.text[start..self.at].to_string();
            self.at += 1;
            return Token::Long(text);
        }
        Token::Number(self.text[start..self.at].to_string())
    }

    fn delimited(&mut self, quote: char) -> Result<String, FhirpathError> {
        let start = self.at;
        let mut out = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((i, c)) = chars.next() {
            if c == quote {
                self.at += i + quote.len_utf8();
                return Ok(out);
            }
            if c != '\\' {
                out.push(c);
                continue;
            }
            match chars.next().map(|(_, c)| c) {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some('f') => out.push('\u{c}'),
                Some('u') => {
                    let hex: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                    let unit = unicode_unit(&hex);
                    let unit = unit.ok_or_else(|| FhirpathError::syntax(start + i, "\\u needs four hex digits"))?;
                    out.push(unit);
                }
                Some(c @ ('\\' | '/' | '\'' | '"' | '`')) => out.push(c),
                _ => return Err(FhirpathError::syntax(start + i, "unknown escape in the text")),
            }
        }
        Err(self.error("the text has no closing quote"))
    }

    fn variable(&mut self) -> Result<Token, FhirpathError> {
        self.at += 1;
        let name = match self.peek() {
            Some(quote @ ('`' | '\'' | '"')) => self.delimited(quote)?,
            _ => self.word(),
        };
        if name.is_empty() {
            return Err(self.error("a name must follow %"));
        }
        Ok(Token::Variable(name))
    }

    /// `@2015`, `@2015-02`, `@2015-02-04T14:34:28.123+10:00`, `@2015T`, `@T14:34`.
    fn temporal(&mut self) -> Result<Token, FhirpathError> {
        let start = self.at;
        self.at += 1;
        let is_time = self.rest().starts_with('T');
        if !is_time {
            self.digits();
            self.groups('-', 2);
        }
        if self.rest().starts_with('T') {
            self.at += 1;
            self.digits();
            self.groups(':', 2);
            if self.rest().strip_prefix('.').is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit())) {
                self.at += 1;
                self.digits();
            }
            self.zone();
        }
        let text = &self.text[start + 1..self.at];
        let value = if is_time { Temporal::time(&text[1..]) } else { Temporal::date_or_date_time(text) };
        let value = value.ok_or_else(|| FhirpathError::syntax(start, format!("@{text} is not a date or time")))?;
        Ok(Token::Temporal(value))
    }

    fn groups(&mut self, separator: char, most: usize) {
        for _ in 0..most {
            let next = self.rest().strip_prefix(separator);
            if !next.is_some_and(|r| r.len() >= 2 && r.as_bytes()[..2].iter().all(u8::is_ascii_digit)) {
                return;
            }
            self.at += 1;
            self.digits();
        }
    }

    fn zone(&mut self) {
        let rest = self.rest().as_bytes();
        if rest.first() == Some(&b'Z') {
            self.at += 1;
        } else if let [b'+' | b'-', b'0'..=b'9', b'0'..=b'9', b':', b'0'..=b'9', b'0'..=b'9', ..] = rest {
            self.at += 6;
        }
    }
}

fn unicode_unit(hex: &str) -> Option<char> {
    let all_hex = hex.len() == 4 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    if !all_hex {
        return None;
    }
    char::from_u32(u32::from_str_radix(hex, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Token> {
        tokens(text).unwrap().into_iter().map(|(token, _)| token).collect()
    }

    #[test]
    fn a_point_after_an_integer_begins_a_call() {
        let number = Token::Number("1".into());
        assert_eq!(words("1.x"), [number, Token::Symbol("."), Token::Word("x".into()), Token::End]);
        assert_eq!(words("1.5"), [Token::Number("1.5".into()), Token::End]);
    }

    #[test]
    fn comments_are_space() {
        assert_eq!(words("/* a */ // b\n x"), [Token::Word("x".into()), Token::End]);
    }

    #[test]
    fn what_never_ends_is_refused() {
        for text in ["'a", "`a", "/* a", "%", "'\\u12'", "'\\q'", "@T14:34:28Z", "@2015-13", "#", "@"] {
            assert!(matches!(tokens(text), Err(FhirpathError::Syntax { .. })), "{text}");
        }
    }

    #[test]
    fn escapes_become_characters() {
        assert_eq!(words(r"'\\\/\f\r\n\t\`\'\u002a'")[0], Token::Text("\\/\u{c}\r\n\t`'*".into()));
    }
}
