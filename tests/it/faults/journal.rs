//! Clients that write while something dies, and keep what they were told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::sound;
use crate::app::TestApp;
use crate::client::{Client, JSON, Response};
use crate::races::{count, whole_history};

const WRITERS: usize = 16;
const SYSTEM: &str = "urn:medilink:test:faults";
/// Observations of one transaction.
const OBSERVATIONS: u64 = 4;

/// A version that the server said is stored.
struct Fact {
    path: String,
    version: u32,
    content: Value,
}

/// A transaction that was sent: whose it is, its mark, and whether the server said that it is done.
struct Transaction {
    writer: usize,
    mark: String,
    acknowledged: bool,
}

#[derive(Default)]
pub struct Journal {
    facts: Vec<Fact>,
    transactions: Vec<Transaction>,
    /// Requests that were answered 503, and requests without an answer.
    pub unavailable: usize,
    pub unanswered: usize,
}

/// Lets 16 clients write while `disturb` runs, and returns what they were told.
///
/// Clients go on after a failure: 503 with all that belongs to it and a broken connection are allowed, nothing else.
pub fn while_writing(app: &TestApp, disturb: impl FnOnce()) -> Journal {
    let stop = AtomicBool::new(false);
    let parts: Vec<Journal> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let stop = &stop;
                scope.spawn(move || {
                    let mut journal = Journal::default();
                    let run = uuid::Uuid::new_v4().simple().to_string();
                    for n in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        journal.step(app.client(), writer, &format!("{run}-{n}"), n);
                    }
                    journal
                })
            })
            .collect();
        let guard = StopOnDrop(&stop);
        disturb();
        drop(guard);
        writers.into_iter().map(|writer| writer.join().expect("a writer gets no odd answer")).collect()
    });
    let mut whole = Journal::default();
    for part in parts {
        whole.add(part);
    }
    whole
}

/// Ends the writers even when the disturbance fails: their threads are waited for.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn identifier(value: &str) -> Value {
    json!([{"system": SYSTEM, "value": value}])
}

impl Journal {
    pub fn add(&mut self, mut other: Journal) {
        self.facts.append(&mut other.facts);
        self.transactions.append(&mut other.transactions);
        self.unavailable += other.unavailable;
        self.unanswered += other.unanswered;
    }

    /// Returns how many writes were acknowledged, each transaction counted once.
    pub fn acknowledged(&self) -> usize {
        self.facts.len() + self.transactions.iter().filter(|transaction| transaction.acknowledged).count()
    }

    fn step(&mut self, client: &Client, writer: usize, mark: &str, n: usize) {
        match n % 3 {
            0 => {
                let content =
                    json!({"resourceType": "Patient", "identifier": identifier(mark), "name": [{"family": mark}]});
                if let Some(answer) = self.send(client, "POST", "Patient", &content, &[201]) {
                    self.keep(&answer, content);
                }
            }
            1 => {
                let id = format!("writer-{writer}");
                let content = json!({"resourceType": "Observation", "id": id, "status": "final",
                                     "identifier": identifier(&id), "code": {"text": mark}, "valueInteger": n});
                let path = format!("Observation/{id}");
                if let Some(answer) = self.send(client, "PUT", &path, &content, &[200, 201]) {
                    self.keep(&answer, content);
                }
            }
            _ => {
                let answer = self.send(client, "POST", "", &transaction(writer, mark), &[200]);
                let acknowledged = answer.is_some();
                self.transactions.push(Transaction { writer, mark: mark.to_string(), acknowledged });
            }
        }
    }

    /// Returns the answer of a write that is done; none for those that may be done or not.
    fn send(&mut self, client: &Client, method: &str, path: &str, body: &Value, done: &[u16]) -> Option<Response> {
        match client.try_request(method, path, &[JSON], body.to_string().as_bytes()) {
            Ok(answer) if done.contains(&answer.status) => return Some(answer),
            Ok(answer) => {
                expect_unavailable(&answer);
                self.unavailable += 1;
            }
            Err(_) => self.unanswered += 1,
        }
        thread::sleep(Duration::from_millis(20));
        None
    }

