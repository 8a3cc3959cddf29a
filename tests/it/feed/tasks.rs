//! Who is meant where identifiers are those of several patients is asked by a Task, and the Task ends with the message.

use serde_json::{Value, json};

use super::sender::{Line, NUMBERS, Said, app};
use crate::app::TestApp;

fn tasks(app: &TestApp, status: &str) -> Vec<Value> {
    app.client().get(&format!("Task?code=patient-identification&status={status}")).expect(200).resources()
}

fn both(id: &str, numbers: [&str; 2]) -> Said {
    let [one, other] = numbers;
    let pid = format!("PID|1||{one}^^^&2.999.1&ISO^MR~{other}^^^&2.999.1&ISO^MR||Both^Ann");
    Said::new("ADT^A31^ADT_A05", id).segment(&pid)
}

fn put(app: &TestApp, number: &str) -> String {
    let patient = json!({"resourceType": "Patient", "identifier": [{"system": NUMBERS, "value": number}]});
    app.client().post("Patient", &patient).expect(201).json()["id"].as_str().expect("an id").to_string()
}

#[test]
fn who_is_meant_is_asked_once_and_answered_by_the_message() {
    let app = app();
    let mut line = Line::open(&app);
    let (one, other) = (put(&app, "A1"), put(&app, "A2"));
    for _ in 0..2 {
        line.send(&both("a-1", ["A1", "A2"])).expect_error("AE", "204");
    }
    let asked = tasks(&app, "requested");
    assert_eq!(asked.len(), 1, "{asked:?}");
    let named: Vec<&str> = asked[0]["input"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["valueReference"]["reference"].as_str())
        .collect();
    for id in [&one, &other] {
        assert!(named.contains(&&*format!("Patient/{id}")), "{named:?}");
    }
    assert!(asked[0].get("for").is_none(), "it is in nobody's record");
    // One of them was wrong.
    app.client().delete(&format!("Patient/{other}")).expect(204);
    line.send(&both("a-1", ["A1", "A2"])).expect("AA");
    assert!(tasks(&app, "requested").is_empty());
    assert_eq!(tasks(&app, "completed").len(), 1);
}

#[test]
fn a_message_that_is_corrected_or_put_aside_asks_nothing_any_more() {
    let app = app();
    let mut line = Line::open(&app);
    put(&app, "B1");
    put(&app, "B2");
    for id in ["b-1", "b-2"] {
        line.send(&both(id, ["B1", "B2"])).expect_error("AE", "204");
    }
    assert_eq!(tasks(&app, "requested").len(), 2);
    let id = |control: &str| -> String {
        app.sql(&format!("select id::text from hl7_message where control_id = '{control}' and state = 3"))[0].get(0)
    };
    let corrected = both("b-1", ["B1", "B1"]).text();
    let output = app.run_fed("hl7 correct", &[&id("b-1"), "-"], &corrected);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(tasks(&app, "requested").len(), 1);
    let output = app.run("hl7 dismiss", &[&id("b-2"), "--reason", "sent by mistake"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(tasks(&app, "requested").is_empty());
    assert_eq!(tasks(&app, "completed").len(), 2);
}
