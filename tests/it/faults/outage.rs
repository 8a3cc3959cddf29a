//! A database that goes away and comes back, with a server that is not its owner.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#Status-Codes>, RFC 9110 section 10.2.3 (Retry-After).

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::journal::expect_unavailable;
use crate::app::TestApp;
use crate::client::{Client, JSON_PATCH, Response};

const ANSWER_TIME_MAX: Duration = Duration::from_secs(15);
const RETURN_TIME_MAX: Duration = Duration::from_secs(15);
/// Of the server whose database hangs.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(2);

type Ask = fn(&Client) -> Response;

/// Everything that needs the database.
const ASKED: &[(&str, Ask)] = &[
    ("read", |c| c.get("Patient/1")),
    ("vread", |c| c.get("Patient/1/_history/1")),
    ("history", |c| c.get("Patient/1/_history")),
    ("search", |c| c.get("Patient?identifier=x")),
    ("create", |c| c.post("Patient", &json!({"resourceType": "Patient"}))),
    ("update", |c| c.put("Patient/1", &json!({"resourceType": "Patient", "id": "1"}))),
    ("patch", |c| {
        let patch = br#"[{"op": "add", "path": "/gender", "value": "other"}]"#;
        c.request("PATCH", "Patient/1", &[JSON_PATCH], patch)
    }),
    ("conditional create", |c| {
        c.send("POST", "Patient", &[("If-None-Exist", "identifier=x")], &json!({"resourceType": "Patient"}))
    }),
    ("conditional update", |c| c.put("Patient?identifier=x", &json!({"resourceType": "Patient"}))),
    ("conditional delete", |c| c.delete("Patient?identifier=y")),
    ("transaction", |c| c.post("", &bundle("transaction"))),
    ("delete", |c| c.delete("Patient/1")),
];

fn bundle(kind: &str) -> Value {
    json!({"resourceType": "Bundle", "type": kind, "entry": [
        {"resource": {"resourceType": "Patient", "id": "1"}, "request": {"method": "PUT", "url": "Patient/1"}},
        {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
    ]})
}

fn ask_all(client: &Client, check: impl Fn(&str, &Response)) {
    for (name, ask) in ASKED {
        let began = Instant::now();
        let answer = ask(client);
        check(name, &answer);
        assert!(began.elapsed() < ANSWER_TIME_MAX, "{name} took {:?}", began.elapsed());
    }
}

#[test]
fn a_database_that_is_away_is_503_until_it_is_back() {
    let owner = TestApp::builder().embedded().start();
    let app = TestApp::builder().database(&owner.database_url()).start();
    let server = app.pid();
    app.client().put("Patient/1", &json!({"resourceType": "Patient", "id": "1"})).expect(201);
    ask_all(app.client(), |name, answer| assert!(answer.status < 300, "{name}: {} {}", answer.status, answer.text()));

    // Without its supervisor the cluster stays where it is put.
    let postmaster = i32::try_from(owner.postmaster()).ok().and_then(Pid::from_raw).expect("a process id");
    owner.kill9();
    kill_process(postmaster, Signal::QUIT).expect("PostgreSQL runs");
    thread::sleep(Duration::from_millis(500));
    for _ in 0..2 {
        ask_all(app.client(), |_, answer| expect_unavailable(answer));
    }
    let batch = app.client().post("", &bundle("batch")).expect(200);
    for entry in batch.entries() {
        let status = entry["response"]["status"].as_str().unwrap_or_default();
        assert!(status.starts_with("503"), "an entry of a batch: {entry}");
    }
    assert_eq!(app.client().get("/health/ready").status, 503);
    app.client().get("/health/live").expect(200);
    app.client().get("metadata").expect(200);

    owner.restart();
    let began = Instant::now();
    while app.client().get("Patient/1").status == 503 {
        assert!(began.elapsed() < RETURN_TIME_MAX, "service does not return");
        thread::sleep(Duration::from_millis(20));
    }
    println!("service returned {:?} after the database", began.elapsed());
    app.client().put("Patient/1", &json!({"resourceType": "Patient", "id": "1"}));
    ask_all(app.client(), |name, answer| assert!(answer.status < 300, "{name}: {} {}", answer.status, answer.text()));
    app.client().get("/health/ready").expect(200);
    assert_eq!(app.pid(), server, "the server is the same");
}

/// A database that neither answers nor goes away: requests end in time all the same.
#[test]
fn a_database_that_hangs_is_503_until_it_goes_on() {
    let time = REQUEST_TIME_MAX.as_millis().to_string();
    let app = TestApp::builder().embedded().set("request-time-ms-max", &time).start();
    let patient = json!({"resourceType": "Patient", "id": "1"});
    app.client().put("Patient/1", &patient).expect(201);
    let processes = family(app.postmaster());
    processes.iter().for_each(|pid| signal(*pid, Signal::STOP));
    let began = Instant::now();
    thread::scope(|scope| {
        for (name, ask) in ASKED {
            let client = app.client();
            scope.spawn(move || {
                let answer = ask(client);
                assert_eq!(answer.status, 503, "{name}: {}", answer.text());
                assert!(answer.header("Retry-After").is_some(), "{name}: Retry-After is missing");
                assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{name}");
            });
        }
    });
    let took = began.elapsed();
    processes.iter().for_each(|pid| signal(*pid, Signal::CONT));
    assert!(took < REQUEST_TIME_MAX * 3, "the answers took {took:?}");
    let began = Instant::now();
    while app.client().put("Patient/1", &patient).status == 503 {
        assert!(began.elapsed() < RETURN_TIME_MAX, "service does not return");
    }
    println!("answered 503 within {took:?}; service returned after {:?}", began.elapsed());
    ask_all(app.client(), |name, answer| assert!(answer.status < 500, "{name}: {} {}", answer.status, answer.text()));
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id");
    // One that has just ended needs no signal.
    let _ = kill_process(pid, signal);
}

/// Returns a process and its children.
fn family(parent: u32) -> Vec<u32> {
    let mut found = vec![parent];
    for entry in std::fs::read_dir("/proc").expect("/proc can be read").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name before the bracket may hold spaces; after it come state and parent.
        let of = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
        if of == Some(parent) {
            found.push(pid);
        }
    }
    found
}