    fn keep(&mut self, answer: &Response, content: Value) {
        let stored = answer.json();
        let text = |value: &Value| value.as_str().expect("a text").to_string();
        let path = format!("{}/{}", text(&stored["resourceType"]), text(&stored["id"]));
        let version = text(&stored["meta"]["versionId"]).parse().expect("a number");
        self.facts.push(Fact { path, version, content });
    }

    /// Checks that everything that was told is there, that the rest is there as a whole or not at all, and that the
    /// tables of the database agree with each other.
    pub fn check(&self, app: &TestApp) {
        let client = app.client();
        for fact in &self.facts {
            let mut stored = client.get(&format!("{}/_history/{}", fact.path, fact.version)).expect(200).json();
            strip(&mut stored, fact.content.get("id").is_none());
            assert_eq!(stored, fact.content, "{} version {}", fact.path, fact.version);
            if fact.path.starts_with("Patient/") {
                let value = fact.content["identifier"][0]["value"].as_str().expect("a text");
                let found = client.get(&format!("Patient?identifier={SYSTEM}|{value}")).expect(200).resources();
                let ids: Vec<String> =
                    found.iter().map(|p| format!("Patient/{}", p["id"].as_str().unwrap_or(""))).collect();
                assert_eq!(ids, [fact.path.as_str()], "found by its identifier");
            }
        }
        for writer in 0..WRITERS {
            self.check_transactions(client, writer);
        }
        sound::expect_sound(app);
    }

    /// A transaction updates a resource of its writer and makes observations: both or neither.
    fn check_transactions(&self, client: &Client, writer: usize) {
        let own: Vec<&Transaction> = self.transactions.iter().filter(|t| t.writer == writer).collect();
        let history = match own.iter().any(|transaction| transaction.acknowledged) {
            true => whole_history(client, &format!("Basic/writer-{writer}")),
            false => Vec::new(),
        };
        for transaction in own {
            let mark = &transaction.mark;
            let made = count(client, &format!("Observation?_tag={SYSTEM}|{mark}"));
            assert!(made == 0 || made == OBSERVATIONS, "{made} of {OBSERVATIONS} resources of a transaction are there");
            assert!(made > 0 || !transaction.acknowledged, "an acknowledged transaction is lost");
            let updated = history.iter().flatten().any(|version| version["code"]["text"] == **mark);
            assert!(history.is_empty() || updated == (made > 0), "a transaction was done in part");
        }
    }

    /// Returns how many versions the server said it stored.
    pub fn versions(&self) -> usize {
        let transactions = self.transactions.iter().filter(|transaction| transaction.acknowledged).count();
        self.facts.len() + transactions * (OBSERVATIONS as usize + 1)
    }
}

fn transaction(writer: usize, mark: &str) -> Value {
    let mut entries: Vec<Value> = (0..OBSERVATIONS)
        .map(|n| {
            json!({"resource": {"resourceType": "Observation", "meta": {"tag": [{"system": SYSTEM, "code": mark}]},
                                "status": "final", "code": {"text": "x"}, "valueInteger": n},
                   "request": {"method": "POST", "url": "Observation"}})
        })
        .collect();
    let id = format!("writer-{writer}");
    let own = json!({"resourceType": "Basic", "id": id, "code": {"text": mark}});
    entries.push(json!({"resource": own, "request": {"method": "PUT", "url": format!("Basic/{id}")}}));
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})
}

/// Removes what the server adds.
fn strip(resource: &mut Value, id_too: bool) {
    if let Some(object) = resource.as_object_mut() {
        object.remove("meta");
        if id_too {
            object.remove("id");
        }
    }
}

/// Checks that an answer says 503 as it should be said.
#[track_caller]
pub fn expect_unavailable(answer: &Response) {
    assert_eq!(answer.status, 503, "{}: {}", answer.asked, answer.text());
    let wait = answer.header("Retry-After").and_then(|seconds| seconds.parse::<u32>().ok());
    assert!(wait.is_some_and(|seconds| seconds >= 1), "{}: Retry-After is missing", answer.asked);
    answer.expect_issue("transient");
}
