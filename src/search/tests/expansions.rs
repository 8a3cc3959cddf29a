//! Public expansions of value sets, against what a search finds in the same definitions.

use super::super::terminology::{Canonical, Codes, Definitions, Expansion, Lack, Members, System, Wanted, canonical};
use super::super::terminology::{expand, expand::built_in, expand::implicit};
use super::REGISTRY;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Cases that are answered otherwise here, and why.
const OTHERWISE: &[(&str, &str)] = &[
    ("simple-expand-child-of", "'child-of' is an operator of R5"),
    ("extensions-echo-bad-supplement", "supplements add words, not codes"),
    ("expand-enum-bad", "a code that is listed is in the value set, whether or not the code system knows it"),
    ("expand-exclude-enum", "there codes of two versions of a code system are two; a search has one key for both"),
    ("expand-mixed", "a whole system in any version and in one of them is the whole system, which is not listed"),
    ("big-echo-no-limit", "that server lists fewer codes"),
];

/// The resources that a case has to do with.
struct Stored(Vec<Value>);

impl Stored {
    fn by_url(&self, t: &str, wanted: &Canonical) -> Option<Value> {
        let fits =
            |r: &&Value| r["resourceType"] == t && r["url"] == wanted.url.as_str() && r["content"] != "supplement";
        canonical::choose(self.0.iter().filter(fits).cloned().collect(), wanted.version.as_deref())
    }

    fn system(&self, wanted: &Canonical) -> Result<System, Lack> {
        let missing = || Lack::Missing(format!("no {wanted}"));
        System::read(&self.by_url("CodeSystem", wanted).ok_or_else(missing)?)
    }

    fn expanded(&self, set: &Value) -> Result<Codes, Lack> {
        let mut known = Definitions::default();
        loop {
            let needs = match expand(set, &known)? {
                Expansion::Done(codes) => return Ok(codes),
                Expansion::Needs(needs) => needs,
            };
            for wanted in needs {
                match wanted {
                    Wanted::System(url) => {
                        let found = self.system(&url).map(Arc::new);
                        known.systems.insert(url, found);
                    }
                    Wanted::ValueSet(url) => {
                        let missing = || Lack::Missing(format!("no {url}"));
                        let found = self.by_url("ValueSet", &url);
                        let found = found.or_else(|| implicit(&url.url)).or_else(|| built_in(&REGISTRY.catalog, &url));
                        let found = found.ok_or_else(missing);
                        known.sets.insert(url, found.map(Arc::new));
                    }
                }
            }
        }
    }

    /// Returns every code one by one.
    fn listed(&self, codes: &Codes) -> BTreeSet<(String, String)> {
        let mut all = BTreeSet::new();
        for (system, members) in &codes.systems {
            let list: Vec<String> = match members {
                Members::Some(codes) => codes.iter().map(|c| c.to_string()).collect(),
                Members::All => self
                    .system(&Canonical::of(system, None))
                    .map(|s| s.concepts().iter().map(|c| c.code.to_string()).collect())
                    .unwrap_or_default(),
            };
            all.extend(list.into_iter().map(|code| (system.to_string(), code)));
        }
        all
    }
}

fn contained(contains: &Value, all: &mut BTreeSet<(String, String)>) {
    for entry in contains.as_array().into_iter().flatten() {
        if let (Some(system), Some(code)) = (entry["system"].as_str(), entry["code"].as_str()) {
            all.insert((system.to_string(), code.to_string()));
        }
        contained(&entry["contains"], all);
    }
}

/// Returns the value set that a request asks for; none where it asks for more than its codes.
fn asked_set(stored: &Stored, request: &Value) -> Option<Value> {
    let params: Vec<&Value> = request["parameter"].as_array().into_iter().flatten().collect();
    let presentation = ["excludeNested", "includeDefinition", "includeDesignations", "property", "displayLanguage"];
    let named = |name: &str| params.iter().find(|p| p["name"] == name);
    let plain =
        |p: &&Value| p["name"].as_str().is_some_and(|n| presentation.contains(&n) || n == "url" || n == "valueSet");
    if !params.iter().all(plain) {
        return None;
    }
    if let Some(own) = named("valueSet") {
        return Some(own["resource"].clone());
    }
    let url = named("url").and_then(|p| p["valueUri"].as_str().or(p["valueCanonical"].as_str()))?;
    stored.by_url("ValueSet", &Canonical::parse(url))
}

#[test]
fn public_expansions_have_the_codes_that_a_search_looks_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites/tx-ecosystem/tests");
    let read = |name: &str| -> Option<Value> {
        let text = std::fs::read_to_string(folder.join(name)).ok()?;
        serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()
    };
    let Some(cases) = read("test-cases.json") else {
        return println!("skipped: {} is not there", folder.display());
    };
    let (mut passed, mut wrong) = (0, Vec::new());
    for suite in cases["suites"].as_array().unwrap() {
        let setup = suite["setup"].as_array().into_iter().flatten();
        let stored = Stored(setup.filter_map(|name| read(name.as_str()?)).collect());
        for case in suite["tests"].as_array().unwrap().iter().filter(|case| case["operation"] == "expand") {
            let name = case["name"].as_str().unwrap();
            let (Some(request), Some(response)) =
                (read(case["request"].as_str().unwrap()), read(case["response"].as_str().unwrap()))
            else {
                continue;
            };
            // A profile of parameters changes the versions that are meant.
            if case["profile"].is_string() || OTHERWISE.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let Some(set) = asked_set(&stored, &request) else {
                continue;
            };
            let found = stored.expanded(&set).map(|codes| stored.listed(&codes));
            match (found, response["resourceType"] == "ValueSet") {
                (Err(_), false) => passed += 1,
                (Ok(found), true) => {
                    let mut expected = BTreeSet::new();
                    contained(&response["expansion"]["contains"], &mut expected);
                    match found == expected {
                        true => passed += 1,
                        false => wrong.push(format!("{name}: {found:?}, expected {expected:?}")),
                    }
                }
                (Ok(found), false) => wrong
                    .push(format!("{name}: {found:?}, should be refused: {}", response["issue"][0]["details"]["text"])),
                (Err(lack), true) => wrong.push(format!("{name}: {lack}")),
            }
        }
    }
    println!("{passed} passed");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
