//! Messages that overtake each other, and what one says of elements.

use super::sender::{Line, Said, add_feed, app, patient};

fn person(id: &str, time: &str, rest: &str) -> Said {
    Said::new("ADT^A31^ADT_A05", id).at(time).segment(&format!("EVN||{time}+0000")).patient("R1", "Order", rest)
}

#[test]
fn an_older_message_fills_what_is_empty_and_overwrites_nothing() {
    let app = app();
    add_feed(&app, "other", Some("OTHER"), "");
    let mut line = Line::open(&app);
    line.send(&person("o-1", "20260301100000", "|19800102|F")).expect("AA");
    line.send(&person("o-3", "20260303100000", "|19800102|M")).expect("AA");
    let version = patient(&app, "R1")["meta"]["versionId"].clone();
    // Sex is older; the address is of a message that never came in time.
    line.send(&person("o-2", "20260302100000", "|19800102|F|||Street 1^^Town")).expect("AA");
    let found = patient(&app, "R1");
    assert_eq!(found["gender"], "male");
    assert_eq!(found["address"][0]["city"], "Town");
    assert_ne!(found["meta"]["versionId"], version);
    let extension = &found["meta"]["extension"][0]["extension"];
    assert_eq!(extension[0]["valueString"], "lab");
    assert_eq!(extension[1]["valueInstant"], "2026-03-03T10:00:00.000Z");
    // Another feed has its own order.
    line.send(&person("o-4", "20260215100000", "|19800102|F").from("OTHER")).expect("AA");
    let found = patient(&app, "R1");
    assert_eq!(found["gender"], "female");
    assert_eq!(found["meta"]["extension"].as_array().map(Vec::len), Some(2));
}

#[test]
fn what_is_not_said_stays_and_what_is_said_to_be_gone_goes() {
    let app = app();
    let mut line = Line::open(&app);
    let all = "|19800102|F|||Street 1^^Town||^PRN^PH^^^030^55";
    line.send(&person("s-1", "20260301100000", all)).expect("AA");
    let made = patient(&app, "R1");
    assert_eq!(made["telecom"].as_array().map(Vec::len), Some(1));
    line.send(&person("s-2", "20260301110000", "")).expect("AA");
    let kept = patient(&app, "R1");
    for name in ["birthDate", "gender", "address", "telecom", "name", "identifier"] {
        assert_eq!(kept[name], made[name], "{name}");
    }
    assert_eq!(kept["meta"]["versionId"], made["meta"]["versionId"], "nothing was said, nothing is written");
    line.send(&person("s-3", "20260301120000", "|||||\"\"||\"\"")).expect("AA");
    let gone = patient(&app, "R1");
    assert!(gone.get("address").is_none() && gone.get("telecom").is_none(), "{gone}");
    assert_eq!(gone["birthDate"], "1980-01-02");
    // A message of before does not bring it back; one of after does.
    line.send(&person("s-4", "20260301113000", all)).expect("AA");
    let late = patient(&app, "R1");
    assert!(late.get("address").is_none() && late.get("telecom").is_none(), "{late}");
    line.send(&person("s-5", "20260301130000", all)).expect("AA");
    assert_eq!(patient(&app, "R1")["telecom"], made["telecom"]);
}

#[test]
fn what_others_know_of_a_patient_stays() {
    let app = app();
    let mut line = Line::open(&app);
    line.send(&person("k-1", "20260301100000", "|19800102|F")).expect("AA");
    let mut known = patient(&app, "R1");
    known["identifier"].as_array_mut().expect("it has one").push(serde_json::json!({"system": "urn:x", "value": "7"}));
    known["photo"] = serde_json::json!([{"title": "A"}]);
    let id = known["id"].as_str().expect("an id").to_string();
    app.client().put(&format!("Patient/{id}"), &known).expect(200);
    line.send(&person("k-2", "20260301110000", "|19800103|F")).expect("AA");
    let found = patient(&app, "R1");
    assert_eq!(found["birthDate"], "1980-01-03");
    assert_eq!(found["photo"], known["photo"]);
    assert_eq!(found["identifier"].as_array().map(Vec::len), Some(2));
}
