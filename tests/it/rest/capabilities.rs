//! The CapabilityStatement: valid, and made of what the server can do.
//!
//! R4 <https://hl7.org/fhir/R4/capabilitystatement.html>.

use std::collections::BTreeSet;

use medilink::catalog::Catalog;
use medilink::fhir::ResourceType;
use medilink::validation::structure;
use serde_json::{Value, json};

use super::{given_patient, unique};
use crate::app::TestApp;

fn statement(app: &TestApp) -> Value {
    app.client().get("metadata").expect(200).json()
}

fn names(list: &Value, key: &str) -> BTreeSet<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| item[key].as_str().unwrap_or_default().to_string()).collect()
}

#[test]
fn the_statement_is_valid_and_says_what_this_is() {
    let app = TestApp::shared();
    let statement = statement(&app);
    let catalog = Catalog::load().expect("the definitions load");
    structure::check(&catalog, &statement).unwrap_or_else(|issues| panic!("{issues:?}"));
    assert_eq!(statement["fhirVersion"], "4.0.1");
    assert_eq!(statement["kind"], "instance");
    assert_eq!(statement["status"], "active");
    assert_eq!(statement["implementation"]["url"], json!(app.base()));
    assert_eq!(statement["software"]["version"], env!("CARGO_PKG_VERSION"));
    let formats = statement["format"].to_string();
    assert!(formats.contains("json") && formats.contains("xml"), "{formats}");
    assert!(statement["patchFormat"].to_string().contains("application/json-patch+json"));
}

#[test]
fn the_statement_lists_exactly_the_stored_types() {
    let app = TestApp::shared();
    let statement = statement(&app);
    let listed = names(&statement["rest"][0]["resource"], "type");
    let stored: BTreeSet<String> =
        ResourceType::all().filter(|t| t.is_stored()).map(|t| t.name().to_string()).collect();
    assert_eq!(listed, stored);
    // What is written in the audit is never changed: audit::rest::events says what is offered of it.
    let resources = statement["rest"][0]["resource"].as_array().expect("a list").iter();
    for resource in resources.filter(|resource| resource["type"] != "AuditEvent") {
        let interactions = names(&resource["interaction"], "code");
        for want in
            ["read", "vread", "create", "update", "patch", "delete", "history-instance", "history-type", "search-type"]
        {
            assert!(interactions.contains(want), "{want} of {}", resource["type"]);
        }
        assert_eq!(resource["versioning"], "versioned-update");
        assert_eq!(resource["conditionalCreate"], true);
        assert_eq!(resource["conditionalUpdate"], true);
        assert_eq!(resource["conditionalDelete"], "multiple");
        assert_eq!(resource["conditionalRead"], "full-support");
        assert_eq!(resource["updateCreate"], true);
    }
    let system = names(&statement["rest"][0]["interaction"], "code");
    assert_eq!(system, ["batch", "history-system", "search-system", "transaction"].map(String::from).into());
}

/// Every parameter that is listed is answered, and every one of the definitions that is not listed is refused.
#[test]
fn a_listed_parameter_is_answered_and_another_is_refused() {
    let app = TestApp::shared();
    let statement = statement(&app);
    let catalog = Catalog::load().expect("the definitions load");
    for resource in statement["rest"][0]["resource"].as_array().expect("a list") {
        let t = resource["type"].as_str().expect("a type");
        if !["Patient", "Observation", "Encounter", "MedicationRequest"].contains(&t) {
            continue;
        }
        let listed = names(&resource["searchParam"], "name");
        let resource_type = ResourceType::parse(t).expect("listed types are types");
        for param in catalog.params(resource_type) {
            let answer = app.client().get(&format!("{t}?{}:missing=false&_count=1", param.code));
            if listed.contains(&*param.code) {
                assert!(answer.status < 500, "{}: {}", answer.asked, answer.text());
            } else {
                assert_eq!(answer.status, 400, "{}: {}", answer.asked, answer.text());
            }
        }
        let known: BTreeSet<String> = catalog.params(resource_type).iter().map(|p| p.code.to_string()).collect();
        // R4 has no definition of `_list`.
        let undefined: Vec<&String> = listed.difference(&known).collect();
        assert_eq!(undefined, ["_list"], "{t}");
        for common in ["_id", "_lastUpdated", "_filter"] {
            assert!(listed.contains(common), "{t} lacks {common}: {listed:?}");
        }
    }
}

/// Every include that is listed for a type is answered.
#[test]
fn a_listed_include_is_answered() {
    let app = TestApp::shared();
    let statement = statement(&app);
    let resources = statement["rest"][0]["resource"].as_array().expect("a list");
    let of = |t: &str| resources.iter().find(|resource| resource["type"] == t).expect("every type is there");
    for (t, key, name, known) in [
        ("Observation", "searchInclude", "_include", "Observation:subject"),
        ("Encounter", "searchRevInclude", "_revinclude", "Observation:encounter"),
        ("Medication", "searchRevInclude", "_revinclude", "Provenance:target"),
    ] {
        let listed = of(t)[key].as_array().expect("a list");
        assert!(listed.iter().any(|value| value == known), "{t} {known}: {listed:?}");
        for value in listed {
            app.client().get(&format!("{t}?{name}={}&_count=1", value.as_str().unwrap_or_default())).expect(200);
        }
    }
}

#[test]
fn the_statement_needs_no_token_and_says_that_others_do() {
    let app = TestApp::builder().secured().start();
    let statement = statement(&app);
    assert_eq!(statement["rest"][0]["security"]["cors"], true);
    assert!(statement["rest"][0]["security"]["service"].is_array());
    app.client().get(&format!("Patient/{}", unique())).expect(401);
    let shared = TestApp::shared();
    assert!(super::capabilities::statement(&shared)["rest"][0]["security"]["service"].is_null());
    given_patient(shared.client());
}
