//! A message is taken over once, whatever comes twice or breaks off.

use super::sender::{Line, Said, app, count, patient, patients, provenances, rows};

fn result(id: &str, number: &str) -> Said {
    let obr = format!("OBR|1||F-{number}^LAB^2.999.2^ISO|24331-1^Lipids^LN|||20260101110000+0000||||||||||||||||||F");
    Said::new("ORU^R01^ORU_R01", id)
        .patient(number, "Once", "|19800102|F")
        .segment(&obr)
        .segment("OBX|1|NM|2093-3^Cholesterol^LN||180|mg/dL^^UCUM|||||F")
}

#[test]
fn the_same_message_is_answered_as_before_and_does_nothing() {
    let app = app();
    let mut line = Line::open(&app);
    let said = result("once-1", "O1");
    let first = line.send(&said).expect("AA");
    assert_eq!(first.field("MSA", 2), "once-1");
    let (versions, before) = (count(&app, "select count(*) from resource_history"), patient(&app, "O1"));
    let second = line.send(&said).expect("AA");
    assert_eq!(second.0, first.0, "the acknowledgement is the one of before");
    assert_eq!(Line::open(&app).send(&said).expect("AA").0, first.0);
    // In a batch or a file its segments end otherwise.
    for end in ["\n", "\r\n", "\r"] {
        let text = said.text().trim_end().replace('\r', end) + end + end;
        assert_eq!(line.send_bytes(text.as_bytes()).expect("an answer").expect("AA").0, first.0, "{end:?}");
    }
    assert_eq!(rows(&app, "once-1"), [(2, Some("AA".into()), 1)]);
    assert_eq!(count(&app, "select count(*) from resource_history"), versions);
    assert_eq!(patient(&app, "O1"), before);
    assert_eq!(provenances(&app), 1);
    // Under a new control id it is a new message, and says nothing new.
    line.send(&Said { control_id: "once-2".into(), ..said }).expect("AA");
    assert_eq!(app.client().get("Observation").expect(200).resources().len(), 1);
    assert_eq!(app.client().get("DiagnosticReport").expect(200).resources().len(), 1);
    assert_eq!(patient(&app, "O1"), before);
}

#[test]
fn another_message_of_the_same_control_id_is_refused() {
    let app = app();
    let mut line = Line::open(&app);
    line.send(&Said::new("ADT^A28^ADT_A05", "twice").patient("T1", "First", "")).expect("AA");
    line.send(&Said::new("ADT^A28^ADT_A05", "twice").patient("T2", "Second", "")).expect_error("AE", "205");
    assert!(patients(&app, "T2").is_empty());
    assert_eq!(rows(&app, "twice"), [(4, Some("AE".into()), 1), (2, Some("AA".into()), 1)]);
}

/// The commit was made, and the server was killed before it could say so: the row is as it was received.
#[test]
fn a_crash_between_commit_and_answer_has_no_second_effect() {
    let app = app();
    let said = result("crash-1", "C1");
    Line::open(&app).send(&said).expect("AA");
    app.kill9();
    app.sql("update hl7_message set state = 1, ack = null, ack_code = null, done_at = null, tried = 0");
    let versions = count(&app, "select count(*) from resource_history");
    app.restart();
    // The job takes it up at the start, the sender sends it again: whoever is first.
    Line::open(&app).send(&said).expect("AA");
    let settled = || rows(&app, "crash-1")[0].0 == 2;
    assert!(settled() || wait(settled), "{:?}", rows(&app, "crash-1"));
    assert_eq!(count(&app, "select count(*) from resource_history"), versions);
    assert_eq!(provenances(&app), 1);
    assert_eq!(app.client().get("Observation").expect(200).resources().len(), 1);
}

#[test]
fn what_a_killed_server_left_is_taken_up_at_the_next_start() {
    let app = app();
    let said = result("left-1", "L1");
    let mut line = Line::open(&app);
    line.send(&result("left-0", "L0")).expect("AA");
    app.kill9();
    let hexadecimal: String = said.text().bytes().map(|byte| format!("{byte:02x}")).collect();
    app.sql(&format!(
        "insert into hl7_message (id, received, feed, peer, application, facility, control_id, event, raw, sha256, state, attempts)
         values (gen_random_uuid(), 1, 'lab', '127.0.0.1', 'LAB', 'HOSP', 'left-1', 'ORU^R01', '\\x{hexadecimal}',
                 sha256('\\x{hexadecimal}'), 1, 1)"
    ));
    app.restart();
    assert!(wait(|| rows(&app, "left-1")[0].0 == 2), "{:?}", rows(&app, "left-1"));
    assert_eq!(patient(&app, "L1")["birthDate"], "1980-01-02");
    Line::open(&app).send(&said).expect("AA");
    assert_eq!(provenances(&app), 2);
}

/// The server is killed at any moment while messages come; each is sent again until it is acknowledged.
#[test]
fn a_killed_server_takes_over_every_message_once() {
    let app = app();
    let mut sent = 0;
    for round in 0..3 {
        let mut line = Line::open(&app);
        std::thread::scope(|scope| {
            let killer = scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(400 + 150 * round));
                app.kill9();
            });
            loop {
                let said = result(&format!("kill-{sent}"), &format!("K{sent}"));
                match line.send_bytes(said.text().as_bytes()) {
                    Some(answer) => drop(answer.expect("AA")),
                    None => break,
                }
                sent += 1;
            }
            killer.join().expect("it does not panic");
        });
        app.restart();
    }
    let mut line = Line::open(&app);
    line.send(&result(&format!("kill-{sent}"), &format!("K{sent}"))).expect("AA");
    let all = sent + 1;
    for (what, found) in [
        ("messages", count(&app, "select count(*) from hl7_message where state = 2")),
        ("provenances", provenances(&app)),
        ("patients", app.client().get("Patient?_summary=count").expect(200).json()["total"].as_i64().unwrap_or(0)),
        ("results", app.client().get("Observation?_summary=count").expect(200).json()["total"].as_i64().unwrap_or(0)),
    ] {
        assert_eq!(found, all as i64, "{what}");
    }
}

fn wait(until: impl Fn() -> bool) -> bool {
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_secs(20) {
        if until() {
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    false
}
