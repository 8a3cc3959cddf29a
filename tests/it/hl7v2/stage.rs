//! What tests of feeds ask of the server.

use std::thread;
use std::time::{Duration, Instant};

use crate::app::TestApp;
use crate::feed::sender::count;

/// Returns how many resources a search finds; it ends in `?` or `&`.
pub fn total(app: &TestApp, search: &str) -> usize {
    let total = &app.client().get(&format!("{search}_summary=count")).expect(200).json()["total"];
    total.as_u64().expect("a number") as usize
}

/// Returns how many resources there are and how many versions were ever written: the same where nothing was changed.
pub fn state(app: &TestApp) -> (i64, i64) {
    (count(app, "select count(*) from resource"), count(app, "select coalesce(sum(version), 0)::bigint from resource"))
}

/// Returns a message with another MSH-10, and as one that asks for one acknowledgement, whatever MSH-15 and MSH-16 ask for.
pub fn with_id(message: &str, id: &str) -> String {
    let (header, rest) = message.split_once('\r').unwrap_or((message, ""));
    let mut fields: Vec<&str> = header.split('|').collect();
    fields.resize(fields.len().max(16), "");
    (fields[9], fields[14], fields[15]) = (id, "", "");
    format!("{}\r{rest}", fields.join("|"))
}

/// Waits until something is so; returns whether it is.
pub fn wait(until: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        if until() {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    false
}
