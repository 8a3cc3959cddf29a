//! A hospital's records, loaded over HTTP and by the command line, and read back digit for digit.
//!
//! The data are synthetic: see `synthea/blaze-120` in the public test data. The default run takes a tenth of the patients,
//! of all resource types; `MEDILINK_TEST_ALL=1` takes all 122 Bundles with their 92,114 resources.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::app::{TestApp, wants_all};
use crate::client::{Client, JSON};
use crate::faults::sound;
use crate::races::count;
use crate::searches::synthea;

/// Hospitals and practitioners, to which everything else refers: batches of conditional creates.
const FIRST: [&str; 2] = ["0-hospitalInformation1625911868739", "0-practitionerInformation1625911868739"];
/// Patients that have every resource type between them.
const SOME: [&str; 8] = [
    "8a4c9c04-1524-9f1c-d65b-9b17e4520fef",
    "8708d3e1-f718-96bb-03f0-f2a6564ae1cd",
    "6c8f3e83-c351-ed33-c38d-6be101c275d2",
    "9a174f9e-ed67-6617-0106-745fb1f9a344",
    "53eac4c0-8d6b-72da-2768-a6d08e687f48",
    "c0697745-be05-4abc-07e0-f78ca6cb7230",
    "b6f92fa3-b989-fa1b-aad8-aafb1020a5e9",
    "a8327210-6158-2be1-fb72-553a78a0ff37",
];
/// Resources of each type that are read back.
const SAMPLE: usize = 12;
const CLIENTS: usize = 4;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites/synthea/blaze-120")
}

/// Returns the files of this run, hospitals and practitioners apart; none where the data are absent.
pub fn files() -> Option<(Vec<PathBuf>, Vec<PathBuf>)> {
    let file = |name: &str| folder().join(format!("{name}.json.bz2"));
    let first: Vec<PathBuf> = FIRST.iter().map(|name| file(name)).collect();
    let Ok(entries) = std::fs::read_dir(folder()) else {
        println!("skipped: synthea/blaze-120 is not there");
        return None;
    };
    let mut rest: Vec<PathBuf> = match wants_all() {
        true => entries.map(|entry| entry.expect("a readable folder").path()).collect(),
        false => SOME.iter().map(|name| file(name)).collect(),
    };
    rest.retain(|path| !first.contains(path) && path.extension().is_some_and(|extension| extension == "bz2"));
    rest.sort();
    Some((first, rest))
}

fn unpacked(path: &Path) -> Vec<u8> {
    let file = std::fs::File::open(path).expect("a readable file");
    let mut bytes = Vec::new();
    bzip2::read::MultiBzDecoder::new(file).read_to_end(&mut bytes).expect("bzip2 data");
    bytes
}

/// What was sent and where it was stored.
struct Sent {
    path: String,
    resource: Value,
}

/// What is known of a load.
#[derive(Default)]
pub struct Loaded {
    totals: BTreeMap<String, u64>,
    samples: Vec<Sent>,
    /// From `urn:uuid:…` and `Type?identifier=…` to `Type/id`.
    targets: HashMap<String, String>,
}

/// Posts a Bundle; checks that every entry was created and keeps what is wanted of it.
fn load(client: &Client, path: &Path, sampled: usize) -> Loaded {
    let bytes = unpacked(path);
    let answer = client.request("POST", "", &[JSON], &bytes).expect(200);
    let mut bundle: Value = serde_json::from_slice(&bytes).expect("JSON");
    let entries = bundle["entry"].as_array_mut().expect("entries");
    let answers = answer.entries();
    assert_eq!(answers.len(), entries.len(), "{}", path.display());
    let mut loaded = Loaded::default();
    for (entry, answer) in entries.iter_mut().zip(answers) {
        let response = &answer["response"];
        assert!(response["status"].as_str().is_some_and(|s| s.starts_with("201")), "{}: {answer}", path.display());
        let stored = response["location"].as_str().and_then(|l| l.strip_suffix("/_history/1")).expect("a location");
        let resource = entry["resource"].take();
        let name = resource["resourceType"].as_str().expect("a type").to_string();
        loaded.targets.insert(entry["fullUrl"].as_str().expect("a fullUrl").to_string(), stored.to_string());
        for identifier in resource["identifier"].as_array().into_iter().flatten() {
            if let (Some(system), Some(value)) = (identifier["system"].as_str(), identifier["value"].as_str()) {
                loaded.targets.insert(format!("{name}?identifier={system}|{value}"), stored.to_string());
            }
        }
        let total = loaded.totals.entry(name).or_insert(0);
        *total += 1;
        if *total as usize <= sampled {
            loaded.samples.push(Sent { path: stored.to_string(), resource });
        }
    }
    loaded
}

impl Loaded {
    fn add(&mut self, other: Loaded) {
        for (name, n) in other.totals {
            *self.totals.entry(name).or_insert(0) += n;
        }
        self.samples.extend(other.samples);
        self.targets.extend(other.targets);
    }

