//! SMART scopes, version 2 (`system/Observation.rs`) and version 1 (`user/*.read`).
//!
//! SMART App Launch 2.2 <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>.

use crate::fhir::ResourceType;
use std::fmt;

/// What a scope lets its holder do with a type: the letters of version 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letter {
    Create,
    Read,
    Update,
    Delete,
    Search,
}

impl Letter {
    const ALL: [(char, Letter); 5] = [
        ('c', Letter::Create),
        ('r', Letter::Read),
        ('u', Letter::Update),
        ('d', Letter::Delete),
        ('s', Letter::Search),
    ];

    pub fn char(self) -> char {
        match self {
            Letter::Create => 'c',
            Letter::Read => 'r',
            Letter::Update => 'u',
            Letter::Delete => 'd',
            Letter::Search => 's',
        }
    }
}

/// On whose behalf a scope speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    Patient,
    User,
    System,
}

/// One resource scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub context: Context,
    /// None is `*`.
    pub resource_type: Option<ResourceType>,
    letters: u8,
    /// Only resources that meet this search, as it was written: `category=laboratory`.
    query: Option<Box<str>>,
    /// The letters as version 1 wrote them: `read`, `write`, `*`.
    word: Option<&'static str>,
}

impl Scope {
    /// Returns the scope, or none when the text is not a resource scope that this server can enforce.
    ///
    /// Whether the search of a granular scope can be asked is not looked at here; see [`super::granular`].
    pub fn parse(text: &str) -> Option<Scope> {
        let (context, rest) = text.split_once('/')?;
        let context = match context {
            "patient" => Context::Patient,
            "user" => Context::User,
            "system" => Context::System,
            _ => return None,
        };
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (name, access) = rest.split_once('.')?;
        let resource_type = if name == "*" { None } else { Some(ResourceType::parse(name)?) };
        let (word, letters) = match access {
            "read" => (Some("read"), "rs"),
            "write" => (Some("write"), "cud"),
            "*" => (Some("*"), "cruds"),
            letters => (None, letters),
        };
        // A search is over the parameters of one type; version 1 knows no searches.
        if query.is_some_and(|query| query.is_empty() || resource_type.is_none() || word.is_some()) {
            return None;
        }
        Some(Scope { context, resource_type, letters: bits(letters)?, query: query.map(Into::into), word })
    }

    /// Returns the search that narrows the scope.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Returns the scope with a search that narrows it.
    pub fn narrowed(&self, query: &str) -> Scope {
        Scope { query: Some(query.into()), word: None, ..self.clone() }
    }

    /// Returns the scope for one type of those that it covers.
    pub fn of_type(&self, resource_type: ResourceType) -> Scope {
        Scope { resource_type: Some(resource_type), ..self.clone() }
    }

    /// Returns the letters in their order: `cruds`.
    pub fn letters(&self) -> String {
        Letter::ALL.iter().filter(|(_, l)| self.letters & bit(*l) != 0).map(|(c, _)| c).collect()
    }

    /// Returns the scope with those of its letters that are among these; none when none is.
    pub fn within(&self, letters: &str) -> Option<Scope> {
        let left = self.letters & bits_of(letters);
        let word = self.word.filter(|_| left == self.letters);
        (left != 0).then(|| Scope { letters: left, word, ..self.clone() })
    }

    /// Returns whether all that the other scope opens is opened by this one too.
    pub fn covers(&self, other: &Scope) -> bool {
        self.context == other.context
            && (self.resource_type.is_none() || self.resource_type == other.resource_type)
            && other.letters & !self.letters == 0
            && (self.query.is_none() || self.query == other.query)
    }

    pub fn allows(&self, letter: Letter, resource_type: Option<ResourceType>) -> bool {
        let covers = match (self.resource_type, resource_type) {
            (None, _) => true,
            (Some(mine), Some(asked)) => mine == asked,
            (Some(_), None) => false,
        };
        covers && self.letters & bit(letter) != 0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let context = match self.context {
            Context::Patient => "patient",
            Context::User => "user",
            Context::System => "system",
        };
        let name = self.resource_type.map_or("*", ResourceType::name);
        match self.word {
            Some(word) => write!(f, "{context}/{name}.{word}")?,
            None => write!(f, "{context}/{name}.{}", self.letters())?,
        }
        match &self.query {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

fn bit(letter: Letter) -> u8 {
    1 << letter as u8
}

/// Returns the bits of letters in any order.
fn bits_of(letters: &str) -> u8 {
    Letter::ALL.iter().filter(|(c, _)| letters.contains(*c)).fold(0, |bits, (_, l)| bits | bit(*l))
}

/// Returns the bits of letters that come in the order c, r, u, d, s; none otherwise, as version 2 demands.
fn bits(letters: &str) -> Option<u8> {
    let mut out = 0;
    let mut order = Letter::ALL.iter();
    for c in letters.chars() {
        let (_, letter) = order.find(|(l, _)| *l == c)?;
        out |= bit(*letter);
    }
    (out != 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_as_they_are_written() {
        for (text, shown) in [
            ("system/*.cruds", Some("system/*.cruds")),
            ("user/Observation.rs", Some("user/Observation.rs")),
            ("patient/*.read", Some("patient/*.read")),
            ("system/Patient.write", Some("system/Patient.write")),
            ("system/Patient.*", Some("system/Patient.*")),
            ("system/Patient.sr", None),
            ("system/Patient.", None),
            ("system/Nope.r", None),
            ("system/Observation.rs?category=x", Some("system/Observation.rs?category=x")),
            ("system/Observation.rs?", None),
            ("system/*.rs?category=x", None),
            ("system/Observation.read?category=x", None),
            ("launch/patient", None),
            ("openid", None),
            ("System/Patient.r", None),
        ] {
            assert_eq!(Scope::parse(text).map(|s| s.to_string()).as_deref(), shown, "{text}");
        }
    }

    #[test]
    fn a_type_scope_never_allows_the_whole_system() {
        let scope = Scope::parse("system/Patient.rs").unwrap();
        assert!(scope.allows(Letter::Read, Some(ResourceType::PATIENT)));
        assert!(!scope.allows(Letter::Read, Some(ResourceType::BUNDLE)));
        assert!(!scope.allows(Letter::Search, None));
        assert!(!scope.allows(Letter::Create, Some(ResourceType::PATIENT)));
    }
}
