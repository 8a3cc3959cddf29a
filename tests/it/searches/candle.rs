//! The search cases of a small reference server: `fhir-candle/search-cases.json`.
//!
//! Its data brings two search parameters of its own, so they are stored first.

use std::fs;

use medilink::search::period;
use serde_json::{Value, json};

use super::{Found, Known, Tally, encoded, find, suite_json, suites, wait_until_known};
use crate::app::TestApp;
use crate::client::Client;

const FILE: &str = "fhir-candle/search-cases.json";

/// Cases that R4 answers otherwise.
const OTHERWISE: &[Known] = &[
    (
        "Observation?code-value-quantity=http://loinc.org|29463-7,…",
        "R4 3.1.1.4.17: a comma parts whole pairs, so `A,B$C` is the pair `B$C` and an `A` that is none",
    ),
    (
        "Observation?value-quantity=185|http://unitsofmeasure.org|lbs",
        "R4 3.1.1.4.13: with a system the third part is the code, which is [lb_av]; `lbs` is the unit for people",
    ),
    ("Observation?value-quantity=820|urn:iso:std:iso:11073:10101|cl/s", "as above: the code is 265201"),
    ("Patient?identifier=|12345", "R4 3.1.1.4.10: `|code` matches where there is no system; this identifier has one"),
    ("batch Patient?identifier=|12345", "as above"),
    ("Patient?telecom=|(03) 5555 6473", "as above: the system of this telecom is `phone`"),
];

/// Cases of values that do not fit, where it is as good to refuse the value as to find nothing.
const REFUSED_TOO: &[&str] =
    &["Observation?subject:Device=Patient/example", "Patient?active=garbage", "Patient?gender=InvalidValue"];

#[test]
fn cases_of_a_reference_server_find_what_r4_says() {
    let Some(file) = suite_json(FILE) else { return };
    let app = TestApp::builder().secured().start();
    let client = app.client_with("system/*.cruds");
    load(&client);
    let mut tally = Tally::new(&[OTHERWISE]);
    for case in file["cases"].as_array().expect("a list of cases") {
        let request = case["request"].as_str().expect("a request");
        let name = if case["as"].is_string() { format!("batch {request}") } else { request.to_string() };
        match case["auth"].as_str() {
            Some(whose) => {
                let patient = of_patient(&app, &file["auth"][whose]);
                tally.check(&format!("{whose} {name}"), run(&patient, request, case));
            }
            None => tally.check(&name, run(&client, request, case)),
        }
    }
    tally.finish(FILE);
}

/// Returns a client whose token is as the suite says: `token with launch patient=example, scope patient/*.*`.
fn of_patient(app: &TestApp, told: &Value) -> Client {
    let told = told.as_str().expect("words");
    let patient = told.split("patient=").nth(1).and_then(|rest| rest.split(',').next()).expect("a patient");
    app.client().with_token(&app.forged(|claims| {
        claims.scope = "patient/*.*".into();
        claims.patient = Some(patient.into());
    }))
}

fn load(client: &Client) {
    let folder = suites().join("fhir-candle/r4");
    let mut files: Vec<_> = fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    files.sort_by_key(|path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (!name.starts_with("searchparameter"), name.starts_with("Bundle"), name)
    });
    for path in files {
        let mut resource: Value = serde_json::from_slice(&fs::read(&path).expect("a file")).expect("JSON");
        if resource["resourceType"] == "Bundle" {
            // A Patient, whose entry says ifNoneMatch where ifNoneExist is meant, and a Claim that is no Claim of R4.
            let patient = resource["entry"][0]["resource"].take();
            client.post("Patient", &patient).expect(201);
            continue;
        }
        if resource["resourceType"] == "SearchParameter" {
            resource["status"] = json!("active");
        }
        client.put(&super::address(&resource), &resource).expect(201);
    }
    wait_until_known(client, &["Patient?multiplebirth=3", "Patient?name-use=official"].map(String::from));
}

fn run(client: &Client, request: &str, case: &Value) -> Result<(), String> {
    let found = match case["as"].as_str() {
        Some(_) => in_a_batch(client, request),
        None => find(client, request),
    };
    let found = match found {
        Err(why) if REFUSED_TOO.contains(&request) && why.starts_with("400") => return Ok(()),
        found => found?,
    };
    if case["check"] == "sorted" {
        return sorted(request, &found.matches);
    }
    // The patient whose compartment is searched is not one of the counted.
    let counted = |resource: &&Value| !(request.ends_with("/*") && resource["resourceType"] == "Patient");
    let matches = found.matches.iter().filter(counted).count();
    let entries = found.matches.len() + found.included.len();
    for (key, number) in [("match", matches), ("entries", entries)] {
        if let Some(expected) = case[key].as_u64()
            && expected as usize != number
        {
            return Err(format!("{number} for '{key}', expected {expected}"));
        }
    }
    Ok(())
}

fn in_a_batch(client: &Client, request: &str) -> Result<Found, String> {
    let entry = json!({"request": {"method": "GET", "url": encoded(request)}});
    let answer = client.post("", &json!({"resourceType": "Bundle", "type": "batch", "entry": [entry]}));
    let entry = answer.expect(200).entries().remove(0);
    match entry["response"]["status"].as_str() {
        Some(status) if status.starts_with("200") => {
            let mut found = Found::default();
            found.take(&entry["resource"], &mut Default::default())?;
            Ok(found)
        }
        other => Err(format!("{}: {entry}", other.unwrap_or_default())),
    }
}

/// Checks the order by the one parameter of `_sort`; what has no value comes last.
fn sorted(request: &str, matches: &[Value]) -> Result<(), String> {
    let (_, by) = request.split_once("_sort=").expect("the case is about an order");
    let (name, descending) = by.strip_prefix('-').map_or((by, false), |name| (name, true));
    let keys: Vec<Option<String>> = matches.iter().map(|resource| key(resource, name)).collect();
    let in_order = keys.windows(2).all(|pair| match (&pair[0], &pair[1]) {
        (Some(a), Some(b)) => {
            if descending {
                a >= b
            } else {
                a <= b
            }
        }
        (None, Some(_)) => false,
        (_, None) => true,
    });
    if in_order && !keys.is_empty() { Ok(()) } else { Err(format!("the order is {keys:?}")) }
}

fn key(resource: &Value, name: &str) -> Option<String> {
    let moment = |text: &str| period::parse(text).map(|period| format!("{:020}", period.lo - period::BEGINNING));
    match name {
        "status" => resource["status"].as_str().map(str::to_string),
        "_lastUpdated" => resource["meta"]["lastUpdated"].as_str().and_then(moment),
        "date" => {
            let dates = [&resource["effectiveDateTime"], &resource["effectivePeriod"]["start"]];
            dates.into_iter().find_map(Value::as_str).and_then(moment)
        }
        other => panic!("no case sorts by {other}"),
    }
}
