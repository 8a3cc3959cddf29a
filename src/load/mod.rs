//! `medilink load`: brings files of FHIR JSON into a server, this one or any other.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#transaction> and the bulk data format
//! <https://hl7.org/fhir/R4/nd-json.html>.
//!
//! What a file becomes:
//! - a `transaction` or `batch` Bundle is sent as it is;
//! - the entries of a `collection`, `searchset`, `document` or `message` Bundle, and the lines of an ndjson file, go in
//!   transactions of up to 200; one that is refused is sent again as a batch, so that only its bad entries are missing;
//! - a single resource goes alone.
//!
//! A resource with an id is PUT there, so loading it again makes no second one. One without an id, and an entry that is
//! a plain POST, is created again at each run: only `ifNoneExist` and conditional references make those unique.
//!
//! Bundles of organisations and locations go first, then those of practitioners, one after the other, because
//! everything else refers to them conditionally; the rest goes in parallel.

mod answer;
mod direct;
mod entry;
mod files;
mod http;
mod lines;
mod report;
mod split;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::task::JoinSet;

pub use direct::{DirectSink, MakeService};
pub use http::HttpSink;
pub use report::{Failure, Report};

use files::Source;
use report::Tally;
use split::Unit;

/// What `medilink load` is told.
#[derive(Debug, Clone, clap::Args)]
// The subcommand that these arguments belong to has a group of this name already.
#[group(skip)]
pub struct Load {
    /// Files, or folders with files: .json and .ndjson, plain, .gz or .bz2
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// FHIR base URL of another server; otherwise the configured database is filled directly
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Access token for --server
    #[arg(long, value_name = "TOKEN", env = "MEDILINK_TOKEN", hide_env_values = true, requires = "server")]
    pub token: Option<String>,
    /// Requests at a time; otherwise twice the number of processors, at least 4
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallel: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Post,
    Put,
}

/// One request, its path relative to the base (empty for the base itself).
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub method: Method,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Bytes,
}

#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Nothing was sent, and nothing will be: the load ends.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// This request came to nothing, or to something unknown; others may fare better.
    #[error("{0}")]
    Failed(String),
}

/// Where requests go: over HTTP, or straight to the service of this process.
pub trait Sink: Send + Sync {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Answer, SinkError>>;
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("failed to read {path}: {source}")]
    Path { path: String, source: std::io::Error },
    #[error("{0} is neither .json nor .ndjson (nor one of them with .gz or .bz2)")]
    Kind(String),
    #[error("no .json or .ndjson files (plain, .gz or .bz2) found in {0}")]
    Nothing(String),
    #[error("{0}")]
    Server(String),
}

/// Returns what was loaded and what was not; the caller prints it and exits 1 if anything failed.
pub async fn run(load: &Load, sink: Arc<dyn Sink>) -> Result<Report, LoadError> {
    let parallel = load.parallel.map_or_else(default_parallel, usize::from);
    let paths = load.paths.clone();
    let plan = tokio::task::spawn_blocking(move || files::plan(&paths)).await;
    let plan = plan.map_err(|panic| LoadError::Server(panic.to_string()))??;
    let tally = Arc::new(Tally::new(&plan));
    pump(plan.first, 1, sink.clone(), tally.clone()).await;
    pump(plan.rest, parallel, sink, tally.clone()).await;
    Ok(tally.finish())
}

fn default_parallel() -> usize {
    std::thread::available_parallelism().map_or(4, |cores| (cores.get() * 2).max(4))
}

/// Reads `sources` and sends what they hold, `parallel` requests at a time.
///
/// Memory holds at most one file a reader (ndjson: one group) and two requests a sender.
async fn pump(sources: Vec<Source>, parallel: usize, sink: Arc<dyn Sink>, tally: Arc<Tally>) {
    let readers = parallel.min(std::thread::available_parallelism().map_or(2, |cores| cores.get()));
    let (units, waiting) = mpsc::channel::<Unit>(parallel);
    let waiting = Arc::new(AsyncMutex::new(waiting));
    let sources = Arc::new(Mutex::new(sources.into_iter()));
    let mut tasks = JoinSet::new();
    for _ in 0..readers {
        let (sources, units, tally) = (sources.clone(), units.clone(), tally.clone());
        tasks.spawn_blocking(move || {
            let next = || sources.lock().unwrap_or_else(PoisonError::into_inner).next();
            while let Some(source) = next() {
                let sent = split::split(&source, &tally, &mut |unit| units.blocking_send(unit).is_ok());
                if !sent {
                    return;
                }
            }
        });
    }
    drop(units);
    for _ in 0..parallel {
        tasks.spawn(send_all(waiting.clone(), sink.clone(), tally.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(panic) = ended {
            tally.fail(Failure { file: String::new(), place: String::new(), reason: panic.to_string(), resources: 0 });
        }
    }
}

async fn send_all(waiting: Arc<AsyncMutex<mpsc::Receiver<Unit>>>, sink: Arc<dyn Sink>, tally: Arc<Tally>) {
    loop {
        let unit = waiting.lock().await.recv().await;
        let Some(unit) = unit else { return };
        if !answer::deliver(sink.as_ref(), unit, &tally).await {
            // Closing tells the readers to stop; what waits already is dropped with the channel.
            let mut waiting = waiting.lock().await;
            waiting.close();
            while waiting.try_recv().is_ok() {}
            return;
        }
    }
}
