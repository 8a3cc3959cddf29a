//! A case of a test: a message, and what is found in its drafts.

use crate::hl7v2::convert::{Conversion, convert};
use crate::hl7v2::message::Message;
use crate::hl7v2::problem::Problem;
use crate::hl7v2::rules::Rules;
use serde_json::{Value, json};

/// Returns what a message of `HOSP` says, sent on the third of May 2026 at ten.
pub fn converted(event: &str, segments: &str) -> Result<Conversion, Vec<Problem>> {
    let header = format!("MSH|^~\\&|APP|HOSP|||20260503100000+0000||{event}|7|P|2.5.1");
    convert(&Message::parse(format!("{header}\r{}", segments.replace('\n', "\r"))).unwrap(), &Rules::default())
}

/// Checks elements of the last draft of a type: `null` for what is not said, and for what is said not to be there.
#[track_caller]
pub fn check(event: &str, segments: &str, kind: &str, expected: &[(&str, Value)]) {
    let conversion = converted(event, segments).unwrap_or_else(|problems| panic!("{segments}: {problems:?}"));
    let made = conversion.drafts.of_type(kind).last().map_or(Value::Null, |(_, draft)| draft.made());
    for (pointer, value) in expected {
        let found = made.pointer(pointer).unwrap_or(&Value::Null);
        assert_eq!(found, value, "{pointer} of {made}\nin {segments}");
    }
}

/// Checks for what a message is not taken over: the code of table 0357 and the place.
#[track_caller]
pub fn check_fails(event: &str, segments: &str, code: u16, place: &str) {
    let problems = converted(event, segments).expect_err(segments);
    let found: Vec<(u16, String)> =
        problems.iter().map(|p| (p.code.row().0, p.at.map(|at| at.to_string()).unwrap_or_default())).collect();
    assert!(found.contains(&(code, place.to_string())), "{code} at {place} among {found:?}");
}

/// Checks that no damage of a message harms: what comes out has no empty members, whatever went in.
#[track_caller]
pub fn check_damaged(event: &str, segments: &str) {
    // Where something begins or ends.
    let marks = segments.char_indices().filter(|(_, c)| c.is_ascii() && !c.is_ascii_alphanumeric());
    for (at, _) in marks {
        let (before, after) = (&segments[..at], &segments[at + 1..]);
        for damaged in [
            format!("{before}{after}"),
            before.to_string(),
            format!("{before}\"\"{after}"),
            format!("{before}|{after}"),
        ] {
            for conversion in converted(event, &damaged).iter() {
                for (_, draft) in conversion.drafts.iter() {
                    let made = draft.made();
                    assert!(!has_empty(&made), "{made}\nin {damaged}");
                }
            }
        }
    }
}

fn has_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty() || items.iter().any(has_empty),
        Value::Object(members) => members.is_empty() || members.values().any(has_empty),
        _ => false,
    }
}

/// Returns a concept of one code.
pub fn concept(system: &str, code: &str) -> Value {
    json!([{"system": system, "code": code}])
}

/// The same with its display.
pub fn concept_shown(system: &str, code: &str, display: &str) -> Value {
    json!([{"system": system, "code": code, "display": display}])
}
