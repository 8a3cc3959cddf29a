//! What tests of feeds ask of the server.

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

/// Returns a message with another MSH-10.
pub fn with_id(message: &str, id: &str) -> String {
    let (header, rest) = message.split_once('\r').unwrap_or((message, ""));
    let mut fields: Vec<&str> = header.split('|').collect();
    fields.resize(fields.len().max(10), "");
    fields[9] = id;
    format!("{}\r{rest}", fields.join("|"))
}
