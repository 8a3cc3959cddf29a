//! Logical ids and version ids as they stand in URLs and resources.
//!
//! R4 <https://hl7.org/fhir/R4/datatypes.html#id>: `[A-Za-z0-9\-\.]{1,64}`.

use std::fmt;

/// A logical id that keeps the rule of the datatype.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId(Box<str>);

impl ResourceId {
    /// Returns the id, or none when the text breaks the rule.
    pub fn parse(text: &str) -> Option<ResourceId> {
        let ok = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        ((1..=64).contains(&text.len()) && text.bytes().all(ok)).then(|| ResourceId(text.into()))
    }

    /// Returns a new id that no other server process gives out. It rises with time, so that a new row's
    /// index entries land beside those of its neighbours.
    pub fn random() -> ResourceId {
        ResourceId(uuid::Uuid::now_v7().hyphenated().to_string().into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_1_to_64_letters_digits_dashes_and_dots() {
        for (text, ok) in [
            ("a", true),
            ("A-b.9", true),
            (&"x".repeat(64), true),
            (&"x".repeat(65), false),
            ("", false),
            ("a_b", false),
            ("ä", false),
            ("a/b", false),
            ("a b", false),
        ] {
            assert_eq!(ResourceId::parse(text).is_some(), ok, "{text}");
        }
        assert!(ResourceId::parse(ResourceId::random().as_str()).is_some());
    }
}
