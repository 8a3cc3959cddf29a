//! `medilink keys`: the keys that the server of a data folder signs with.

use clap::Subcommand;
use medilink::app::{self, Failure};
use medilink::config::{self, Settings};
use medilink::fhir::Instant;
use medilink::oauth::Keys;
use medilink::oauth::keys::{KeyError, Part, part};
use medilink::store::Store;
use medilink::store::audit::Entry;

#[derive(Subcommand)]
pub enum Command {
    /// Show the keys of this data folder
    List {
        #[command(flatten)]
        settings: config::Args,
    },
    /// Make a new key now; it is published at once and signs in ten minutes, and what older keys have signed stays good
    Rotate {
        /// The keys so far are in wrong hands: all tokens that they have signed end within a second, and a new key signs at once
        #[arg(long)]
        compromised: bool,
        #[command(flatten)]
        settings: config::Args,
    },
}

impl Command {
    pub fn settings(&self) -> &config::Args {
        match self {
            Command::List { settings } | Command::Rotate { settings, .. } => settings,
        }
    }
}

pub async fn run(command: Command, settings: &Settings) -> Result<(), Failure> {
    match command {
        Command::List { .. } => show(&app::keys(&app::data_dir(settings)?)?),
        Command::Rotate { compromised, .. } => {
            super::with_store(settings, async |store, database| {
                let keys = app::keys(&database.data_dir)?;
                let failed = |e: KeyError| Failure(format!("failed to rotate the keys: {e}"));
                match compromised {
                    true => keys.replace(store).await.map_err(failed)?,
                    false => keys.rotate(store).await.map_err(failed)?,
                }
                audit(store, compromised).await?;
                show(&keys);
                Ok(())
            })
            .await?;
        }
    }
    Ok(())
}

async fn audit(store: &Store, compromised: bool) -> Result<(), Failure> {
    let request = uuid::Uuid::new_v4().to_string();
    let detail = if compromised { "signing keys replaced as compromised" } else { "signing keys rotated" };
    let entry = Entry::event("keys", &request, "operator", 200).with_detail(detail);
    store.audit(&[entry]).await.map_err(|e| Failure(format!("failed to audit: {e}")))
}

fn show(keys: &Keys) {
    let own = keys.own();
    let now = Instant::now();
    for key in own.iter() {
        let part = match part(&own, key, now.0 / 1_000_000) {
            Part::Signs => "signs",
            Part::Waits => "signs soon",
            Part::Rests => "signs no more",
        };
        let created = Instant(key.created_s * 1_000_000);
        println!("{} {} {created} {part}", key.public.id, key.public.alg.name());
    }
}
