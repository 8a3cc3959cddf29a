//! Pages while others write: what matches all the while is met exactly once, in either direction.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#paging>.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::Client;

const ROWS: usize = 10_000;
/// The first of them have a code of their own, and dates from 2020 on.
const RECENT: usize = 3_000;
const WRITERS: usize = 4;
const PAGE: usize = 7;
const SYSTEM: &str = "urn:paging";

/// Which rows a search finds, by their numbers.
type Finds = fn(usize) -> bool;

const EVERY: Finds = |_| true;
const SOME: Finds = |n| n < RECENT;
/// Rows whose date nobody changes.
const STEADY: Finds = |n| n < RECENT && n % 2 == 0;

#[test]
fn pages_hold_every_row_exactly_once_while_others_write() {
    let app = TestApp::start();
    fill(app.client());
    let (done, inserted) = (AtomicBool::new(false), AtomicUsize::new(ROWS));
    let tried = thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (app, done, inserted) = (&app, &done, &inserted);
            scope.spawn(move || write(app.client(), writer, done, inserted));
        }
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| walk_all(app.client())));
        done.store(true, Ordering::Relaxed);
        tried
    });
    if let Err(panic) = tried {
        std::panic::resume_unwind(panic);
    }
    assert!(inserted.load(Ordering::Relaxed) > ROWS + 100, "the writers wrote little");
    quiet(app.client());
}

fn walk_all(client: &Client) {
    let recent = format!("Observation?code={SYSTEM}|recent");
    check(client, &format!("Observation?code={SYSTEM}|all&_count={PAGE}"), EVERY);
    // More than is gathered at once, then less.
    check(client, "Observation?date=ge2019&_count=50", EVERY);
    check(client, &format!("Observation?date=ge2020&_count={PAGE}"), SOME);
    check(client, &format!("{recent}&_sort=_id&_count=50"), SOME);
    check(client, &format!("{recent}&patient=Patient/p&_count={PAGE}"), SOME);
    check(client, &format!("{recent}&_sort=-date&_count={PAGE}"), STEADY);
}

/// Walks to the end and back again, and checks that every row comes once either way.
fn check(client: &Client, query: &str, finds: Finds) {
    let (forth, last) = walk(client, query, "next", usize::MAX);
    expect_once(query, &forth, finds);
    // The size of a page may change on the way.
    let last = last.replace(&format!("_count={PAGE}&"), "_count=50&");
    let (back, _) = walk(client, &last, "previous", usize::MAX);
    expect_once(&format!("{query}, backwards"), &back, finds);
}

/// Returns the ids of pages from this one on, and the address of the last of them.
fn walk(client: &Client, first: &str, relation: &str, pages_max: usize) -> (Vec<Vec<String>>, String) {
    let (mut pages, mut address) = (Vec::new(), first.to_string());
    loop {
        let page = client.get(&address).expect(200);
        let found = page.resources();
        let ids = found.iter().map(|r| r["id"].as_str().unwrap_or_default().to_string());
        pages.push(ids.collect());
        match page.link(relation) {
            Some(next) if pages.len() < pages_max => address = next,
            _ => return (pages, address),
        }
    }
}

#[track_caller]
fn expect_once(query: &str, pages: &[Vec<String>], finds: Finds) {
    let mut times: HashMap<&str, usize> = HashMap::new();
    pages.iter().flatten().for_each(|id| *times.entry(id).or_default() += 1);
    for n in (0..ROWS).filter(|n| finds(*n)) {
        let met = times.get(id(n).as_str()).copied().unwrap_or_default();
        assert_eq!(met, 1, "{query}: {} on {} pages", id(n), pages.len());
    }
}

/// With nobody writing, the way back has the same pages.
fn quiet(client: &Client) {
    for query in [
        "code=urn:paging|recent",
        "code=urn:paging|recent&_sort=-date",
        "code=urn:paging|recent&_sort=date,_id",
        "_sort=_lastUpdated",
        "_sort=-_lastUpdated",
        "_sort=-_id",
        "_sort=date",
        "date=ge2019-06-01",
        "patient=p&_sort=-date",
        "_lastUpdated=gt2020",
    ] {
        let (forth, last) = walk(client, &format!("Observation?{query}&_count=30"), "next", 6);
        let (mut back, _) = walk(client, &last, "previous", 99);
        back.reverse();
        assert_eq!(forth, back, "{query}");
        assert_eq!(forth.concat().len(), 180, "{query}");
    }
}

fn fill(client: &Client) {
    client.put("Patient/p", &json!({"resourceType": "Patient", "id": "p"})).expect(201);
    for from in (0..ROWS).step_by(1_000) {
        let entry = |n: usize| json!({"resource": observation(n, 1), "request": {"method": "PUT", "url": format!("Observation/{}", id(n))}});
        let entries: Vec<Value> = (from..from + 1_000).map(entry).collect();
        client.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})).expect(200);
    }
}

/// Inserts, updates and deletes until told to stop; the first [`ROWS`] stay and go on matching.
fn write(client: &Client, writer: usize, done: &AtomicBool, inserted: &AtomicUsize) {
    let mut chance = writer * 7_919 + 1;
    let mut own = Vec::new();
    while !done.load(Ordering::Relaxed) {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let n = (chance >> 33) % ROWS;
        match (chance >> 20) % 4 {
            0 => {
                let n = inserted.fetch_add(1, Ordering::Relaxed);
                client.put(&format!("Observation/{}", id(n)), &observation(n, chance)).expect(201);
                own.push(n);
            }
            1 if own.len() > 4 => {
                let n = own.swap_remove(chance % own.len());
                client.delete(&format!("Observation/{}", id(n))).expect(204);
            }
            // Each row has one writer, so that none meets another's version.
            _ => {
                let n = n - n % WRITERS + writer;
                client.put(&format!("Observation/{}", id(n)), &observation(n, chance)).expect(200);
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn id(n: usize) -> String {
    format!("o{}-{n}", n.wrapping_mul(2_654_435_761) % 9_973)
}

/// Returns a row that matches as before, with another status and, if it is odd, another date.
fn observation(n: usize, chance: usize) -> Value {
    let recent = n < RECENT || n >= ROWS && n.is_multiple_of(2);
    let mut codes = vec![json!({"system": SYSTEM, "code": "all"})];
    if recent {
        codes.push(json!({"system": SYSTEM, "code": "recent"}));
    }
    let days = if n.is_multiple_of(2) { n } else { n + (chance >> 13) % 997 };
    let year = if recent { 2020 + days % 3 } else { 2019 };
    json!({
        "resourceType": "Observation", "id": id(n),
        "status": if chance & 1024 == 0 { "final" } else { "amended" },
        "code": {"coding": codes}, "subject": {"reference": "Patient/p"},
        "effectiveDateTime": format!("{year}-{:02}-{:02}", 1 + days / 28 % 12, 1 + days % 28),
        "valueString": chance.to_string(),
    })
}
