//! Public search cases, answered from the index rows alone.

use super::evaluate::{Indexed, matches};
use super::{REGISTRY, resource_type, search};
use crate::fault::Kind;
use crate::fhir::ResourceId;
use crate::search::{extract, text};
use serde_json::Value;
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
        let resources: Vec<Indexed> = suite["resources"].as_array().unwrap().iter().map(indexed).collect();
        for case in suite["cases"].as_array().unwrap().iter().filter(|_| !resources.is_empty()) {
            let query = format!("{}?{}", suite["type"].as_str().unwrap(), case["query"].as_str().unwrap());
            if OTHERWISE.iter().any(|(known, _)| *known == query) {
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
            let expected = case.get("r4_spec_expect").unwrap_or(&case["expect"]);
            let found = resources.iter().enumerate().filter(|(_, it)| matches(&search.filter, it));
            let found: Value = found.map(|(i, _)| i).collect();
            match found == *expected {
                true => passed += 1,
                false => wrong.push(format!("{query}: {found}, expected {expected}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{passed} passed, {} not answered yet: {unanswered:?}", unanswered.len());
    assert!(passed > 200);
}

fn indexed(resource: &Value) -> Indexed {
    let t = resource_type(resource["resourceType"].as_str().unwrap());
    let (rows, displays) = (extract(&REGISTRY, t, resource), text::displays(&REGISTRY, t, resource));
    Indexed { resource_type: t, id: ResourceId::parse("x").unwrap(), rows, displays }
}
