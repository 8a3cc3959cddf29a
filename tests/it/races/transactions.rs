//! Transactions over the same resources: each is there as a whole, and none waits for another for ever.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#transaction>.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{CLIENTS, SYSTEM, count, expect_statuses, identifier, tag, together, unique, whole_history};
use crate::app::{TestApp, wants_all};

const WRITERS: usize = 8;
const RESOURCES: usize = 10;

fn transaction(entries: Vec<Value>) -> Value {
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})
}

/// What all want to exist is made once, whatever the order in which they ask, and everybody's references lead there.
#[test]
fn transactions_that_share_conditional_creates_make_each_once() {
    let app = TestApp::shared();
    let t = unique("shared");
    let create = |resource_type: &str| {
        let condition = format!("identifier={SYSTEM}|{t}");
        json!({"fullUrl": format!("urn:uuid:{}", uuid::Uuid::new_v4()),
               "resource": {"resourceType": resource_type, "identifier": [identifier(&t)]},
               "request": {"method": "POST", "url": resource_type, "ifNoneExist": condition}})
    };
    let answers = together(CLIENTS, |i| {
        let mut entries = vec![create("Practitioner"), create("Organization")];
        let performers: Vec<Value> = entries.iter().map(|entry| json!({"reference": entry["fullUrl"]})).collect();
        let own = json!({"resourceType": "Observation", "meta": tag(&t), "status": "final", "code": {"text": "x"},
                         "performer": performers});
        entries.push(json!({"resource": own, "request": {"method": "POST", "url": "Observation"}}));
        if i % 2 == 1 {
            entries.reverse();
        }
        app.client().post("", &transaction(entries))
    });
    expect_statuses("transactions", &answers, &[(200, CLIENTS)]);
    for resource_type in ["Practitioner", "Organization"] {
        assert_eq!(count(app.client(), &format!("{resource_type}?identifier={SYSTEM}|{t}")), 1, "{resource_type}");
    }
    let found = app.client().get(&format!("Observation?_tag={SYSTEM}|{t}&_count=200")).expect(200).resources();
    assert_eq!(found.len(), CLIENTS);
    assert!(found.iter().all(|observation| observation["performer"] == found[0]["performer"]));
}

/// How the entries of a round change the resources: id, and the mark that the change leaves.
type Change = fn(&str, &str) -> Value;

/// Name, change, and how often each client sends its transaction in the default run.
const CHANGES: &[(&str, Change, usize)] =
    &[("PUT", put, 200), ("PATCH", patch, 50), ("conditional PUT", conditional_put, 50)];

fn resource(id: &str, mark: &str) -> Value {
    json!({"resourceType": "Basic", "id": id, "identifier": [identifier(id)], "code": {"text": mark}})
}

fn put(id: &str, mark: &str) -> Value {
    json!({"resource": resource(id, mark), "request": {"method": "PUT", "url": format!("Basic/{id}")}})
}

fn patch(id: &str, mark: &str) -> Value {
    let patch = json!([{"op": "replace", "path": "/code/text", "value": mark}]).to_string();
    let resource = json!({"resourceType": "Binary", "contentType": "application/json-patch+json",
                          "data": STANDARD.encode(patch)});
    json!({"resource": resource, "request": {"method": "PATCH", "url": format!("Basic/{id}")}})
}

fn conditional_put(id: &str, mark: &str) -> Value {
    json!({"resource": resource(id, mark), "request": {"method": "PUT", "url": format!("Basic?identifier={SYSTEM}|{id}")}})
}

/// All touch all: so every resource must have seen the same transactions in the same order.
#[test]
fn opposing_transactions_all_end_one_after_the_other() {
    let app = TestApp::shared();
    for (name, change, rounds) in CHANGES {
        let rounds = if wants_all() { 200 } else { *rounds };
        let ids: Vec<String> = (0..RESOURCES).map(|_| unique("opposed")).collect();
        let first: Vec<Value> = ids.iter().map(|id| put(id, "first")).collect();
        app.client().post("", &transaction(first)).expect(200);
        let began = Instant::now();
        let slowest = together(WRITERS, |writer| {
            let mut slowest = Duration::ZERO;
            for round in 0..rounds {
                let mark = format!("{writer}-{round}");
                let mut entries: Vec<Value> = ids.iter().map(|id| change(id, &mark)).collect();
                if writer % 2 == 1 {
                    entries.reverse();
                }
                let sent = Instant::now();
                app.client().post("", &transaction(entries)).expect(200);
                slowest = slowest.max(sent.elapsed());
            }
            slowest
        });
        let slowest = slowest.into_iter().max().unwrap_or_default();
        println!("{name}: {} opposing transactions in {:?}, slowest {slowest:?}", WRITERS * rounds, began.elapsed());
        let marks = |id: &String| -> Vec<String> {
            let history = whole_history(app.client(), &format!("Basic/{id}"));
            history.iter().flatten().map(|version| version["code"]["text"].to_string()).collect()
        };
        let expected = marks(&ids[0]);
        assert_eq!(expected.len(), WRITERS * rounds + 1, "{name}");
        for id in &ids[1..] {
            assert_eq!(marks(id), expected, "{name}: {id} saw the transactions in another order");
        }
    }
}

/// Some delete what others write, in opposite order, and some write half of it: all end, and each was done as a whole.
#[test]
fn opposing_deletes_and_updates_all_end() {
    const ROUNDS: usize = 20;
    let app = TestApp::shared();
    let ids: Vec<String> = (0..RESOURCES).map(|_| unique("deleted")).collect();
    together(WRITERS, |writer| {
        for round in 0..ROUNDS {
            let mark = format!("{writer}-{round}");
            let delete = |id: &String| json!({"request": {"method": "DELETE", "url": format!("Basic/{id}")}});
            let mut entries: Vec<Value> = match (writer + round) % 4 {
                0 => ids.iter().map(delete).collect(),
                1 => ids[RESOURCES / 2..].iter().map(|id| put(id, &mark)).collect(),
                _ => ids.iter().map(|id| put(id, &mark)).collect(),
            };
            if writer % 2 == 1 {
                entries.reverse();
            }
            app.client().post("", &transaction(entries)).expect(200);
        }
    });
    let marks = |id: &String| -> Vec<Option<String>> {
        let history = whole_history(app.client(), &format!("Basic/{id}"));
        history.iter().map(|version| version.as_ref().map(|version| version["code"]["text"].to_string())).collect()
    };
    for half in ids.chunks(RESOURCES / 2) {
        let expected = marks(&half[0]);
        assert!(half.iter().all(|id| marks(id) == expected), "a transaction was done in part");
    }
}
