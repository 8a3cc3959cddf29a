//! `medilink user link`: says which account somebody at the outside identity provider is.

use medilink::app::{Database, Factory, Failure};
use medilink::config::Settings;
use medilink::store::audit::Entry;
use medilink::store::identity::passkey::{Removal, Way};
use medilink::store::{Store, StoreError};

/// Whom the audit names.
const OPERATOR: &str = "operator";

/// What `medilink user link` is told.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Link {
    /// What the person signs in with here
    pub login: String,
    /// The provider, as the setting `federation_issuer` has it; where that is set, it need not be given
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// The `sub` that the provider gives the person: no e-mail address, and no name
    #[arg(long)]
    pub subject: String,
    /// Take the link away instead
    #[arg(long)]
    pub remove: bool,
}

/// Runs the command.
pub async fn run(link: &Link, settings: &Settings) -> Result<(), Failure> {
    let configured = settings.federation.as_ref().map(|provider| provider.issuer.as_str());
    let issuer = link.issuer.as_deref().or(configured);
    let issuer = issuer.ok_or_else(|| Failure("no --issuer is given, and federation_issuer is not set".to_string()))?;
    if configured.is_some_and(|configured| configured != issuer) {
        eprintln!("note: people sign in through {}, not through {issuer}", configured.unwrap_or_default());
    }
    let database = Database::open(settings).await?;
    let done = perform(link, issuer, settings, &database).await;
    database.close().await;
    done
}

async fn perform(link: &Link, issuer: &str, settings: &Settings, database: &Database) -> Result<(), Failure> {
    let store = Factory::new(settings, database)?.adopt().await?;
    let (done, detail) = if link.remove {
        (remove(link, issuer, &store).await, "unlinked")
    } else {
        (add(link, issuer, &store).await, "linked")
    };
    let status = if done.is_ok() { 200 } else { 422 };
    let detail = format!("{detail} the account {}", done.as_ref().map_or("none", |id| id));
    let entry = Entry::event("outside-identity", "-", OPERATOR, status).with_detail(detail);
    store.audit(&[entry]).await.map_err(failed)?;
    done.map(|_| println!("{} {issuer} {}", link.login, link.subject))
}

async fn add(link: &Link, issuer: &str, store: &Store) -> Result<String, Failure> {
    let account = find(link, store).await?;
    if store.link_identity(issuer, &link.subject, account).await.map_err(failed)? {
        return Ok(account.to_string());
    }
    match store.linked_account(issuer, &link.subject).await.map_err(failed)? {
        Some(known) if known == account => Ok(account.to_string()),
        _ => Err(Failure("this subject is linked to another account already".to_string())),
    }
}

async fn remove(link: &Link, issuer: &str, store: &Store) -> Result<String, Failure> {
    let account = find(link, store).await?;
    let way = Way::Identity { issuer, subject: &link.subject };
    match store.remove_way(account, way).await.map_err(failed)? {
        Removal::Done => Ok(account.to_string()),
        Removal::NotThere => Err(Failure("this subject is not linked to the account".to_string())),
        Removal::Last => Err(Failure("it is the only way to sign in of this account".to_string())),
    }
}

async fn find(link: &Link, store: &Store) -> Result<uuid::Uuid, Failure> {
    let account = store.account_by_login(&link.login).await.map_err(failed)?;
    let none = || Failure(format!("there is no person with the login '{}'", link.login));
    account.map(|account| account.id).ok_or_else(none)
}

fn failed(error: StoreError) -> Failure {
    Failure(error.to_string())
}
