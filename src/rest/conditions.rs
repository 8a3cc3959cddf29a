//! The headers that make a request conditional.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#concurrency> and RFC 9110 13.1.

use super::request::Interaction;
use crate::fault::{Fault, Kind};
use crate::fhir::Instant;

/// Conditions of a request; in a Bundle entry they stand in `request`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The version that must be current.
    pub if_match: Option<VersionMatch>,
    pub if_none_match: Option<NoneMatch>,
    pub if_modified_since: Option<Instant>,
    /// The query of a conditional create.
    pub if_none_exist: Option<String>,
}

impl Conditions {
    /// Refuses a condition that the interaction cannot keep: its sender believes to be protected by it.
    pub fn check_for(&self, interaction: &Interaction) -> Result<(), Fault> {
        use Interaction as I;
        let creates = matches!(interaction, I::Create(_));
        if self.if_none_exist.is_some() && !creates {
            return Err(Fault::new(Kind::Invalid, "If-None-Exist is for creates (POST to a type) alone"));
        }
        if self.if_match.is_some() && (creates || *interaction == I::BatchOrTransaction) {
            return Err(Fault::new(
                Kind::Invalid,
                "If-Match names a version of one resource; this request has none yet",
            ));
        }
        Ok(())
    }
}

/// What If-Match names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionMatch {
    Version(i32),
    /// A tag that this server never gave out, so that it can match nothing.
    Unknown,
}

/// What If-None-Match names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoneMatch {
    /// `*`: anything at all.
    Any,
    Versions(Vec<i32>),
}

/// Returns the condition of an If-Match value: `W/"3"`, or `"3"`.
pub fn parse_if_match(text: &str) -> Result<VersionMatch, Fault> {
    let tag = tag(text.trim()).ok_or_else(|| {
        let hint = if text.trim() == "*" { "'*' names no version" } else { "it is not an entity tag" };
        Fault::new(Kind::Invalid, format!("If-Match wants one version as W/\"<version>\"; {hint}: {}", shown(text)))
    })?;
    Ok(version(tag).map_or(VersionMatch::Unknown, VersionMatch::Version))
}

/// Returns the condition of an If-None-Match value: `*`, or a list of tags.
pub fn parse_if_none_match(text: &str) -> Result<NoneMatch, Fault> {
    if text.trim() == "*" {
        return Ok(NoneMatch::Any);
    }
    let mut versions = Vec::new();
    for part in text.split(',') {
        let tag = tag(part.trim()).ok_or_else(|| {
            Fault::new(Kind::Invalid, format!("If-None-Match wants '*' or entity tags, not {}", shown(text)))
        })?;
        versions.extend(version(tag));
    }
    Ok(NoneMatch::Versions(versions))
}

/// Returns the moment of an If-Modified-Since value; RFC 9110 13.1.3 has what is no date ignored.
pub fn parse_if_modified_since(text: &str) -> Option<Instant> {
    Instant::parse_http(text.trim()).or_else(|| Instant::parse(text.trim()))
}

/// Returns a version of ours; other texts are versions that never were.
pub fn version(text: &str) -> Option<i32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().ok() } else { None }
}

fn tag(text: &str) -> Option<&str> {
    let quoted = text.strip_prefix("W/").unwrap_or(text);
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.is_empty() && !inner.contains('"')).then_some(inner)
}

fn shown(text: &str) -> String {
    format!("'{}'", text.chars().filter(|c| !c.is_control()).take(80).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_takes_one_tag_weak_or_strong() {
        use VersionMatch::*;
        for (text, want) in [
            ("W/\"3\"", Some(Version(3))),
            ("\"3\"", Some(Version(3))),
            (" W/\"12\" ", Some(Version(12))),
            ("W/\"abc\"", Some(Unknown)),
            ("W/\"03\"", Some(Unknown)),
            ("W/\"99999999999\"", Some(Unknown)),
            ("3", None),
            ("*", None),
            ("", None),
            ("W/\"1\", W/\"2\"", None),
            ("W/\"\"", None),
        ] {
            assert_eq!(parse_if_match(text).ok(), want, "{text}");
        }
    }

    #[test]
    fn if_none_match_takes_a_list() {
        assert_eq!(parse_if_none_match("*").unwrap(), NoneMatch::Any);
        assert_eq!(parse_if_none_match("W/\"1\", \"2\"").unwrap(), NoneMatch::Versions(vec![1, 2]));
        assert!(parse_if_none_match("1").is_err());
    }
}
