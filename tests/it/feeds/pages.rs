//! `/admin/feeds` and `/admin/messages`: who may look, what is shown, and what becomes of a message.

use super::{SETTINGS, failed, register, result};
use crate::app::TestApp;
use crate::identity::clients::person;
use serde_json::json;

const PROBLEMS: &str = r#"[{"code": 102, "severity": "E", "at": "OBX-5", "text": "this is no number"},
    {"code": 101, "severity": "E", "at": "PID-3", "text": "a number is needed"}]"#;

#[test]
fn only_who_runs_feeds_looks_and_each_look_is_in_the_audit() {
    let app = TestApp::builder().secured().start();
    register(&app, SETTINGS);
    let keeper = app.client_with("system/*.cruds __keep_records");
    let ada =
        json!({"resourceType": "Patient", "id": "ada", "identifier": [{"system": "urn:hosp:mrn", "value": "42"}]});
    keeper.request("PUT", "Patient/ada", &[crate::client::JSON], ada.to_string().as_bytes()).expect(201);
    let id = failed(&app, "lab", &result("m1", "42", "4.6"), PROBLEMS);
    let here = format!("/admin/messages/{id}");

    for roles in ["physician", "facility-admin", "patient", "system-auditor"] {
        let mut other = person(&app, roles, roles, 0);
        for place in ["/admin/feeds", "/admin/messages", here.as_str()] {
            other.get(place).expect(403);
        }
        other.get("/account").expect(200);
        other.submit(&here, &[("do", "replay")]).expect(403);
        other.submit("/admin/feeds/lab", &[("do", "stop")]).expect(403);
    }
    // What came and what is wrong is told at once; what the message says after a factor was shown.
    let mut stale = person(&app, "sam", "admin", 1000);
    let list =
        stale.get("/admin/messages").expect(200).expect_words("ORU^R01").expect_words("OBX-5: this is no number");
    assert!(!list.text.contains("Zimmer"), "{}", list.text);
    stale.get(&here).expect_to(&format!("/step-up?next={here}"));
    let read = || app.sql("select patients, detail from audit where action = 'message-read'");
    assert!(read().is_empty());

    let mut admin = person(&app, "sam", "admin", 0);
    let page = admin.get(&here).expect(200).expect_words("Zimmer^Ada").expect_words("192.0.2.7");
    let (before, after) = page.text.split_once("OBX-5").expect("the field is there");
    assert!(after.contains("this is no number") && !before.contains("this is no number"), "{}", page.text);
    let rows = read();
    let patients: Vec<i64> = rows[0].get(0);
    assert_eq!(patients.len(), 1, "the patient is told");
    admin.get("/admin/messages/00000000-0000-0000-0000-000000000000").expect(404);
    admin.get("/admin/messages/none").expect(404);
}

#[test]
fn a_message_is_tried_again_corrected_or_put_aside() {
    let app = TestApp::builder().secured().start();
    register(&app, SETTINGS);
    let mut admin = person(&app, "sam", "admin", 0);
    let state =
        |id: uuid::Uuid| app.sql(&format!("select state from hl7_message where id = '{id}'"))[0].get::<_, i16>(0);
    let count = || {
        let keeper = app.client_with("system/*.cruds __keep_records");
        keeper.get("Observation?_summary=count").expect(200).json()["total"].as_u64()
    };

    let good = failed(&app, "lab", &result("m1", "42", "4.6"), PROBLEMS);
    let here = format!("/admin/messages/{good}");
    admin.get(&here).expect(200);
    admin.submit(&here, &[("do", "replay")]).expect_to(&here);
    assert_eq!((state(good), count()), (2, Some(1)));
    let done = admin.get(&here).expect(200).expect_words("What came of it").expect_words("Observation/");
    assert!(!done.text.contains("Zimmer"), "a message that was taken over is shown no more");
    admin.submit(&here, &[("do", "replay")]).expect(422);

    let bad = failed(&app, "lab", &result("m2", "", "4.6"), PROBLEMS);
    let here = format!("/admin/messages/{bad}");
    admin.get(&here).expect(200);
    let corrected = result("m2", "42", "4.7").replace('\r', "\r\n");
    let to = admin.submit(&here, &[("do", "correct"), ("text", &corrected)]);
    let to = to.location().expect("it goes on").to_string();
    assert!(to.starts_with("/admin/messages/") && to != here, "{to}");
    assert_eq!(state(bad), 6);
    admin.get(&to).expect(200).expect_words("done");
    admin.get(&here).expect(200).expect_words("replaced");

    let lost = failed(&app, "lab", &result("m3", "", "4.6"), "[]");
    let here = format!("/admin/messages/{lost}");
    admin.get(&here).expect(200);
    admin.submit(&here, &[("do", "dismiss"), ("reason", " ")]).expect(422).expect_words("Say why");
    admin.submit(&here, &[("do", "dismiss"), ("reason", "sent by mistake")]).expect_to(&here);
    assert_eq!(state(lost), 5);
    admin.get(&here).expect(200).expect_words("sent by mistake");
    admin.submit(&here, &[("do", "nonsense")]).expect(422);

    for action in ["message-replay", "message-correct", "message-dismiss", "message-read"] {
        assert!(!app.sql(&format!("select 1 from audit where action = '{action}'")).is_empty(), "{action}");
    }
    admin.get("/admin/messages?state=dismissed").expect(200).expect_words("m3");
    admin.get("/admin/messages?control=m2&feed=lab").expect(200).expect_words("m2");
    admin.get("/admin/messages?control=nothing").expect(200).expect_words("None found");
}

#[test]
fn a_feed_is_stopped_and_started() {
    let app = TestApp::builder().secured().start();
    let mut admin = person(&app, "sam", "admin", 0);
    admin.get("/admin/feeds").expect(200).expect_words("No feed is registered yet");
    register(&app, SETTINGS);
    failed(&app, "lab", &result("m1", "42", "4.6"), PROBLEMS);
    admin.get("/admin/feeds").expect(200).expect_words("1 to look at").expect_words("Application LAB, facility HOSP");
    for (deed, active) in [("stop", false), ("start", true)] {
        admin.submit("/admin/feeds/lab", &[("do", deed)]).expect_to("/admin/feeds");
        assert_eq!(app.sql("select active from hl7_feed")[0].get::<_, bool>(0), active);
    }
    admin.submit("/admin/feeds/none", &[("do", "stop")]).expect(404);
    admin.submit("/admin/feeds/lab", &[("do", "nonsense")]).expect(400);
    assert_eq!(app.sql("select 1 from audit where action = 'feed'").len(), 3);
}
