//! Public examples that must pass, where their folder is present.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{CATALOG, structure};

/// Examples that break R4 and are refused: the first for want of `item.linkId`, the others for a reference to a type
/// that the element does not allow.
const TRULY_WRONG: &[&str] = &[
    "Questionnaire-qs1",
    "DeviceMetric-example",
    "DeviceUseStatement-example",
    "MedicationRequest-medrx0301",
    "Observation-clinical-gender",
];

/// Returns the files of a suite, sorted; says so and returns none where it is absent.
fn files(suite: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites").join(suite);
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: {} is absent", folder.display());
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    files
}

fn complaints(name: &str, json: &[u8]) -> Vec<String> {
    let value: Value = serde_json::from_slice(json).unwrap_or_else(|e| panic!("{name}: {e}"));
    let issues = structure::check(&CATALOG, &value).err().unwrap_or_default();
    let line = |i: &crate::fault::Issue| {
        format!("{name} {:?} {} {}", i.kind, i.expression.as_deref().unwrap_or("-"), i.diagnostics)
    };
    issues.iter().map(line).collect()
}

#[test]
fn the_examples_of_r4_pass() {
    let mut found = Vec::new();
    for file in files("r4-examples") {
        let name = file.file_stem().expect("a file name").to_string_lossy().into_owned();
        let complaints = complaints(&name, &fs::read(&file).expect("a readable file"));
        assert!(!TRULY_WRONG.contains(&&*name) || !complaints.is_empty(), "{name} passes by now");
        if !TRULY_WRONG.contains(&&*name) {
            found.extend(complaints);
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn synthetic_patients_pass() {
    let every = std::env::var_os("MEDILINK_TEST_ALL").map_or(10, |_| 1);
    let mut found = Vec::new();
    for file in files("synthea/blaze-120").iter().step_by(every) {
        let mut json = Vec::new();
        let packed = fs::File::open(file).expect("a readable file");
        bzip2::read::BzDecoder::new(packed).read_to_end(&mut json).expect("sound bzip2");
        found.extend(complaints(&file.display().to_string(), &json));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Cases that the official validator lets pass and that are refused here: a run with the check of ids switched off,
/// JSON with comments, and a file without `resourceType`.
const ACCEPTED_ELSEWHERE: &[&str] =
    &["contained-resource-bad-id-ignore", "json-comments-1-yes", "json-comments-2-yes", "json-prop-key"];

#[test]
fn what_the_official_validator_accepts_passes() {
    let cases = files("validator-r4").into_iter().find(|file| file.ends_with("index.json"));
    let Some(index) = cases else { return };
    let folder = index.with_file_name("files");
    let index: Value = serde_json::from_slice(&fs::read(&index).expect("a readable file")).expect("an index");
    let (mut found, mut checked) = (Vec::new(), 0);
    for case in index["cases"].as_array().expect("a list of cases") {
        let (name, file) = (case["name"].as_str().unwrap_or_default(), case["file"].as_str().unwrap_or_default());
        let accepted = case["expected_base"]["errors"].as_u64() == Some(0);
        let Ok(json) = fs::read(folder.join(file)) else {
            continue;
        };
        if accepted && file.ends_with(".json") && !ACCEPTED_ELSEWHERE.contains(&name) {
            checked += 1;
            found.extend(complaints(name, &json));
        }
    }
    assert!(found.is_empty() && checked > 100, "{checked} checked\n{}", found.join("\n"));
}
