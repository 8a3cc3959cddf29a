//! Tables of messages and what is answered to them.

use super::*;
use crate::hl7v2::problem::Code;

const V25: &str = "MSH|^~\\&|LAB|HOSP|EHR|CITY|20260101||ADT^A01^ADT_A01|7|T|2.5||||||8859/1\rPID|1";

fn ack(text: &str, level: Level, problems: &[Problem]) -> String {
    let message = Message::parse(text).ok();
    let outcome = Outcome::of(problems);
    let (id, time) = ("N1", "20260102030405+0000");
    let (application, facility) = ("MediLink", "Our|House");
    Ack { to: message.as_ref(), level, outcome, problems, id, time, application, facility }.write()
}

#[track_caller]
fn check(text: &str, problems: &[Problem], expected: &[&str]) {
    let written = ack(text, Level::Application, problems);
    assert_eq!(written.split_terminator('\r').collect::<Vec<_>>(), expected, "{text}");
    assert!(written.ends_with('\r') && Message::parse(written).is_ok());
}

fn missing() -> Problem {
    let at = Place::segment("PID", 1).field(3).component(4);
    Problem::error(Code::RequiredField, at, "an identifier has an authority | and\na line")
}

#[test]
fn parties_are_swapped_and_the_rest_is_the_senders() {
    check(V25, &[], &["MSH|^~\\&|EHR|CITY|LAB|HOSP|20260102030405+0000||ACK^A01^ACK|N1|T|2.5||||||8859/1", "MSA|AA|7"]);
    check(
        "MSH#*~\\&#L*1.2*ISO####20260101##ORU*R01#a\\F\\b#P#2.3",
        &[],
        &["MSH#*~\\&#MediLink#Our|House#L*1.2*ISO##20260102030405+0000##ACK*R01#N1#P#2.3", "MSA#AA#a\\F\\b"],
    );
    check(
        "MSH|^~\\&|||||||ADT|1||2.1",
        &[],
        &["MSH|^~\\&|MediLink|Our\\F\\House|||20260102030405+0000||ACK|N1|P|2.1", "MSA|AA|1"],
    );
}

#[test]
fn what_could_not_be_read_is_answered_too() {
    let problem = Problem::error(Code::SegmentSequence, None, "a message begins with MSH");
    check(
        "no message",
        &[problem],
        &[
            "MSH|^~\\&|MediLink|Our\\F\\House|||20260102030405+0000||ACK|N1|P|2.5",
            "MSA|AE||a message begins with MSH",
            "ERR|||100^Segment sequence error^HL70357|E||||a message begins with MSH",
        ],
    );
}

#[test]
fn problems_become_segments_since_version_5_and_places_before() {
    let warning = Problem::warning(Code::TableValue, Place::segment("OBX", 2).field(8), "not known");
    let problems = [warning.clone(), missing()];
    let text = "an identifier has an authority \\F\\ and\\.br\\a line";
    let header = "MSH|^~\\&|EHR|CITY|LAB|HOSP|20260102030405+0000||ACK^A01^ACK|N1|T|2.5||||||8859/1";
    check(
        V25,
        &problems,
        &[
            header,
            &format!("MSA|AE|7|PID-3.4: {text}"),
            "ERR||OBX^2^8|103^Table value not found^HL70357|W||||not known",
            &format!("ERR||PID^1^3^1^4|101^Required field missing^HL70357|E||||{text}"),
        ],
    );
    check(
        V25,
        std::slice::from_ref(&warning),
        &[header, "MSA|AA|7|OBX[2]-8: not known", "ERR||OBX^2^8|103^Table value not found^HL70357|W||||not known"],
    );
    let old = V25.replace("2.5", "2.4");
    let header = header.replace("2.5", "2.4");
    check(
        &old,
        &[problems[0].clone(), missing(), Problem::error(Code::Other, None, "x")],
        &[
            &header,
            &format!("MSA|AE|7|PID-3.4: {text}"),
            "ERR|PID^1^3^101&Required field missing&HL70357~^^^199&Application error&HL70357",
        ],
    );
    check(&old, &[warning], &[&header, "MSA|AA|7|OBX[2]-8: not known"]);
    check(
        "MSH|^|||||||ADT|1|P|2.3",
        &[missing(), missing()],
        &[
            "MSH|^|MediLink|Our House|||20260102030405+0000||ACK|N1|P|2.3",
            "MSA|AE|1|PID-3.4: an identifier has an authority   and a line",
            "ERR|PID^1^3^101",
            "ERR|PID^1^3^101",
        ],
    );
}

