//! Conditions inside entries, the same for batch and transaction.
//!
//! R4 <https://hl7.org/fhir/R4/bundle.html>, Bundle.entry.request.

use serde_json::{Value, json};

use super::{by_identifier, check, count, given_identified, given_patient, identified, patient, unique};
use crate::app::TestApp;
use crate::client::{Client, Response};

const BOTH: [&str; 2] = ["batch", "transaction"];

fn send(client: &Client, kind: &str, entries: &[Value]) -> Response {
    client.post("", &json!({"resourceType": "Bundle", "type": kind, "entry": entries}))
}

/// Sends one entry and returns its status: in a transaction a refusal is that of the whole.
fn one(client: &Client, kind: &str, entry: Value) -> (u16, Value) {
    let answer = send(client, kind, &[entry]);
    if answer.status != 200 {
        assert_eq!(kind, "transaction", "{}", answer.text());
        return (answer.status, answer.json());
    }
    let entry = answer.entries().remove(0);
    let status = entry["response"]["status"].as_str().unwrap_or_default();
    (status[..3].parse().unwrap_or_else(|_| panic!("no status: {entry}")), entry)
}

#[test]
fn entries_keep_their_conditions() {
    let app = TestApp::shared();
    let client = app.client();
    for kind in BOTH {
        for (condition, want) in [
            (json!({"ifMatch": "W/\"1\""}), 200),
            (json!({"ifMatch": "W/\"9\""}), 412),
            (json!({"ifMatch": "9"}), 400),
            (json!({"ifNoneMatch": "*"}), 412),
        ] {
            let id = given_patient(client);
            let mut request = json!({"method": "PUT", "url": format!("Patient/{id}")});
            for (name, value) in condition.as_object().expect("an object") {
                request[name] = value.clone();
            }
            let (status, said) = one(client, kind, json!({"request": request, "resource": patient(&id)}));
            assert_eq!(status, want, "{kind} {condition}: {said}");
        }
        let id = given_patient(client);
        let read = json!({"method": "GET", "url": format!("Patient/{id}"), "ifNoneMatch": "W/\"1\""});
        assert_eq!(one(client, kind, json!({"request": read})).0, 304, "{kind}");
        let id = unique();
        let put = json!({"method": "PUT", "url": format!("Patient/{id}"), "ifNoneMatch": "*"});
        assert_eq!(one(client, kind, json!({"request": put, "resource": patient(&id)})).0, 201, "{kind}");
    }
}

#[test]
fn entries_may_be_conditional_creates() {
    let app = TestApp::shared();
    for kind in BOTH {
        for (number, want) in [(0, 201), (1, 200), (2, 412)] {
            let value = unique();
            let ids: Vec<String> = (0..number).map(|_| given_identified(app.client(), &value)).collect();
            let request = json!({"method": "POST", "url": "Patient", "ifNoneExist": by_identifier(&value)});
            let (status, entry) = one(app.client(), kind, json!({"request": request, "resource": identified(&value)}));
            assert_eq!(status, want, "{kind}, {number} match: {entry}");
            assert_eq!(count(app.client(), &value), number.max(1), "{kind}");
            if number == 1 {
                let location = entry["response"]["location"].as_str().unwrap_or_default();
                assert!(location.contains(&format!("Patient/{}/_history/1", ids[0])), "{kind}: {entry}");
            }
        }
    }
}

