//! How this server presents itself to apps that list many. SMART App Launch 2.2, user-access brands.

use serde_json::Value;

use super::{ORIGIN, enables_cors, text};
use crate::identity::stage::Stage;
use crate::identity::table::Table;

pub fn brands(table: &mut Table, stage: &Stage) {
    table.group("SMART Access Brands");
    let client = stage.server.client();
    let bundle = table.check("Server returns publicly accessible SMART Access Brands Bundle", || {
        let found = client.get(".well-known/smart-configuration").expect(200).json();
        let answer = client.get_with(text(&found, "user_access_brand_bundle"), &[("Origin", ORIGIN)]).expect(200);
        enables_cors(&answer);
        assert!(answer.header("etag").is_some_and(|etag| etag.starts_with("W/")), "{:?}", answer.header("etag"));
        answer.json()
    });
    table.after(bundle.as_ref(), "SMART Access Brands Bundle is a valid Bundle resource", |bundle| {
        assert_eq!((text(bundle, "resourceType"), text(bundle, "type")), ("Bundle", "collection"));
        text(bundle, "timestamp");
        text(&bundle["meta"], "lastUpdated");
        let entries = bundle["entry"].as_array().expect("entries");
        assert!(entries.iter().all(|entry| text(entry, "fullUrl").starts_with("http")), "{bundle}");
    });
    table.after(bundle.as_ref(), "Service Base URL List contains valid Brand resources", |bundle| {
        let brands = of_type(bundle, "Organization");
        assert!(!brands.is_empty(), "{bundle}");
        for brand in brands {
            text(&brand, "name");
            let telecom = brand["telecom"].as_array().expect("telecom");
            assert!(telecom.iter().any(|point| point["system"] == "url"), "{brand}");
        }
    });
    let endpoints =
        table.after(bundle.as_ref(), "SMART Access Brands Bundle contains valid User Access Endpoints", |bundle| {
            let endpoints = of_type(bundle, "Endpoint");
            assert!(!endpoints.is_empty(), "{bundle}");
            for endpoint in &endpoints {
                text(endpoint, "status");
                assert_eq!(text(&endpoint["connectionType"], "code"), "hl7-fhir-rest");
                let version = "http://hl7.org/fhir/StructureDefinition/endpoint-fhir-version";
                let extensions = endpoint["extension"].as_array().cloned().unwrap_or_default();
                assert!(extensions.iter().any(|extension| extension["url"] == version), "{endpoint}");
                assert!(endpoint["contact"].as_array().is_some_and(|contacts| !contacts.is_empty()), "{endpoint}");
            }
            endpoints
        });
    table.after(
        endpoints.as_ref(),
        "All Endpoint resource referenced URLS should be valid and available",
        |endpoints| {
            for endpoint in endpoints {
                client.get(&format!("{}/metadata", text(endpoint, "address"))).expect(200);
            }
        },
    );
}

fn of_type(bundle: &Value, name: &str) -> Vec<Value> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries
        .into_iter()
        .map(|mut entry| entry["resource"].take())
        .filter(|resource| resource["resourceType"] == name)
        .collect()
}
