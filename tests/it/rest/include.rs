//! `_include` and `_revinclude`.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#include>.

use serde_json::{Value, json};

use super::unique;
use crate::app::TestApp;
use crate::client::Client;

/// An organization, its patient, an encounter of theirs and two observations made there, all with this id or one that begins with it.
fn given(client: &Client, id: &str) {
    let reference = |t: &str| json!({"reference": format!("{t}/{id}")});
    let observation = |n: u8| {
        json!({"resourceType": "Observation", "id": format!("{id}-{n}"), "status": "final", "code": {"text": "x"},
               "subject": reference("Patient"), "encounter": reference("Encounter"),
               "performer": [{"reference": "Practitioner/nobody"}]})
    };
    for resource in [
        json!({"resourceType": "Organization", "id": id, "name": "x"}),
        json!({"resourceType": "Patient", "id": id, "managingOrganization": reference("Organization")}),
        json!({"resourceType": "Encounter", "id": id, "status": "finished", "class": {"code": "AMB"},
               "subject": reference("Patient"), "serviceProvider": reference("Organization")}),
        observation(1),
        observation(2),
    ] {
        let path =
            format!("{}/{}", resource["resourceType"].as_str().unwrap_or(""), resource["id"].as_str().unwrap_or(""));
        client.put(&path, &resource).expect(201);
    }
}

/// Returns matches and includes as `Type/id`, the test's own id left out, each list sorted.
fn found(client: &Client, query: &str, id: &str) -> (String, String) {
    let bundle = client.get(query).expect(200).json();
    let list = |mode: &str| {
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let of_mode = entries.iter().filter(|e| e["search"]["mode"] == mode).map(|e| &e["resource"]);
        let name =
            |r: &Value| format!("{}{}", r["resourceType"].as_str().unwrap_or(""), r["id"].as_str().unwrap_or(""));
        let mut names: Vec<String> = of_mode.map(|r| name(r).replace(id, "")).collect();
        names.sort();
        names.join(" ")
    };
    (list("match"), list("include"))
}

#[test]
fn includes_follow_references_one_way_and_the_other() {
    let app = TestApp::shared();
    let id = unique();
    given(app.client(), &id);
    let observations = format!("Observation?_id={id}-1,{id}-2");
    let patient = format!("Patient?_id={id}");
    for (query, matches, includes) in [
        (format!("{observations}&_include=Observation:subject"), "Observation-1 Observation-2", "Patient"),
        (format!("{observations}&_include=Observation:patient"), "Observation-1 Observation-2", "Patient"),
        (format!("{observations}&_include=Observation:subject:Patient"), "Observation-1 Observation-2", "Patient"),
        (format!("{observations}&_include=Observation:subject:Group"), "Observation-1 Observation-2", ""),
        (format!("{observations}&_include=Observation:performer"), "Observation-1 Observation-2", ""),
        (format!("{observations}&_include=*"), "Observation-1 Observation-2", "Encounter Patient"),
        (format!("{observations}&_include=Observation:*"), "Observation-1 Observation-2", "Encounter Patient"),
        (
            format!("{observations}&_include=Observation:encounter&_include=Encounter:service-provider"),
            "Observation-1 Observation-2",
            "Encounter",
        ),
        (
            format!("{observations}&_include=Observation:encounter&_include:iterate=Encounter:service-provider"),
            "Observation-1 Observation-2",
            "Encounter Organization",
        ),
        (format!("{patient}&_revinclude=Observation:subject"), "Patient", "Observation-1 Observation-2"),
        (format!("{patient}&_revinclude=Observation:patient:Patient"), "Patient", "Observation-1 Observation-2"),
        (format!("{patient}&_revinclude=Encounter:*"), "Patient", "Encounter"),
        (
            format!("{patient}&_include=Patient:organization&_revinclude=Encounter:patient"),
            "Patient",
            "Encounter Organization",
        ),
        (
            format!(
                "Organization?_id={id}&_revinclude=Encounter:service-provider&_revinclude:iterate=Observation:encounter"
            ),
            "Organization",
            "Encounter Observation-1 Observation-2",
        ),
    ] {
        assert_eq!(found(app.client(), &query, &id), (matches.to_string(), includes.to_string()), "{query}");
    }
    app.client().delete(&format!("Patient/{id}")).expect(204);
    let gone = found(app.client(), &format!("{observations}&_include=Observation:subject"), &id);
    assert_eq!(gone.1, "", "what was deleted does not come along");
}

#[test]
fn an_include_that_makes_no_sense_is_refused() {
    let app = TestApp::shared();
    for query in [
        "Observation?_include=Observation",
        "Observation?_include=Observation:code",
        "Observation?_include=Nope:subject",
        "Observation?_include=Observation:subject:Medication",
        "Observation?_include:sometimes=Observation:subject",
        "Patient?_revinclude=*",
    ] {
        let text = app.client().get(query).expect(400).text();
        assert!(text.contains("include"), "{query}: {text}");
    }
}

#[test]
fn an_include_brings_nothing_that_the_token_does_not_show() {
    let app = TestApp::builder().secured().start();
    let id = unique();
    let all = app.client_with("system/*.cruds");
    given(&all, &id);
    let narrow = app.client_with("system/Observation.rs");
    let query = format!("Observation?_id={id}-1&_include=Observation:subject");
    assert_eq!(found(&all, &query, &id).1, "Patient");
    assert_eq!(found(&narrow, &query, &id).1, "");
    let patients = app.client_with("system/Patient.rs");
    assert_eq!(found(&patients, &format!("Patient?_id={id}&_revinclude=Observation:subject"), &id).1, "");
}
