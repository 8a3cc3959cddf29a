//! Messages that are not taken over, and what their senders are told.

use serde_json::json;

use super::sender::{Line, NUMBERS, Said, add_feed, app, count, patients, rows};
use crate::app::TestApp;

#[test]
fn who_is_not_known_is_refused_and_kept_once() {
    let app = TestApp::builder().mllp().start();
    add_feed(&app, "lab", Some("LAB"), "");
    let mut line = Line::open(&app);
    let said = Said::new("ADT^A28^ADT_A05", "u-1").from("STRANGER").patient("U1", "Unknown", "");
    line.send(&said).expect("AR");
    line.send(&said).expect("AR");
    assert_eq!(rows(&app, "u-1"), [(4, Some("AR".into()), 2)]);
    assert!(patients(&app, "U1").is_empty());
    for garbage in [&b"hello"[..], b"", b"\x00\xFF\xFE", b"PID|1", b"MSH|^~\\&"] {
        line.send_bytes(garbage).expect("an answer").expect("AR");
    }
    app.sql("update hl7_feed set active = false");
    line.send(&Said::new("ADT^A28^ADT_A05", "u-2").patient("U2", "Off", "")).expect("AR");
}

#[test]
fn headers_that_ask_for_what_is_not_done_are_refused() {
    let app = app();
    let mut line = Line::open(&app);
    let said = Said::new("ADT^A28^ADT_A05", "h-1").patient("H1", "Head", "");
    let sent = |from: &str, to: &str| said.text().replacen(from, to, 1);
    for (text, code, number) in [
        (sent("|P|2.5.1", "|P|3.0"), "AR", "203"),
        (sent("|P|2.5.1", "|X|2.5.1"), "AR", "202"),
        (sent("|P|2.5.1", "|P|2.5.1||7"), "AR", "199"),
        (sent("ADT^A28^ADT_A05", "ADT^A99"), "AR", "201"),
        (sent("ADT^A28^ADT_A05", "XYZ^A28"), "AR", "200"),
        (sent("|h-1|", "||"), "AE", "101"),
        (sent("PID|1|", "ZZZ|1|").replace("|h-1|", "|h-2|"), "AE", "100"),
    ] {
        line.send_bytes(text.as_bytes()).expect("an answer").expect_error(code, number);
    }
    assert!(patients(&app, "H1").is_empty());
    // What was refused may come rightly under the same control id.
    line.send(&said).expect("AA");
}

#[test]
fn a_patient_who_may_be_two_is_not_guessed() {
    let app = app();
    for (value, name) in [("A1", "One"), ("A2", "Two")] {
        let patient = json!({"resourceType": "Patient", "identifier": [{"system": NUMBERS, "value": value}],
            "name": [{"family": name}]});
        app.client().post("Patient", &patient).expect(201);
    }
    let mut line = Line::open(&app);
    let both = "PID|1||A1^^^&2.999.1&ISO^MR~A2^^^&2.999.1&ISO^MR||Both^Ann";
    let answer = line.send(&Said::new("ADT^A31^ADT_A05", "a-1").segment(both)).expect_error("AE", "204");
    assert!(answer.field("ERR", 2).starts_with("PID^1"), "{}", answer.0);
    assert_eq!(rows(&app, "a-1"), [(3, Some("AE".into()), 1)]);
    assert_eq!(count(&app, "select count(*) from resource where type = 102"), 2);
}

#[test]
fn somebody_else_under_the_same_number_is_not_overwritten() {
    let app = app();
    let mut line = Line::open(&app);
    line.send(&Said::new("ADT^A28^ADT_A05", "d-1").patient("D1", "Was", "|19800102|F")).expect("AA");
    // A correction of one of both is one.
    line.send(&Said::new("ADT^A31^ADT_A05", "d-2").patient("D1", "Was", "|19800102|M")).expect("AA");
    line.send(&Said::new("ADT^A31^ADT_A05", "d-3").patient("D1", "Is", "|19991231|F")).expect("AE");
    assert_eq!(patients(&app, "D1")[0]["name"][0]["family"], "Was");
}

#[test]
fn what_the_server_refuses_names_segment_and_element() {
    let app = app();
    // A client that may write patients alone.
    app.sql(
        "insert into client (id, status, data, created, changed) values ('small', 2,
         '{\"client_name\": \"Small\", \"token_endpoint_auth_method\": \"none\", \"scope\": \"system/Patient.crus\"}', 0, 0)",
    );
    app.sql("update hl7_feed set client = 'small'");
    let mut line = Line::open(&app);
    line.send(&Said::new("ADT^A28^ADT_A05", "c-1").patient("C1", "Small", "")).expect("AA");
    let said = Said::new("ORU^R01^ORU_R01", "c-2")
        .patient("C1", "Small", "")
        .segment("OBR|1||F-1^LAB^2.999.2^ISO|24331-1^Lipids^LN|||20260101110000+0000||||||||||||||||||F");
    line.send(&said).expect("AE");
    app.sql("update client set status = 3");
    line.send(&Said::new("ADT^A31^ADT_A05", "c-3").patient("C1", "Small", "|19800101")).expect("AE");
    app.sql("update client set status = 2");
    // The sender sends again what failed.
    line.send(&Said::new("ADT^A31^ADT_A05", "c-3").patient("C1", "Small", "|19800101")).expect("AA");
    assert_eq!(rows(&app, "c-3"), [(2, Some("AA".into()), 2)]);
}

#[test]
fn a_number_does_not_move_from_one_patient_to_another() {
    let app = app();
    let mut line = Line::open(&app);
    let result = |id: &str, number: &str| {
        Said::new("ORU^R01^ORU_R01", id)
            .patient(number, "Number", "|19800102|F")
            .segment("OBR|1||F-1^LAB^2.999.2^ISO|24331-1^Lipids^LN|||20260101110000+0000||||||||||||||||||F")
    };
    line.send(&result("n-1", "N1")).expect("AA");
    let answer = line.send(&result("n-2", "N2")).expect_error("AE", "205");
    assert!(answer.field("ERR", 2).starts_with("OBR^1"), "{}", answer.0);
    assert!(patients(&app, "N2").is_empty());
}
