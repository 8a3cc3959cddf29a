//! Messages that do not say whom they are about, or lack a segment: what a feed takes of them, and what it does not.

use serde_json::json;

use super::sender::{Line, Said, add_feed, app, count, patients, rows};
use crate::app::TestApp;

const RESULT: &str = "OBR|1||F-1^LAB^2.999.2^ISO|625-4^Culture^LN|||20260101110000+0000||||||||||||||||||F";

fn lenient() -> TestApp {
    let app = TestApp::builder().mllp().start();
    add_feed(&app, "lab", None, "incomplete = \"accept\"");
    app
}

#[test]
fn a_result_about_no_patient_is_taken_over_and_none_becomes_a_patients() {
    let app = app();
    let mut line = Line::open(&app);
    let water = Said::new("ORU^R01^ORU_R01", "w-1")
        .segment(RESULT)
        .segment("OBX|1|ST|625-4^Culture^LN||none||||||F|||20260101110000+0000")
        .segment("SPM|1|S-1^LAB&2.999.2&ISO||Wat^Water");
    let answer = line.send(&water).expect("AA");
    assert!(answer.0.contains("|W|") && answer.0.contains("names no patient"), "{}", answer.0);
    for name in ["DiagnosticReport", "Observation", "Specimen"] {
        let found = app.client().get(&format!("{name}?subject:missing=true")).expect(200).resources();
        assert_eq!(found.len(), 1, "{name}");
    }
    assert_eq!(count(&app, "select count(*) from resource where type = 102"), 0);
    // The same report as another message: corrected, not doubled.
    let again = Said { control_id: "w-2".into(), ..water.clone() };
    line.send(&again).expect("AA");
    assert_eq!(app.client().get("Observation").expect(200).resources().len(), 1);
    // What is about a patient is not changed by who names none, nor the other way round.
    let patient = |id: &str, number: &str| {
        let report = RESULT.replace("F-1", number);
        Said::new("ORU^R01^ORU_R01", id).patient("W9", "Weir", "").segment(&report)
    };
    line.send(&patient("w-3", "F-2")).expect("AA");
    let unnamed = Said::new("ORU^R01^ORU_R01", "w-4").segment(&RESULT.replace("F-1", "F-2"));
    line.send(&unnamed).expect_error("AE", "205");
    // Whose number PID does not say is not about nobody.
    line.send(&Said::new("ORU^R01^ORU_R01", "w-5").segment("PID|1||||Weir^Ann").segment(RESULT))
        .expect_error("AE", "101");
}

#[test]
fn a_type_without_an_event_means_the_usual_one() {
    let app = app();
    let mut line = Line::open(&app);
    let report = Said::new("ORU", "t-1").patient("T1", "Type", "").segment(RESULT);
    line.send(&report).expect("AA");
    line.send(&Said::new("ADT", "t-2").segment("EVN|A31|20260101").patient("T1", "Type", "|19800101")).expect("AA");
    assert_eq!(patients(&app, "T1")[0]["birthDate"], "1980-01-01");
    line.send(&Said::new("ADT", "t-3").patient("T1", "Type", "")).expect_error("AR", "201");
    line.send(&Said::new("SIU", "t-4").segment("SCH|1^A")).expect_error("AR", "201");
}

#[test]
fn a_patient_without_a_number_is_one_of_their_own_and_somebody_is_asked() {
    let app = lenient();
    let mut line = Line::open(&app);
    let jane = |id: &str| Said::new("ADT^A04^ADT_A01", id).segment("PID|1||||Doe^Jane||19800101|F");
    for id in ["p-1", "p-1", "p-2"] {
        line.send(&jane(id)).expect("AA");
    }
    let tagged = app.client().get("Patient?_tag=unidentified").expect(200).resources();
    assert_eq!(tagged.len(), 2, "nobody is known by a name, and nothing is taken over twice");
    assert_eq!(rows(&app, "p-1"), [(2, Some("AA".into()), 1)]);
    let asked = app.client().get("Task?code=patient-identification&status=requested").expect(200).resources();
    assert_eq!(asked.len(), 2);
    for task in &asked {
        assert!(
            tagged
                .iter()
                .any(|it| task["for"]["reference"] == json!(format!("Patient/{}", it["id"].as_str().unwrap())))
        );
        assert_eq!(task["for"], task["focus"]);
    }
    let id: String = app.sql("select id::text from hl7_message where control_id = 'p-2'")[0].get(0);
    let found = app.client().get(&format!("Task?identifier={id}")).expect(200).resources();
    assert_eq!(found.len(), 1, "it is found by the message");
    // The number of a report belongs to who had it first.
    line.send(&jane("p-3").segment("PV1|1|O|||||||||||||||||V-1^^^&2.999.3&ISO")).expect("AA");
    line.send(&jane("p-4").segment("PV1|1|O|||||||||||||||||V-1^^^&2.999.3&ISO")).expect_error("AE", "205");
    assert_eq!(app.client().get("Patient?_tag=unidentified").expect(200).resources().len(), 3);
}

#[test]
fn what_lacks_a_segment_is_taken_over_as_far_as_it_goes() {
    let app = lenient();
    let mut line = Line::open(&app);
    for (event, id, segments, types) in [
        ("OML^O21^OML_O21", "i-1", &["PID|1||I1^^^&2.999.1&ISO^MR||One^Ann"][..], &["Patient"][..]),
        ("ADT^A01^ADT_A01", "i-2", &["PV1|1|I|||||||||||||||||V-2^^^&2.999.3&ISO"], &["Encounter"]),
        ("ADT^A08^ADT_A01", "i-3", &[], &[]),
    ] {
        let before: Vec<usize> = types.iter().map(|name| stored(&app, name)).collect();
        let said = segments.iter().fold(Said::new(event, id), |said, segment| said.segment(segment));
        let answer = line.send(&said).expect("AA");
        assert!(answer.0.contains("|W|"), "{}", answer.0);
        let after: Vec<usize> = types.iter().map(|name| stored(&app, name) - 1).collect();
        assert_eq!(before, after, "{event}");
    }
    // Half a merge would be none.
    line.send(&Said::new("ADT^A40^ADT_A39", "i-4").patient("I1", "One", "")).expect_error("AE", "100");
    line.send_bytes(Said::new("ADT^A31", "i-5").text().replace("|P|2.5.1", "|P|2.5.1||1").as_bytes())
        .expect("an answer")
        .expect_error("AR", "199");
}

fn stored(app: &TestApp, name: &str) -> usize {
    app.client().get(name).expect(200).resources().len()
}

#[test]
fn a_feed_is_taken_from_its_addresses_alone() {
    let app = TestApp::builder().mllp().start();
    add_feed(&app, "far", Some("FAR"), "addresses = [\"10.0.0.0/8\"]");
    add_feed(&app, "near", Some("NEAR"), "addresses = [\"10.0.0.0/8\", \"127.0.0.1\"]");
    let mut line = Line::open(&app);
    let said = |id: &str, from: &str| Said::new("ADT^A28^ADT_A05", id).from(from).patient("A1", "Address", "");
    let answer = line.send(&said("a-1", "FAR")).expect_error("AR", "199");
    assert!(answer.0.contains("not taken from this address"), "{}", answer.0);
    assert!(patients(&app, "A1").is_empty());
    line.send(&said("a-2", "NEAR")).expect("AA");
}
