//! How PostgreSQL runs searches: no shape reads a big table from end to end, neither for a page nor for a count.
//!
//! The plans are those of the server: made once for all values, with its settings. Suites are in `../shared/suites`; what
//! is absent is left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use medilink::catalog::Catalog;
use medilink::fhir::{ResourceId, ResourceType};
use medilink::search::{Expr, Registry, Search, compartment, parse};
use medilink::store::PLANNER_OPTIONS;
use medilink::store::search::{
    Along, KeyType, KeyValue, Keyset, Start, count, key_types, matching_nos, page, page_along,
};
use serde_json::Value;
use tokio_postgres::{Client, Config, NoTls};

use crate::app;

const BIG: &[&str] = &["resource", "term", "string_value", "date_value", "quantity_value", "timeline"];

/// All kinds of parameters, the ways to combine them, and every order.
const SHAPES: &[&str] = &[
    "Patient?",
    "?",
    "?_id=a",
    "?_lastUpdated=gt2020",
    "?_tag=x&_type=Patient,Group",
    "?_type=Patient,Observation",
    "?_type=Patient,Observation&_sort=_lastUpdated",
    "Patient?_id=a,b",
    "Patient?_lastUpdated=gt2020",
    "Patient?_lastUpdated=gt2020&_sort=-_lastUpdated",
    "Patient?_sort=_id",
    "Patient?_sort=-_id",
    "Patient?_sort=family,-birthdate",
    "Patient?_sort=birthdate",
    "Patient?_sort=-birthdate",
    "Patient?active=true",
    "Patient?active=true&gender=male",
    "Patient?birthdate:missing=true",
    "Patient?birthdate=ge1980&birthdate=lt1990",
    "Patient?birthdate=1980,1981",
    "Patient?birthdate=ne1980",
    "Patient?family:contains=x",
    "Patient?family:exact=x",
    "Patient?family=x&_sort=-birthdate,family",
    "Patient?gender:not=male",
    "Patient?identifier=urn:mrn|7",
    "Patient?identifier=urn:mrn|",
    "Patient?name=a",
    "Patient?name=a&gender=male",
    "Patient?name=a,b",
    "Patient?name=a&name=b",
    "Patient?organization=1",
    "Observation?_sort=-date",
    "Observation?_sort=date&status=final",
    "Observation?category=s|a",
    "Observation?category=s|a&date=ge2018",
    "Observation?code=a,b",
    "Observation?code=a,b&date=ge2018",
    "Observation?code=s|a",
    "Observation?code=s|a&_sort=-date",
    "Observation?code=s|a&_sort=_id",
    "Observation?category=s|a&code=s|b",
    "Observation?category=s|a&code=s|b&status=final",
    "Observation?code=s|a&status=final",
    "Observation?code=s|a&date=ge2018",
    "Observation?code=s|a&date=ge2018&status=final",
    "Observation?code=s|a&status=final,amended",
    "Observation?code=s|a&value-quantity=gt5",
    "Observation?date=ge2018-03-01&date=lt2018-03-08",
    "Observation?date=ge2018&_sort=-date",
    "Observation?date=ge2018&status=final",
    "Observation?date=ge2018&value-quantity=gt5",
    "Observation?encounter:missing=true",
    "Observation?encounter=1&date=ge2018",
    "Observation?patient=1",
    "Observation?patient=1&_sort=-date",
    "Observation?patient=1&category=s|a&date=ge2018&status=final",
    "Observation?patient=1&code=s|a",
    "Observation?patient=1&code=s|a&_sort=-date",
    "Observation?patient=1&code=s|a,s|b&_sort=-date",
    "Observation?patient=1&date=ge2018",
    "Observation?patient=1,2&code=s|a",
    "Observation?status=final",
    "Observation?status=final&_lastUpdated=gt2020",
    "Observation?subject=1&status:not=final",
    "Observation?value-quantity=5.4|http://unitsofmeasure.org|mg",
    "Observation?value-quantity=ne5",
    "Observation?patient.name=a",
    "Observation?patient.name=a&code=s|b",
    "Observation?patient.name=a&code=s|b&date=ge2018",
    "Observation?patient.gender=male",
    "Observation?patient.gender=male&code=s|a&_sort=-date",
    "Observation?patient.birthdate=1950-01-01&_sort=-date",
    "Observation?encounter.subject:Patient.identifier=s|1",
    "Observation?subject.organization.name=a",
    "Patient?_has:Observation:patient:code=s|a",
    "Patient?_has:Observation:patient:date=ge2024",
    "Patient?_has:Observation:patient:encounter.status=planned",
    "Observation?patient._has:Group:member:identifier=a",
    "Patient?_has:Observation:patient:_id=1&gender=male",
    "Observation?component-code-value-quantity=s|a$gt5",
    "Observation?combo-code-value-quantity=s|a$gt5",
    "Observation?_include=Observation:patient&_revinclude=Provenance:target",
    "Observation?patient=1&_include=*&_sort=-date",
    "Observation?_list=1",
    "Location?near=1|2|3",
    "ValueSet?url:below=http://x",
    "RiskAssessment?probability=gt0.8",
    "ValueSet?url=http://x/y",
    "ValueSet?url=http://x/y,http://x/z",
];

