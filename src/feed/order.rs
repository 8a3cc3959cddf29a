//! In which order messages happened: each resource says of each feed when the last message was that changed it.
//!
//! Messages overtake each other on their way. One that is older than what is there fills what is empty and overwrites nothing. The
//! moment stands in an extension of `meta`, defined in `conformance/StructureDefinition-feed-time.json`.

use crate::fhir::Instant;
use serde_json::{Map, Value, json};

const PATH: &str = "/StructureDefinition/feed-time";

/// Returns the address of the extension.
pub fn url(canonical_base: &str) -> String {
    format!("{canonical_base}{PATH}")
}

/// Returns when the last message of a feed was that changed a resource.
pub fn last(content: &Map<String, Value>, url: &str, feed: &str) -> Option<Instant> {
    let extensions = content.get("meta")?.get("extension")?.as_array()?;
    let own = extensions.iter().find(|it| is_of(it, url, feed))?;
    part(own, "time")?.get("valueInstant")?.as_str().and_then(Instant::parse)
}

/// Notes when the message was that changes a resource.
pub fn mark(content: &mut Map<String, Value>, url: &str, feed: &str, time: Instant) {
    let meta = content.entry("meta").or_insert_with(|| json!({}));
    let Some(meta) = meta.as_object_mut() else { return };
    let list = meta.entry("extension").or_insert_with(|| json!([]));
    let Some(list) = list.as_array_mut() else { return };
    list.retain(|it| !is_of(it, url, feed));
    list.push(json!({"url": url, "extension": [
        {"url": "feed", "valueString": feed},
        {"url": "time", "valueInstant": time.to_string()},
    ]}));
}

fn is_of(extension: &Value, url: &str, feed: &str) -> bool {
    extension["url"] == url && part(extension, "feed").is_some_and(|it| it["valueString"] == feed)
}

fn part<'v>(extension: &'v Value, name: &str) -> Option<&'v Value> {
    extension.get("extension")?.as_array()?.iter().find(|it| it["url"] == name)
}

/// Returns the moment of a FHIR dateTime; the beginning of a day, month or year that has no time, in UTC.
pub fn moment(text: &str) -> Option<Instant> {
    if let Some(at) = Instant::parse(text) {
        return Some(at);
    }
    let date = text.split('T').next().unwrap_or(text);
    let full = match date.len() {
        4 => format!("{date}-01-01"),
        7 => format!("{date}-01"),
        10 => date.to_string(),
        _ => return None,
    };
    Instant::parse(&format!("{full}T00:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feed_has_its_own_last_moment() {
        let mut content = Map::new();
        let at = |text: &str| Instant::parse(text).unwrap();
        let (early, late) = (at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z"));
        mark(&mut content, "u", "lab", early);
        mark(&mut content, "u", "adt", early);
        mark(&mut content, "u", "lab", late);
        assert_eq!(last(&content, "u", "lab"), Some(late));
        assert_eq!(last(&content, "u", "adt"), Some(early));
        assert_eq!(last(&content, "u", "other"), None);
        assert_eq!(content["meta"]["extension"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_day_begins_at_midnight() {
        for (text, want) in [
            ("2026-03-04", Some("2026-03-04T00:00:00.000Z")),
            ("2026-03", Some("2026-03-01T00:00:00.000Z")),
            ("2026", Some("2026-01-01T00:00:00.000Z")),
            ("2026-03-04T05:06:07+01:00", Some("2026-03-04T04:06:07.000Z")),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(moment(text).map(|at| at.to_string()).as_deref(), want, "{text}");
        }
    }
}
