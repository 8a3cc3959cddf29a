//! MRG.

use super::{check_fails, converted};
use crate::hl7v2::draft::{Handle, Identity};

/// Returns the merges of a message: the numbers of the loser and of the survivor.
fn merges(event: &str, segments: &str) -> Vec<(String, String)> {
    let conversion = converted(event, segments).unwrap();
    let number = |handle: Handle| match &conversion.drafts.get(handle).unwrap().identity {
        Identity::Identifiers(numbers) => {
            numbers.iter().map(|number| number.value.clone()).collect::<Vec<_>>().join("+")
        }
        other => panic!("{other:?}"),
    };
    conversion.merges.iter().map(|(loser, survivor)| (number(*loser), number(*survivor))).collect()
}

#[track_caller]
fn check(event: &str, segments: &str, expected: &[(&str, &str)]) {
    let found = merges(event, segments);
    let found: Vec<(&str, &str)> = found.iter().map(|(loser, survivor)| (&**loser, &**survivor)).collect();
    assert_eq!(found, expected, "{event} {segments}");
}

#[test]
fn the_patient_of_mrg_is_the_one_of_pid() {
    for event in ["A18", "A34", "A40"] {
        check(event, "PID|1||1\nMRG|2", &[("2", "1")]);
        check(event, "PID|1||1\nMRG|2\nPID|2||3\nPD1|\nMRG|4\nPV1|1|I", &[("2", "1"), ("4", "3")]);
    }
    // What both have of another authority recognizes neither.
    check("A34", "PID|1||1^^^H^MR~9^^^NAT^NI\nMRG|2^^^H^MR", &[("2", "1")]);
    check("A41", "PID|1||1|||||||||||||||A1\nMRG|2||A2", &[]);
    check("A47", "PID|1||1\nMRG|2", &[]);
}

#[test]
fn a_merge_without_two_patients_is_none() {
    check_fails(converted("A40", "PID|1||1\nMRG|"), 101, "MRG-1");
    check_fails(converted("A40", "PID|1||1\nMRG|1"), 199, "MRG-1");
    check_fails(converted("A40", "PID|1||1\nMRG|2\nPID|2||3"), 100, "PID[2]");
}

#[test]
fn a_changed_number_still_recognizes() {
    let conversion = converted("A47", "PID|1||1\nMRG|2").unwrap();
    let (_, patient) = conversion.drafts.of_type("Patient").next().unwrap();
    assert_eq!(patient.resource["identifier"][1]["use"], "old");
    let Identity::Identifiers(numbers) = &patient.identity else { panic!("{:?}", patient.identity) };
    assert_eq!(numbers.len(), 2);
}

#[test]
fn visits_that_move_keep_their_old_number() {
    let segments = "PID|1||1\nMRG|2||||V1\nPV1|1|I|||||||||||||||||V2\nMRG|2||||V3\nPV1|2|I|||||||||||||||||V3";
    let conversion = converted("A45", segments).unwrap();
    let numbers = conversion.drafts.of_type("Encounter").map(|(_, draft)| match &draft.identity {
        Identity::Identifiers(numbers) => numbers.iter().map(|number| number.value.clone()).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [vec!["V2", "V1"], vec!["V3"]]);
}
