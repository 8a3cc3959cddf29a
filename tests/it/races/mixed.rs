//! Everything at once at a few resources: whatever the server said it did is in the history, and nothing else is.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#history>.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{SYSTEM, count, expect_current, identifier, together, unique, whole_history};
use crate::app::TestApp;
use crate::client::{Client, JSON_PATCH, Response};
use crate::faults::sound;

const WRITERS: usize = 16;
const STEPS: usize = 24;
const RESOURCES: usize = 5;

/// A version that a client was told of: the id and the version.
type Told = (String, u32);

#[test]
fn mixed_writes_of_the_same_resources_leave_what_was_told_and_nothing_else() {
    let app = TestApp::shared();
    let ids: Vec<String> = (0..RESOURCES).map(|_| unique("mixed")).collect();
    let told = together(WRITERS, |writer| {
        let mut told = Vec::new();
        for n in 0..STEPS {
            step(app.client(), &ids, writer, n, &mut told);
        }
        told
    });
    let told: Vec<Told> = told.into_iter().flatten().collect();
    let mut versions: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for (id, version) in &told {
        assert!(versions.entry(id).or_default().insert(*version), "{id}: two clients were told of version {version}");
    }
    for id in &ids {
        let path = format!("Patient/{id}");
        let history = whole_history(app.client(), &path);
        let known = versions.remove(id.as_str()).unwrap_or_default();
        assert_eq!(known, (1..=history.len() as u32).collect(), "{path}: the versions that clients were told of");
        expect_current(app.client(), &path, &history);
        let is_live = history.last().is_some_and(Option::is_some);
        assert_eq!(count(app.client(), &format!("Patient?identifier={SYSTEM}|{id}")), u64::from(is_live), "{path}");
    }
    sound::expect_sound(&app);
}

/// Does one write; which one depends on the numbers, so that all kinds meet.
fn step(client: &Client, ids: &[String], writer: usize, n: usize, told: &mut Vec<Told>) {
    let id = &ids[(writer + n) % ids.len()];
    let path = format!("Patient/{id}");
    let mark = format!("{writer}-{n}");
    match (writer * 7 + n) % 6 {
        0 | 1 => note(id, &client.put(&path, &patient(id, &mark)), &[200, 201], told),
        2 => note(id, &client.delete(&path), &[204], told),
        3 => {
            let patch = json!([{"op": "add", "path": "/name/-", "value": {"family": mark}}]).to_string();
            // It may have been deleted meanwhile, or not made yet.
            note(id, &client.request("PATCH", &path, &[JSON_PATCH], patch.as_bytes()), &[200, 404, 410], told);
        }
        4 => {
            let answer = client.put(&format!("Patient?identifier={SYSTEM}|{id}"), &patient(id, &mark));
            // Between the look and the write somebody else may make the resource under this id: then it is taken.
            note(id, &answer, &[200, 201, 409], told);
        }
        _ => two_in_one(client, ids, (writer + n) % ids.len(), &mark, told),
    }
}

/// A transaction that updates one resource and deletes the next.
fn two_in_one(client: &Client, ids: &[String], place: usize, mark: &str, told: &mut Vec<Told>) {
    let (put, gone) = (&ids[place], &ids[(place + 1) % ids.len()]);
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"request": {"method": "DELETE", "url": format!("Patient/{gone}")}},
        {"resource": patient(put, mark), "request": {"method": "PUT", "url": format!("Patient/{put}")}},
    ]});
    let answer = client.post("", &bundle).expect(200);
    for (id, entry) in [gone, put].into_iter().zip(answer.entries()) {
        told.extend(version(entry["response"]["etag"].as_str()).map(|version| (id.clone(), version)));
    }
}

fn patient(id: &str, mark: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "identifier": [identifier(id)], "name": [{"family": mark}]})
}

/// Keeps the version that the client was told of; a delete that found nothing tells of none.
#[track_caller]
fn note(id: &str, answer: &Response, allowed: &[u16], told: &mut Vec<Told>) {
    assert!(allowed.contains(&answer.status), "{} {}: {}", answer.asked, answer.status, answer.text());
    if answer.status < 300 {
        told.extend(version(answer.header("ETag")).map(|version| (id.to_string(), version)));
    }
}

/// Returns the 3 of `W/"3"`.
fn version(etag: Option<&str>) -> Option<u32> {
    etag?.trim_start_matches("W/").trim_matches('"').parse().ok()
}
