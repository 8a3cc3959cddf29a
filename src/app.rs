//! The composition root: from settings to a running server, and the other commands that need its parts.

mod messages;

use crate::account::federation::Provider;
use crate::account::seal::Seal;
use crate::account::{self, Accounts};
use crate::audit::{self, Recorder};
use crate::catalog::Catalog;
use crate::config::{Auth, Settings};
use crate::fault::Fault;
use crate::feed::{self, Intake};
use crate::fhir::Instant;
use crate::format;
use crate::http::{self, HttpSettings, Security};
use crate::index::TextIndex;
use crate::interaction;
use crate::interaction::capabilities::{self, OperationFact};
use crate::job;
use crate::job::index_feed::{self, Feed};
use crate::oauth::{self, Claims, Keys};
use crate::operation::{self, Operation};
use crate::outbound;
use crate::search::Registry;
use crate::service::Service;
use crate::store::audit::Ground;
use crate::store::audit::row::MacKey;
use crate::store::embedded::{self, Cluster};
use crate::store::{self, Blueprint, Store, StoreSettings};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where in the data folder the text index is.
const TEXT_FOLDER: &str = "text";

/// What stops a command. The words are for the terminal.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

impl Failure {
    fn from(context: &str) -> impl Fn(&dyn std::fmt::Display) -> Failure {
        move |error| Failure(format!("{context}: {error}"))
    }
}

/// A database that is there, migrated, and stopped again when it was ours to start.
pub struct Database {
    pub url: String,
    /// Where keys and other files are; not always the folder of the settings.
    pub data_dir: PathBuf,
    cluster: Option<Cluster>,
}

impl Database {
    /// Connects to the configured database, or starts the embedded one, and migrates it.
    pub async fn open(settings: &Settings) -> Result<Database, Failure> {
        let database = match &settings.database_url {
            Some(url) => Database { url: url.clone(), data_dir: settings.data_dir.clone(), cluster: None },
            None => {
                let cluster = embedded::start(&settings.data_dir)
                    .await
                    .map_err(|e| Failure::from("failed to start the private PostgreSQL")(&e))?;
                let (url, data_dir) = (cluster.url(), cluster.data_dir().to_path_buf());
                if data_dir != std::path::absolute(&settings.data_dir).unwrap_or_default() {
                    tracing::warn!(data_dir = %data_dir.display(), "PostgreSQL cannot reach the configured folder; this one is used");
                }
                Database { url, data_dir, cluster: Some(cluster) }
            }
        };
        match migrate(&database.url).await {
            Ok(applied) => tracing::info!(applied, "the database is at the schema of this build"),
            Err(failure) => {
                database.close().await;
                return Err(failure);
            }
        }
        Ok(database)
    }

    pub async fn close(self) {
        if let Some(cluster) = self.cluster {
            cluster.stop().await;
        }
    }
}