#[test]
fn what_a_sender_writes_cannot_end_a_frame() {
    let written = ack("MSH|^~\\&|A|B|C|D|||ADT^A01|1\u{1c}|P|2.5||||||\u{b}8859/1\u{1c}\rPID", Level::Accept, &[]);
    assert!(!written.contains(['\u{b}', '\u{1c}']) && written.contains("MSA|CA|1\r"), "{written}");
}

#[test]
fn an_answer_is_never_longer_than_its_limits() {
    let long = Problem::error(Code::Other, None, "é".repeat(1_000));
    let written = ack(V25, Level::Application, &vec![long; 1_000]);
    assert_eq!(written.matches("\rERR|").count(), PROBLEMS_MAX);
    assert!(written.len() < PROBLEMS_MAX * 600 + 1_000);
}

#[test]
fn an_answer_is_known_as_one() {
    assert!(!is_answer(&Message::parse(V25).unwrap()));
    for text in ["MSH|^~\\&|||||||ACK", "MSH|^~\\&|||||||ORR^O02\rMSA|AA|1"] {
        assert!(is_answer(&Message::parse(text).unwrap()), "{text}");
    }
    assert!(is_answer(&Message::parse(ack(V25, Level::Accept, &[])).unwrap()));
}

#[test]
fn the_worst_problem_decides() {
    let warning = Problem::warning(Code::UnsupportedEvent, None, "x");
    let refusal = Problem::error(Code::UnsupportedEvent, None, "x");
    for (problems, expected) in [
        (vec![], Outcome::Accepted),
        (vec![warning.clone()], Outcome::Accepted),
        (vec![missing(), warning], Outcome::Error),
        (vec![missing(), refusal], Outcome::Rejected),
    ] {
        assert_eq!(Outcome::of(&problems), expected);
    }
}

#[test]
fn answers_go_out_as_they_are_wished() {
    use Outcome::{Accepted, Error, Rejected};
    let cases: &[(&str, &str, Outcome, Outcome, &str)] = &[
        ("", "", Accepted, Accepted, "AA"),
        ("", "", Accepted, Error, "AE"),
        ("", "", Rejected, Accepted, "AR"),
        ("\"\"", "", Accepted, Accepted, "AA"),
        ("AL", "AL", Accepted, Accepted, "CA AA"),
        ("AL", "AL", Accepted, Rejected, "CA AR"),
        ("AL", "AL", Rejected, Accepted, "CR"),
        ("AL", "", Accepted, Error, "CA"),
        ("AL", "NE", Accepted, Error, "CA"),
        ("NE", "AL", Accepted, Accepted, "AA"),
        ("NE", "AL", Error, Accepted, "AE"),
        ("", "AL", Accepted, Accepted, "AA"),
        ("ER", "ER", Accepted, Accepted, ""),
        ("ER", "ER", Accepted, Error, "AE"),
        ("ER", "ER", Error, Accepted, "CE"),
        ("SU", "SU", Accepted, Accepted, "CA AA"),
        ("SU", "SU", Error, Accepted, ""),
        ("SU", "ER", Accepted, Error, "CA AE"),
        ("NE", "NE", Rejected, Accepted, ""),
        ("??", "NE", Accepted, Accepted, "CA"),
    ];
    for (accept, application, stored, processed, expected) in cases {
        let text = format!("MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5|||{accept}|{application}");
        let mode = Mode::of(&Message::parse(text).unwrap());
        let codes: Vec<_> =
            mode.answers(*stored, *processed).into_iter().map(|(level, how)| code(level, how)).collect();
        assert_eq!(codes.join(" "), *expected, "{accept} {application} {stored:?} {processed:?}");
    }
}

#[test]
fn an_answer_in_the_enhanced_mode_wishes_for_none() {
    let text = "MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5|||AL|AL";
    assert!(
        ack(text, Level::Application, &[])
            .starts_with("MSH|^~\\&|C|D|A|B|20260102030405+0000||ACK^A01^ACK|N1|P|2.5|||NE|NE\r")
    );
}
