//! HTTP: actix-web is spoken here and nowhere else.
//!
//! Every worker thread has its own [`State`]: its service, its connections, its verified tokens. A request is answered on
//! the thread that received it.

mod adapt;
mod bearer;
mod binary;
mod cors;
mod health;
mod meter;
mod oauth;
mod pages;
mod peer;
mod render;
mod routes;

pub use routes::serve;

use crate::access::Principal;
use crate::audit::Recorder;
use crate::fault::Fault;
use crate::oauth::{Keys, Server, Verifier};
use crate::service::Service;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// How much its library says in the log by default: of every start and stop it would tell.
pub const LOG_LEVELS: &[(&str, &str)] = &[("actix_server", "warn")];

/// What the HTTP side is told at start.
#[derive(Clone)]
pub struct HttpSettings {
    pub listen: SocketAddr,
    /// Where `/metrics` is; none is on the main listener.
    pub metrics_listen: Option<SocketAddr>,
    pub workers: usize,
    pub body_bytes_max: usize,
    pub url_bytes_max: usize,
    pub request_time: Duration,
    /// How long a stopping server waits for what it has begun.
    pub shutdown_time: Duration,
    /// Proxies in front, whose word about where a request comes from is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Path of the base URL: `/fhir`.
    pub base_path: String,
    pub base_url: String,
    /// None switches security off.
    pub security: Option<Security>,
}

/// What keeps a server safe.
#[derive(Clone)]
pub struct Security {
    pub keys: Arc<Keys>,
    pub oauth: Arc<crate::oauth::Settings>,
    pub recorder: Recorder,
}

/// What a worker thread has.
struct State {
    service: Service,
    settings: HttpSettings,
    verifier: Option<Verifier>,
    /// None where security is off.
    oauth: Option<Server>,
    meter: meter::Meter,
}

impl State {
    fn new(service: Service, settings: HttpSettings) -> State {
        let security = settings.security.clone();
        let verifier = security.as_ref().map(|security| Verifier::new(security.keys.clone(), &settings.base_url));
        let oauth = security.zip(service.accounts().cloned()).map(|(security, accounts)| {
            let (store, recorder) = (service.store().clone(), security.recorder);
            Server { store, accounts, keys: security.keys, recorder, settings: security.oauth }
        });
        State { service, settings, verifier, oauth, meter: meter::Meter::default() }
    }

    /// Returns who sent a request.
    fn principal(&self, authorization: Option<&str>) -> Result<Principal, Fault> {
        match &self.verifier {
            Some(verifier) => verifier.principal(authorization),
            None => Ok(Principal::Unrestricted),
        }
    }
}
