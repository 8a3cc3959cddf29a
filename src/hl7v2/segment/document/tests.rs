//! What MDM says.

use crate::hl7v2::draft::Update;
use crate::hl7v2::segment::case::{check, check_damaged, check_fails, converted};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const PID: &str = "PID|1||77^^^HOSP^MR||A^B\nPV1|1|I|||||||||||||||||V1";

fn of(event: &str, segments: &str, expected: &[(&str, Value)]) {
    check(event, &format!("{PID}\n{segments}"), "DocumentReference", expected);
}

/// Returns the text that is attached first.
fn text(segments: &str) -> String {
    let drafts = converted("MDM^T02", &format!("{PID}\nTXA|1|PN||||||||||D1\n{segments}")).unwrap().drafts;
    let (_, draft) = drafts.of_type("DocumentReference").next().unwrap();
    let data = draft.made()["content"][0]["attachment"]["data"].as_str().unwrap_or_default().to_string();
    String::from_utf8(STANDARD.decode(data).unwrap()).unwrap()
}

#[test]
fn a_document() {
    let expected = [
        ("/status", json!("current")),
        ("/docStatus", json!("final")),
        ("/type/coding/0", json!({"system": "http://terminology.hl7.org/CodeSystem/v2-0270", "code": "PN"})),
        ("/masterIdentifier/value", json!("D1")),
        ("/masterIdentifier/system", json!("urn:x-v2:HOSP:DMS")),
        ("/identifier/0/value", json!("report.txt")),
        ("/identifier/1/value", json!("D1")),
        ("/date", json!("2026-05-02T08:00:00Z")),
        ("/author/0/display", json!("Ann Lee")),
        ("/description", json!("Visit")),
        ("/context/period/start", json!("2026-05-01")),
        ("/context/related/0/identifier/value", json!("P1")),
        ("/securityLabel/0/coding/0/code", json!("R")),
        ("/meta/security/0/code", json!("R")),
        ("/content/0/attachment/contentType", json!("text/plain; charset=utf-8")),
        ("/content/0/attachment/creation", json!("2026-05-02T08:00:00Z")),
    ];
    let txa = "TXA|1|PN|TX|20260501||20260502080000|||12^Lee^Ann|||D1^DMS||P1||report.txt|AU|R|AV||||||Visit";
    of("MDM^T02", &format!("{txa}\nOBX|1|TX|||hello"), &expected);
}

#[test]
fn lines_of_text_are_one() {
    assert_eq!(
        text("OBX|1|TX|1^Note||one~two\nOBX|2|TX|1^Note||\nOBX|3|FT|1^Note||three\\.br\\four"),
        "one\ntwo\n\nthree\nfour"
    );
    assert_eq!(
        text("OBX|1|TX|1^History||long\nOBX|2|TX|2^Plan||short\nNTE|1||remark"),
        "History\nlong\n\nPlan\nshort\nremark"
    );
    assert_eq!(text("OBX|1|NM|1^Weight||80|kg"), "80 kg");
    assert_eq!(text("OBX|1|CWE|1^Finding||7^Cough^L"), "Cough");
    assert_eq!(text("OBX|1|TX|||a\\T\\b^c"), "a&b^c");
}

#[test]
fn what_is_attached_stands_by_itself() {
    let expected = [
        ("/content/0/attachment", json!({"contentType": "application/pdf", "data": "JVBERi0=", "title": "Report"})),
        (
            "/content/1/attachment",
            json!({"contentType": "application/pdf", "url": "https://dms.example/1.pdf", "title": "Report"}),
        ),
        ("/content/2", Value::Null),
    ];
    let obx = "OBX|1|ED|1^Report||^application^pdf^Base64^JVBERi0=\nOBX|2|RP|1^Report||https://dms.example/1.pdf^^application^pdf\nOBX|3|ED|1^Report||^application^pdf^Base64^";
    of("MDM^T02", &format!("TXA|1|PN||||||||||D1\n{obx}"), &expected);
}