/// Migrates, waiting a while for a database that is just starting.
async fn migrate(url: &str) -> Result<usize, Failure> {
    let mut tries = 0;
    loop {
        match store::migrate(url).await {
            Err(error) if error.is_away() && tries < 60 => {
                if tries == 0 {
                    tracing::info!(%error, "waiting for the database");
                }
                tries += 1;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            done => return done.map_err(|e| Failure::from("failed to migrate")(&e)),
        }
    }
}

/// Makes services: one for every thread that asks.
#[derive(Clone)]
pub struct Factory {
    blueprint: Blueprint,
    settings: Arc<interaction::Settings>,
    facts: Arc<capabilities::Facts>,
    recorder: Recorder,
    text: Option<TextIndex>,
    people: Option<People>,
}

/// What services need to know people.
#[derive(Clone)]
struct People {
    settings: Arc<account::Settings>,
    seal: Arc<Seal>,
    issuer: Option<Arc<dyn account::issue::Issuer>>,
}

impl Factory {
    /// Must be called inside the runtime that lasts longest: audit rows are written there.
    pub fn new(settings: &Settings, database: &Database) -> Result<Factory, Failure> {
        let catalog = Catalog::load().map_err(|e| Failure::from("failed to load the definitions")(&e))?;
        let catalog = if settings.sensitivity_labels { catalog } else { catalog.without_labels() };
        let registry = Arc::new(Registry::new(Arc::new(catalog), &settings.base_url));
        let facts = capabilities::Facts {
            base_url: settings.base_url.clone(),
            root_url: root_url(&settings.base_url),
            secured: settings.auth == Auth::Smart,
            registers: settings.registration != oauth::register::Policy::Closed,
            started: Instant::now(),
            operations: operations(&settings.canonical_base),
        };
        let limits = &settings.limits;
        let store = StoreSettings {
            url: database.url.clone(),
            pool_size: pool_size(settings),
            statement_ms_max: limits.request_time_ms_max,
            wait_ms_max: limits.database_wait_ms_max,
            implied: settings.consent_default,
        };
        let blueprint = Blueprint::new(store, registry).with_audit(audit_ground(&database.data_dir)?);
        let own = blueprint.store().map_err(|e| Failure::from("failed to reach the database")(&e))?;
        Ok(Factory {
            blueprint,
            recorder: Recorder::start(
                own,
                audit::Settings {
                    folder: database.data_dir.join(AUDIT_FOLDER),
                    durability: settings.audit_sync,
                    spool_bytes_max: settings.audit_spool_bytes_max,
                },
            ),
            settings: Arc::new(interaction::Settings {
                base_url: settings.base_url.clone(),
                limits: format::Limits { depth_max: limits.depth_max, ..format::Limits::default() },
                page_size_default: limits.page_size_default as u32,
                page_size_max: limits.page_size_max as u32,
                cursor_time_s_max: limits.cursor_time_s_max as i64,
                bundle_entries_max: limits.bundle_entries_max,
                delete_matches_max: limits.conditional_delete_max,
                canonical_base: settings.canonical_base.clone(),
                implied: settings.consent_default,
                sends_mail: settings.mail.is_some(),
            }),
            facts: Arc::new(facts),
            text: None,
            people: None,
        })
    }

    /// Takes the database over for this release, or joins servers of the same. To be called before anything is written.
    pub async fn adopt(&self) -> Result<Store, Failure> {
        let store = self.blueprint.store().map_err(|e| Failure(e.to_string()))?;
        store.adopt().await.map_err(|e| Failure::from("failed to read the state of the index")(&e))?;
        Ok(store)
    }

    /// Tells the planner what a load has changed.
    pub async fn analyze(&self) -> Result<(), Failure> {
        let store = self.blueprint.store().map_err(|e| Failure(e.to_string()))?;
        store.analyze().await.map_err(|e| Failure::from("failed to analyze the database")(&e))
    }

    /// Returns the service of the calling thread. Must be called inside its runtime.
    pub fn service(&self) -> Result<Service, Fault> {
        let (settings, facts) = (self.settings.clone(), self.facts.clone());
        let service = Service::new(self.blueprint.store()?, settings, facts, self.recorder.clone());
        let accounts = self.people.clone().map(|people| {
            let accounts = Accounts::new(service.store().clone(), people.settings, self.recorder.clone(), people.seal);
            accounts.with_issuer(people.issuer)
        });
        Ok(service.with_text(self.text.clone()).with_accounts(accounts))
    }

    /// Returns what takes HL7 v2 messages on the calling thread. Must be called inside its runtime.
    pub fn intake(&self) -> Result<Intake, Fault> {
        self.service().map(Intake::new)
    }

    /// Lets the services made from now on know people.
    fn keep_people(&mut self, settings: &Settings, data_dir: &Path) -> Result<(), Failure> {
        let seal = Seal::load_or_create(data_dir).map_err(|e| Failure::from("failed to load the sealing key")(&e))?;
        let settings = account::Settings {
            root_url: root_url(&settings.base_url),
            base_url: settings.base_url.clone(),
            name: settings.name.clone(),
            session_idle_s: settings.limits.session_idle_s_max as i64,
            session_s_max: settings.limits.session_s_max as i64,
            fresh_s_max: 300,
            federation: settings.federation.as_ref().map(|it| {
                let http = outbound::Client::new(is_loopback(&settings.base_url));
                Arc::new(Provider::new(&it.issuer, &it.name, &it.client_id, it.client_secret.as_deref(), http))
            }),
        };
        self.people = Some(People { settings: Arc::new(settings), seal: Arc::new(seal), issuer: None });
        Ok(())
    }

    /// Lets operations of the services made from now on hand out tokens.
    fn keep_issuer(&mut self, security: &Security) {
        let (keys, settings, jwks) = (security.keys.clone(), security.oauth.clone(), security.jwks.clone());
        if let Some(people) = &mut self.people {
            people.issuer = Some(Arc::new(oauth::Issuing { keys, settings, jwks }));
        }
    }

    /// Starts to keep a text index, which the services made from now on search in.
    fn keep_text(&mut self, data_dir: &Path) -> Result<Feed, Failure> {
        let text = TextIndex::default();
        let feed = index_feed::start(self.blueprint.clone(), text.clone(), data_dir.join(TEXT_FOLDER))
            .map_err(|e| Failure::from("failed to start the text index")(&e))?;
        self.text = Some(text);
        Ok(feed)
    }

    /// Makes the text index anew while no server runs on this data folder; returns the number of documents.
    pub async fn reindex_text(&self, data_dir: &Path) -> Result<u64, Failure> {
        index_feed::rebuild(self.blueprint.clone(), &data_dir.join(TEXT_FOLDER))
            .await
            .map_err(|e| Failure::from("failed to make the text index")(&e))
    }
}

/// Where in the data folder the audit keeps what must not be in the database alone.
const AUDIT_FOLDER: &str = "audit";

/// Returns what the audit stands on: a key of the data folder, and a place there.
fn audit_ground(data_dir: &Path) -> Result<Ground, Failure> {
    let seal = Seal::load_or_create(data_dir).map_err(|e| Failure::from("failed to load the sealing key")(&e))?;
    Ok(Ground { key: MacKey::new(&seal.audit_key()), folder: Some(data_dir.join(AUDIT_FOLDER)) })
}

/// Returns what the CapabilityStatement says of operations.
fn operations(canonical_base: &str) -> Vec<OperationFact> {
    let fact = |operation: &&dyn Operation| {
        let (name, places) = (operation.name(), operation.places());
        let types = places.types.iter().chain(places.instances).copied().collect();
        let ours = || format!("{canonical_base}/OperationDefinition/{name}");
        let definition = operation.definition().map_or_else(ours, str::to_string);
        OperationFact { name, definition, system: places.system, types }
    };
    operation::ALL.iter().map(fact).collect()
}

/// Returns how many connections a pool may have. Every worker has two pools, and so has the audit; those of one server
/// must leave the private cluster room for a load beside it.
fn pool_size(settings: &Settings) -> usize {
    const SPARE: usize = 40;
    // The audit has its own, and so has the thread that takes up messages.
    let pools = 2 * (settings.workers + messages::workers(settings) + 2);
    match settings.database_url {
        Some(_) => settings.pool_size,
        None => settings.pool_size.min((embedded::CONNECTIONS_MAX - SPARE) / pools).max(2),
    }
}

/// Installs the recorder of metrics and returns what renders them.
pub fn install_metrics() -> Result<PrometheusHandle, Failure> {
    let seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
    let sizes = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &seconds)
        .and_then(|b| b.set_buckets_for_metric(Matcher::Full("medilink_write_batch_size".into()), &sizes))
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|e| Failure::from("failed to install metrics")(&e))
}

