//! The private PostgreSQL cluster of a server that was given no database.
//!
//! Layout below the data folder: `postgres/` is the cluster, `socket/` its only way in, and three lock files say who is
//! there. `postgres-start.lock` is held by whoever starts or stops the cluster; `postgres-users.lock` is shared by every
//! server that uses it, so the last one knows to stop it; `postgres-alive.lock` is held by the PostgreSQL processes
//! themselves (they inherit it), so it is free exactly when none of them is left, however they and we died.

mod account;
mod instance;
mod making;
mod programs;
mod settings;
#[cfg(test)]
mod tests;

pub use settings::CONNECTIONS_MAX;

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use instance::Instance;

/// Where the cluster goes when `./data` is out of reach of the user that PostgreSQL must run as.
pub const FALLBACK_DATA_DIR: &str = "/var/lib/medilink";

const DATABASE: &str = "medilink";
/// How long a start may take without a sign of life; crash recovery gives signs and may take longer.
const START_TIME_MAX: Duration = Duration::from_secs(60);
const RECOVERY_TIME_MAX: Duration = Duration::from_secs(30 * 60);

#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(
        "no PostgreSQL programs found: looked for initdb and postgres in PATH, /usr/lib/postgresql/*/bin and \
         /usr/local/pgsql/bin; install them (Debian: apt-get install postgresql) or set database_url"
    )]
    NoPrograms,
    #[error(
        "{cluster} was made by PostgreSQL {made}, but only {found} is installed here; install {made}, or upgrade the \
         cluster with pg_upgrade"
    )]
    OtherVersion { cluster: String, made: String, found: String },
    #[error("{0} is neither empty nor a PostgreSQL cluster; move it away or choose another data_dir")]
    NotACluster(String),
    #[error("{path} belongs to user id {owner}; start the server as that user or as root, or choose another data_dir")]
    Foreign { path: String, owner: u32 },
    #[error(
        "PostgreSQL must not run as root, and there is neither a user `postgres` nor `nobody` to run it as; start the \
         server as another user or set database_url"
    )]
    NoAccount,
    #[error(
        "data_dir {path} cannot be reached by the user `{user}`, as which PostgreSQL must run since root is refused; \
         choose a folder whose parents that user may enter, such as {FALLBACK_DATA_DIR}"
    )]
    Unreachable { path: String, user: String },
    #[error("{program} failed: {output}")]
    Program { program: String, output: String },
    #[error("PostgreSQL did not start: {0}")]
    NotStarted(String),
    #[error("failed to {action}: {source}")]
    Io { action: String, source: io::Error },
    #[error("failed to prepare the database of the private cluster: {0}")]
    Database(#[from] tokio_postgres::Error),
}

/// Returns the data folder that a server with this setting uses, without starting anything.
pub fn data_dir(wanted: &Path) -> Result<PathBuf, EmbeddedError> {
    account::settle(wanted).map(|(data_dir, _)| data_dir)
}

/// A running private cluster and our share in it.
pub struct Cluster {
    instance: Arc<Instance>,
    /// None once given up.
    users: Option<File>,
    supervisor: Option<JoinHandle<()>>,
}

/// Returns the cluster below `data_dir`, made, started, recovered or joined as needed, with its database in place.
///
/// From then on a thread starts it again whenever it dies, until [`Cluster::stop`].
pub async fn start(data_dir: &Path) -> Result<Cluster, EmbeddedError> {
    let data_dir = data_dir.to_path_buf();
    let prepared = tokio::task::spawn_blocking(move || making::prepare(&data_dir)).await;
    let prepared = prepared.map_err(|panic| EmbeddedError::NotStarted(panic.to_string()))??;
    let instance = Arc::new(prepared.instance);
    // From here on an error must not leave a cluster behind that nobody watches: dropping this stops it.
    let mut cluster = Cluster { instance: instance.clone(), users: Some(prepared.users), supervisor: None };
    let ready = match wait_until_ready(&instance).await {
        Ok(client) => create_database(&client).await,
        Err(error) => Err(error),
    };
    // Given back before an early return drops `cluster`, which wants it.
    drop(prepared.starting);
    ready?;
    cluster.supervisor = Some(instance::supervise(instance));
    Ok(cluster)
}

