//! Canonical URLs and the choice among the stored versions of one.
//!
//! R4 <https://hl7.org/fhir/R4/references.html#canonical>: `url|version`; without a version the newest is meant.

use serde_json::Value;
use std::cmp::Ordering;

/// A canonical URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Canonical {
    pub url: String,
    pub version: Option<String>,
}

impl Canonical {
    pub fn parse(text: &str) -> Canonical {
        match text.split_once('|') {
            Some((url, version)) if !version.is_empty() => {
                Canonical { url: url.to_string(), version: Some(version.to_string()) }
            }
            Some((url, _)) => Canonical::of(url, None),
            None => Canonical::of(text, None),
        }
    }

    pub fn of(url: &str, version: Option<&str>) -> Canonical {
        Canonical { url: url.to_string(), version: version.map(str::to_string) }
    }
}

impl std::fmt::Display for Canonical {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}|{version}", self.url),
            None => f.write_str(&self.url),
        }
    }
}

/// Returns which of the resources with this URL is meant: the version asked for, or the newest.
pub fn choose(candidates: Vec<Value>, version: Option<&str>) -> Option<Value> {
    let own = |value: &Value| value.get("version").and_then(Value::as_str).unwrap_or_default().to_string();
    match version {
        Some(version) => candidates.into_iter().rev().find(|value| own(value) == version),
        // Retired definitions come last; of equal ones the one that came here last is taken.
        None => candidates.into_iter().max_by(|a, b| {
            let rank = |value: &Value| value.get("status").and_then(Value::as_str) != Some("retired");
            rank(a).cmp(&rank(b)).then_with(|| compare(&own(a), &own(b)))
        }),
    }
}

/// Compares business versions part by part, numbers as numbers: `1.10` is newer than `1.9`.
fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split(['.', '-', '+']), b.split(['.', '-', '+']));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (Some(_), None) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                _ => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn without_a_version_the_newest_that_is_not_retired_is_meant() {
        let set = |version: &str, status: &str| json!({"version": version, "status": status});
        let stored =
            vec![set("1.9", "active"), set("1.10", "draft"), set("2.0", "retired"), json!({"status": "draft"})];
        let chosen = |version| choose(stored.clone(), version).map(|v| v["version"].as_str().unwrap_or("").to_string());
        assert_eq!(chosen(None).as_deref(), Some("1.10"));
        assert_eq!(chosen(Some("1.9")).as_deref(), Some("1.9"));
        assert_eq!(chosen(Some("2.0")).as_deref(), Some("2.0"));
        assert_eq!(chosen(Some("3")), None);
        assert_eq!(Canonical::parse("http://a|1").version.as_deref(), Some("1"));
        assert_eq!(Canonical::parse("http://a|"), Canonical::of("http://a", None));
    }
}
