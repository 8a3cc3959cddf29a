//! Reading and writing JSON and XML, held against public test data in `../shared/suites` beside the package.
//!
//! A test whose data is absent says so and passes.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use medilink::catalog::Catalog;
use medilink::format::{Limits, json, xml};
use serde_json::Value;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::load().expect("the definitions load"));

fn suite(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites").join(folder)
}

/// Returns names and contents of the files of a suite with this extension; none when the suite is not there.
fn files(folder: &str, extension: &str) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(suite(folder)) else {
        println!("skipped: {folder} is not there");
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    let named = |path: PathBuf| {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        (name, std::fs::read(path).expect("a readable file"))
    };
    paths.into_iter().map(named).collect()
}

fn read_json(bytes: &[u8]) -> Value {
    json::read(bytes, &Limits::default()).expect("a resource in JSON")
}

fn read_xml(bytes: &[u8]) -> Value {
    xml::read(&CATALOG, bytes, &Limits::default()).expect("a resource in XML")
}

/// JSON that is good elsewhere and refused here: a property twice, and NUL.
const REFUSED_ALTHOUGH_JSON: [&str; 4] = [
    "y_object_duplicated_key.json",
    "y_object_duplicated_key_and_value.json",
    "y_object_escaped_null_in_key.json",
    "y_string_null_escape.json",
];

#[test]
fn json_is_read_exactly_when_it_is_json() {
    for (name, bytes) in files("json-robustness/JSONTestSuite/test_parsing", "json") {
        let outcome = json::read(&bytes, &Limits::default());
        match name.as_bytes()[0] {
            b'y' => assert_eq!(outcome.is_ok(), !REFUSED_ALTHOUGH_JSON.contains(&&*name), "{name}: {outcome:?}"),
            b'n' => assert!(outcome.is_err(), "{name}"),
            _ => {}
        }
        assert!(outcome.map_or_else(|fault| fault.status(), |_| 400) < 500, "{name}");
    }
}

/// What comes of JSON that parsers read differently; none = refused. Files not named come back byte for byte.
const TRANSFORMED: [(&str, Option<&str>); 12] = [
    ("number_1e-999.json", Some("[1e-999]")),
    ("number_1e6.json", Some("[1e+6]")),
    ("object_same_key_different_values.json", None),
    ("object_same_key_same_value.json", None),
    ("object_same_key_unclear_values.json", None),
    ("string_1_escaped_invalid_codepoint.json", None),
    ("string_1_invalid_codepoint.json", None),
    ("string_2_escaped_invalid_codepoints.json", None),
    ("string_2_invalid_codepoints.json", None),
    ("string_3_escaped_invalid_codepoints.json", None),
    ("string_3_invalid_codepoints.json", None),
    ("string_with_escaped_NULL.json", None),
];

#[test]
fn json_that_parsers_read_differently_is_kept_or_refused() {
    for (name, bytes) in files("json-robustness/JSONTestSuite/test_transform", "json") {
        let outcome = json::read(&bytes, &Limits::default()).and_then(|value| json::write(&value, false));
        let expected = match TRANSFORMED.iter().find(|(listed, _)| *listed == name) {
            Some((_, text)) => text.map(|text| text.as_bytes()),
            None => Some(bytes.trim_ascii()),
        };
        assert_eq!(outcome.as_deref().ok(), expected, "{name}: {outcome:?}");
    }
}

#[test]
fn every_example_survives_the_way_through_xml() {
    for folder in ["r4-examples", "fhir-test-cases-r4/examples", "ig-examples/us_core_311"] {
        for (name, bytes) in files(folder, "json") {
            let resource = read_json(&bytes);
            for pretty in [false, true] {
                let written = xml::write(&CATALOG, &resource, pretty).unwrap_or_else(|fault| panic!("{name}: {fault}"));
                let back = xml::read(&CATALOG, &written, &Limits::default());
                let back = back.unwrap_or_else(|fault| panic!("{name}: {fault}"));
                assert!(back == resource, "{folder}/{name} came back changed");
            }
        }
    }
}

/// XML that its validator reads with a warning or refuses, and that breaks a rule of R4: part of our message.
const REFUSED_XML: [(&str, &str); 8] = [
    ("bundle-dual-subject.xml", "`subject` appears twice"),
    ("capabilitystatement-measure-processor.xml", "CapabilityStatement has no element `identifier`"),
    ("japanese-utf8-ok.xml", "not UTF-8: byte 497"),
    ("observation-example.xml", "`extension` stands after `status`"),
    ("q-enablewhen-2.xml", "`identifier` stands after `version`"),
    ("tests-fhir-r4.xml", "not in the namespace"),
    ("uuid-ext.xml", "`version` stands after `title`"),
    ("xml-bad-entities.xml", "`&reg;` is not known in XML"),
];

