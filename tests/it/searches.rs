//! Public search cases over HTTP, and searches of whole hospitals compared with a plain reading of their resources.
//!
//! R4 <https://hl7.org/fhir/R4/search.html>. Data: `../shared/suites` beside the package; a test whose data is absent says so
//! and passes.

mod candle;
mod microsoft;
mod patient_355;
mod plain;
pub mod synthea;
mod us_core;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::Client;

const REINDEX_TIME_MAX: Duration = Duration::from_secs(30);

/// A case that is answered otherwise than its suite says: its name and why. A name that ends in `…` means all cases that
/// begin so.
type Known = (&'static str, &'static str);

/// The cases of one suite and what became of them.
struct Tally {
    known: Vec<Known>,
    met: BTreeSet<&'static str>,
    passed: usize,
    otherwise: usize,
    wrong: Vec<String>,
}

impl Tally {
    /// Takes the lists of cases that are answered otherwise, each of which must go on failing.
    fn new(known: &[&[Known]]) -> Tally {
        Tally { known: known.concat(), met: BTreeSet::new(), passed: 0, otherwise: 0, wrong: Vec::new() }
    }

    fn check(&mut self, name: &str, outcome: Result<(), String>) {
        let is = |known: &str| known.strip_suffix('…').map_or(known == name, |start| name.starts_with(start));
        let known = self.known.iter().find(|(known, _)| is(known));
        self.met.extend(known.map(|(known, _)| *known));
        match (outcome, known) {
            (Ok(()), None) => self.passed += 1,
            (Err(_), Some(_)) => self.otherwise += 1,
            (Ok(()), Some(_)) => self.wrong.push(format!("{name}: passes now: take it off the list")),
            (Err(why), None) => self.wrong.push(format!("{name}: {why}")),
        }
    }

    /// Fails unless every case passed or is listed, and every listed case exists and fails.
    #[track_caller]
    fn finish(mut self, suite: &str) {
        let unmet = self.known.iter().filter(|(known, _)| !self.met.contains(known));
        self.wrong.extend(unmet.map(|(known, _)| format!("{known}: is on the list and no case")));
        println!("{suite}: {} passed, {} answered otherwise", self.passed, self.otherwise);
        let wrong: Vec<String> = self.wrong.iter().map(|line| line.chars().take(700).collect()).collect();
        assert!(wrong.is_empty(), "{suite}, {} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
}

/// What a search found across all its pages.
#[derive(Default)]
struct Found {
    /// The matches in the order of the answer.
    matches: Vec<Value>,
    included: Vec<Value>,
}

impl Found {
    /// Returns the addresses of the matches.
    fn addresses(&self) -> BTreeSet<String> {
        self.matches.iter().map(address).collect()
    }
}

/// Returns `Type/id`.
fn address(resource: &Value) -> String {
    let text = |key: &str| resource[key].as_str().unwrap_or_default();
    format!("{}/{}", text("resourceType"), text("id"))
}

/// Walks all pages of a search; what is no good answer is told in words.
fn find(client: &Client, query: &str) -> Result<Found, String> {
    let (mut found, mut seen) = (Found::default(), BTreeSet::new());
    let mut next = Some(encoded(query));
    while let Some(url) = next {
        let answer = client.get(&url);
        if answer.status != 200 {
            return Err(format!("{}: {}", answer.status, answer.text()));
        }
        found.take(&answer.json(), &mut seen)?;
        next = answer.link("next");
    }
    Ok(found)
}

impl Found {
    /// Adds the entries of a page; no match may come twice.
    fn take(&mut self, bundle: &Value, seen: &mut BTreeSet<String>) -> Result<(), String> {
        if bundle["type"] != "searchset" {
            return Err(format!("no searchset: {bundle}"));
        }
        for entry in bundle["entry"].as_array().into_iter().flatten() {
            let resource = entry["resource"].clone();
            match entry["search"]["mode"].as_str() {
                Some("match") if !seen.insert(address(&resource)) => {
                    return Err(format!("{} comes twice", address(&resource)));
                }
                Some("match") => self.matches.push(resource),
                Some("include") => self.included.push(resource),
                Some("outcome") => {}
                other => return Err(format!("{}: mode {other:?}", address(&resource))),
            }
        }
        Ok(())
    }
}

/// Waits until the server has made the index of new search parameters, unless these are on the list of what is missing.
fn wait_until_known(client: &Client, queries: &[String]) {
    let began = Instant::now();
    while queries.iter().any(|query| client.get(query).status != 200) && began.elapsed() < REINDEX_TIME_MAX {
        thread::sleep(Duration::from_millis(100));
    }
}

/// Returns an error that shows what differs.
fn same(found: &BTreeSet<String>, expected: &BTreeSet<String>) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let few = |set: &BTreeSet<String>, other: &BTreeSet<String>| {
        set.difference(other).take(4).cloned().collect::<Vec<_>>().join(" ")
    };
    let (wrong, missing) = (few(found, expected), few(expected, found));
    Err(format!("{} found, {} expected; wrong: {wrong}; missing: {missing}", found.len(), expected.len()))
}

/// Returns the URL with everything encoded that a client library would encode; what is encoded already stays.
fn encoded(url: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~=&?/:,$*%@!;()'".contains(&b);
    url.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Returns a file of the suites; none where the data is absent.
fn suite_file(path: &str) -> Option<Vec<u8>> {
    let whole = suites().join(path);
    let Ok(bytes) = fs::read(&whole) else {
        println!("skipped: {} is not here", whole.display());
        return None;
    };
    Some(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).to_vec())
}

fn suite_json(path: &str) -> Option<Value> {
    suite_file(path).map(|bytes| serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{path}: {e}")))
}

fn suites() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites")
}
