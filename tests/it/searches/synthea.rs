//! Counts over a synthetic hospital that another project published: `synthea/blaze-120-expected.json`.
//!
//! They hold for all 120 patients; of fewer, a plain reading of the resources says what each search must find.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::plain::World;
use super::{Found, Tally, address, encoded, find, same, suite_json};
use crate::app::{TestApp, wants_all};
use crate::client::Client;

const FILE: &str = "synthea/blaze-120-expected.json";

/// Checks the published searches on a server into which the hospital was just loaded.
pub fn expect_counts(app: &TestApp) {
    let Some(file) = suite_json(FILE) else { return };
    let all = wants_all();
    let client = app.client();
    let world = (!all).then(|| World::of(app));
    let mut tally = Tally::new(&[]);
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for case in file["cases"].as_array().expect("a list of cases") {
        let text = |key: &str| case[key].as_str();
        let query = format!("{}?{}", text("type").expect("a type"), text("query").expect("a query"));
        let name = text("sort").map_or(query.clone(), |sort| format!("{query}&_sort={sort}"));
        let here = world.as_ref().map(|world| &*expected.entry(query.clone()).or_insert_with(|| world.find(&query)));
        let total = here.map_or_else(|| case["total"].as_u64().expect("a total"), |found| found.len() as u64);
        tally.check(
            &name,
            counted(client, &query, total).and_then(|()| match text("sort") {
                Some(sort) => paged(client, &query, sort, total, here),
                None => here.map_or(Ok(()), |here| same(&find(client, &query)?.addresses(), here)),
            }),
        );
    }
    if all {
        for request in file["other"].as_array().expect("a list of requests") {
            let (name, outcome) = other(client, request);
            tally.check(&name, outcome);
        }
    }
    tally.finish(FILE);
}

fn counted(client: &Client, query: &str, expected: u64) -> Result<(), String> {
    let answer = client.get(&encoded(&format!("{query}&_summary=count")));
    if answer.status != 200 {
        return Err(format!("{}: {}", answer.status, answer.text()));
    }
    match answer.json()["total"].as_u64() {
        Some(total) if total == expected => Ok(()),
        total => Err(format!("{total:?} counted, expected {expected}")),
    }
}

/// Walks the pages of a sorted search: all matches, each once, in order.
fn paged(
    client: &Client,
    query: &str,
    sort: &str,
    total: u64,
    expected: Option<&BTreeSet<String>>,
) -> Result<(), String> {
    let Found { matches, .. } = find(client, &format!("{query}&_sort={sort}&_count=500"))?;
    if matches.len() as u64 != total {
        return Err(format!("{} on all pages, expected {total}", matches.len()));
    }
    let (name, descending) = sort.strip_prefix('-').map_or((sort, false), |name| (name, true));
    let key = |resource: &Value| match name {
        "_id" => resource["id"].as_str().map(str::to_string),
        _ => resource["meta"]["lastUpdated"].as_str().map(str::to_string),
    };
    let keys: Vec<Option<String>> = matches.iter().map(key).collect();
    let in_order = keys.windows(2).all(|pair| if descending { pair[0] >= pair[1] } else { pair[0] <= pair[1] });
    if !in_order {
        return Err("the pages are not in order".to_string());
    }
    expected.map_or(Ok(()), |expected| same(&matches.iter().map(address).collect(), expected))
}

/// Sends a request that is no plain search; returns its name and what became of it.
fn other(client: &Client, case: &Value) -> (String, Result<(), String>) {
    let name = case["request"].as_str().expect("a request").trim_end_matches("?_summary=count");
    let name = name.trim_end_matches("&_summary=count").to_string();
    let total = case["total"].as_u64().expect("a total");
    let url = match (name.find('{'), name.find('}')) {
        (Some(from), Some(to)) => {
            let identifier = name[from + 1..to].split(' ').find(|word| word.bytes().any(|b| b.is_ascii_digit()));
            let found = find(client, &format!("Patient?identifier={}", identifier.expect("an identifier")));
            let id = found.expect("a search").matches[0]["id"].as_str().expect("an id").to_string();
            format!("{}{id}{}", &name[..from], &name[to + 1..])
        }
        _ => name.clone(),
    };
    if !url.contains("$everything") {
        return (name, counted(client, &if url.contains('?') { url } else { format!("{url}?") }, total));
    }
    let outcome = find(client, &url).and_then(|found| everything(&found, total, &case["type_counts"]));
    (name, outcome)
}

/// Where the file was made Medications are matches, and no others outside of the record come along; here all of them are
/// includes, which may come with several pages.
fn everything(found: &Found, total: u64, expected: &Value) -> Result<(), String> {
    let medications = found.included.iter().filter(|resource| resource["resourceType"] == "Medication");
    let medications: BTreeMap<String, &Value> = medications.map(|resource| (address(resource), resource)).collect();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for resource in found.matches.iter().chain(medications.into_values()) {
        *counts.entry(resource["resourceType"].as_str().expect("a type")).or_insert(0) += 1;
    }
    let same = counts.values().sum::<u64>() == total && serde_json::json!(counts) == *expected;
    if same { Ok(()) } else { Err(format!("{} in all: {counts:?}", found.matches.len())) }
}