impl Cluster {
    /// Returns the URL of the database `medilink`, which both tokio-postgres and libpq understand.
    pub fn url(&self) -> String {
        self.instance.url(DATABASE)
    }

    /// Returns the data folder in use, absolute; not always the one that was asked for.
    pub fn data_dir(&self) -> &Path {
        &self.instance.data_dir
    }

    /// Stops the cluster and waits for that, unless another server still uses it.
    pub async fn stop(mut self) {
        let leaving = tokio::task::spawn_blocking(move || {
            if let Err(error) = self.leave(true) {
                tracing::warn!(%error, "failed to stop the private PostgreSQL cluster");
            }
        });
        // A panic there has been reported by the runtime and must not hinder the exit.
        let _ = leaving.await;
    }

    fn leave(&mut self, wait: bool) -> Result<(), EmbeddedError> {
        let Some(users) = self.users.take() else { return Ok(()) };
        self.instance.dismiss();
        let supervisor = self.supervisor.take();
        if let Some(supervisor) = supervisor.filter(|_| wait) {
            supervisor.thread().unpark();
            let _ = supervisor.join();
        }
        self.instance.leave(users, wait)
    }

    /// Leaves as a killed process does: locks go, PostgreSQL stays.
    #[cfg(test)]
    fn abandon(mut self) {
        self.instance.dismiss();
        let _ = self.supervisor.take().map(JoinHandle::join);
        self.users = None;
    }
}

impl Drop for Cluster {
    /// Asks the cluster to stop without waiting for it.
    fn drop(&mut self) {
        let _ = self.leave(false);
    }
}

async fn wait_until_ready(instance: &Instance) -> Result<Client, EmbeddedError> {
    let began = Instant::now();
    let mut spoke = began;
    let mut deaths = 0;
    loop {
        if !instance.is_running() {
            if deaths > 0 && (!instance.is_death_passing() || began.elapsed() > START_TIME_MAX) {
                return Err(EmbeddedError::NotStarted(instance.last_words()));
            }
            deaths += u32::from(instance.spawn()?);
        }
        let error = match connect(&instance.url("postgres")).await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        let recovering = error.code() == Some(&SqlState::CANNOT_CONNECT_NOW);
        let patience = if recovering { RECOVERY_TIME_MAX } else { START_TIME_MAX };
        if began.elapsed() > patience {
            let words = instance.last_words();
            return Err(EmbeddedError::NotStarted(format!("{error} after {} s. {words}", patience.as_secs())));
        }
        if recovering && spoke.elapsed() > Duration::from_secs(10) {
            spoke = Instant::now();
            tracing::info!("PostgreSQL is recovering; waiting");
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

async fn create_database(client: &Client) -> Result<(), EmbeddedError> {
    let found = client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&DATABASE]).await?;
    if found.is_none() {
        client.batch_execute(&format!("CREATE DATABASE {DATABASE}")).await?;
    }
    Ok(())
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // Ends by itself when the client is dropped; an error then has no reader.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(client)
}

/// Puts the action before an I/O error, for messages such as "failed to create /x: permission denied".
fn io_error(action: impl Into<String>) -> impl FnOnce(io::Error) -> EmbeddedError {
    let action = action.into();
    move |source| EmbeddedError::Io { action, source }
}

fn open_lock(path: &PathBuf) -> Result<File, EmbeddedError> {
    let mut options = File::options();
    // Not readable by others either: whoever can open it can hold it.
    options.create(true).truncate(false).read(true).write(true).mode(0o600);
    options.open(path).map_err(io_error(format!("open the lock file {}", path.display())))
}
