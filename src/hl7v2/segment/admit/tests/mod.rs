//! What ADT messages say: a case is a message and what is found in its drafts.

mod merge;
mod patient;
mod visit;

use crate::hl7v2::convert::{Conversion, convert};
use crate::hl7v2::message::Message;
use crate::hl7v2::problem::Problem;
use crate::hl7v2::rules::Rules;
use serde_json::{Value, json};

/// Returns what a message of `HOSP` says that happened on the third of May 2026 at ten.
fn converted(event: &str, segments: &str) -> Result<Conversion, Vec<Problem>> {
    under(&Rules::default(), "HOSP", event, segments)
}

fn under(rules: &Rules, facility: &str, event: &str, segments: &str) -> Result<Conversion, Vec<Problem>> {
    let code = if event.starts_with('A') { "ADT" } else { "ORU" };
    let header = format!("MSH|^~\\&|APP|{facility}|||20260503100000+0000||{code}^{event}|7|P|2.5");
    let text = format!("{header}\rEVN|{event}|20260503100000\r{}", segments.replace('\n', "\r"));
    convert(&Message::parse(text).unwrap(), rules)
}

/// Checks elements of the first draft of a type; `null` for what is not said, and for what is said not to be there.
#[track_caller]
fn check(event: &str, segments: &str, kind: &str, expected: &[(&str, Value)]) {
    let conversion = converted(event, segments).unwrap_or_else(|problems| panic!("{segments}: {problems:?}"));
    let made = conversion.drafts.of_type(kind).next().map_or(Value::Null, |(_, draft)| draft.made());
    for (pointer, value) in expected {
        assert_eq!(made.pointer(pointer).unwrap_or(&Value::Null), value, "{pointer} of {made}\nin {segments}");
    }
}

/// Checks for what a message is not stored: the code of table 0357 and the place.
#[track_caller]
fn check_fails(result: Result<Conversion, Vec<Problem>>, code: u16, place: &str) {
    let problems = result.map_or_else(|problems| problems, |conversion| conversion.hindrances);
    let found: Vec<(u16, String)> =
        problems.iter().map(|p| (p.code.row().0, p.at.map(|at| at.to_string()).unwrap_or_default())).collect();
    assert!(found.contains(&(code, place.to_string())), "{code} at {place} among {found:?}");
}

#[test]
fn headers_that_are_refused() {
    let of = |header: &str| convert(&Message::parse(format!("{header}\rPID|||1")).unwrap(), &Rules::default());
    check_fails(of("MSH|^~\\&||H|||2026||ADT^A08||P|2.5"), 101, "MSH-10");
    check_fails(of("MSH|^~\\&||H|||2026||ADT^A08|1|X|2.5"), 202, "MSH-11");
    for version in ["2.0", "2.10", "3", "2", "2.5.x", "2.5.1.1", "x"] {
        check_fails(of(&format!("MSH|^~\\&||H|||2026||ADT^A08|1|P|{version}")), 203, "MSH-12");
    }
    for version in ["2.1", "2.3.1", "2.5^DEU", "2.8.2", "2.9", ""] {
        assert!(of(&format!("MSH|^~\\&||H|||2026||ADT^A08|1|P^T|{version}")).is_ok(), "{version}");
    }
}

#[test]
fn a_message_has_the_time_of_its_event_else_its_own() {
    let time = |evn: &str, msh: &str| {
        let text = format!("MSH|^~\\&||H|||{msh}||ADT^A08|1|P|2.5\rEVN||{evn}\rPID|||1");
        convert(&Message::parse(text).unwrap(), &Rules::default()).unwrap().time
    };
    assert_eq!(time("20260101120000-0500", "2026").as_deref(), Some("2026-01-01T12:00:00-05:00"));
    assert_eq!(time("20260101120000", "20260101120001+0100").as_deref(), Some("2026-01-01T12:00:00+01:00"));
    assert_eq!(time("", "20260101").as_deref(), Some("2026-01-01"));
    assert_eq!(time("", ""), None);
}

#[test]
fn no_damage_of_a_message_harms() {
    let text = "MSH|^~\\&|A|H|||20260503||ADT^A01|7|P|2.5\rEVN|A01|20260503\rPID|1|2|3^^^X^MR~\"\"|4|A^B||19800101|F\r\
                PD1||||1^X\rROL|1|AD|PP|1^X\rNK1|1|A^B|SPO\rPV1|1|I|W^1^2|||W^2^1|1^X||||||||||||9|||||||||||||||||3^^4\rPV2||||2";
    for at in 0..text.len() {
        for damaged in [
            format!("{}{}", &text[..at], &text[at + 1..]),
            text[..at].to_string(),
            text.replace(&text[at..=at], "\"\""),
        ] {
            if let Ok(message) = Message::parse(damaged) {
                for (_, draft) in convert(&message, &Rules::default()).iter().flat_map(|c| c.drafts.iter()) {
                    assert!(!has_nothing(&draft.made()), "{:?}\n{}", draft.made(), message.text());
                }
            }
        }
    }
}

/// Returns whether somewhere is an empty object, list or text, which R4 has not.
fn has_nothing(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty() || members.values().any(has_nothing),
        Value::Array(items) => items.is_empty() || items.iter().any(has_nothing),
        other => *other == json!("") || other.is_null(),
    }
}