/// A hospital that is big enough for the planner to care, by its numbers alone: the rows do not belong together.
const FILL: &str = "
    insert into resource (no, type, id, version, updated, deleted, deed, target, content, refs)
        select i * 1024, (array[102, 99, 99, 99, 45])[1 + i % 5], md5(i::text), 1, i, i % 50 = 0, 1, i, '{}', array[i, -i]
        from generate_series(1, 40000) i;
    insert into term select k * i % 7919 + k, i * 1024 from generate_series(1, 40000) i, generate_series(1, 8) k
        on conflict do nothing;
    insert into string_value select 1 + i % 6, md5((i % 9000)::text), i * 1024 from generate_series(1, 40000) i;
    insert into date_value select 1 + i % 12, i * 60000000::bigint, i * 60000000::bigint + 999999, i * 1024
        from generate_series(1, 40000) i;
    insert into quantity_value select 1 + i % 40, i % 300, i % 300 + 1, i * 1024 from generate_series(1, 40000) i;
    insert into timeline select k * i % 3001, i * 60000000::bigint, i * 60000000::bigint, i * 1024
        from generate_series(1, 40000) i, generate_series(1, 3) k on conflict do nothing;
    insert into shape select i, (array[102, 99, 45])[1 + i % 3], array[i, i + 1] from generate_series(1, 60) i;
    analyze";

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let catalog = Catalog::load().expect("the definitions in the binary are sound");
    Registry::new(Arc::new(catalog), "http://here.example/fhir")
});

#[test]
fn no_search_reads_a_big_table_from_end_to_end() {
    let url = app::database("plans");
    let mut shapes: BTreeSet<String> = SHAPES.iter().map(ToString::to_string).collect();
    shapes.extend(of_suites());
    let patient = [ResourceId::parse("1").expect("an id")];
    let within = compartment::of_patients(&REGISTRY, &patient);
    let mut statements: BTreeSet<(String, usize)> = BTreeSet::new();
    let mut answered = 0;
    for shape in &shapes {
        let Some(search) = search(shape) else { continue };
        answered += 1;
        for limit in [&Expr::All, &within] {
            for sql in statements_of(&search, limit) {
                statements.insert(sql);
            }
        }
    }
    println!("{} of {} searches, {} statements", answered, shapes.len(), statements.len());
    assert!(answered >= SHAPES.len(), "a shape of this file is not answered");
    let slow = app::run(async {
        let client = connect(&url).await;
        client.batch_execute(FILL).await.expect("the tables are there");
        let mut slow = Vec::new();
        for (text, params) in &statements {
            let plan = plan(&client, text, *params).await;
            let mut scans = Vec::new();
            whole_scans(&plan, &mut scans);
            if !scans.is_empty() {
                slow.push(format!("{scans:?} in\n{text}"));
            }
        }
        slow
    });
    assert!(slow.is_empty(), "{} statements:\n{}", slow.len(), slow.join("\n\n"));
}

/// Returns the texts of all statements of a search, with how many values each takes.
fn statements_of(search: &Search, limit: &Expr) -> Vec<(String, usize)> {
    let value = |key: &KeyType| match key {
        KeyType::I64 => KeyValue::I64(1),
        KeyType::Number => KeyValue::Text("1.5".into()),
        KeyType::Text => KeyValue::Text("a".into()),
    };
    let types = key_types(search, limit);
    let dated = Keyset { sorts: types.iter().map(value).collect(), no: 1 };
    let undated = Keyset { sorts: types.iter().map(|_| KeyValue::Missing).collect(), no: 1 };
    let starts =
        [Start::Beginning, Start::After(&dated), Start::UpTo(&dated), Start::After(&undated), Start::UpTo(&undated)];
    let mut all: Vec<_> = starts.iter().map(|start| page(search, limit, *start, 51)).collect();
    let follows: Vec<_> = search.includes.iter().flat_map(|include| include.follows(&REGISTRY)).collect();
    if !follows.is_empty() {
        let along = Along { follows: &follows, seen: ResourceType::all().collect(), max: 5_000 };
        all.extend(starts.iter().map(|start| page_along(search, limit, *start, 50, &along)));
    }
    all.extend([count(search, limit), matching_nos(search, limit, 2)]);
    all.into_iter().map(|sql| (sql.text, sql.params.len())).collect()
}

