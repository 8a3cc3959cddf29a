//! Sends over HTTP to any FHIR server, patiently with one that is busy.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use ureq::Agent;
use ureq::http::header::RETRY_AFTER;

use super::{Answer, LoadError, Method, Outgoing, Sink, SinkError};

const TRIES_MAX: u32 = 6;
const WAIT_MAX: Duration = Duration::from_secs(30);
const REQUEST_TIME_MAX: Duration = Duration::from_secs(600);
const ANSWER_BYTES_MAX: u64 = 256 << 20;

#[derive(Clone)]
pub struct HttpSink(Arc<Inner>);

struct Inner {
    agent: Agent,
    /// Without a trailing slash.
    base: String,
    authorization: Option<String>,
    /// Before the second try; doubled before each later one.
    wait_first: Duration,
}

enum Tried {
    Answer(Answer),
    /// Worth another try, after this time if the server named one.
    Busy(Answer, Option<Duration>),
    /// No connection came about, so nothing was sent.
    Refused(String),
    Failed(String),
}

impl HttpSink {
    /// Returns a sink for the FHIR base URL `server`, with a bearer token where there is one.
    pub fn new(server: &str, token: Option<&str>) -> Result<HttpSink, LoadError> {
        if server.starts_with("https://") {
            let hint = "this program speaks plain HTTP only; load on the server itself or through a TLS tunnel";
            return Err(LoadError::Server(format!("--server {server}: {hint}")));
        }
        if !server.starts_with("http://") {
            return Err(LoadError::Server(format!("--server {server}: expected http://host:port/base")));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A redirected POST would arrive as a GET.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(256)
            .max_idle_connections_per_host(256)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_global(Some(REQUEST_TIME_MAX))
            .user_agent(concat!("medilink/", env!("CARGO_PKG_VERSION")));
        let base = server.trim_end_matches('/').to_string();
        let authorization = token.map(|token| format!("Bearer {token}"));
        Ok(HttpSink(Arc::new(Inner {
            agent: config.build().new_agent(),
            base,
            authorization,
            wait_first: Duration::from_millis(250),
        })))
    }

    /// Returns the same sink for tests that have no time.
    #[cfg(test)]
    pub fn hasty(mut self) -> HttpSink {
        Arc::get_mut(&mut self.0).expect("not shared yet").wait_first = Duration::from_millis(1);
        self
    }
}

impl Sink for HttpSink {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Answer, SinkError>> {
        Box::pin(async move {
            let mut wait = self.0.wait_first;
            for left in (0..TRIES_MAX).rev() {
                let (inner, request) = (self.0.clone(), outgoing.clone());
                let tried = tokio::task::spawn_blocking(move || inner.attempt(&request)).await;
                let named = match tried.map_err(|panic| SinkError::Failed(panic.to_string()))? {
                    Tried::Answer(answer) => return Ok(answer),
                    Tried::Failed(reason) => return Err(SinkError::Failed(reason)),
                    Tried::Busy(answer, _) if left == 0 => return Ok(answer),
                    Tried::Refused(reason) if left == 0 => return Err(SinkError::Unreachable(reason)),
                    Tried::Busy(_, named) => named,
                    Tried::Refused(_) => None,
                };
                tokio::time::sleep(named.unwrap_or(wait).min(WAIT_MAX)).await;
                wait *= 2;
            }
            Err(SinkError::Failed("no try was left".to_string()))
        })
    }
}

impl Inner {
    fn attempt(&self, outgoing: &Outgoing) -> Tried {
        let url = match outgoing.path.as_str() {
            "" => self.base.clone(),
            path => format!("{}/{path}", self.base),
        };
        let mut request = match outgoing.method {
            Method::Post => self.agent.post(&url),
            Method::Put => self.agent.put(&url),
        };
        for (name, value) in &outgoing.headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let mut response = match request.send(&outgoing.body[..]) {
            Ok(response) => response,
            Err(error) if is_unsent(&error) => return Tried::Refused(format!("{}: {error}", self.base)),
            Err(error) => return Tried::Failed(error.to_string()),
        };
        let status = response.status().as_u16();
        let named = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        match response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec() {
            Ok(body) if status == 429 || status == 503 => {
                Tried::Busy(Answer { status, body: Bytes::from(body) }, named.map(Duration::from_secs))
            }
            Ok(body) => Tried::Answer(Answer { status, body: Bytes::from(body) }),
            Err(error) => Tried::Failed(format!("{status}, and the answer broke off: {error}")),
        }
    }
}

fn is_unsent(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => true,
        _ => false,
    }
}
