//! history of a resource, of a type and of everything, with its pages and its times.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#history>.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::{check, patient, unique};
use crate::app::TestApp;
use crate::client::Client;

/// Returns every entry of a history, following its next links.
fn walk(client: &Client, path: &str) -> (Vec<Value>, usize) {
    let (mut entries, mut pages, mut next) = (Vec::new(), 0, Some(path.to_string()));
    while let Some(path) = next {
        let page = client.get(&path).expect(200);
        assert_eq!(page.json()["type"], "history");
        assert!(page.link("self").is_some());
        entries.extend(page.entries());
        next = page.link("next");
        pages += 1;
        assert!(pages < 1000, "the pages of {path} never end");
    }
    (entries, pages)
}

/// Returns `id/version method` of an entry.
fn line(entry: &Value) -> String {
    let etag = entry["response"]["etag"].as_str().unwrap_or_default();
    let url = entry["fullUrl"].as_str().unwrap_or_default();
    let id = url.rsplit('/').next().unwrap_or_default();
    format!("{id} {etag} {}", entry["request"]["method"].as_str().unwrap_or_default())
}

fn instant(entry: &Value) -> String {
    entry["response"]["lastModified"].as_str().unwrap_or_else(|| panic!("no time: {entry}")).to_string()
}

#[test]
fn an_instance_has_its_versions_newest_first() {
    let app = TestApp::shared();
    let id = unique();
    let address = format!("Patient/{id}");
    app.client().put(&address, &patient(&id)).expect(201);
    app.client().put(&address, &patient(&id)).expect(200);
    app.client().delete(&address).expect(204);
    app.client().put(&address, &patient(&id)).expect(201);
    let (entries, _) = walk(app.client(), &format!("{address}/_history"));
    let lines: Vec<String> = entries.iter().map(line).collect();
    let methods = [("4", "PUT"), ("3", "DELETE"), ("2", "PUT")];
    for (found, (version, method)) in lines.iter().zip(methods) {
        assert_eq!(*found, format!("{id} W/\"{version}\" {method}"));
    }
    assert_eq!(lines.len(), 4);
    for (entry, status) in entries.iter().zip(["201", "204", "200", "201"]) {
        let found = entry["response"]["status"].as_str().unwrap_or_default();
        assert!(found.starts_with(status), "{found} instead of {status}: {entry}");
        assert_eq!(entry["fullUrl"], format!("{}/{address}", app.base()));
        assert_eq!(entry.get("resource").is_none(), status == "204", "{entry}");
    }
    // An update that creates is a PUT to its own address; a create by POST goes to the type.
    assert_eq!(entries[3]["request"], json!({"method": "PUT", "url": address}));
    let made = app.client().post("Patient", &patient("x")).expect(201).id();
    let (entries, _) = walk(app.client(), &format!("Patient/{made}/_history"));
    assert_eq!(entries[0]["request"], json!({"method": "POST", "url": "Patient"}));
}

#[test]
fn pages_hold_every_version_exactly_once() {
    let app = TestApp::start();
    let client = app.client();
    let ids: Vec<String> = (0..5).map(|_| unique()).collect();
    for _ in 0..3 {
        for id in &ids {
            client.put(&format!("Patient/{id}"), &patient(id));
        }
    }
    client.delete(&format!("Patient/{}", ids[0])).expect(204);
    let basic = json!({"resourceType": "Basic", "code": {"text": "x"}});
    client.post("Basic", &basic).expect(201);
    for (path, number) in [
        (format!("Patient/{}/_history", ids[0]), 4),
        (format!("Patient/{}/_history", ids[1]), 3),
        ("Patient/_history".to_string(), 16),
        ("Basic/_history".to_string(), 1),
        ("Observation/_history".to_string(), 0),
        ("_history".to_string(), 17),
    ] {
        let (whole, _) = walk(client, &path);
        assert_eq!(whole.len(), number, "{path}");
        for count in [1, 2, 7, 1000] {
            let (paged, pages) = walk(client, &format!("{path}?_count={count}"));
            assert_eq!(paged, whole, "{path} by {count}");
            assert_eq!(pages, number.div_ceil(count).max(1), "{path} by {count}");
        }
        let times: Vec<String> = whole.iter().map(instant).collect();
        assert!(times.is_sorted_by(|a, b| a >= b), "{path}: {times:?}");
    }
}

#[test]
fn a_page_does_not_move_while_others_write() {
    let app = TestApp::start();
    let client = app.client();
    let id = unique();
    for _ in 0..4 {
        client.put(&format!("Patient/{id}"), &patient(&id));
    }
    let first = client.get("_history?_count=2").expect(200);
    client.put(&format!("Patient/{id}"), &patient(&id)).expect(200);
    let second = client.get(&first.link("next").expect("there is more")).expect(200);
    let lines: Vec<String> = first.entries().iter().chain(&second.entries()).map(line).collect();
    let versions = ["4", "3", "2", "1"].map(|v| format!("{id} W/\"{v}\""));
    assert!(lines.iter().zip(&versions).all(|(l, v)| l.starts_with(v.as_str())), "{lines:?}");
}

#[test]
fn a_history_can_be_asked_by_time() {
    let app = TestApp::start();
    let client = app.client();
    let id = unique();
    let address = format!("Patient/{id}");
    for _ in 0..3 {
        client.put(&address, &patient(&id));
        sleep(Duration::from_millis(30));
    }
    let (entries, _) = walk(client, &format!("{address}/_history"));
    let times: Vec<String> = entries.iter().rev().map(instant).collect();
    let at = |n: usize| times[n].replace('+', "%2B");
    for path in [format!("{address}/_history"), "Patient/_history".to_string(), "_history".to_string()] {
        for (query, want) in [
            (format!("_since={}", at(0)), &["3", "2", "1"][..]),
            (format!("_since={}", at(1)), &["3", "2"]),
            ("_since=2100-01-01T00:00:00Z".to_string(), &[]),
            ("_since=2000-01-01T00:00:00%2B02:00".to_string(), &["3", "2", "1"]),
            (format!("_at={}", at(1)), &["2"]),
            (format!("_at={}", at(2)), &["3"]),
            ("_at=2000-01-01".to_string(), &[]),
            (format!("_at={}", &times[0][..10]), &["3", "2", "1"]),
            (format!("_since={}&_count=1", at(0)), &["3", "2", "1"]),
        ] {
            let (found, _) = walk(client, &format!("{path}?{query}"));
            let found: Vec<String> =
                found.iter().map(|e| line(e).split('"').nth(1).unwrap_or("").to_string()).collect();
            assert_eq!(found, want, "{path}?{query} of {times:?}");
        }
    }
}

#[test]
fn what_a_history_cannot_be_asked_is_refused() {
    let app = TestApp::shared();
    for (query, issue) in [
        ("_since=yesterday", "invalid"),
        ("_at=2020-13-01", "invalid"),
        ("_count=-1", "invalid"),
        ("_count=x", "invalid"),
        ("_cursor=abc", "invalid"),
        ("name=x", "not-supported"),
        ("_sort=x", "not-supported"),
    ] {
        let said = check(app.client(), &format!("GET Patient/_history?{query}"), &[], 400, issue).expect_issue(issue);
        assert!(said.contains(query.split('=').next().unwrap_or_default()), "{query}: {said}");
    }
    let id = super::given_patient(app.client());
    check(app.client(), &format!("POST Patient/{id}/_history"), &[], 405, "not-supported");
    check(app.client(), &format!("DELETE Patient/{id}/_history"), &[], 405, "not-supported");
}
