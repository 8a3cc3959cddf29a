//! A simulated hospital: its whole feed, and the whole of it again.
//!
//! Data: `../shared/suites/hl7v2/google-simhospital` beside the package; a test whose data is absent says so and passes.

use std::collections::BTreeSet;
use std::fs;

use super::projection::suite;
use super::stage::{state, total, wait};
use crate::app::TestApp;
use crate::feed::sender::{Line, app, count};

/// Returns the messages, in their order; segments end in CR, and messages in an empty line.
fn messages() -> Vec<String> {
    let file = suite("google-simhospital").join("messages.out");
    let Ok(text) = fs::read_to_string(&file) else {
        println!("skipped: {} is not here", file.display());
        return Vec::new();
    };
    text.split('\n').filter(|message| !message.trim().is_empty()).map(String::from).collect()
}

/// Returns what fields of a segment of all messages say.
fn told<'m>(messages: &'m [String], segment: &str, field: usize) -> BTreeSet<&'m str> {
    let lines = messages.iter().flat_map(|message| message.split('\r'));
    let fields =
        lines.filter(|line| line.split('|').next() == Some(segment)).filter_map(|line| line.split('|').nth(field));
    fields.filter(|text| !text.is_empty()).collect()
}

/// Returns how many visits there are: by PV1-19, else by the patient and when they began.
fn visits(messages: &[String]) -> usize {
    let mut visits = BTreeSet::new();
    for message in messages {
        let field = |segment: &str, n: usize| {
            let line = message.split('\r').find(|line| line.split('|').next() == Some(segment)).unwrap_or_default();
            line.split('|').nth(n).unwrap_or_default()
        };
        let (number, began) = (field("PV1", 19), field("PV1", 44));
        match (number.is_empty(), began.is_empty()) {
            (false, _) => _ = visits.insert(number.to_string()),
            (true, false) => _ = visits.insert(format!("{} {began}", field("PID", 3))),
            (true, true) => {}
        }
    }
    visits.len()
}

fn send_all(app: &TestApp, messages: &[String]) {
    let mut line = Line::open(app);
    for message in messages {
        // MSH-15 says AL and MSH-16 nothing: enhanced mode, one acknowledgement, that it was accepted.
        let answer = line.send_bytes(message.as_bytes()).expect("an answer").expect("CA");
        assert_eq!(Some(answer.field("MSA", 2)), message.split('|').nth(9), "which message it is");
    }
}

#[test]
fn a_whole_hospital_is_taken_over_once() {
    let messages = messages();
    if messages.is_empty() {
        return;
    }
    let app = app();
    send_all(&app, &messages);
    let done = || count(&app, "select count(*) from hl7_message where state = 2") == messages.len() as i64;
    assert!(wait(done), "accepted and not taken over");
    let people =
        |field: &str| field.split('~').next().unwrap_or_default().split('^').next().unwrap_or_default().to_string();
    let numbers: BTreeSet<String> =
        told(&messages, "PID", 3).into_iter().chain(told(&messages, "MRG", 1)).map(people).collect();
    assert_eq!(total(&app, "Patient?"), numbers.len(), "a Patient for each number");
    assert_eq!(total(&app, "Encounter?"), visits(&messages), "an Encounter for each visit");
    assert_eq!(total(&app, "DiagnosticReport?"), told(&messages, "OBR", 3).len(), "a report for each filler number");
    assert_eq!(total(&app, "DocumentReference?"), told(&messages, "TXA", 12).len());
    let results = messages.iter().filter(|m| m.contains("ORU^R01")).flat_map(|m| m.split('\r'));
    let results = results.filter(|line| line.starts_with("OBX|")).count();
    assert_eq!(total(&app, "Observation?"), results, "an Observation for each result");
    // Two patients became one: whoever asks for the number that was given up finds the one who goes on.
    let loser = told(&messages, "MRG", 1).into_iter().map(people).next().expect("a merge");
    assert_eq!(total(&app, &format!("Patient?active=false&identifier={loser}&")), 1);

    // A sender that has lost its place sends all of it again.
    let before = state(&app);
    send_all(&app, &messages);
    assert_eq!(state(&app), before, "nothing is changed by messages that were taken over");
    assert_eq!(count(&app, "select count(*) from hl7_message"), messages.len() as i64);
}
