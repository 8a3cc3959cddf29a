//! `medilink audit`: proves that the audit is as the server wrote it, and signs statements about it.

use clap::Subcommand;
use medilink::app::Failure;
use medilink::audit::checkpoint::{self, Checkpoint};
use medilink::audit::head::hex;
use medilink::audit::{chain, verify};
use medilink::config::{self, Settings};
use medilink::store::Store;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub enum Command {
    /// Check every record of the audit and the chain they make; exit 1 names the first broken one
    Verify {
        /// Checkpoints that were kept elsewhere, one a line
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// The public key of the server that signed them (its `audit/checkpoint.jwk`); otherwise the one of this data folder
        #[arg(long, value_name = "FILE", requires = "checkpoint")]
        key: Option<PathBuf>,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Sign a statement of how far the audit goes and what its hash is, to be kept where this server cannot write
    Checkpoint {
        /// Add it to this file instead of printing it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        settings: config::Args,
    },
}

impl Command {
    pub fn settings(&self) -> &config::Args {
        match self {
            Command::Verify { settings, .. } | Command::Checkpoint { settings, .. } => settings,
        }
    }
}

pub async fn run(command: Command, settings: &Settings) -> Result<(), Failure> {
    match command {
        Command::Verify { checkpoint, key, .. } => {
            super::with_store(settings, async |store, _| check(store, checkpoint.as_deref(), key.as_deref()).await)
                .await
        }
        Command::Checkpoint { out, .. } => {
            super::with_store(settings, async |store, _| sign(store, settings, out.as_deref()).await).await
        }
    }
}

async fn check(store: &Store, file: Option<&Path>, key: Option<&Path>) -> Result<(), Failure> {
    let checkpoints = file.map_or(Ok(Vec::new()), |file| given(store, file, key))?;
    let report = verify::verify_against(store, None, None, &checkpoints)
        .await
        .map_err(|e| Failure(format!("failed to check the audit: {e}")))?;
    println!("records checked: {}", report.checked);
    println!("head hash: {}", hex(&report.head));
    if file.is_some() {
        println!("checkpoints held against it: {}", checkpoints.len());
    }
    match report.first_broken {
        None => Ok(()),
        Some(broken) => Err(Failure(format!("the audit is not as it was written; first broken: {broken}"))),
    }
}

/// Returns the checkpoints of a file. One that is not signed as it should be is a failure, and not left out.
fn given(store: &Store, file: &Path, key: Option<&Path>) -> Result<Vec<Checkpoint>, Failure> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|e| Failure(format!("failed to read {}: {e}", path.display())))
    };
    let public = match (key, &store.audit_ground().folder) {
        (Some(path), _) => checkpoint::from_jwk(&read(path)?),
        (None, Some(folder)) => {
            checkpoint::public(folder).map_err(|e| Failure(format!("failed to read the key: {e}")))?
        }
        (None, None) => None,
    };
    let public = public.ok_or_else(|| Failure("there is no key to verify checkpoints with".to_string()))?;
    let statements = checkpoint::statements(&read(file)?);
    let wrong = |number| Failure(format!("{}: checkpoint {number} is not signed with this key", file.display()));
    statements
        .iter()
        .enumerate()
        .map(|(index, text)| checkpoint::read(text, &public).ok_or_else(|| wrong(index + 1)))
        .collect()
}

async fn sign(store: &Store, settings: &Settings, out: Option<&Path>) -> Result<(), Failure> {
    let failed = |e: chain::ChainError| Failure(format!("failed to sign a checkpoint: {e}"));
    chain::link(store).await.map_err(failed)?;
    let statement = chain::sign(store, &settings.base_url).await.map_err(failed)?;
    let statement = statement.ok_or_else(|| Failure("the audit is empty: there is nothing to sign".to_string()))?;
    match out {
        None => println!("{statement}"),
        Some(path) => {
            use std::io::Write;
            let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
            file.and_then(|mut file| writeln!(file, "{statement}"))
                .map_err(|e| Failure(format!("failed to write {}: {e}", path.display())))?;
        }
    }
    Ok(())
}
