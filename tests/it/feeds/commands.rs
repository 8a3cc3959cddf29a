//! `medilink feed` and `medilink hl7`.

use super::{SETTINGS, failed, register, result};
use crate::app::TestApp;
use std::process::Output;

fn said(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

fn refused(output: Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).expect("it is text")
}

#[test]
fn feeds_are_registered_listed_stopped_and_removed() {
    let app = TestApp::builder().secured().start();
    register(&app, SETTINGS);
    let list = said(app.run("feed list", &[]));
    assert!(
        list.contains("lab") && list.contains("active") && list.contains("application LAB, facility HOSP"),
        "{list}"
    );
    assert!(said(app.run("feed show", &["lab"])).contains("urn:hosp:mrn"));
    assert!(refused(app.run("feed add", &["--id", "lab"])).contains("already"));
    let twice = ["--id", "lab2", "--application", "LAB", "--facility", "HOSP"];
    assert!(refused(app.run("feed add", &twice)).contains("the feed 'lab' takes messages of the same"));
    assert!(refused(app.run("feed add", &["--id", "x", "--client", "none"])).contains("no active client 'none'"));
    let file = app.data_dir().join("wrong.toml");
    std::fs::write(&file, "zones = 'x'\nprocessing = ['X']").expect("the data folder can be written");
    let wrong = refused(app.run("feed add", &["--id", "x", "--settings", &file.display().to_string()]));
    assert!(wrong.contains("there is no setting 'zones'") && wrong.contains("processing"), "{wrong}");
    assert!(
        refused(app.run("feed change", &["--id", "lab", "--settings", &file.display().to_string()])).contains("zones")
    );
    let changed = said(app.run("feed change", &["--id", "lab", "--facility", "HOSP2"]));
    assert!(changed.contains("application LAB, facility HOSP2") && changed.contains("urn:hosp:mrn"), "{changed}");
    said(app.run("feed change", &["--id", "lab", "--facility", "HOSP"]));
    assert!(refused(app.run("feed change", &["--id", "none"])).contains("there is no feed 'none'"));
    for (command, status) in [("feed stop", "stopped"), ("feed start", "active")] {
        said(app.run(command, &["lab"]));
        assert!(said(app.run("feed list", &[])).contains(status), "{command}");
    }
    said(app.run("feed remove", &["lab"]));
    for command in ["feed show", "feed stop", "feed remove"] {
        assert!(refused(app.run(command, &["lab"])).contains("there is no feed 'lab'"), "{command}");
    }
    assert!(said(app.run("feed example", &[])).contains("patient_system"));
}

#[test]
fn messages_are_listed_shown_tried_again_corrected_and_put_aside() {
    let app = TestApp::builder().secured().start();
    register(&app, SETTINGS);
    let good = failed(&app, "lab", &result("m1", "42", "4.6"), r#"[{"at": "PID-3", "text": "a number is needed"}]"#);
    let bad = failed(&app, "lab", &result("m2", "", "4.6"), "[]");
    let lost = failed(&app, "lab", &result("m3", "", "4.6"), "[]");
    let [good, bad, lost] = [good, bad, lost].map(|id| id.to_string());
    let list = said(app.run("hl7 list", &[]));
    assert!(list.contains(&good) && list.contains("PID-3: a number is needed"), "{list}");
    let shown = said(app.run("hl7 show", &[&good]));
    assert!(shown.contains("Zimmer^Ada") && shown.contains("192.0.2.7"), "{shown}");
    assert_eq!(said(app.run("hl7 show", &[&good, "--raw"])), result("m1", "42", "4.6"));
    let tried = said(app.run("hl7 replay", &[&good]));
    assert!(tried.contains("state:   done"), "{tried}");
    assert!(refused(app.run("hl7 replay", &[&good])).contains("there is no message"));
    let tried = said(app.run("hl7 replay", &[&bad]));
    assert!(tried.contains("state:   failed") && tried.contains("PID-3"), "{tried}");
    let corrected = app.run_fed("hl7 correct", &[&bad, "-"], &result("m2", "42", "4.7"));
    assert!(said(corrected).contains("state:   done"));
    said(app.run("hl7 dismiss", &[&lost, "--reason", "sent by mistake"]));
    assert!(said(app.run("hl7 show", &[&lost])).contains("put aside by operator: sent by mistake"));
    assert!(!said(app.run("hl7 list", &[])).contains(&lost));
    assert!(said(app.run("hl7 list", &["--state", "all"])).contains(&lost));
    assert!(!app.sql("select 1 from audit where action = 'message-read' and principal = 'operator'").is_empty());
}

#[test]
fn a_file_is_converted() {
    let app = TestApp::builder().secured().start();
    register(&app, SETTINGS);
    let message = result("m1", "42^^^HOSP&1.2.3&ISO", "4.6");
    let bundle = said(app.run_fed("hl7 convert", &["-"], &message));
    assert!(bundle.contains("\"transaction\"") && bundle.contains("urn:oid:1.2.3"), "{bundle}");
    let bundle = said(app.run_fed("hl7 convert", &["-", "--feed", "lab"], &result("m1", "42", "4.6")));
    assert!(bundle.contains("urn:hosp:mrn"), "{bundle}");
    assert!(refused(app.run_fed("hl7 convert", &["-"], "nothing")).contains("a message begins with MSH"));
}