async fn connect(url: &str) -> Client {
    let mut config: Config = url.parse().expect("a URL of ours");
    config.options(PLANNER_OPTIONS);
    let (client, connection) = config.connect(NoTls).await.expect("the database answers");
    tokio::spawn(connection);
    client
}

async fn plan(client: &Client, text: &str, params: usize) -> Value {
    // The plan is the same for all values, so that none are needed.
    let nulls = if params == 0 { String::new() } else { format!("({})", vec!["null"; params].join(", ")) };
    let script = format!("prepare s as {text}; explain (format json) execute s{nulls}; deallocate s");
    let rows = client.simple_query(&script).await.unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    let row = rows.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    serde_json::from_str(row.expect("a plan is a row")).expect("a plan is JSON")
}

/// Adds every node that reads a big table, or an index of one, and does not say where.
fn whole_scans(plan: &Value, found: &mut Vec<String>) {
    match plan {
        Value::Array(nodes) => nodes.iter().for_each(|node| whole_scans(node, found)),
        Value::Object(node) => {
            let relation = node.get("Relation Name").and_then(Value::as_str).unwrap_or_default();
            let kind = node.get("Node Type").and_then(Value::as_str).unwrap_or_default();
            let text = |name: &str| node.get(name).and_then(Value::as_str);
            // A page of everything goes along the numbers until it is full.
            let is_walk =
                text("Index Name") == Some("resource_pkey") && !text("Filter").is_some_and(|f| f.contains("type"));
            let is_bound = kind.contains("Index") && (text("Index Cond").is_some() || is_walk);
            if BIG.contains(&relation) && !is_bound && kind != "Bitmap Heap Scan" {
                found.push(format!("{kind} on {relation}"));
            }
            node.values().for_each(|inner| whole_scans(inner, found));
        }
        _ => {}
    }
}

fn search(shape: &str) -> Option<Search> {
    let (name, query) = shape.split_once('?')?;
    let base = if name.is_empty() { None } else { Some(ResourceType::parse(name)?) };
    let pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    parse(&REGISTRY, base, &pairs, false).ok()
}

/// Returns the searches of the public suites.
fn of_suites() -> Vec<String> {
    let mut shapes = Vec::new();
    let of = |case: &Value, name: &str| case[name].as_str().unwrap_or_default().to_string();
    let cases = |suite: &Value| suite["cases"].as_array().cloned().unwrap_or_default();
    if let Some(suite) = json("synthea/blaze-120-expected.json") {
        shapes.extend(cases(&suite).iter().map(|case| format!("{}?{}", of(case, "type"), of(case, "query"))));
    }
    if let Some(suite) = json("fhir-candle/search-cases.json") {
        shapes.extend(cases(&suite).iter().map(|case| of(case, "request")));
    }
    for suite in json("ms-fhir-server/search-cases.json").iter().flat_map(|all| all["suites"].as_array()).flatten() {
        shapes.extend(cases(suite).iter().map(|case| format!("{}?{}", of(suite, "type"), of(case, "query"))));
    }
    let text = fs::read_to_string(suites().join("inferno/us-core-searches.csv")).unwrap_or_default();
    for line in text.lines().skip(1) {
        let mut columns = line.split(',').skip(1);
        let (Some(t), Some(params)) = (columns.next(), columns.next()) else { continue };
        let pairs: Vec<String> = params.split('+').map(|name| format!("{name}={}", sample(name))).collect();
        shapes.push(format!("{t}?{}", pairs.join("&")));
    }
    shapes
}

/// Returns a value that parameters of this name take.
fn sample(name: &str) -> &'static str {
    match name {
        "birthdate" | "date" | "authoredon" | "onset-date" | "period" | "target-date" | "_lastUpdated" => {
            "ge2018-01-01"
        }
        _ if name.contains("date") || name.contains("time") => "ge2018-01-01",
        _ => "a",
    }
}

fn json(name: &str) -> Option<Value> {
    let path = suites().join(name);
    let Ok(text) = fs::read_to_string(&path) else {
        println!("left out: {} is not here", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).expect("a suite is JSON"))
}

fn suites() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites")
}
