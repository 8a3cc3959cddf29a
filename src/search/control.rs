//! Parameters that shape the answer and not the question: `_count`, `_sort`, `_total`, `_summary`, …
//!
//! R4 <https://hl7.org/fhir/R4/search.html#return>.

use super::contained::{Contained, Mode, Shown};
use super::include::Include;
use super::query::refused;
use super::registry::Registry;
use super::sort::{self, Sort};
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;

/// How exact `Bundle.total` must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TotalMode {
    /// The client did not say.
    #[default]
    Unsaid,
    None,
    Estimate,
    Accurate,
}

/// What was read so far.
#[derive(Debug, Default)]
pub struct Controls {
    pub sort: Vec<Sort>,
    pub count: Option<u32>,
    pub total: TotalMode,
    pub includes: Vec<Include>,
    pub summary: Option<String>,
    pub elements: Vec<String>,
    pub cursor: Option<String>,
    pub contained: Contained,
}

impl Controls {
    /// Takes the pair when it shapes the answer; returns whether it did.
    pub fn take(
        &mut self,
        registry: &Registry,
        types: &[ResourceType],
        name: &str,
        value: &str,
    ) -> Result<bool, Fault> {
        let (code, modifier) = name.split_once(':').map_or((name, None), |(code, modifier)| (code, Some(modifier)));
        if !is_control(code) {
            return Ok(false);
        }
        if matches!(code, "_include" | "_revinclude") {
            self.includes.push(Include::parse(registry, types, name, value)?);
            return Ok(true);
        }
        if modifier.is_some() {
            return Err(refused(name, "cannot have a modifier"));
        }
        match code {
            "_sort" => self.sort = sort::parse(registry, types, value)?,
            "_count" => self.count = Some(count(value)?),
            "_total" => self.total = total(value)?,
            "_summary" => self.summary = Some(summary(value)?),
            "_elements" => self.elements = elements(value)?,
            "_cursor" => self.cursor = Some(value.to_string()),
            "_contained" => self.contained.mode = Mode::parse(value)?,
            "_containedType" => self.contained.shown = Shown::parse(value)?,
            // The types were read before all else; the format is not a matter of the search.
            _ => {}
        }
        Ok(true)
    }
}

fn is_control(code: &str) -> bool {
    matches!(
        code,
        "_sort"
            | "_count"
            | "_total"
            | "_summary"
            | "_elements"
            | "_cursor"
            | "_contained"
            | "_containedType"
            | "_include"
            | "_revinclude"
            | "_type"
            | "_format"
            | "_pretty"
    )
}

/// What is said once: of two values one would be passed over without a word.
const ONCE: [&str; 10] = [
    "_sort",
    "_count",
    "_total",
    "_summary",
    "_elements",
    "_cursor",
    "_contained",
    "_containedType",
    "_type",
    "_query",
];

/// Refuses a query that says twice what can be said once.
pub fn check_repeats(pairs: &[(String, String)]) -> Result<(), Fault> {
    let is_twice = |code: &&&str| pairs.iter().filter(|(name, _)| name == **code).count() > 1;
    match ONCE.iter().find(is_twice) {
        Some(code) => Err(Fault::new(Kind::Invalid, format!("parameter '{code}' can be given once"))),
        None => Ok(()),
    }
}

/// Returns the types that a search is about: the one in the URL, or those of `_type`; empty means all.
pub fn types(base: Option<ResourceType>, pairs: &[(String, String)]) -> Result<Vec<ResourceType>, Fault> {
    let mut types: Vec<ResourceType> = base.into_iter().collect();
    for (_, value) in pairs.iter().filter(|(name, _)| name == "_type") {
        let mut named = Vec::new();
        for name in value.split(',') {
            match ResourceType::parse(name).filter(|t| t.is_stored()) {
                Some(t) => named.push(t),
                None => return Err(invalid("_type", name, "is not a resource type that is stored")),
            }
        }
        named.sort_unstable();
        named.dedup();
        if base.is_some() && named != types {
            return Err(invalid("_type", value, "names other types than the URL"));
        }
        types = named;
    }
    Ok(types)
}

fn count(value: &str) -> Result<u32, Fault> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    match value.parse() {
        Ok(count) if digits => Ok(count),
        _ => Err(invalid("_count", value, "is not a whole number from 0 on")),
    }
}

fn total(value: &str) -> Result<TotalMode, Fault> {
    match value {
        "none" => Ok(TotalMode::None),
        "estimate" => Ok(TotalMode::Estimate),
        "accurate" => Ok(TotalMode::Accurate),
        _ => Err(invalid("_total", value, "is not one of none, estimate and accurate")),
    }
}

fn summary(value: &str) -> Result<String, Fault> {
    match value {
        "true" | "text" | "data" | "count" | "false" => Ok(value.to_string()),
        _ => Err(invalid("_summary", value, "is not one of true, text, data, count and false")),
    }
}

fn elements(value: &str) -> Result<Vec<String>, Fault> {
    let is_name = |name: &&str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'[' | b']'))
    };
    match value.split(',').find(|name| !is_name(name)) {
        Some(bad) => Err(invalid("_elements", bad, "is not the name of an element")),
        None => Ok(value.split(',').map(str::to_string).collect()),
    }
}

pub(super) fn invalid(name: &str, value: &str, reason: &str) -> Fault {
    Fault::new(Kind::Invalid, format!("parameter '{name}': '{value}' {reason}"))
}
