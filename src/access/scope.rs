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
}

impl Scope {
    /// Returns the scope, or none when the text is not a resource scope that this server can enforce.
    ///
    /// A scope with a query part is refused whole: granting it without its filter would widen it.
    pub fn parse(text: &str) -> Option<Scope> {
        let (context, rest) = text.split_once('/')?;
        let context = match context {
            "patient" => Context::Patient,
            "user" => Context::User,
            "system" => Context::System,
            _ => return None,
        };
        let (name, access) = rest.split_once('.')?;
        let resource_type = if name == "*" { None } else { Some(ResourceType::parse(name)?) };
        let letters = match access {
            "read" => bits("rs")?,
            "write" => bits("cud")?,
            "*" => bits("cruds")?,
            letters => bits(letters)?,
        };
        Some(Scope { context, resource_type, letters })
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
        let letters: String = Letter::ALL.iter().filter(|(_, l)| self.letters & bit(*l) != 0).map(|(c, _)| c).collect();
        write!(f, "{context}/{}.{letters}", self.resource_type.map_or("*", ResourceType::name))
    }
}

fn bit(letter: Letter) -> u8 {
    1 << letter as u8
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
            ("patient/*.read", Some("patient/*.rs")),
            ("system/Patient.write", Some("system/Patient.cud")),
            ("system/Patient.*", Some("system/Patient.cruds")),
            ("system/Patient.sr", None),
            ("system/Patient.", None),
            ("system/Nope.r", None),
            ("system/Observation.rs?category=x", None),
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
