//! Connections that speak of the same patient at the same time.

use std::thread;

use super::sender::{Line, Said, add_feed, app, count, patient, provenances};
use crate::app::TestApp;

fn result(id: &str, application: &str, code: &str) -> Said {
    Said::new("ORU^R01^ORU_R01", id)
        .from(application)
        .patient("P1", "Race", "|19800102|F")
        .segment("OBR|1||F-1^LAB^2.999.2^ISO|24331-1^Lipids^LN|||20260101110000+0000||||||||||||||||||F")
        .segment(&format!("OBX|1|NM|{code}^Value^LN||180|mg/dL^^UCUM|||||F"))
}

fn race(app: &TestApp, servers: &[&TestApp]) {
    const LINES: usize = 4;
    const EACH: usize = 6;
    thread::scope(|scope| {
        for n in 0..LINES {
            let server = servers[n % servers.len()];
            scope.spawn(move || {
                let mut line = Line::open(server);
                for m in 0..EACH {
                    let application = if n % 2 == 0 { "LAB" } else { "OTHER" };
                    line.send(&result(&format!("race-{n}-{m}"), application, &format!("{}-1", 1000 + m))).expect("AA");
                }
            });
        }
    });
    let found = patient(app, "P1");
    assert_eq!(found["name"][0]["family"], "Race");
    assert_eq!(app.client().get("DiagnosticReport").expect(200).resources().len(), 1);
    let query = "select count(*) from hl7_message where state = 2";
    assert_eq!(count(app, query), (LINES * EACH) as i64);
    assert!(provenances(app) > 0);
}

#[test]
fn feeds_that_race_make_one_patient() {
    let app = app();
    add_feed(&app, "other", Some("OTHER"), "");
    race(&app, &[&app]);
}

#[test]
fn servers_that_race_make_one_patient() {
    let app = app();
    add_feed(&app, "other", Some("OTHER"), "");
    let second = TestApp::builder().mllp().database(&app.database_url()).start();
    race(&app, &[&app, &second]);
}

/// One message is sent over several connections at once, as by a sender that believes a connection to be dead.
#[test]
fn one_message_over_several_connections_is_taken_over_once() {
    let app = app();
    let second = TestApp::builder().mllp().database(&app.database_url()).start();
    for n in 0..5 {
        let said = result(&format!("same-{n}"), "LAB", "1000-1");
        thread::scope(|scope| {
            for server in [&app, &app, &second] {
                let said = &said;
                scope.spawn(move || Line::open(server).send(said).expect("AA"));
            }
        });
    }
    assert_eq!(app.client().get("Observation").expect(200).resources().len(), 1);
    patient(&app, "P1");
}