/// Serves until SIGINT or SIGTERM. `when_ready` runs beside the server once the database is there.
pub async fn serve(
    settings: &Settings,
    when_ready: impl AsyncFnOnce(&Factory, &Keys) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let metrics = install_metrics()?;
    feed::describe();
    let upkeep = metrics.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    let database = Database::open(settings).await?;
    let done = serve_on(settings, &database, metrics, when_ready).await;
    database.close().await;
    tracing::info!("stopped");
    done
}

async fn serve_on(
    settings: &Settings,
    database: &Database,
    metrics: PrometheusHandle,
    when_ready: impl AsyncFnOnce(&Factory, &Keys) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut factory = Factory::new(settings, database)?;
    let keys = Arc::new(keys(&database.data_dir)?);
    factory.keep_people(settings, &database.data_dir)?;
    let store = factory.adopt().await?;
    if settings.auth == Auth::Smart {
        keep_keys(settings, &store, &keys).await?;
    }
    tokio::spawn(job::audit::run(store.clone(), settings.base_url.clone()));
    let session_idle_s = settings.limits.session_idle_s_max as i64;
    tokio::spawn(job::sweep::run(store.clone(), session_idle_s, settings.hl7_raw_days));
    tokio::spawn(job::break_glass::run(store.clone(), factory.settings.clone()));
    if let Some(relay) = settings.mail.clone() {
        let words = job::mail::Words { name: settings.name.clone(), root_url: root_url(&settings.base_url) };
        tokio::spawn(job::mail::run(store.clone(), relay, words));
    }
    tokio::spawn(job::consent::run(store.clone(), factory.settings.clone()));
    tokio::spawn(job::reindex::run(store));
    when_ready(&factory, &keys).await?;
    let security = (settings.auth == Auth::Smart).then(|| security(settings, &factory, keys));
    if let Some(security) = &security {
        factory.keep_issuer(security);
    }
    let http = HttpSettings {
        listen: settings.listen,
        metrics_listen: settings.metrics_listen,
        workers: settings.workers,
        body_bytes_max: settings.limits.body_bytes_max,
        url_bytes_max: settings.limits.url_bytes_max,
        request_time: Duration::from_millis(settings.limits.request_time_ms_max),
        shutdown_time: Duration::from_millis(settings.limits.shutdown_time_ms_max),
        trusted_proxies: settings.trusted_proxies.clone(),
        base_path: base_path(&settings.base_url),
        base_url: settings.base_url.clone(),
        security,
    };
    let recorder = factory.recorder.clone();
    let feed = factory.keep_text(&database.data_dir)?;
    let factory = Arc::new(factory);
    let (of_listener, of_job) = (factory.clone(), factory.clone());
    let mllp = match messages::listen(settings, move || of_listener.intake()) {
        Ok(mllp) => mllp,
        Err(failure) => {
            feed.stop();
            return Err(failure);
        }
    };
    let left = job::feed::start(move || of_job.intake()).map_err(|e| Failure::from("failed to start a thread")(&e))?;
    let served = http::serve(http, Arc::new(move || factory.service()), metrics).await;
    if let Some(mllp) = mllp {
        mllp.end().await;
    }
    left.stop();
    feed.stop();
    // What was answered is in the audit, too, before the database goes.
    let flushed = tokio::time::timeout(Duration::from_secs(10), recorder.flush()).await;
    if flushed.is_err() {
        tracing::error!("the last audit rows could not be written");
    }
    served.map_err(|e| Failure(format!("failed to serve on {}: {e}", settings.listen)))
}

