//! Every search that US Core requires, with every comparator and every include: `inferno/us-core-searches.csv`.
//!
//! Values are taken from the stored resources, and what a search must find is read off the same resources by
//! [`super::plain`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use super::plain::{Kind, World, values};
use super::{Tally, address, find, patient_355, same, suite_file, suites, wait_until_known};
use crate::app::TestApp;
use crate::client::Client;

const FILE: &str = "inferno/us-core-searches.csv";
/// Types that the patient's record has none of; the examples of R4 have.
const MORE: [&str; 6] =
    ["Coverage", "Endpoint", "MedicationDispense", "QuestionnaireResponse", "RelatedPerson", "Specimen"];
const COMPARATORS: [&str; 9] = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"];

/// Search parameters of US Core that R4 has not: type, code, kind, expression.
const OWN: [(&str, &str, &str, &str); 4] = [
    ("CareTeam", "role", "token", "CareTeam.participant.role"),
    (
        "Condition",
        "asserted-date",
        "date",
        "Condition.extension.where(url = 'http://hl7.org/fhir/StructureDefinition/condition-assertedDate').valueDateTime",
    ),
    ("Encounter", "discharge-disposition", "token", "Encounter.hospitalization.dischargeDisposition"),
    ("Goal", "description", "token", "Goal.description"),
];

/// One row of the file.
struct Row<'a> {
    t: &'a str,
    params: Vec<&'a str>,
    /// The parameters of the row that have comparators, and those that take several values.
    compared: Vec<&'a str>,
    several: Vec<&'a str>,
    /// `&_revinclude=…` and `&_include=…`, each to be tried.
    includes: Vec<String>,
}

#[test]
fn every_search_of_us_core_is_answered() {
    let (Some(file), Some(patient)) = (suite_file(FILE), patient_355::patient()) else { return };
    let app = TestApp::start();
    store(app.client(), &patient);
    wait_until_known(app.client(), &OWN.map(|(t, code, _, _)| format!("{t}?{code}:missing=false")));
    let world = World::of(&app);
    let text = String::from_utf8(file).expect("UTF-8");
    let mut tally = Tally::new(&[]);
    let (mut with_source, mut with_matches) = (0, 0);
    let rows: BTreeMap<&str, Row> =
        text.lines().skip(1).map(|line| (&line[line.find(',').expect("a comma")..], row(line))).collect();
    for row in rows.values() {
        let name = format!("{}?{}", row.t, row.params.join("+"));
        for (query, source) in queries(&world, row) {
            let outcome = check(app.client(), &world, &query, source, &row.includes);
            with_source += usize::from(source.is_some());
            with_matches += usize::from(!query.contains("asserted-date") && !world.find(&query).is_empty());
            tally.check(&format!("{name} {query}"), outcome);
        }
    }
    println!("{} rows; {with_source} searches have a known source, {with_matches} have matches", rows.len());
    tally.finish(FILE);
}

fn store(client: &Client, patient: &Value) {
    for (t, code, kind, expression) in OWN {
        let id = format!("{t}-{code}");
        let parameter = json!({"resourceType": "SearchParameter", "id": id, "url": format!("http://test.example/{id}"),
            "name": code, "status": "active", "description": code, "code": code, "base": [t], "type": kind,
            "expression": expression});
        client.put(&format!("SearchParameter/{id}"), &parameter).expect(201);
    }
    client.post("", patient).expect(200);
    for entry in fs::read_dir(suites().join("r4-examples")).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if MORE.iter().any(|t| name.starts_with(&format!("{t}-"))) {
            let resource: Value = serde_json::from_slice(&fs::read(&path).expect("a file")).expect("JSON");
            client.put(&address(&resource), &resource).expect(201);
        }
    }
}

/// Reads `version,resource,params,expectation,comparators,revincludes,includes`.
fn row(line: &str) -> Row<'_> {
    // The comparators alone hold commas, and then stand in quotes.
    let (start, comparators, end) = match line.split('"').collect::<Vec<_>>()[..] {
        [start, comparators, end] => (start, comparators, end.trim_start_matches(',')),
        _ => {
            let at = line.match_indices(',').nth(3).expect("seven fields").0 + 1;
            let (comparators, end) = line[at..].split_once(',').expect("seven fields");
            (&line[..at], comparators, end)
        }
    };
    let start: Vec<&str> = start.split(',').collect();
    let (revincludes, includes) = end.split_once(',').expect("seven fields");
    let listed = |name: &str, text: &str| -> Vec<String> {
        text.split(';').filter(|one| !one.is_empty()).map(|one| format!("&{name}={one}")).collect()
    };
    let compared = |several: bool| -> Vec<&str> {
        let marks = comparators.split(';').filter_map(|part| part.trim().split_once(':'));
        marks.filter(|(_, what)| what.contains("multipleOr") == several).map(|(param, _)| param).collect()
    };
    Row {
        t: start[1],
        params: start[2].split('+').collect(),
        compared: compared(false),
        several: compared(true),
        includes: [listed("_revinclude", revincludes), listed("_include", includes)].concat(),
    }
}

