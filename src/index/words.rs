//! Texts cut into words, folded as string search folds them, so that case and accents agree everywhere.

use crate::search::normal;
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use unicode_normalization::char::is_combining_mark;

pub const NAME: &str = "words";

/// Longest word in bytes; what is longer is cut, in texts and queries alike.
const WORD_BYTES_MAX: usize = 64;

/// Cuts at everything that is no letter, digit or combining mark. Chinese and Japanese characters are words each, since no
/// spaces divide them: a word of several is found as a phrase.
#[derive(Clone)]
pub struct Words;

pub struct WordStream {
    words: std::vec::IntoIter<Token>,
    current: Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream {
        WordStream { words: words(text).into_iter(), current: Token::default() }
    }
}

impl TokenStream for WordStream {
    fn advance(&mut self) -> bool {
        match self.words.next() {
            Some(word) => {
                self.current = word;
                true
            }
            None => false,
        }
    }

    fn token(&self) -> &Token {
        &self.current
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.current
    }
}

/// Returns the words of a text with their places.
pub fn words(text: &str) -> Vec<Token> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        let inside = c.is_alphanumeric() || is_combining_mark(c);
        if let Some(from) = start
            && (!inside || stands_alone(c))
        {
            push(&mut words, text, from, at);
            start = None;
        }
        if inside && stands_alone(c) {
            push(&mut words, text, at, at + c.len_utf8());
        } else if inside && start.is_none() {
            start = Some(at);
        }
    }
    if let Some(from) = start {
        push(&mut words, text, from, text.len());
    }
    words
}

fn push(words: &mut Vec<Token>, text: &str, from: usize, to: usize) {
    let mut folded = normal::fold(&text[from..to]);
    folded.truncate(folded.floor_char_boundary(WORD_BYTES_MAX));
    if !folded.is_empty() {
        words.push(Token { offset_from: from, offset_to: to, position: words.len(), text: folded, position_length: 1 });
    }
}

/// Returns whether a character is written without spaces beside it: kana and Han.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3134f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_keep_their_places() {
        for (text, expected) in [
            ("Müller, ANNA-Maria", "muller anna maria"),
            ("E11.9 (98.6 °F)", "e11 9 98 6 f"),
            ("a\u{308}rztin", "arztin"),
            ("東京 Tokyo", "東 京 tokyo"),
            ("Straße", "strasse"),
            ("--- , .", ""),
        ] {
            let found: Vec<String> = words(text).into_iter().map(|w| w.text).collect();
            assert_eq!(found.join(" "), expected, "{text}");
        }
        let text = "the Ångström unit";
        let word = &words(text)[1];
        assert_eq!((&text[word.offset_from..word.offset_to], word.position), ("Ångström", 1));
        assert_eq!(words(&"x".repeat(500))[0].text.len(), WORD_BYTES_MAX);
    }
}
