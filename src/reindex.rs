//! `medilink reindex`: makes the index of stored resources anew, to the end.
//!
//! It does what a server does by itself when that is needed, without leaving time to requests; servers on the same database
//! may go on serving.

use indicatif::{ProgressBar, ProgressStyle};
use medilink::app::{Database, Factory, Failure};
use medilink::config::Settings;
use medilink::fhir::ResourceType;
use medilink::store::index::{Standing, Step};
use medilink::store::{Store, StoreError};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

const BATCH: i64 = 500;
const LINE_EVERY: i64 = 1000;
const PAUSE: Duration = Duration::from_millis(50);
/// Failures in a row after which it gives up.
const FAILURES_MAX: u32 = 20;

/// What `medilink reindex` is told.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Reindex {
    /// Only resources of this type; can be given several times
    #[arg(long = "type", value_name = "TYPE", value_parser = resource_type)]
    pub types: Vec<ResourceType>,
}

fn resource_type(name: &str) -> Result<ResourceType, String> {
    let known = ResourceType::parse(name).filter(|t| t.is_stored());
    known.ok_or_else(|| format!("'{name}' is not a resource type that is stored"))
}

/// Runs the command.
pub async fn run(reindex: &Reindex, settings: &Settings) -> Result<(), Failure> {
    let database = Database::open(settings).await?;
    let done = index(reindex, settings, &database).await;
    database.close().await;
    done
}

async fn index(reindex: &Reindex, settings: &Settings, database: &Database) -> Result<(), Failure> {
    let factory = Factory::new(settings, database)?;
    let store = factory.adopt().await?;
    let failed = |e: StoreError| Failure(format!("failed to index: {e}"));
    let began = Instant::now();
    store.reindex(&reindex.types).await.map_err(failed)?;
    let resources = to_the_end(&store).await.map_err(failed)?;
    let took = began.elapsed().as_secs_f64();
    factory.analyze().await?;
    let rate = resources as f64 / took.max(0.001);
    println!("indexed {resources} resources in {took:.1} s ({rate:.0} resources/s)");
    Ok(())
}

/// Works until nothing is left to do, by this process or by another; returns how many resources that were here.
async fn to_the_end(store: &Store) -> Result<i64, StoreError> {
    let mut progress = Progress::new();
    let (mut resources, mut failures) = (0, 0);
    loop {
        let standing = store.look().await?;
        progress.show(&standing, resources);
        if !standing.is_pending() {
            progress.finish();
            return Ok(resources);
        }
        let until = Instant::now() + Duration::from_millis(300);
        while Instant::now() < until {
            match store.reindex_step(BATCH).await {
                Ok(Step::Done(done)) => (resources, failures) = (resources + done as i64, 0),
                Ok(Step::Wait) => {
                    tokio::time::sleep(PAUSE).await;
                    break;
                }
                // A look makes the definitions right, and another try finds its way.
                Err(error) if error.is_contended() && failures < FAILURES_MAX => {
                    failures += 1;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// A bar on a terminal; otherwise a line every thousand resources.
struct Progress {
    bar: Option<ProgressBar>,
    told: i64,
}

impl Progress {
    fn new() -> Progress {
        let style = ProgressStyle::with_template("{elapsed_precise} {bar:40} {pos} of {len} resources {msg}");
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(0));
        if let (Some(bar), Ok(style)) = (&bar, style) {
            bar.set_style(style);
        }
        Progress { bar, told: 0 }
    }

    fn show(&mut self, standing: &Standing, resources: i64) {
        let names: Vec<&str> = standing.types.iter().filter(|t| t.pending).map(|t| t.resource_type.name()).collect();
        match &self.bar {
            Some(bar) => {
                let total: i64 = standing.types.iter().filter_map(|one| one.total).sum();
                bar.set_length(total.max(resources) as u64);
                bar.set_position(resources as u64);
                bar.set_message(names.first().map_or(String::new(), |name| (*name).to_string()));
            }
            None if resources >= self.told + LINE_EVERY => {
                self.told = resources;
                println!("{resources} resources, {} types to go", names.len());
            }
            None => {}
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
