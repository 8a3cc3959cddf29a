//! What people do with feeds of HL7 v2 messages: show a message as FHIR, register feeds, mend what failed.

mod commands;
mod convert;
mod pages;

use crate::app::TestApp;
use uuid::Uuid;

/// A result of the laboratory; `{pid}` and `{potassium}` are filled in.
pub fn result(control: &str, pid: &str, potassium: &str) -> String {
    [
        &format!("MSH|^~\\&|LAB|HOSP|||20260102030405+0000||ORU^R01^ORU_R01|{control}|P|2.5.1|||||||UNICODE UTF-8"),
        &format!("PID|1||{pid}||Zimmer^Ada||19800102|F"),
        "OBR|1|PL1^WARD|FL1^LAB|24323-8^Panel^LN|||20260102030000+0000|||||||||||||||20260102030400+0000||LAB|F",
        &format!("OBX|1|NM|2823-3^Potassium^LN||{potassium}|mmol/L^^UCUM|3.5-5.1|N|||F|||20260102030000+0000"),
    ]
    .join("\r")
}

/// Keeps a message as if it had come over the feed and failed.
pub fn failed(app: &TestApp, feed: &str, raw: &str, problems: &str) -> Uuid {
    let id = Uuid::now_v7();
    let hex: String = raw.bytes().map(|byte| format!("{byte:02x}")).collect();
    let control = raw.split('|').nth(9).unwrap_or_default();
    let now = medilink::fhir::Instant::now().0;
    app.sql(&format!(
        "insert into hl7_message (id, received, feed, peer, application, facility, control_id, event, raw, sha256, state, ack_code,
            problems, attempts)
         values ('{id}', {now}, '{feed}', '192.0.2.7', 'LAB', 'HOSP', '{control}', 'ORU^R01^ORU_R01', decode('{hex}', 'hex'),
            sha256(decode('{hex}', 'hex')), 3, 'AE', '{problems}', 1)"
    ));
    id
}

/// Registers the feed that [`result`] comes over.
pub fn register(app: &TestApp, settings: &str) {
    let file = app.data_dir().join("lab.toml");
    std::fs::write(&file, settings).expect("the data folder can be written");
    let file = file.display().to_string();
    let added =
        app.run("feed add", &["--id", "lab", "--application", "LAB", "--facility", "HOSP", "--settings", &file]);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
}

pub const SETTINGS: &str = "patient_system = 'urn:hosp:mrn'\n[systems]\nHOSP = 'urn:hosp:mrn'\n";