#[test]
fn entries_may_be_conditional_updates_patches_and_deletes() {
    let app = TestApp::shared();
    let client = app.client();
    let patch = json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Patient.active"},
        {"name": "value", "valueBoolean": false},
    ]}]});
    for kind in BOTH {
        for (method, resource, want) in [
            ("PUT", json!(null), [201, 200, 412]),
            ("PATCH", patch.clone(), [404, 200, 412]),
            ("DELETE", json!(null), [204, 204, 204]),
        ] {
            for (number, want) in want.into_iter().enumerate() {
                let value = unique();
                let ids: Vec<String> = (0..number).map(|_| given_identified(client, &value)).collect();
                let url = format!("Patient?{}", by_identifier(&value));
                let mut entry = json!({"request": {"method": method, "url": url}});
                match method {
                    "PUT" => entry["resource"] = identified(&value),
                    "PATCH" => entry["resource"] = resource.clone(),
                    _ => {}
                }
                let (status, said) = one(client, kind, entry);
                assert_eq!(status, want, "{kind} {method}, {number} match: {said}");
                if method == "DELETE" {
                    for id in ids {
                        check(client, &format!("GET Patient/{id}"), &[], 410, "deleted");
                    }
                }
            }
        }
    }
}

#[test]
fn entries_may_be_patches() {
    use base64::Engine;
    let app = TestApp::shared();
    let client = app.client();
    let data = base64::engine::general_purpose::STANDARD.encode(r#"[{"op":"replace","path":"/active","value":false}]"#);
    let fhirpath = json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Patient.active"},
        {"name": "value", "valueBoolean": false},
    ]}]});
    for kind in BOTH {
        for (resource, want) in [
            (fhirpath.clone(), 200),
            (json!({"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}), 200),
            (json!({"resourceType": "Binary", "contentType": "text/plain", "data": data}), 415),
            (json!({"resourceType": "Patient"}), 415),
        ] {
            let id = given_patient(client);
            let request = json!({"method": "PATCH", "url": format!("Patient/{id}")});
            let (status, said) = one(client, kind, json!({"request": request, "resource": resource}));
            assert_eq!(status, want, "{kind} {resource}: {said}");
            let active = client.get(&format!("Patient/{id}")).expect(200).json()["active"] == true;
            assert_eq!(active, want != 200, "{kind} {resource}");
        }
    }
}

#[test]
fn an_entry_that_is_no_request_is_refused_by_its_place() {
    let app = TestApp::shared();
    for kind in BOTH {
        for (entry, words) in [
            (
                json!({"request": {"method": "POST", "url": "Patient/_search"}, "resource": {"resourceType": "Parameters"}}),
                "URL",
            ),
            (
                json!({"request": {"method": "PUT", "url": "Patient/a", "ifNoneExist": "identifier=1"}, "resource": patient("a")}),
                "If-None-Exist",
            ),
            (
                json!({"request": {"method": "POST", "url": "Patient", "ifMatch": "W/\"1\""}, "resource": patient("a")}),
                "If-Match",
            ),
            (json!({"resource": {"resourceType": "Patient"}}), "request"),
            (json!({"request": {"method": "BREW", "url": "Patient"}}), "method"),
            (json!({"request": {"method": "GET"}}), "url"),
            (json!({"request": {"url": "Patient"}}), "method"),
            (json!({"request": {"method": "POST", "url": "Patient"}}), "resource"),
            (
                json!({"request": {"method": "POST", "url": ""}, "resource": {"resourceType": "Bundle", "type": "batch"}}),
                "url",
            ),
            (json!({"request": {"method": "GET", "url": "Patient/%zz"}}), "url"),
            (json!({"request": {"method": "GET", "url": "http://elsewhere.example.org/Patient/1"}}), "url"),
            (json!({"request": {"method": "POST", "url": "Patient"}, "resource": []}), "resource"),
            (
                json!({"request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient", "nope": 1}}),
                "nope",
            ),
        ] {
            let answer = send(app.client(), kind, std::slice::from_ref(&entry));
            let outcome = if answer.status == 200 {
                answer.entries()[0]["response"]["outcome"].clone()
            } else {
                assert!((400..500).contains(&answer.status), "{kind} {entry}: {}", answer.text());
                answer.json()
            };
            let place = outcome["issue"][0]["expression"][0].as_str().unwrap_or_default();
            assert!(
                place.starts_with("Bundle.entry[0]") && outcome.to_string().contains(words),
                "{kind} {entry}: {outcome}"
            );
        }
    }
}