#[test]
fn real_xml_is_read_and_written_back_the_same() {
    let folders = ["fhirpath/hl7/input", "validator-r4/files", "ms-fhir-server/TestFiles/Normative"];
    for (name, bytes) in folders.iter().flat_map(|folder| files(folder, "xml")) {
        match (xml::read(&CATALOG, &bytes, &Limits::default()), REFUSED_XML.iter().find(|(listed, _)| *listed == name))
        {
            (Ok(resource), None) => {
                let written = xml::write(&CATALOG, &resource, true).unwrap_or_else(|fault| panic!("{name}: {fault}"));
                assert!(read_xml(&written) == resource, "{name} came back changed");
            }
            (Err(fault), Some((_, words))) => assert!(fault.to_string().contains(words), "{name}: {fault}"),
            (outcome, _) => panic!("{name}: {outcome:?}"),
        }
    }
}

/// Folder of the XML, folder of the JSON, name, and whether the narratives are the same, too.
const TWINS: [(&str, &str, &str, bool); 7] = [
    ("fhir-test-cases-r4/examples", "fhir-test-cases-r4/examples", "condition-example", true),
    ("fhir-test-cases-r4/examples", "fhir-test-cases-r4/examples", "organization-1", true),
    ("fhir-test-cases-r4/examples", "fhir-test-cases-r4/examples", "patient-example", true),
    ("fhirpath/hl7/input", "fhirpath/fhirpath.js/resources/r4", "patient-example", false),
    ("fhirpath/hl7/input", "fhirpath/fhirpath.js/resources/r4", "patient-example-period", false),
    ("fhirpath/hl7/input", "fhirpath/fhirpath.js/resources/r4", "questionnaire-example", false),
    ("fhirpath/hl7/input", "fhirpath/fhirpath.js/resources/r4", "valueset-example-expansion", false),
];

#[test]
fn xml_and_its_json_twin_read_the_same() {
    for (xml_folder, json_folder, name, same_narrative) in TWINS {
        let paths = [suite(xml_folder).join(format!("{name}.xml")), suite(json_folder).join(format!("{name}.json"))];
        let [Ok(xml), Ok(json)] = paths.map(std::fs::read) else {
            println!("skipped: {name} is not there");
            continue;
        };
        let mut twins = [read_xml(&xml), read_json(&json)];
        if !same_narrative {
            twins.iter_mut().for_each(|twin| drop(twin["text"].take()));
        }
        assert_eq!(twins[0], twins[1], "{name}");
    }
}

/// As written in observation-decimal.xml; only an exponent without a sign gains one.
const DECIMALS: [&str; 7] = [
    "1.0",
    "1.00",
    "1.0e+0",
    "0.0000000000000000000001",
    "1000000000000000000",
    "1.000000000000000000e-245",
    "-1.000000000000000000e+245",
];

#[test]
fn decimals_keep_their_digits_on_both_ways() {
    let Ok(bytes) = std::fs::read(suite("fhir-test-cases-r4/examples/observation-decimal.xml")) else {
        println!("skipped: observation-decimal.xml is not there");
        return;
    };
    let resource = read_xml(&bytes);
    let components = resource["component"].as_array().expect("components");
    let digits: Vec<String> = components.iter().map(|part| part["valueQuantity"]["value"].to_string()).collect();
    assert_eq!(digits, DECIMALS);
    let text = String::from_utf8(xml::write(&CATALOG, &resource, false).expect("written")).expect("UTF-8");
    assert!(DECIMALS.iter().all(|number| text.contains(&format!("<value value=\"{number}\"/>"))));
}

#[test]
fn no_damaged_byte_makes_a_panic() {
    let Ok(text) = std::fs::read(suite("r4-examples/Patient-example.json")) else {
        println!("skipped: Patient-example.json is not there");
        return;
    };
    let markup = xml::write(&CATALOG, &read_json(&text), false).expect("written");
    for at in (0..text.len().max(markup.len())).step_by(5) {
        for damage in *b"<&\"/ :{[\\\0\xff" {
            let damaged = |bytes: &[u8]| {
                let mut bytes = bytes.to_vec();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = damage;
                }
                bytes
            };
            if let Ok(resource) = json::read(&damaged(&text), &Limits::default()) {
                let _ = xml::write(&CATALOG, &resource, false);
            }
            let _ = xml::read(&CATALOG, &damaged(&markup), &Limits::default());
        }
        let _ = json::read(&text[..at.min(text.len())], &Limits::default());
        let _ = xml::read(&CATALOG, &markup[..at.min(markup.len())], &Limits::default());
    }
}
