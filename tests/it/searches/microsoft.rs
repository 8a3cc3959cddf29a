//! The search cases of an open-source server, by kind: `ms-fhir-server/search-cases.json`.
//!
//! Where a case says what R4 expects, that counts. Each suite finds its resources by a tag of its own.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Known, Tally, address, encoded, find, same, suite_json, suites};
use crate::app::TestApp;
use crate::client::Client;

const FILE: &str = "ms-fhir-server/search-cases.json";

/// Cases that R4 answers otherwise.
const OTHERWISE: &[Known] = &[(
    "date: date=le1981-01-01T00:00:00.0000001",
    "below a microsecond nothing is kept; R4 leaves it open: \"the precision of the seconds\" is the server's",
)];

#[test]
fn cases_by_kind_find_what_r4_says() {
    let Some(file) = suite_json(FILE) else { return };
    let app = TestApp::start();
    let mut tally = Tally::new(&[OTHERWISE]);
    for suite in file["suites"].as_array().expect("a list of suites") {
        match suite["suite"].as_str() {
            Some("composite") => composite(app.client(), suite, &mut tally),
            _ => kind(app.client(), suite, &mut tally),
        }
        errors(app.client(), suite, &mut tally);
    }
    tally.finish(FILE);
}

/// Runs a suite whose resources are beside its cases.
fn kind(client: &Client, suite: &Value, tally: &mut Tally) {
    let name = suite["suite"].as_str().expect("a suite has a name");
    let tag = uuid::Uuid::new_v4().to_string();
    let mut stored = Vec::new();
    for (i, resource) in suite["resources"].as_array().expect("a list").iter().enumerate() {
        stored.push(repaired(name, i, &resource.to_string().replace("@TAG@", &tag)).map(|resource| {
            let t = resource["resourceType"].as_str().expect("a type");
            address(&client.post(t, &resource).expect(201).json())
        }));
    }
    for case in suite["cases"].as_array().expect("a list of cases") {
        let expected = case.get("r4_spec_expect").unwrap_or(&case["expect"]);
        let expected = expected.as_array().expect("a list").iter().map(|i| i.as_u64().expect("an index") as usize);
        // What could not be stored cannot be expected either.
        let Some(expected) = expected.map(|i| stored[i].clone()).collect::<Option<BTreeSet<_>>>() else { continue };
        let query = case["query"].as_str().expect("a query");
        let url = format!("{}?{query}&_tag={tag}", suite["type"].as_str().expect("a type"));
        let outcome = find(client, &url).and_then(|found| same(&found.addresses(), &expected));
        tally.check(&format!("{name}: {query}"), outcome);
    }
}

/// Returns a resource as R4 wants it; none when it cannot be had: a bare id is no reference (R4 2.3.0.1).
fn repaired(suite: &str, i: usize, text: &str) -> Option<Value> {
    let mut resource: Value = serde_json::from_str(text).expect("JSON");
    match (suite, i) {
        // A dateTime with a time has a zone.
        ("date", 4 | 5) => {
            let date = resource["effectiveDateTime"].as_str().map(|date| format!("{date}Z"));
            resource["effectiveDateTime"] = date.expect("a date").into();
        }
        ("reference", 2 | 4) => return None,
        _ => {}
    }
    Some(resource)
}

/// Runs the suite whose resources are files, known by an identifier that they share.
fn composite(client: &Client, suite: &Value, tally: &mut Tally) {
    let cases = suite["cases"].as_array().expect("a list of cases");
    let names = |case: &Value| -> Vec<String> {
        let files = case["expect_files"].as_array().expect("a list of files");
        files.iter().map(|name| name.as_str().expect("a name").to_string()).collect()
    };
    let tag = uuid::Uuid::new_v4().to_string();
    let all: BTreeSet<String> = cases.iter().flat_map(names).collect();
    let stored: Vec<(String, String)> =
        all.into_iter().map(|name| (fixture(client, &name, &tag), name)).map(|(at, name)| (name, at)).collect();
    for case in cases {
        let files = names(case);
        let expected = stored.iter().filter(|(name, _)| files.contains(name)).map(|(_, at)| at.clone()).collect();
        let query = case["query"].as_str().expect("a query");
        let url = format!("{}?{query}&identifier={tag}", case["type"].as_str().expect("a type"));
        let outcome = find(client, &url).and_then(|found| same(&found.addresses(), &expected));
        tally.check(&format!("composite: {query}"), outcome);
    }
}

/// Stores the file of this name with one more identifier; returns its address.
fn fixture(client: &Client, name: &str, tag: &str) -> String {
    let files = ["R4", "Normative"].map(|folder| format!("ms-fhir-server/TestFiles/{folder}/{name}.json"));
    let file = files.iter().find(|file| suites().join(file).exists());
    let file = file.unwrap_or_else(|| panic!("{name} is one of the files"));
    let mut resource = suite_json(file).expect("it exists");
    let identifier = json!({"value": tag});
    match resource.get_mut("identifier").and_then(Value::as_array_mut) {
        Some(identifiers) => identifiers.push(identifier),
        None => resource["identifier"] = json!([identifier]),
    }
    // Two of the files are of an older FHIR, in which an interpretation stood alone.
    wrap(&mut resource, "interpretation");
    for component in resource.get_mut("component").and_then(Value::as_array_mut).into_iter().flatten() {
        wrap(component, "interpretation");
    }
    let t = resource["resourceType"].as_str().expect("a type").to_string();
    address(&client.post(&t, &resource).expect(201).json())
}

fn wrap(value: &mut Value, key: &str) {
    if let Some(one @ Value::Object(_)) = value.get(key).cloned() {
        value[key] = Value::Array(vec![one]);
    }
}

/// Runs the cases that must be refused.
fn errors(client: &Client, suite: &Value, tally: &mut Tally) {
    for case in suite["error_cases"].as_array().into_iter().flatten() {
        let request = case["request"].as_str().expect("a request");
        let status = client.get(&encoded(request)).status;
        let expected = case["expect_status"].as_u64().expect("a status");
        let outcome = if u64::from(status) == expected { Ok(()) } else { Err(format!("answers {status}")) };
        tally.check(&format!("{}: {request}", suite["suite"].as_str().unwrap_or_default()), outcome);
    }
}