/// Makes the keys of this server known to all of its database, and keeps it so.
async fn keep_keys(settings: &Settings, store: &Store, keys: &Arc<Keys>) -> Result<(), Failure> {
    let days = settings.signing_key_days as i64;
    keys.keep(store, days).await.map_err(|e| Failure::from("failed to publish the signing keys")(&e))?;
    tokio::spawn(job::keys::run(store.clone(), keys.clone(), days));
    Ok(())
}

fn security(settings: &Settings, factory: &Factory, keys: Arc<Keys>) -> Security {
    let (base_url, root_url, name) = (settings.base_url.clone(), root_url(&settings.base_url), settings.name.clone());
    let jwks = Arc::new(oauth::jwks::Jwks::new(outbound::Client::new(is_loopback(&base_url))));
    let oauth = Arc::new(oauth::Settings { base_url, root_url, name, registration: settings.registration });
    Security { keys, oauth, recorder: factory.recorder.clone(), jwks }
}

/// Returns where pages and `/oauth` are: the base URL without its last part.
fn root_url(base_url: &str) -> String {
    let path = base_path(base_url);
    let cut = path.rfind('/').map_or(0, |slash| path.len() - slash);
    base_url[..base_url.len() - cut].to_string()
}

/// Returns whether an installation is reached on its own machine alone, as those of developers and tests are: then so may
/// be what it asks.
pub fn is_loopback(base_url: &str) -> bool {
    match url::Url::parse(base_url).ok().as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Returns the path of a base URL: `/fhir` of `http://127.0.0.1:8080/fhir`.
fn base_path(base_url: &str) -> String {
    let after_scheme = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    after_scheme.find('/').map_or_else(String::new, |slash| after_scheme[slash..].to_string())
}

/// Returns the data folder that a server with these settings uses.
pub fn data_dir(settings: &Settings) -> Result<PathBuf, Failure> {
    match settings.database_url {
        Some(_) => Ok(settings.data_dir.clone()),
        None => embedded::data_dir(&settings.data_dir).map_err(|e| Failure::from("failed to find the data folder")(&e)),
    }
}

/// Returns the people of a database, for a command. Must be called inside the runtime that the command runs on.
pub fn accounts(settings: &Settings, database: &Database) -> Result<Accounts, Failure> {
    let mut factory = Factory::new(settings, database)?;
    factory.keep_people(settings, &database.data_dir)?;
    let service = factory.service().map_err(|e| Failure::from("failed to reach the database")(&e))?;
    service.accounts().cloned().ok_or_else(|| Failure("this server knows no people".to_string()))
}

pub fn keys(data_dir: &Path) -> Result<Keys, Failure> {
    Keys::load_or_create(data_dir).map_err(|e| Failure::from("failed to load the signing key")(&e))
}

/// Returns a signed access token.
pub fn token(settings: &Settings, keys: &Keys, scope: &str, subject: &str, ttl_s: i64) -> Result<String, Failure> {
    Claims::new(&settings.base_url, subject, scope, ttl_s)
        .sign(keys)
        .map_err(|e| Failure::from("failed to sign the token")(&e))
}

#[cfg(test)]
mod tests {
    use super::base_path;

    #[test]
    fn the_path_of_a_base_url_is_where_the_api_stands() {
        for (url, path) in
            [("http://127.0.0.1:8080/fhir", "/fhir"), ("https://h.example/a/b", "/a/b"), ("https://h.example", "")]
        {
            assert_eq!(base_path(url), path);
        }
    }
}
