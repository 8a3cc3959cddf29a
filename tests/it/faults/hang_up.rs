//! Clients that go away before they are answered: what they began is done as a whole or not at all, and nobody else waits.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::sound;
use crate::app::TestApp;
use crate::races::{count, unique};

const CLIENTS: usize = 8;
const REQUESTS: usize = 25;
const RESOURCES: u64 = 6;
const SYSTEM: &str = "urn:medilink:test:hang-up";

/// A transaction that makes resources and updates one that all want.
fn transaction(mark: &str) -> String {
    let mut entries: Vec<Value> = (0..RESOURCES)
        .map(|_| {
            json!({"request": {"method": "POST", "url": "Basic"},
                   "resource": {"resourceType": "Basic", "meta": {"tag": [{"system": SYSTEM, "code": mark}]},
                                "code": {"text": "x"}}})
        })
        .collect();
    entries.push(json!({"request": {"method": "PUT", "url": "Basic/wanted"},
                        "resource": {"resourceType": "Basic", "id": "wanted", "code": {"text": mark}}}));
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string()
}

#[test]
fn transactions_of_clients_that_hang_up_are_done_or_not_and_hold_nobody_up() {
    let app = TestApp::start();
    let run = unique("hang-up");
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (app, run) = (&app, &run);
            scope.spawn(move || {
                for n in 0..REQUESTS {
                    // From at once to after the answer.
                    let patience = Duration::from_micros((n * n * 100) as u64);
                    send_and_leave(app.client().host(), &transaction(&format!("{run}-{client}-{n}")), patience);
                }
            });
        }
    });
    let began = Instant::now();
    app.client().post("", &serde_json::from_str(&transaction("last")).expect("JSON")).expect(200);
    assert!(began.elapsed() < Duration::from_secs(5), "somebody who left holds others up: {:?}", began.elapsed());
    // What was under way when the last one was answered may still be ending.
    thread::sleep(Duration::from_millis(500));
    let mut done = 0;
    for client in 0..CLIENTS {
        for n in 0..REQUESTS {
            let made = count(app.client(), &format!("Basic?_tag={SYSTEM}|{run}-{client}-{n}"));
            assert!(made == 0 || made == RESOURCES, "{made} of {RESOURCES} resources of a transaction are there");
            done += u64::from(made > 0);
        }
    }
    println!("{done} of {} transactions were done though their client had left or was about to", CLIENTS * REQUESTS);
    let current = app.client().get("Basic/wanted").expect(200).json();
    assert_eq!(current["meta"]["versionId"], (done + 1).to_string(), "one version for each transaction that was done");
    sound::expect_sound(&app);
    sound::expect_index(&app);
}

fn send_and_leave(host: &str, body: &str, patience: Duration) {
    let mut stream = TcpStream::connect(host).expect("the server listens");
    let head = format!(
        "POST /fhir HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/fhir+json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).expect("it can be sent");
    thread::sleep(patience);
}
