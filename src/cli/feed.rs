//! `medilink feed`: systems that send HL7 v2 messages, as the operator of a server registers, lists, stops and removes them.

use medilink::app::{Factory, Failure};
use medilink::config::{self, Settings};
use medilink::feed::register::{self, New};
use medilink::hl7v2::settings::EXAMPLE;
use medilink::oauth::clients::By;
use medilink::page;
use medilink::store::Store;
use medilink::store::hl7::{Feed, Filter, State};
use std::path::PathBuf;

/// Whom the audit names.
const OPERATOR: &str = "operator";

#[derive(clap::Subcommand)]
pub enum Command {
    /// Register a system whose messages are taken
    Add {
        #[command(flatten)]
        add: Box<Add>,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Change what is given, and leave the rest as it is
    Change {
        #[command(flatten)]
        add: Box<Add>,
        #[command(flatten)]
        settings: config::Args,
    },
    /// List all, with how much came, waits and failed
    List {
        #[command(flatten)]
        settings: config::Args,
    },
    /// Show one, with its settings
    Show {
        id: String,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Refuse its messages from now on
    Stop {
        id: String,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Take its messages again
    Start {
        id: String,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Remove it; its messages stay
    Remove {
        id: String,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Take the messages of a file as those of a feed, and tell what became of each
    Load {
        /// A file with a message, several, or a batch (FHS, BHS); - for the standard input
        file: PathBuf,
        /// The feed whose messages they are
        #[arg(long, value_name = "ID")]
        feed: String,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Print settings with every key, to begin with
    Example {
        #[command(flatten)]
        settings: config::Args,
    },
}

#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Add {
    /// What it is called here
    #[arg(long)]
    id: String,
    /// MSH-3 of its messages; any where it is left out
    #[arg(long, value_name = "MSH-3")]
    application: Option<String>,
    /// MSH-4 of its messages; any where it is left out
    #[arg(long, value_name = "MSH-4")]
    facility: Option<String>,
    /// The client whose scopes bound what its messages write; otherwise system/*.cruds
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// The common name of the certificate that it must show
    #[arg(long, value_name = "CN")]
    certificate: Option<String>,
    /// How its messages are read: see `medilink feed example`
    #[arg(long = "settings", id = "feed_settings", value_name = "FILE.toml")]
    file: Option<PathBuf>,
}

impl Command {
    pub fn settings(&self) -> &config::Args {
        match self {
            Command::Add { settings, .. }
            | Command::Change { settings, .. }
            | Command::List { settings }
            | Command::Show { settings, .. }
            | Command::Stop { settings, .. }
            | Command::Start { settings, .. }
            | Command::Remove { settings, .. }
            | Command::Load { settings, .. }
            | Command::Example { settings } => settings,
        }
    }
}

/// Runs the command.
pub async fn run(command: Command, settings: &Settings) -> Result<(), Failure> {
    if let Command::Example { .. } = command {
        print!("{EXAMPLE}");
        return Ok(());
    }
    let database = medilink::app::Database::open(settings).await?;
    let done = async {
        let factory = Factory::new(settings, &database)?;
        let store = factory.adopt().await?;
        match command {
            Command::Load { file, feed, .. } => {
                let service = factory.service().map_err(|e| Failure(e.to_string()))?;
                super::feed_load::run(&service, &file, &feed).await
            }
            command => run_on(command, &store).await,
        }
    };
    let done = done.await;
    database.close().await;
    done
}

async fn run_on(command: Command, store: &Store) -> Result<(), Failure> {
    let by = By { principal: OPERATOR, request: &uuid::Uuid::new_v4().to_string() };
    let failed = |e: medilink::fault::Fault| Failure(format!("failed to change the feed: {e}"));
    let (id, was_there) = match command {
        Command::Add { add, .. } => {
            let feed = register::add(store, new(*add)?, &by).await.map_err(|e| Failure(e.to_string()))?;
            println!("feed: {}\nsends: {}", feed.id, sender(&feed));
            return Ok(());
        }
        Command::Change { add, .. } => {
            let id = add.id.clone();
            let old = store.hl7_feed(&id).await.map_err(|e| Failure(e.to_string()))?;
            let changed = match old {
                Some(old) => register::change(store, changed(*add, old)?, &by).await,
                None => Ok(None),
            };
            let changed = changed.map_err(|e| Failure(e.to_string()))?;
            if let Some(feed) = &changed {
                show(feed);
            }
            (id, changed.is_some())
        }
        Command::List { .. } => return list(store).await,
        Command::Show { id, .. } => {
            let feed = store.hl7_feed(&id).await.map_err(|e| Failure(e.to_string()))?;
            if let Some(feed) = &feed {
                show(feed);
            }
            (id, feed.is_some())
        }
        Command::Stop { id, .. } => {
            let found = register::set_active(store, &id, false, &by).await.map_err(failed)?;
            (id, found)
        }
        Command::Start { id, .. } => {
            let found = register::set_active(store, &id, true, &by).await.map_err(failed)?;
            (id, found)
        }
        Command::Remove { id, .. } => {
            let found = register::remove(store, &id, &by).await.map_err(failed)?;
            (id, found)
        }
        Command::Load { .. } | Command::Example { .. } => return Ok(()),
    };
    if was_there { Ok(()) } else { Err(Failure(format!("there is no feed '{id}'"))) }
}

fn new(add: Add) -> Result<New, Failure> {
    let settings = match &add.file {
        Some(path) => super::text(path)?,
        None => String::new(),
    };
    let Add { id, application, facility, client, certificate, .. } = add;
    Ok(New { id, application, facility, client, certificate, settings })
}

/// Returns a feed with what is given in the place of what was.
fn changed(add: Add, old: Feed) -> Result<New, Failure> {
    let settings = if add.file.is_some() { None } else { Some(old.settings) };
    let new = new(add)?;
    Ok(New {
        application: new.application.or(old.application),
        facility: new.facility.or(old.facility),
        client: new.client.or(old.client),
        certificate: new.certificate.or(old.certificate),
        settings: settings.unwrap_or(new.settings),
        id: new.id,
    })
}

fn sender(feed: &Feed) -> String {
    let or_any = |text: &Option<String>| text.clone().unwrap_or_else(|| "any".to_string());
    format!("application {}, facility {}", or_any(&feed.application), or_any(&feed.facility))
}

fn show(feed: &Feed) {
    println!("feed:        {}{}", feed.id, if feed.active { "" } else { " (stopped)" });
    println!("sends:       {}", sender(feed));
    println!("client:      {}", feed.client.as_deref().unwrap_or("none: system/*.cruds"));
    println!("certificate: {}", feed.certificate.as_deref().unwrap_or("none is asked for"));
    println!("since:       {}", page::when(feed.created));
    if !feed.settings.trim().is_empty() {
        println!("\n{}", feed.settings.trim());
    }
}

async fn list(store: &Store) -> Result<(), Failure> {
    let failed = |e: medilink::store::StoreError| Failure(format!("failed to list the feeds: {e}"));
    let (feeds, counts) = (store.hl7_feeds().await.map_err(failed)?, store.hl7_counts().await.map_err(failed)?);
    let width = feeds.iter().map(|feed| feed.id.len()).max().unwrap_or(0).max(4);
    println!("{:width$}  {:7}  {:>9}  {:>7}  {:>6}  last message; sends", "id", "status", "done", "waiting", "failed");
    for feed in &feeds {
        let count = |state: State| {
            let is_it =
                |(of, known, _): &&(Option<String>, State, i64)| of.as_ref() == Some(&feed.id) && *known == state;
            counts.iter().find(is_it).map_or(0, |(_, _, count)| *count)
        };
        let filter = Filter { feed: Some(feed.id.clone()), ..Filter::default() };
        let last = store.hl7_messages(&filter, 1).await.map_err(failed)?;
        let last = last.first().map_or_else(|| "none yet".to_string(), |message| page::when(message.received));
        let status = if feed.active { "active" } else { "stopped" };
        let (done, waiting, wrong) = (count(State::Done), count(State::Received), count(State::Failed));
        println!("{:width$}  {status:7}  {done:>9}  {waiting:>7}  {wrong:>6}  {last}; {}", feed.id, sender(feed));
    }
    Ok(())
}
