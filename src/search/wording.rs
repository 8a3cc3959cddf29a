//! What `_content` and `_text` ask for: words, phrases, and how they go together.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#text> leaves the syntax to the server and shows
//! `(bone OR liver) and metastases`. Here words stand side by side or with `and`, alternatives with `or`, in parentheses where
//! needed; `"in quotes"` words stand together; `-word` or `not word` leaves out; `word*` is the beginning of a word.

/// Deepest nesting of parentheses, and most words of one query.
const DEPTH_MAX: usize = 16;
const WORDS_MAX: usize = 64;

/// A text query as a tree. At least one word of every branch is looked for and not left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wording {
    /// A word; where signs divide it (`x-ray`) its parts stand together.
    Word(String),
    /// The beginning of a word.
    Prefix(String),
    Phrase(String),
    All(Vec<Wording>),
    Any(Vec<Wording>),
    /// Only inside [`Wording::All`].
    Not(Box<Wording>),
}

/// Returns the tree of a query, or what is wrong with it in words that go on from the value.
pub fn parse(text: &str) -> Result<Wording, String> {
    let tokens = tokens(text)?;
    let words = tokens.iter().filter(|t| matches!(t, Token::Text(_))).count();
    if words > WORDS_MAX {
        return Err(format!("has more than {WORDS_MAX} words"));
    }
    let mut reader = Reader { tokens: &tokens, depth: 0 };
    let wording = reader.any()?;
    match reader.tokens.first() {
        None => Ok(wording),
        Some(_) => Err("has a ')' without '('".to_string()),
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Text(Wording),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '(' => (Token::Open, &rest[1..]),
            ')' => (Token::Close, &rest[1..]),
            '"' => {
                let (phrase, after) = rest[1..].split_once('"').ok_or("has a quote that is not closed")?;
                (Token::Text(Wording::Phrase(readable(phrase)?)), after)
            }
            '-' if rest[1..].starts_with(|c: char| c == '"' || c == '(' || c.is_alphanumeric()) => {
                (Token::Not, &rest[1..])
            }
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || "()\"".contains(c)).unwrap_or(rest.len());
                (word(&rest[..end])?, &rest[end..])
            }
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

fn word(text: &str) -> Result<Token, String> {
    let is = |keyword: &str| text.eq_ignore_ascii_case(keyword);
    Ok(match text.strip_suffix('*') {
        _ if is("and") => Token::And,
        _ if is("or") => Token::Or,
        _ if is("not") => Token::Not,
        Some(beginning) => Token::Text(Wording::Prefix(readable(beginning)?)),
        None => Token::Text(Wording::Word(readable(text)?)),
    })
}

/// A word without a letter or digit is nothing that the index could hold.
fn readable(text: &str) -> Result<String, String> {
    if text.contains(char::is_alphanumeric) {
        return Ok(text.to_string());
    }
    let shown: String = text.chars().take(40).collect();
    Err(format!("asks for '{shown}', which has no letter or digit"))
}

struct Reader<'a> {
    tokens: &'a [Token],
    depth: usize,
}

impl Reader<'_> {
    fn next(&mut self, token: &Token) -> bool {
        let here = self.tokens.first() == Some(token);
        self.tokens = &self.tokens[usize::from(here)..];
        here
    }

    fn any(&mut self) -> Result<Wording, String> {
        let mut parts = vec![self.all()?];
        while self.next(&Token::Or) {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Wording::Any(parts) })
    }

    fn all(&mut self) -> Result<Wording, String> {
        let mut parts = vec![self.one()?];
        loop {
            let linked = self.next(&Token::And);
            match self.tokens.first() {
                Some(Token::Open | Token::Not | Token::Text(_)) => parts.push(self.one()?),
                _ if linked => return Err("ends with 'and'".to_string()),
                _ => break,
            }
        }
        if parts.iter().all(|part| matches!(part, Wording::Not(_))) {
            return Err("says what to leave out and not what to look for".to_string());
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Wording::All(parts) })
    }

    fn one(&mut self) -> Result<Wording, String> {
        let Some((token, rest)) = self.tokens.split_first() else {
            return Err("ends where a word should stand".to_string());
        };
        self.tokens = rest;
        match token {
            Token::Text(wording) => Ok(wording.clone()),
            Token::Not if self.tokens.first() == Some(&Token::Not) => Err("has 'not' twice".to_string()),
            Token::Not => Ok(Wording::Not(Box::new(self.one()?))),
            Token::Open if self.depth == DEPTH_MAX => {
                Err(format!("has more than {DEPTH_MAX} parentheses in each other"))
            }
            Token::Open => {
                self.depth += 1;
                let inner = self.any()?;
                self.depth -= 1;
                if self.next(&Token::Close) { Ok(inner) } else { Err("has a '(' that is not closed".to_string()) }
            }
            Token::Close => Err("has a ')' where a word should stand".to_string()),
            Token::And | Token::Or => Err("has 'and' or 'or' where a word should stand".to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(wording: &Wording) -> String {
        let list = |parts: &[Wording]| parts.iter().map(shown).collect::<Vec<_>>().join(" ");
        match wording {
            Wording::Word(word) => word.clone(),
            Wording::Prefix(word) => format!("{word}*"),
            Wording::Phrase(text) => format!("\"{text}\""),
            Wording::All(parts) => format!("all({})", list(parts)),
            Wording::Any(parts) => format!("any({})", list(parts)),
            Wording::Not(part) => format!("-{}", shown(part)),
        }
    }

    #[test]
    fn words_phrases_and_operators_make_a_tree() {
        for (text, tree) in [
            ("heart", "heart"),
            ("heart failure", "all(heart failure)"),
            ("(bone OR liver) and metastases", "all(any(bone liver) metastases)"),
            ("a b or c", "any(all(a b) c)"),
            ("\"heart failure\" -acute", "all(\"heart failure\" -acute)"),
            ("x-ray not (chest or \"left arm\")", "all(x-ray -any(chest \"left arm\"))"),
            ("card* E11.9", "all(card* E11.9)"),
            ("a \"b c\"d", "all(a \"b c\" d)"),
        ] {
            assert_eq!(parse(text).as_ref().map(shown).as_deref(), Ok(tree), "{text}");
        }
    }

    #[test]
    fn a_query_that_cannot_be_read_says_why() {
        let (deep, long) = (format!("{}a{}", "(".repeat(40), ")".repeat(40)), "a ".repeat(65));
        for (text, reason) in [
            ("", "ends where"),
            ("   ", "ends where"),
            ("\"open", "quote"),
            ("(a", "'('"),
            ("a)", "')'"),
            ("()", "')' where"),
            ("a and", "'and'"),
            ("or a", "'or'"),
            ("a or", "ends where"),
            ("-a", "leave out"),
            ("a or -b", "leave out"),
            ("not not a", "twice"),
            ("---", "no letter"),
            ("\"\"", "no letter"),
            ("*", "no letter"),
            (&deep, "parentheses"),
            (&long, "64 words"),
        ] {
            let told = parse(text).expect_err(text);
            assert!(told.contains(reason), "{text}: {told}");
        }
    }
}