#[test]
fn what_is_announced_has_no_content_and_takes_none_away() {
    let expected =
        [("/content/0/attachment", json!({"contentType": "text/plain", "title": "Announced without content"}))];
    of("MDM^T01", "TXA|1|PN|TX|||||||||D1", &expected);
    let drafts = converted("MDM^T03", &format!("{PID}\nTXA|1|PN||||||||||D1|||||LA||OB")).unwrap().drafts;
    let (_, draft) = drafts.of_type("DocumentReference").next().unwrap();
    assert!(!draft.resource.contains_key("content") && draft.resource["status"] == "superseded");
}

#[test]
fn events_say_how_documents_relate() {
    let related = |event: &str, code: &str, parent: Option<&str>| {
        let drafts = converted(event, &format!("{PID}\nTXA|1|PN||||||||||D2|D1\nOBX|1|TX|||x")).unwrap().drafts;
        let all: Vec<_> = drafts.of_type("DocumentReference").collect();
        assert_eq!(all.len(), 2, "{event}");
        let target = &all[1].1.made()["relatesTo"][0];
        assert_eq!(target["code"], code, "{event}");
        assert_eq!(target["target"]["reference"], all[0].0.url());
        assert_eq!(target["target"]["identifier"]["value"], "D1");
        assert!(all[0].1.only_if_there);
        assert_eq!(all[0].1.resource.get("status").and_then(Value::as_str), parent, "{event}");
        assert_eq!(all[0].1.update == Update::Keep, parent.is_none());
    };
    related("MDM^T06", "appends", None);
    related("MDM^T08", "replaces", Some("superseded"));
    related("MDM^T10", "replaces", Some("superseded"));
    related("MDM^T05", "appends", None);
    // Edited under its own number; and an event that relates nothing.
    of("MDM^T08", "TXA|1|PN||||||||||D1|D1\nOBX|1|TX|||x", &[("/relatesTo", Value::Null)]);
    of("MDM^T02", "TXA|1|PN||||||||||D2|D1\nOBX|1|TX|||x", &[("/relatesTo", Value::Null)]);
}

#[test]
fn the_status_is_what_the_event_and_its_availability_say() {
    let status = |event: &str, txa19: &str, expected: &str| {
        of(event, &format!("TXA|1|PN||||||||||D1|||||AU||{txa19}"), &[("/status", json!(expected))]);
    };
    status("MDM^T02", "", "current");
    status("MDM^T02", "AV", "current");
    status("MDM^T04", "OB", "superseded");
    status("MDM^T04", "CA", "entered-in-error");
    status("MDM^T11", "AV", "entered-in-error");
    let doc_status = |code: &str, expected: &str| {
        of("MDM^T02", &format!("TXA|1|PN||||||||||D1|||||{code}"), &[("/docStatus", json!(expected))]);
    };
    doc_status("DI", "preliminary");
    doc_status("LA", "final");
}

#[test]
fn orders_beside_a_document_are_what_it_is_about() {
    let drafts =
        converted("MDM^T02", &format!("{PID}\nORC|SC|P1|F1\nOBR|1|P1|F1|1^Echo^L\nTXA|1|PN||||||||||D1\nOBX|1|TX|||x"))
            .unwrap()
            .drafts;
    let (order, _) = drafts.of_type("ServiceRequest").next().unwrap();
    let (_, draft) = drafts.of_type("DocumentReference").next().unwrap();
    assert_eq!(draft.made()["context"]["related"][0], order.reference());
}

#[test]
fn a_document_has_a_number() {
    check_fails("MDM^T02", &format!("{PID}\nTXA|1|PN\nOBX|1|TX|||x"), 101, "TXA-12");
}

#[test]
fn no_damage_harms() {
    let text = format!(
        "{PID}\nTXA|1|PN|TX|20260501|1^A|20260502080000|||12^Lee^Ann|3^B||D1^DMS|D0|P1|F1|r.txt|AU|R|AV||||||V\nOBX|1|TX|1^A||x~y\nOBX|2|ED|2^B||^application^pdf^Base64^JVBERi0=\nNTE|1||z\nOBX|3|RP|||http://x.y^^text^plain"
    );
    check_damaged("MDM^T10", &text);
}
