//! The searches of one US Core 3.1.1 conformance run about one patient: `inferno/runs/us_core_311_reference_run.json`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Tally, address, encoded, find, suite_json};
use crate::app::TestApp;
use crate::client::Client;

const RUN: &str = "inferno/runs/us_core_311_reference_run.json";
const PATIENT: &str = "inferno/reference-server-data/resources/uscore_bundle_patient_355.json";

#[test]
fn a_conformance_run_finds_what_it_found_elsewhere() {
    let (Some(run), Some(patient)) = (suite_json(RUN), patient()) else { return };
    let app = TestApp::start();
    app.client().post("", &patient).expect(200);
    let mut tally = Tally::new(&[]);
    let requests = run["tests"].as_array().expect("a list of tests").iter();
    let requests = requests.flat_map(|test| test["requests"].as_array().expect("a list of requests"));
    // A search that several tests made counts once.
    let searches: BTreeMap<&str, &Value> = requests
        .filter(|request| request["replayable"] == true)
        .map(|request| (request["path"].as_str().expect("a path"), request))
        .collect();
    assert_eq!(searches.len(), 280);
    let mut types: Vec<&str> = Vec::new();
    for (path, expected) in searches {
        let path = path.trim_start_matches('/');
        tally.check(path, replay(app.client(), path, expected));
        let (t, query) = path.split_once('?').expect("a query");
        if !types.contains(&t) {
            types.push(t);
            tally.check(&format!("POST {path}"), posted(app.client(), t, query, expected));
        }
    }
    tally.finish(RUN);
}

/// Returns the transaction with everything about the patient; none where the data is absent.
pub fn patient() -> Option<Value> {
    let mut bundle = suite_json(PATIENT)?;
    // One period says 'stop', which R4 does not know: it was read as a period without an end.
    for entry in bundle["entry"].as_array_mut().expect("entries") {
        if let Some(Value::Object(period)) = entry["resource"].get_mut("effectivePeriod") {
            period.remove("stop");
        }
    }
    Some(bundle)
}

fn replay(client: &Client, path: &str, expected: &Value) -> Result<(), String> {
    let found = find(client, path)?;
    // What is included comes along on every page that leads to it.
    let included: BTreeSet<String> = found.included.iter().map(address).collect();
    agree(found.matches.len(), included.len(), expected)
}

/// The first search of each type is made as a form too.
fn posted(client: &Client, t: &str, query: &str, expected: &Value) -> Result<(), String> {
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let body = format!("{}&_count=1000", encoded(query));
    let answer = client.request("POST", &format!("{t}/_search"), &[form], body.as_bytes());
    if answer.status != 200 {
        return Err(format!("{}: {}", answer.status, answer.text()));
    }
    let entries = answer.entries();
    let of = |mode: &str| entries.iter().filter(|entry| entry["search"]["mode"] == mode).count();
    agree(of("match"), of("include"), expected)
}

fn agree(matches: usize, included: usize, expected: &Value) -> Result<(), String> {
    let count = |key: &str| expected[key].as_u64().expect("a count") as usize;
    if (matches, included) == (count("matches"), count("included")) {
        return Ok(());
    }
    Err(format!("{matches} matches and {included} included, expected {} and {}", count("matches"), count("included")))
}
