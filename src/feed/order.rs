//! In which order messages happened: each resource says of each feed when the last message was that changed it.
//!
//! Messages overtake each other on their way. One that is older than what is there fills what is empty and overwrites nothing; what a
//! later one said to be gone is not empty, but gone. Both stand in an extension of `meta`, defined in
//! `conformance/StructureDefinition-feed-time.json`.

use crate::fhir::Instant;
use serde_json::{Map, Value, json};

const PATH: &str = "/StructureDefinition/feed-time";

/// Returns the address of the extension.
pub fn url(canonical_base: &str) -> String {
    format!("{canonical_base}{PATH}")
}

/// What a resource says of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Last {
    /// When the last message was that changed it.
    pub time: Option<Instant>,
    /// Elements that messages said to be gone. Sorted.
    pub gone: Vec<String>,
}

/// Returns what a resource says of a feed.
pub fn last(content: &Map<String, Value>, url: &str, feed: &str) -> Last {
    let extensions = content.get("meta").and_then(|meta| meta.get("extension")).and_then(Value::as_array);
    let Some(own) = extensions.and_then(|all| all.iter().find(|it| is_of(it, url, feed))) else {
        return Last::default();
    };
    let time = parts(own, "time").find_map(|it| it.get("valueInstant")?.as_str().and_then(Instant::parse));
    let gone = parts(own, "gone").filter_map(|it| it.get("valueString")?.as_str().map(str::to_string)).collect();
    Last { time, gone }
}

/// Notes when the message was that changes a resource, and what is gone by now.
pub fn mark(content: &mut Map<String, Value>, url: &str, feed: &str, time: Instant, gone: &[String]) {
    let meta = content.entry("meta").or_insert_with(|| json!({}));
    let Some(meta) = meta.as_object_mut() else { return };
    let list = meta.entry("extension").or_insert_with(|| json!([]));
    let Some(list) = list.as_array_mut() else { return };
    let mut parts =
        vec![json!({"url": "feed", "valueString": feed}), json!({"url": "time", "valueInstant": time.to_string()})];
    parts.extend(gone.iter().map(|name| json!({"url": "gone", "valueString": name})));
    list.retain(|it| !is_of(it, url, feed));
    list.push(json!({"url": url, "extension": parts}));
}

/// Returns what is gone after a message that says `said`, when it was `gone` before it and `after` is what is there then.
pub fn gone(before: &[String], said: &[&Map<String, Value>], after: &Map<String, Value>) -> Vec<String> {
    let removed = said.iter().flat_map(|said| said.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name));
    let mut gone: Vec<String> =
        before.iter().chain(removed).filter(|name| !after.contains_key(*name)).cloned().collect();
    gone.sort_unstable();
    gone.dedup();
    gone
}

fn is_of(extension: &Value, url: &str, feed: &str) -> bool {
    extension["url"] == url && parts(extension, "feed").any(|it| it["valueString"] == feed)
}

fn parts<'v>(extension: &'v Value, name: &'v str) -> impl Iterator<Item = &'v Value> {
    let all = extension.get("extension").and_then(Value::as_array);
    all.into_iter().flatten().filter(move |it| it["url"] == name)
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
        let gone = ["photo".to_string()];
        mark(&mut content, "u", "lab", early, &gone);
        mark(&mut content, "u", "adt", early, &gone);
        mark(&mut content, "u", "lab", late, &[]);
        assert_eq!(last(&content, "u", "lab"), Last { time: Some(late), gone: Vec::new() });
        assert_eq!(last(&content, "u", "adt"), Last { time: Some(early), gone: gone.to_vec() });
        assert_eq!(last(&content, "u", "other"), Last::default());
        assert_eq!(content["meta"]["extension"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn what_is_said_to_be_gone_is_gone_until_it_is_said_to_be_there() {
        let object = |value: Value| value.as_object().unwrap().clone();
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let (said, after) = (object(json!({"photo": null, "name": []})), object(json!({"name": []})));
        assert_eq!(gone(&names(&["name", "telecom"]), &[&said], &after), names(&["photo", "telecom"]));
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
