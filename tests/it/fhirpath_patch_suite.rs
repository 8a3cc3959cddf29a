//! HL7's own tests of FHIRPath Patch for R4: a resource, a patch, and what becomes of it.
//!
//! Cases: `fhir-test-cases-r4/patch/fhir-patch-tests.xml` of the public test data; without it the test says so and
//! passes.

use medilink::catalog::Catalog;
use medilink::fhirpath::patch;
use medilink::format::{Limits, xml};
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn patches_do_what_hl7_says() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites/fhir-test-cases-r4/patch/fhir-patch-tests.xml");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: ../shared/suites is not here");
        return;
    };
    let catalog = Catalog::load().expect("the definitions are sound");
    let mut count = 0;
    for case in text.split("<case ").skip(1) {
        let name = case.split('"').nth(1).unwrap_or("?");
        let read =
            |tag: &str| read_resource(&catalog, between(case, tag).unwrap_or_else(|| panic!("{name} has no {tag}")));
        let mut resource = read("input");
        let result = patch::apply(&catalog, &mut resource, &read("diff"));
        if case.contains("<error") {
            assert!(result.is_err(), "{name}");
            assert_eq!(resource, read("input"), "{name}");
        } else {
            result.unwrap_or_else(|fault| panic!("{name}: {fault}"));
            assert_eq!(resource, read("output"), "{name}");
        }
        count += 1;
    }
    println!("{count} cases pass");
}

fn between<'t>(text: &'t str, tag: &str) -> Option<&'t str> {
    let start = text.find(&format!("<{tag}>"))? + tag.len() + 2;
    let end = text.find(&format!("</{tag}>"))?;
    text.get(start..end).map(str::trim)
}

/// The reader refuses a resource without elements, as R4 does; the suite has some.
fn read_resource(catalog: &Catalog, text: &str) -> Value {
    let inner = text.split_once('>').map_or("", |(_, rest)| rest);
    if inner.trim_start().starts_with("</") {
        let name: String = text.trim_start_matches('<').chars().take_while(|c| c.is_alphabetic()).collect();
        return json!({ "resourceType": name });
    }
    xml::read(catalog, text.as_bytes(), &Limits::default()).unwrap_or_else(|fault| panic!("{fault}\n{text}"))
}
