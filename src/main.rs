//! The `medilink` command.

use clap::{Parser, Subcommand};
use medilink::app::{self, Database, Failure};
use medilink::config::{self, Settings};
use medilink::load::{self, Load};
use std::process::ExitCode;

mod cli;
mod demo;
mod direct;
mod reindex;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A standalone HL7 FHIR R4 server with consent and emergency extensions
#[derive(Parser)]
#[command(name = "medilink", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve FHIR over HTTP
    Serve {
        /// Load a small demo hospital and print curl lines with a token that works
        #[arg(long)]
        demo: bool,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Bring the database to the schema of this build, and stop
    Migrate {
        #[command(flatten)]
        settings: config::Args,
    },
    /// Load files or folders of FHIR JSON: resources, Bundles and .ndjson, plain, .gz or .bz2
    Load {
        #[command(flatten)]
        load: Load,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Make the index of stored resources anew; servers may go on serving meanwhile
    Reindex {
        #[command(flatten)]
        reindex: reindex::Reindex,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Apps and systems that may ask for tokens
    Client {
        #[command(subcommand)]
        command: cli::client::Command,
    },
    /// Systems that send HL7 v2 messages
    Feed {
        #[command(subcommand)]
        command: cli::feed::Command,
    },
    /// HL7 v2 messages: convert one, and look at, try again, correct or put aside those that came
    Hl7 {
        #[command(subcommand)]
        command: cli::hl7::Command,
    },
    /// Add, list, suspend and activate people, and make links that set their passwords
    User {
        #[command(subcommand)]
        user: cli::user::User,
    },
    /// Sign an access token, on the server's own host
    Token(cli::token::Token),
    /// End access tokens before their time
    Revoke(cli::revoke::Revoke),
    /// Prove that the audit is as it was written
    Audit {
        #[command(subcommand)]
        command: cli::audit::Command,
    },
    /// The keys that tokens are signed with
    Keys {
        #[command(subcommand)]
        command: cli::keys::Command,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let args = match &cli.command {
        Command::Serve { settings, .. }
        | Command::Migrate { settings }
        | Command::Load { settings, .. }
        | Command::Reindex { settings, .. } => settings,
        Command::Token(token) => &token.settings,
        Command::Revoke(revoke) => &revoke.settings,
        Command::Keys { command } => command.settings(),
        Command::Audit { command } => command.settings(),
        Command::Client { command } => command.settings(),
        Command::Feed { command } => command.settings(),
        Command::Hl7 { command } => command.settings(),
        Command::User { user } => user.settings(),
    };
    let settings = match args.settings() {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("medilink: the settings are wrong:\n{error}");
            return ExitCode::from(2);
        }
    };
    start_log(&settings);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("medilink: failed to start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli.command, settings)) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("medilink: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command, settings: Settings) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve { demo, .. } => {
            app::serve(
                &settings,
                async |factory, keys| {
                    if demo { demo::load(factory, &settings, keys).await } else { Ok(()) }
                },
            )
            .await?;
        }
        Command::Migrate { .. } => Database::open(&settings).await?.close().await,
        Command::Load { load, .. } => return load_files(&load, &settings).await,
        Command::Reindex { reindex, .. } => reindex::run(&reindex, &settings).await?,
        Command::Token(token) => cli::token::run(token, &settings)?,
        Command::Revoke(revoke) => cli::revoke::run(revoke, &settings).await?,
        Command::Keys { command } => cli::keys::run(command, &settings).await?,
        Command::Audit { command } => cli::audit::run(command, &settings).await?,
        Command::Client { command } => cli::client::run(command, &settings).await?,
        Command::Feed { command } => cli::feed::run(command, &settings).await?,
        Command::Hl7 { command } => cli::hl7::run(command, &settings).await?,
        Command::User { user } => cli::user::run(user, &settings).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn load_files(load: &Load, settings: &Settings) -> Result<ExitCode, Failure> {
    let failed = |e: load::LoadError| Failure(e.to_string());
    let report = match &load.server {
        Some(server) => {
            let sink = load::HttpSink::new(server, load.token.as_deref()).map_err(failed)?;
            load::run(load, std::sync::Arc::new(sink)).await.map_err(failed)?
        }
        None => {
            let database = Database::open(settings).await?;
            let loaded = direct::load(load, settings, &database).await;
            database.close().await;
            loaded?
        }
    };
    println!("{report}");
    Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn start_log(settings: &Settings) {
    use std::io::IsTerminal;
    let filter = tracing_subscriber::EnvFilter::new(log_filter(&settings.log));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        log.init();
    } else {
        log.json().init();
    }
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
}

/// Returns the filter with what libraries say of every start and stop left out, unless the setting names them.
fn log_filter(wanted: &str) -> String {
    let quiet = medilink::http::LOG_LEVELS.iter().chain(medilink::store::LOG_LEVELS).chain(medilink::index::LOG_LEVELS);
    let left_out = quiet.filter(|(target, _)| !wanted.contains(target));
    let mut filter: Vec<String> = left_out.map(|(target, level)| format!("{target}={level}")).collect();
    filter.insert(0, wanted.to_string());
    filter.join(",")
}
