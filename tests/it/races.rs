//! Many clients at the same resources of a running server: nothing is lost, doubled or left half-done.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#concurrency>.

mod conditional;
mod mixed;
mod paging;
mod transactions;
mod two_servers;
mod versions;

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use crate::client::{Client, Response};

const CLIENTS: usize = 64;
const SYSTEM: &str = "urn:medilink:test:races";

/// Does `job` in `n` threads that begin at the same moment; returns what each got, in order.
pub fn together<T: Send>(n: usize, job: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(n);
    let (start, job) = (&start, &job);
    thread::scope(|scope| {
        let begin = |i| {
            scope.spawn(move || {
                start.wait();
                job(i)
            })
        };
        let threads: Vec<_> = (0..n).map(begin).collect();
        threads.into_iter().map(|thread| thread.join().expect("a client does not panic")).collect()
    })
}

/// Returns a name that nothing else in a shared database has; it may serve as an id.
pub fn unique(name: &str) -> String {
    format!("{name}-{}", &uuid::Uuid::new_v4().simple().to_string()[..12])
}

fn identifier(value: &str) -> Value {
    json!({"system": SYSTEM, "value": value})
}

fn tag(code: &str) -> Value {
    json!({"tag": [{"system": SYSTEM, "code": code}]})
}

/// Returns how many responses had each status.
fn statuses(responses: &[Response]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for response in responses {
        *counts.entry(response.status).or_insert(0) += 1;
    }
    counts
}

/// Checks that the responses have these statuses, so many each; shows the first of another status.
#[track_caller]
fn expect_statuses(name: &str, responses: &[Response], expected: &[(u16, usize)]) {
    let odd = responses.iter().find(|r| expected.iter().all(|(status, _)| *status != r.status));
    let odd = odd.map(|r| format!("{} {}: {}", r.asked, r.status, r.text())).unwrap_or_default();
    assert_eq!(statuses(responses), expected.iter().copied().collect(), "{name}: {odd}");
}

/// Returns how many resources a search finds.
#[track_caller]
pub fn count(client: &Client, search: &str) -> u64 {
    let answer = client.get(&format!("{search}&_summary=count")).expect(200).json();
    answer["total"].as_u64().unwrap_or_else(|| panic!("{search}: no total in {answer}"))
}

/// Returns the versions of a resource, oldest first, none for a deletion; checks that they are 1 to the newest, each once.
#[track_caller]
pub fn whole_history(client: &Client, path: &str) -> Vec<Option<Value>> {
    let mut entries = Vec::new();
    let mut next = Some(format!("{path}/_history?_count=200"));
    while let Some(url) = next {
        let page = client.get(&url).expect(200);
        entries.extend(page.entries());
        next = page.link("next");
    }
    entries.reverse();
    for (index, entry) in entries.iter().enumerate() {
        let etag = format!("W/\"{}\"", index + 1);
        assert_eq!(entry["response"]["etag"], etag, "the history of {path} has a gap: {entry}");
        if let Some(resource) = entry.get("resource") {
            assert_eq!(resource["meta"]["versionId"], (index + 1).to_string(), "{path}");
        }
    }
    entries.into_iter().map(|mut entry| entry.get_mut("resource").map(Value::take)).collect()
}

/// Checks that a read shows the newest version of the history.
#[track_caller]
fn expect_current(client: &Client, path: &str, history: &[Option<Value>]) {
    let read = client.get(path);
    match history.last().expect("a history is never empty") {
        Some(newest) => assert_eq!(&read.expect(200).json(), newest, "{path}"),
        None => drop(read.expect(410)),
    }
}
