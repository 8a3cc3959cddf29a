//! The database is away: nobody is told that a message was taken over that was not.

use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

use super::sender::{Line, Said, add_feed, patient, rows};
use crate::app::TestApp;

#[test]
fn a_message_that_cannot_be_kept_may_be_sent_again() {
    let app = TestApp::builder().mllp().embedded().start();
    add_feed(&app, "lab", None, "");
    let mut line = Line::open(&app);
    let said = |n: usize| Said::new("ADT^A28^ADT_A05", &format!("away-{n}")).patient(&format!("W{n}"), "Away", "");
    line.send(&said(0)).expect("AA");
    let postmaster = i32::try_from(app.postmaster()).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(postmaster, Signal::KILL).expect("it is there");
    let (mut refused, began) = (0, Instant::now());
    // The sender does as senders do: the same again until it is taken.
    for n in 1..40 {
        loop {
            let answer = line.send(&said(n));
            match answer.field("MSA", 1) {
                "AA" => break,
                "AR" | "AE" => assert!(answer.0.contains("|207^"), "{}", answer.0),
                other => panic!("{other}: {}", answer.0),
            }
            refused += 1;
            assert!(began.elapsed() < Duration::from_secs(60), "the database does not return");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert!(refused > 0, "the outage was seen");
    for n in 0..40 {
        patient(&app, &format!("W{n}"));
        // Where the row could not be told before the database went, the job tells it later: what was said is stored all the same.
        let state = rows(&app, &format!("away-{n}"))[0].0;
        assert!(matches!(state, 1 | 2), "{state}");
    }
}
