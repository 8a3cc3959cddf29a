//! A server that is killed while several systems send as fast as they can: nothing is lost, nothing is doubled.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::stage::total;
use crate::feed::sender::{Line, Said, app, count, provenances};

const LINES: usize = 4;
const KILLS: usize = 4;
/// So many messages come between two kills.
const BETWEEN: usize = 60;
/// Patients whom all systems speak of.
const PATIENTS: usize = 7;
/// Messages in flight on one connection, for which the sender does not wait.
const AHEAD: usize = 3;

/// Every message brings one report and two results, of a patient who is there already or not.
fn message(line: usize, number: usize) -> Said {
    let (order, patient) = (format!("{line}x{number}"), (line + number) % PATIENTS);
    Said::new("ORU^R01^ORU_R01", &format!("c-{order}"))
        .from(&format!("LAB{line}"))
        .patient(&format!("P{patient}"), "Crash", "|19800102|F")
        .segment(&format!("PV1|1|I|W^1^2||||||||||||||||V{patient}^^^&2.999.3&ISO^VN"))
        .segment(&format!("OBR|1||{order}^LAB^2.999.2^ISO|24331-1^Lipids^LN|||20260101110000+0000||||||||||||||||||F"))
        .segment("OBX|1|NM|2093-3^Cholesterol^LN||180|mg/dL^^UCUM|||||F")
        .segment("OBX|2|NM|2571-8^Triglyceride^LN||90|mg/dL^^UCUM|||||F")
}

/// Sends until the server is gone; `sent` is where to go on, with the first message that was not acknowledged.
fn send(app: &crate::app::TestApp, line: usize, sent: &mut usize, all: &AtomicUsize, until: usize) {
    let mut connection = Line::open(app);
    let mut ahead = *sent;
    while all.load(Ordering::Relaxed) < until || *sent < ahead {
        while ahead < *sent + AHEAD && all.load(Ordering::Relaxed) < until {
            if connection.put(message(line, ahead).text().as_bytes()).is_none() {
                return;
            }
            ahead += 1;
        }
        let Some(answer) = connection.answer() else { return };
        assert_eq!(answer.expect("AA").field("MSA", 2), format!("c-{line}x{sent}"));
        *sent += 1;
        all.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_server_that_is_killed_at_full_speed_loses_and_doubles_nothing() {
    let app = app();
    let mut sent = [0; LINES];
    let all = AtomicUsize::new(0);
    for round in 0..=KILLS {
        let until = (round + 1) * BETWEEN;
        thread::scope(|scope| {
            for (line, sent) in sent.iter_mut().enumerate() {
                let (app, all) = (&app, &all);
                // The last round is not broken off.
                let end = if round < KILLS { usize::MAX } else { until };
                scope.spawn(move || send(app, line, sent, all, end));
            }
            while round < KILLS && all.load(Ordering::Relaxed) < until {
                thread::sleep(Duration::from_millis(1));
            }
            if round < KILLS {
                app.kill9();
            }
        });
        if round < KILLS {
            app.restart();
        }
    }
    let taken: usize = sent.iter().sum();
    assert!(taken >= BETWEEN * (KILLS + 1), "{sent:?}");
    // Those that were on their way at a kill have come a second time; none is left over, as each was sent until it was acknowledged.
    assert_eq!(count(&app, "select count(*) from hl7_message where state = 2"), taken as i64);
    assert_eq!(count(&app, "select count(*) from hl7_message"), taken as i64);
    assert_eq!(provenances(&app), taken as i64, "a Provenance for each message");
    assert_eq!(total(&app, "DiagnosticReport?"), taken);
    assert_eq!(total(&app, "Observation?"), 2 * taken);
    assert_eq!(total(&app, "Patient?"), PATIENTS);
    assert_eq!(total(&app, "Encounter?"), PATIENTS);
}
