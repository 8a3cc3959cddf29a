//! Public search cases, answered from the index rows alone.

use super::evaluate::{Indexed, matches};
use super::{REGISTRY, resource_type, search};
use crate::fault::Kind;
use crate::fhir::ResourceId;
use crate::search::extract;
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;

/// Cases that are answered otherwise here, and why.
const OTHERWISE: &[(&str, &str)] = &[
    ("Observation?date=le1981-01-01T00:00:00.0000001", "time is kept to the microsecond"),
    ("Patient?organization=Organization/ijk", "the reference is the bare id 'ijk', which R4 2.3.0.1 does not allow"),
    ("Patient?organization=ijk", "as above"),
];

#[test]
fn public_cases_find_what_r4_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites/ms-fhir-server/search-cases.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return println!("skipped: {} is not there", path.display());
    };
    let suites: Value = serde_json::from_str(&text).unwrap();
    let (mut passed, mut unanswered, mut wrong) = (0, Vec::new(), Vec::new());
    for suite in suites["suites"].as_array().unwrap() {
        let (names, resources) = resources(suite, path.parent().unwrap());
        for case in suite["cases"].as_array().unwrap() {
            let type_name = case["type"].as_str().or(suite["type"].as_str()).unwrap();
            let query = format!("{type_name}?{}", case["query"].as_str().unwrap());
            if OTHERWISE.iter().any(|(known, _)| *known == query) {
                continue;
            }
            if query.contains(":text=") {
                // Asked of the text index: `tests/it` sends these to a server.
                continue;
            }
            let search = match search(&query) {
                Ok(search) => search,
                Err(fault) if fault.kind() == Kind::NotSupported => {
                    unanswered.push(query);
                    continue;
                }
                Err(fault) => {
                    wrong.push(format!("{query}: {fault}"));
                    continue;
                }
            };
            let expected =
                ["r4_spec_expect", "expect", "expect_files"].into_iter().find_map(|key| case.get(key)).unwrap();
            let hit = |it: &Indexed| it.resource_type == resource_type(type_name) && matches(&search.filter, it);
            let found: HashSet<String> =
                names.iter().zip(&resources).filter(|(_, it)| hit(it)).map(|(name, _)| name.to_string()).collect();
            match found == expected.as_array().unwrap().iter().map(Value::to_string).collect() {
                true => passed += 1,
                false => wrong.push(format!("{query}: {found:?}, expected {expected}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{passed} passed, {} not answered yet: {unanswered:?}", unanswered.len());
    assert!(passed > 200);
}

/// Returns the resources of a suite with what its cases call them by: their place, or the name of their file.
fn resources(suite: &Value, folder: &Path) -> (Vec<Value>, Vec<Indexed>) {
    let own = suite["resources"].as_array().unwrap();
    if !own.is_empty() {
        return ((0..own.len()).map(Value::from).collect(), own.iter().map(indexed).collect());
    }
    let names = suite["cases"].as_array().unwrap().iter().flat_map(|case| case["expect_files"].as_array().unwrap());
    let mut names: Vec<Value> = names.cloned().collect();
    names.sort_by_key(Value::to_string);
    names.dedup();
    let read = |name: &Value| {
        let path = |kind| folder.join("TestFiles").join(kind).join(format!("{}.json", name.as_str().unwrap()));
        let text = std::fs::read_to_string(path("R4")).or_else(|_| std::fs::read_to_string(path("Normative"))).unwrap();
        indexed(&serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap())
    };
    let resources = names.iter().map(read).collect();
    (names, resources)
}

fn indexed(resource: &Value) -> Indexed {
    let t = resource_type(resource["resourceType"].as_str().unwrap());
    Indexed {
        resource_type: t,
        id: ResourceId::parse("x").unwrap(),
        updated: None,
        rows: extract(&REGISTRY, t, resource),
    }
}
