//! The `medilink` command.

use clap::{Parser, Subcommand};
use medilink::app::{self, Database, Failure};
use medilink::config::{self, Settings};
use medilink::load::{self, Load};
use std::process::ExitCode;

mod client;
mod demo;
mod direct;
mod reindex;
mod user;

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
        command: client::Command,
    },
    /// Add, list, suspend and activate people, and make links that set their passwords
    User {
        #[command(subcommand)]
        user: user::User,
    },
    /// Sign an access token, on the server's own host
    Token {
        /// SMART scopes, such as "system/*.rs user/Patient.cu"
        #[arg(long)]
        scope: String,
        /// Whom the token speaks for, such as Practitioner/1
        #[arg(long, default_value = "operator")]
        subject: String,
        /// How long it is valid: 90s, 15m, 1h, 30d
        #[arg(long, default_value = "1h", value_parser = duration_s)]
        ttl: i64,
        #[command(flatten)]
        settings: config::Args,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let args = match &cli.command {
        Command::Serve { settings, .. }
        | Command::Migrate { settings }
        | Command::Load { settings, .. }
        | Command::Reindex { settings, .. }
        | Command::Token { settings, .. } => settings,
        Command::Client { command } => command.settings(),
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
        Command::Client { command } => client::run(command, &settings).await?,
        Command::User { user } => user::run(user, &settings).await?,
        Command::Token { scope, subject, ttl, .. } => {
            println!("{}", token(&settings, &scope, &subject, ttl)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Signs with the key of the data folder that a server with these settings uses.
fn token(settings: &Settings, scope: &str, subject: &str, ttl_s: i64) -> Result<String, Failure> {
    for part in scope.split_ascii_whitespace() {
        if medilink::access::scope::Scope::parse(part).is_none() {
            return Err(Failure(format!(
                "'{part}' is not a scope that this server enforces, such as system/Patient.rs"
            )));
        }
    }
    let data_dir = match settings.database_url {
        Some(_) => settings.data_dir.clone(),
        None => medilink::store::embedded::data_dir(&settings.data_dir)
            .map_err(|e| Failure(format!("failed to find the data folder: {e}")))?,
    };
    app::token(settings, &app::keys(&data_dir)?, scope, subject, ttl_s)
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

/// Returns the seconds of `90s`, `15m`, `1h` or `30d`.
fn duration_s(text: &str) -> Result<i64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "s" | "" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        other => return Err(format!("'{other}' is not one of s, m, h, d")),
    };
    let number: i64 = digits.parse().map_err(|_| "expected a number with a unit, such as 1h".to_string())?;
    let seconds = number.checked_mul(unit).filter(|s| (1..=366 * 86_400).contains(s));
    seconds.ok_or_else(|| "a token is valid for 1 s to 366 days".to_string())
}
