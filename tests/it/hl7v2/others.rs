//! Messages of other projects, sent to the server: each is acknowledged, and what it says is said once.
//!
//! Data: `../shared/suites/hl7v2` beside the package; a test whose data is absent says so and passes. Those that are refused are
//! listed in `refused.txt` with what the acknowledgement says.

use std::collections::BTreeMap;
use std::fmt::Write;

/// What is refused whatever the feed accepts: parts of a message.
const REFUSED_ALWAYS: [&str; 2] =
    ["cdc/msh/MSH-to-MessageHeader-everything-valued: AR 199 MSH^1^14", "cdc/ormo01/orm_o01-full: AR 199 MSH^1^14"];

use super::projection::{Example, completed_of, examples};
use super::stage::{state, with_id};
use crate::app::TestApp;
use crate::feed::sender::{Answer, Line, add_feed, app};

/// Returns the first error of an acknowledgement: code of table 0357 and place.
fn reason(answer: &Answer) -> String {
    let code = answer.field("ERR", 3).split('^').next().unwrap_or_default();
    format!("{} {code} {}", answer.field("MSA", 1), answer.field("ERR", 2))
}

/// Sends a message twice, as two; returns what is wrong with that.
fn said_twice(app: &TestApp, line: &mut Line, name: &str, message: &str) -> Result<(), String> {
    let send = |line: &mut Line, id: String| {
        let answer = line.send_bytes(with_id(message, &id).as_bytes()).ok_or("the connection ended")?;
        match answer.field("MSA", 1) {
            "AA" => Ok(()),
            _ => Err(answer.0.replace('\r', "\n")),
        }
    };
    send(line, format!("{name}-1"))?;
    let before = state(app);
    send(line, format!("{name}-2"))?;
    let after = state(app);
    if after == before { Ok(()) } else { Err(format!("again: {before:?} became {after:?}")) }
}

/// One hospital that gets messages until one of them contradicts those before: that a visit is of another patient.
struct Hospital<'e> {
    refused: BTreeMap<&'e str, String>,
    wrong: String,
    /// Those for another hospital.
    contrary: Vec<&'e Example>,
}

fn hospital<'e>(examples: &[&'e Example]) -> Hospital<'e> {
    let app = app();
    let mut line = Line::open(&app);
    let mut told = Hospital { refused: BTreeMap::new(), wrong: String::new(), contrary: Vec::new() };
    for (number, example) in examples.iter().enumerate() {
        let first = line.send_bytes(with_id(&example.message, &format!("{number}-0")).as_bytes()).expect("an answer");
        let mut message = example.message.clone();
        if first.field("MSA", 1) != "AA" {
            if first.field("ERR", 3).starts_with("205") && number > 0 {
                told.contrary.push(example);
                continue;
            }
            told.refused.insert(&example.name, reason(&first));
            // What is wrong with its header is no fragment.
            match completed_of(&message).filter(|_| !first.field("ERR", 2).starts_with("MSH")) {
                Some(whole) => message = whole,
                None => continue,
            }
        }
        if let Err(why) = said_twice(&app, &mut line, &number.to_string(), &message) {
            let _ = writeln!(told.wrong, "{}: {why}", example.name);
        }
    }
    told
}

#[test]
fn messages_of_other_projects_are_taken_over() {
    let examples = examples();
    if examples.is_empty() {
        println!("skipped: the messages are not here");
        return;
    }
    let lines = include_str!("refused.txt").lines().filter(|line| !line.starts_with('#'));
    let expected: BTreeMap<&str, &str> = lines.filter_map(|line| line.split_once(": ")).collect();
    let (mut wrong, mut refused) = (String::new(), BTreeMap::new());
    let mut left: Vec<&Example> = examples.iter().collect();
    let mut hospitals = 0;
    while !left.is_empty() {
        let told = hospital(&left);
        wrong += &told.wrong;
        refused.extend(told.refused);
        left = told.contrary;
        hospitals += 1;
    }
    let text: String = refused.iter().map(|(name, why)| format!("{name}: {why}\n")).collect();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tables");
    std::fs::create_dir_all(&folder).expect("a folder for tables");
    let (all, out) = (examples.len(), refused.len());
    let head = format!("HL7 v2: {all} messages of others to {hospitals} hospitals, {out} refused as they are\n");
    std::fs::write(folder.join("hl7v2-acknowledged.txt"), format!("{head}{text}")).expect("a table");
    assert!(wrong.is_empty(), "{wrong}");
    let refused: BTreeMap<&str, &str> = refused.iter().map(|(name, why)| (*name, why.as_str())).collect();
    assert_eq!(refused, expected, "refused.txt lists those that are refused: target/tables/hl7v2-acknowledged.txt");
}

/// A hospital whose feed accepts what is incomplete; returns what is refused all the same, and what contradicts messages before.
fn lenient<'e>(examples: &[&'e Example]) -> (BTreeMap<&'e str, String>, Vec<&'e Example>) {
    let app = TestApp::builder().mllp().start();
    add_feed(&app, "lab", None, "incomplete = \"accept\"");
    let mut line = Line::open(&app);
    let (mut refused, mut contrary) = (BTreeMap::new(), Vec::new());
    for (number, example) in examples.iter().enumerate() {
        let answer = line.send_bytes(with_id(&example.message, &format!("{number}")).as_bytes()).expect("an answer");
        if answer.field("MSA", 1) == "AA" {
            continue;
        }
        match answer.field("ERR", 3).starts_with("205") && number > 0 {
            true => contrary.push(*example),
            false => _ = refused.insert(&*example.name, reason(&answer)),
        }
    }
    (refused, contrary)
}

#[test]
fn a_feed_that_accepts_what_is_incomplete_takes_over_what_is_there() {
    let examples = examples();
    if examples.is_empty() {
        println!("skipped: the messages are not here");
        return;
    }
    let mut left: Vec<&Example> = examples.iter().collect();
    let mut refused = BTreeMap::new();
    while !left.is_empty() {
        let (more, contrary) = lenient(&left);
        println!("{} of {} messages are for another hospital", contrary.len(), left.len());
        refused.extend(more);
        left = contrary;
    }
    assert_eq!(refused.into_iter().map(|(name, why)| format!("{name}: {why}")).collect::<Vec<_>>(), REFUSED_ALWAYS);
}
