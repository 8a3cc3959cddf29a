//! A sending system: messages made of a few words, and a connection that waits for each answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::app::TestApp;

/// The system of the numbers that [`Said::patient`] gives.
pub const NUMBERS: &str = "urn:oid:2.999.1";

/// A server that listens, with a feed `lab` for everybody.
pub fn app() -> TestApp {
    let app = TestApp::builder().mllp().start();
    add_feed(&app, "lab", None, "");
    app
}

pub fn add_feed(app: &TestApp, id: &str, application: Option<&str>, settings: &str) {
    let application = application.map_or("null".to_string(), |text| format!("'{text}'"));
    app.sql(&format!(
        "insert into hl7_feed (id, application, settings, active, created) values ('{id}', {application}, '{settings}', true, 0)"
    ));
}

/// A message that is being written.
#[derive(Clone)]
pub struct Said {
    pub event: &'static str,
    pub control_id: String,
    pub application: String,
    /// MSH-7, in UTC.
    pub time: String,
    pub segments: Vec<String>,
}

impl Said {
    pub fn new(event: &'static str, control_id: &str) -> Said {
        Said {
            event,
            control_id: control_id.to_string(),
            application: "LAB".to_string(),
            time: "20260101120000".to_string(),
            segments: Vec::new(),
        }
    }

    pub fn at(mut self, time: &str) -> Said {
        self.time = time.to_string();
        self
    }

    pub fn from(mut self, application: &str) -> Said {
        self.application = application.to_string();
        self
    }

    /// Adds PID with a number, a family name, and what else stands from PID-6 on.
    pub fn patient(self, number: &str, family: &str, rest: &str) -> Said {
        self.segment(&format!("PID|1||{number}^^^&2.999.1&ISO^MR||{family}^Ann|{rest}"))
    }

    pub fn segment(mut self, text: &str) -> Said {
        self.segments.push(text.to_string());
        self
    }

    pub fn text(&self) -> String {
        let (time, event, id) = (&self.time, self.event, &self.control_id);
        let header = format!("MSH|^~\\&|{}|HOSP|||{time}+0000||{event}|{id}|P|2.5.1", self.application);
        std::iter::once(header).chain(self.segments.iter().cloned()).map(|line| line + "\r").collect()
    }
}

/// A connection.
pub struct Line(TcpStream);

/// An acknowledgement.
#[derive(Debug, Clone)]
pub struct Answer(pub String);

impl Line {
    pub fn open(app: &TestApp) -> Line {
        let stream = TcpStream::connect(app.mllp()).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout can be set");
        Line(stream)
    }

    pub fn send(&mut self, said: &Said) -> Answer {
        self.send_bytes(said.text().as_bytes()).expect("there is an answer")
    }

    /// Sends bytes; none where the connection ends without an answer.
    pub fn send_bytes(&mut self, content: &[u8]) -> Option<Answer> {
        self.put(content)?;
        self.answer()
    }

    /// Sends bytes and waits for nothing; none where the connection has ended.
    pub fn put(&mut self, content: &[u8]) -> Option<()> {
        let mut frame = vec![0x0B];
        frame.extend(content);
        frame.extend([0x1C, 0x0D]);
        self.0.write_all(&frame).ok()
    }

    /// Returns the next answer; none where the connection ends before.
    pub fn answer(&mut self) -> Option<Answer> {
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(&[0x1C, 0x0D]) {
            match self.0.read(&mut byte) {
                Ok(1) => answer.push(byte[0]),
                _ => return None,
            }
        }
        Some(Answer(String::from_utf8_lossy(&answer[1..answer.len() - 2]).into_owned()))
    }
}

impl Answer {
    /// Returns a field of the first segment of a name.
    pub fn field(&self, segment: &str, n: usize) -> &str {
        let line = self.0.split('\r').find(|line| line.starts_with(segment)).unwrap_or_default();
        line.split('|').nth(n).unwrap_or_default()
    }

    #[track_caller]
    pub fn expect(self, code: &str) -> Answer {
        assert_eq!(self.field("MSA", 1), code, "{}", self.0.replace('\r', "\n"));
        self
    }

    /// Checks the code of the first ERR.
    #[track_caller]
    pub fn expect_error(self, code: &str, number: &str) -> Answer {
        let found = self.field("ERR", 3).split('^').next().unwrap_or_default().to_string();
        assert_eq!(found, number, "{}", self.0.replace('\r', "\n"));
        self.expect(code)
    }
}

/// Returns the Patients with a number.
#[track_caller]
pub fn patients(app: &TestApp, number: &str) -> Vec<Value> {
    app.client().get(&format!("Patient?identifier={NUMBERS}|{number}")).expect(200).resources()
}

/// Returns the one Patient with a number.
#[track_caller]
pub fn patient(app: &TestApp, number: &str) -> Value {
    let mut found = patients(app, number);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Returns the state, the acknowledgement and the attempts of the messages of a control id, the newest first.
pub fn rows(app: &TestApp, control_id: &str) -> Vec<(i16, Option<String>, i32)> {
    let query =
        format!("select state, ack_code, attempts from hl7_message where control_id = '{control_id}' order by id desc");
    app.sql(&query).iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

/// Returns a number that a query counts.
pub fn count(app: &TestApp, query: &str) -> i64 {
    app.sql(query)[0].get(0)
}

pub fn provenances(app: &TestApp) -> i64 {
    let bundle = app.client().get("Provenance?_summary=count").expect(200).json();
    bundle["total"].as_i64().expect("a number")
}
