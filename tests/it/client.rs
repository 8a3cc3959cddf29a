//! A small blocking FHIR client: whatever the server answers is a [`Response`], never an error.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

pub const JSON: (&str, &str) = ("Content-Type", "application/fhir+json");
pub const XML: (&str, &str) = ("Content-Type", "application/fhir+xml");
pub const JSON_PATCH: (&str, &str) = ("Content-Type", "application/json-patch+json");
const TIME_MAX: Duration = Duration::from_secs(120);

/// Requests to one server; clones share their kept-alive connections.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    /// `http://host:port/fhir`.
    base: String,
    token: Option<String>,
}

/// A whole answer and the request it belongs to, for messages.
#[derive(Debug, Clone)]
pub struct Response {
    pub asked: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub bytes: Vec<u8>,
}

impl Client {
    pub fn new(base: &str) -> Client {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .max_idle_connections_per_host(128)
            .max_idle_connections(128)
            .max_idle_age(Duration::from_secs(60))
            .timeout_global(Some(TIME_MAX))
            .build();
        Client { agent: config.new_agent(), base: base.to_string(), token: None }
    }

    /// Returns a client that sends this access token.
    pub fn with_token(&self, token: &str) -> Client {
        Client { token: Some(token.to_string()), ..self.clone() }
    }

    /// Sends a request. `path` is below the FHIR base; one that begins with `/` is below the host; a whole URL is kept.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        match self.try_request(method, path, headers, body) {
            Ok(response) => response,
            Err(error) => panic!("{method} {path}: no answer: {error}"),
        }
    }

    /// Sends a request that may find no server.
    pub fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response, ureq::Error> {
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let bodiless = body.is_empty() && ["GET", "HEAD", "DELETE", "OPTIONS"].contains(&method);
        let mut answer =
            if bodiless { self.agent.run(request.body(())?)? } else { self.agent.run(request.body(body)?)? };
        let mut bytes = Vec::new();
        answer.body_mut().as_reader().read_to_end(&mut bytes)?;
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        Ok(Response { asked: format!("{method} {path}"), status: answer.status().as_u16(), headers, bytes })
    }

    fn url(&self, path: &str) -> String {
        if path.starts_with("http://") {
            return path.to_string();
        }
        if path.starts_with('/') {
            return format!("http://{}{path}", self.host());
        }
        if path.is_empty() || path.starts_with('?') {
            return format!("{}{path}", self.base);
        }
        format!("{}/{path}", self.base)
    }

    pub fn host(&self) -> &str {
        let rest = self.base.strip_prefix("http://").expect("the base is plain HTTP");
        rest.split('/').next().expect("split yields one part at least")
    }

    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], b"")
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.request("GET", path, headers, b"")
    }

    pub fn delete(&self, path: &str) -> Response {
        self.request("DELETE", path, &[], b"")
    }

    pub fn post(&self, path: &str, resource: &Value) -> Response {
        self.send("POST", path, &[], resource)
    }

    pub fn put(&self, path: &str, resource: &Value) -> Response {
        self.send("PUT", path, &[], resource)
    }

    /// Sends a resource as FHIR JSON.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], resource: &Value) -> Response {
        let headers: Vec<(&str, &str)> = [JSON].into_iter().chain(headers.iter().copied()).collect();
        self.request(method, path, &headers, resource.to_string().as_bytes())
    }

    /// Sends bytes as they are on a connection of their own and returns what came back until it was closed.
    ///
    /// The server may answer and close before it has read everything: what it said then counts.
    pub fn raw(&self, pieces: &[&[u8]]) -> Response {
        let address: SocketAddr = self.host().parse().expect("the host is an address");
        let mut stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(TIME_MAX)).expect("a timeout can be set");
        stream.set_write_timeout(Some(TIME_MAX)).expect("a timeout can be set");
        let mut reader = stream.try_clone().expect("a socket can be shared");
        let reading = std::thread::spawn(move || {
            let mut answer = Vec::new();
            let mut part = [0; 8192];
            while let Ok(n) = reader.read(&mut part) {
                if n == 0 {
                    break;
                }
                answer.extend_from_slice(&part[..n]);
            }
            answer
        });
        for piece in pieces {
            if stream.write_all(piece).is_err() {
                break;
            }
        }
        let answer = reading.join().expect("the reader does not panic");
        let first = String::from_utf8_lossy(&pieces[0][..pieces[0].len().min(120)]).into_owned();
        parse_answer(first.lines().next().unwrap_or_default(), &answer)
    }
}

/// Returns a resource of this Value as bytes would travel; keeps the digits of numbers.
pub fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(bytes)))
}

fn parse_answer(asked: &str, answer: &[u8]) -> Response {
    let split = answer.windows(4).position(|w| w == b"\r\n\r\n");
    let split = split.unwrap_or_else(|| panic!("{asked}: no answer but {:?}", String::from_utf8_lossy(answer)));
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_string()))
        .collect();
    Response {
        asked: asked.to_string(),
        status: status.unwrap_or_else(|| panic!("{asked}: no status in {head}")),
        headers,
        bytes: answer[split + 4..].to_vec(),
    }
}

impl Response {
    /// Checks the status and returns the response, so that checks can be chained.
    #[track_caller]
    pub fn expect(self, status: u16) -> Response {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text());
        self
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Checks a header and returns the response.
    #[track_caller]
    pub fn expect_header(self, name: &str, value: &str) -> Response {
        assert_eq!(self.header(name), Some(value), "{name} of {}", self.asked);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| panic!("{}: {e}: {}", self.asked, self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Returns the id of the resource in the body.
    #[track_caller]
    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_else(|| panic!("{}: no id: {}", self.asked, self.text())).to_string()
    }

    /// Checks that the body is an OperationOutcome whose first issue has this code, and returns its words: expression
    /// and diagnostics.
    #[track_caller]
    pub fn expect_issue(&self, code: &str) -> String {
        let outcome = self.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{}: {outcome}", self.asked);
        let issue = &outcome["issue"][0];
        assert_eq!(issue["code"], code, "{}: {outcome}", self.asked);
        assert!(issue["severity"].is_string(), "{}: {outcome}", self.asked);
        let said = issue["diagnostics"].as_str().unwrap_or_default();
        assert!(!said.is_empty(), "{}: {outcome}", self.asked);
        format!("{} {said}", issue["expression"][0].as_str().unwrap_or_default())
    }

    /// Returns the resources of the entries of a Bundle.
    #[track_caller]
    pub fn resources(&self) -> Vec<Value> {
        self.entries().into_iter().filter_map(|mut entry| entry.get_mut("resource").map(Value::take)).collect()
    }

    #[track_caller]
    pub fn entries(&self) -> Vec<Value> {
        let mut bundle = self.json();
        assert_eq!(bundle["resourceType"], "Bundle", "{}: {bundle}", self.asked);
        match bundle["entry"].take() {
            Value::Array(entries) => entries,
            _ => Vec::new(),
        }
    }

    /// Returns the URL of a link of a Bundle.
    #[track_caller]
    pub fn link(&self, relation: &str) -> Option<String> {
        let bundle = self.json();
        let links = bundle["link"].as_array()?;
        links.iter().find(|l| l["relation"] == relation).and_then(|l| l["url"].as_str()).map(str::to_string)
    }
}
