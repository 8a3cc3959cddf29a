//! The text of a message that was worked off long ago may be removed; what became of it stays.

use super::sender::{Line, Said, add_feed, rows};
use crate::app::TestApp;
use crate::hl7v2::stage::wait;

#[test]
fn texts_grow_old_and_what_became_of_a_message_stays() {
    let app = TestApp::builder().mllp().set("hl7-raw-days", "30").start();
    add_feed(&app, "lab", None, "");
    let mut line = Line::open(&app);
    let done = Said::new("ADT^A28^ADT_A05", "r-1").patient("R1", "Removed", "");
    line.send(&done).expect("AA");
    line.send(&Said::new("ADT^A28^ADT_A05", "r-2").patient("R2", "Young", "")).expect("AA");
    line.send(&Said::new("ADT^A28^ADT_A05", "r-3").segment("PID|1||||Waits")).expect("AE");
    app.sql("update hl7_message set done_at = done_at - 31::bigint * 86400000000 where control_id in ('r-1', 'r-3')");
    app.restart();
    let gone = || app.sql("select control_id from hl7_message where raw is null");
    assert!(wait(|| !gone().is_empty()));
    let gone: Vec<String> = gone().iter().map(|row| row.get(0)).collect();
    assert_eq!(gone, ["r-1"], "what waits for somebody is kept, however old");
    let id: String = app.sql("select id::text from hl7_message where control_id = 'r-1'")[0].get(0);
    let told = |command: &str, more: &[&str]| {
        let output = app.run(command, &[&[&*id], more].concat());
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
    };
    for (command, more) in
        [("hl7 show", &[][..]), ("hl7 show", &["--raw"]), ("hl7 replay", &[]), ("hl7 correct", &["/dev/null"])]
    {
        let told = told(command, more);
        assert!(told.contains("the text of this message was removed"), "{command}: {told}");
    }
    // It is still known by its digest, and answered as then.
    Line::open(&app).send(&done).expect("AA");
    assert_eq!(rows(&app, "r-1"), [(2, Some("AA".into()), 1)]);
}
