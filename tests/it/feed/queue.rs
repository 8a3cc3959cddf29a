//! What people do about messages that failed: try again, correct, give up.

use super::sender::{Line, Said, app, patients, rows};

fn id(app: &crate::app::TestApp, control_id: &str) -> String {
    let query = format!("select id::text from hl7_message where control_id = '{control_id}' order by id desc limit 1");
    app.sql(&query)[0].get(0)
}

#[test]
fn the_audit_has_a_row_of_each_message() {
    let app = app();
    let mut line = Line::open(&app);
    line.send(&Said::new("ADT^A28^ADT_A05", "q-1").patient("Q1", "Queue", "")).expect("AA");
    line.send(&Said::new("ADT^A28^ADT_A05", "q-2").segment("PID|1||||Nobody")).expect("AE");
    let found =
        app.sql("select status, detail, patients is not null from audit where action = 'hl7v2-message' order by no");
    let found: Vec<(i16, String, bool)> = found.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert_eq!(
        found,
        [(200, "ADT A28 of the feed lab: AA".into(), true), (422, "ADT A28 of the feed lab: AE".into(), false)]
    );
    let provenance = app.client().get(&format!("Provenance/hl7v2-{}", id(&app, "q-1"))).expect(200).json();
    let source = &provenance["entity"][0]["what"]["identifier"];
    assert_eq!(source["value"], id(&app, "q-1"));
    let patient = format!("Patient/{}", patients(&app, "Q1")[0]["id"].as_str().unwrap());
    assert_eq!(provenance["target"][0]["reference"].as_str(), Some(patient.as_str()));
    assert_eq!(rows(&app, "q-2"), [(3, Some("AE".into()), 1)]);
}