    /// Does what the server must do to references, by the answers it gave.
    fn resolve(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.resolve(item)),
            Value::Object(object) => {
                for (key, value) in object.iter_mut() {
                    match value {
                        Value::String(text) if key == "reference" => {
                            if text.starts_with("urn:uuid:") || text.contains('?') {
                                *text = self.targets.get(text).unwrap_or_else(|| panic!("{text} is known")).clone();
                            }
                        }
                        value => self.resolve(value),
                    }
                }
            }
            _ => {}
        }
    }

    /// Checks that a stored resource is what was sent, apart from what is the server's. Numbers are compared as text.
    fn expect_same(&self, sent: &Sent, stored: &Value) {
        let mut expected = sent.resource.clone();
        self.resolve(&mut expected);
        let mut stored = stored.clone();
        let id = sent.path.split('/').nth(1);
        assert_eq!(stored["id"].as_str(), id);
        expected["id"] = stored["id"].clone();
        let meta = stored["meta"].as_object_mut().expect("the server's meta");
        assert_eq!(meta.remove("versionId"), Some(json!("1")));
        assert!(meta.remove("lastUpdated").is_some());
        unlabel(meta);
        if meta.is_empty() {
            stored.as_object_mut().expect("a resource").remove("meta");
        }
        assert_eq!(stored, expected, "{}", sent.path);
    }
}

/// Takes away the labels that the server gives to resources with codes of sensitive topics; none were sent.
fn unlabel(meta: &mut serde_json::Map<String, Value>) {
    if let Some(labels) = meta.remove("security") {
        assert!(labels[0]["code"] == "R" && labels[1]["system"].as_str().is_some_and(|s| s.ends_with("v3-ActCode")));
    }
}

/// Loads everything over HTTP, the patients by several clients.
pub fn load_all(client: &Client, first: &[PathBuf], rest: &[PathBuf]) -> Loaded {
    let mut all = Loaded::default();
    for path in first {
        all.add(load(client, path, SAMPLE));
    }
    let sampled = if wants_all() { 1 } else { SAMPLE };
    let parts: Vec<Loaded> = thread::scope(|scope| {
        let mine = |worker| rest.iter().skip(worker).step_by(CLIENTS);
        let workers: Vec<_> = (0..CLIENTS)
            .map(|worker| scope.spawn(move || mine(worker).map(|path| load(client, path, sampled)).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("every Bundle is taken")).collect()
    });
    parts.into_iter().for_each(|part| all.add(part));
    all
}

#[test]
fn a_hospital_is_loaded_and_read_back_digit_for_digit() {
    let Some((first, rest)) = files() else { return };
    let app = TestApp::start();
    let client = app.client();
    let began = Instant::now();
    let loaded = load_all(client, &first, &rest);
    let resources: u64 = loaded.totals.values().sum();
    println!("{} Bundles with {resources} resources loaded in {:?}", first.len() + rest.len(), began.elapsed());
    if wants_all() {
        assert_eq!(resources, 92_114);
    }
    for (name, total) in &loaded.totals {
        assert_eq!(count(client, &format!("{name}?")), *total, "{name}");
    }
    for sent in &loaded.samples {
        let stored = client.get(&sent.path).expect(200).json();
        loaded.expect_same(sent, &stored);
    }
    let types: BTreeSet<&str> = loaded.samples.iter().filter_map(|sent| sent.path.split('/').next()).collect();
    assert_eq!(types.len(), loaded.totals.len(), "every type is sampled");
    println!("{} resources of {} types read back", loaded.samples.len(), types.len());
    synthea::expect_counts(&app);
    load_again(client, &first, &loaded);
    sound::expect_sound(&app);
    if !wants_all() {
        sound::expect_index(&app);
    }
}

/// What is created conditionally exists once, however often it is sent; plain creates of a batch are made again.
fn load_again(client: &Client, first: &[PathBuf], loaded: &Loaded) {
    for path in first {
        let bytes = unpacked(path);
        let bundle: Value = serde_json::from_slice(&bytes).expect("JSON");
        let answers = client.request("POST", "", &[JSON], &bytes).expect(200).entries();
        for (entry, answer) in bundle["entry"].as_array().expect("entries").iter().zip(&answers) {
            let expected = if entry["request"]["ifNoneExist"].is_string() { "200" } else { "201" };
            let status = answer["response"]["status"].as_str().unwrap_or_default();
            assert!(status.starts_with(expected), "{}: {answer}", entry["request"]);
        }
    }
    for name in ["Organization", "Location", "Practitioner"] {
        assert_eq!(count(client, &format!("{name}?")), loaded.totals[name], "{name}");
    }
}

/// The command line loads the same files, over HTTP and straight into a database, into the same resources.
#[test]
fn the_command_line_loads_the_same_hospital() {
    let Some((first, rest)) = files() else { return };
    let taken = if wants_all() { rest.len() } else { 3 };
    let paths: Vec<String> =
        first.iter().chain(rest.iter().take(taken)).map(|path| path.display().to_string()).collect();
    let over_http = TestApp::start();
    let server = over_http.base().to_string();
    let direct = TestApp::start();
    for (app, flags) in [(&over_http, vec!["--server", server.as_str()]), (&direct, vec![])] {
        let began = Instant::now();
        let output = app.run("load", &[paths.iter().map(String::as_str).collect(), flags].concat());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "medilink load: {said}\n{errors}");
        println!("loaded in {:?}: {}", began.elapsed(), said.trim());
        sound::expect_sound(app);
    }
    let per_type =
        "select t.name, count(*) from resource r join resource_type t on t.number = r.type group by 1 order by 1";
    let totals = |app: &TestApp| -> Vec<(String, i64)> {
        app.sql(per_type).iter().map(|row| (row.get(0), row.get(1))).collect()
    };
    assert_eq!(totals(&over_http), totals(&direct));
    let expected: usize = paths.iter().map(|path| entries(Path::new(path))).sum();
    assert_eq!(totals(&direct).iter().map(|(_, n)| *n as usize).sum::<usize>(), expected);
}

fn entries(path: &Path) -> usize {
    let bundle: Value = serde_json::from_slice(&unpacked(path)).expect("JSON");
    bundle["entry"].as_array().expect("entries").len()
}