/// Returns the searches of a row, with the resource that their values were taken from where there is one.
fn queries<'w>(world: &'w World, row: &Row) -> Vec<(String, Option<&'w Value>)> {
    let given = |resource: &'w Value| {
        let all = row.params.iter().map(|param| Some((*param, value(resource, param)?)));
        all.collect::<Option<Vec<_>>>().map(|pairs| (pairs, resource))
    };
    let taken = world.of_type(row.t).find_map(given);
    let made_up = || row.params.iter().map(|param| (*param, made_up(param).to_string())).collect();
    let (pairs, source) = taken.map_or_else(|| (made_up(), None), |(pairs, source)| (pairs, Some(source)));
    let write = |change: &dyn Fn(&str, &str) -> String| {
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", change(name, value))).collect();
        format!("{}?{}", row.t, pairs.join("&"))
    };
    let mut queries = vec![(write(&|_, value| value.to_string()), source.filter(|_| row.compared.is_empty()))];
    for param in &row.several {
        let both =
            |name: &str, value: &str| if name == *param { format!("{value},another") } else { value.to_string() };
        queries.push((write(&both), source.filter(|_| row.compared.is_empty())));
    }
    for param in &row.compared {
        for comparator in COMPARATORS {
            let put = |name: &str, value: &str| {
                if name == *param { format!("{comparator}{value}") } else { value.to_string() }
            };
            queries.push((write(&put), None));
        }
    }
    queries
}

/// Returns a value of the parameter that the resource has, as a query says it.
fn value(resource: &Value, param: &str) -> Option<String> {
    if param == "asserted-date" {
        return None;
    }
    let (kind, values) = values(resource, param);
    let value = values.first()?;
    let text = |value: &Value| value.as_str().map(str::to_string);
    let written = match kind {
        Kind::Token => match value {
            Value::Object(token) => {
                let code = token.get("code").or(token.get("value")).and_then(text)?;
                token.get("system").and_then(text).map_or(code.clone(), |system| format!("{system}|{code}"))
            }
            Value::Bool(flag) => flag.to_string(),
            plain => text(plain)?,
        },
        Kind::Date => text(value).or_else(|| value.get("start").and_then(text))?,
        Kind::Text => text(value)?,
        Kind::Reference => value.get("reference").and_then(text).or_else(|| text(value))?,
    };
    (!written.contains([',', '\\', '$', '&'])).then_some(written)
}

fn made_up(param: &str) -> &'static str {
    match param {
        "patient" => "Patient/355",
        "_lastUpdated" => "2020-01-01T00:00:00Z",
        date if date.contains("date") || date.starts_with("authored") || date == "period" => "2020-01-01",
        "encounter" | "location" | "practitioner" => "x",
        _ => "http://nowhere.example|nothing",
    }
}

/// Checks that a search finds exactly what fits, alone and with each of its includes.
fn check(
    client: &Client,
    world: &World,
    query: &str,
    source: Option<&Value>,
    includes: &[String],
) -> Result<(), String> {
    let found = find(client, query)?.addresses();
    if !query.contains("asserted-date") {
        let expected = world.find(query);
        // How far `ap` goes is the server's choice: it may find more than what touches the date.
        let found =
            if query.contains("=ap") { found.intersection(&expected).cloned().collect() } else { found.clone() };
        same(&found, &expected)?;
    }
    if let Some(source) = source.map(address)
        && !found.contains(&source)
    {
        return Err(format!("{source}, whose values were taken, is not found"));
    }
    includes.iter().try_for_each(|include| {
        let with = find(client, &format!("{query}{include}"))?;
        same(&with.addresses(), &found)?;
        let included: BTreeSet<String> = with.included.iter().map(address).collect();
        same(&included, &expected(world, &found, include)).map_err(|why| format!("{include}: {why}"))
    })
}

/// Returns what an include brings: what the matches refer to, or what refers to them, and is no match itself.
fn expected(world: &World, found: &BTreeSet<String>, include: &str) -> BTreeSet<String> {
    let (name, what) = include.trim_start_matches('&').split_once('=').expect("a name and a value");
    let mut parts = what.split(':');
    let (t, param) = (parts.next().expect("a type"), parts.next().expect("a parameter"));
    let target = parts.next().unwrap_or_default();
    let references = |resource: &Value| world.references(resource, param);
    let all: BTreeSet<String> = match name {
        "_include" => {
            let matches = world.of_type(t).filter(|resource| found.contains(&address(resource)));
            matches.flat_map(references).filter(|address| address.starts_with(target)).collect()
        }
        _ => {
            let refers = |resource: &&Value| references(resource).iter().any(|address| found.contains(address));
            world.of_type(t).filter(refers).map(address).collect()
        }
    };
    all.difference(found).cloned().collect()
}
