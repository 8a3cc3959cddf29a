//! `medilink client`: apps and systems, as the operator of a server adds, lists, stops and removes them.
//!
//! The checks are those of a registration (RFC 7591); what would wait there is active at once here.

use medilink::app::{Database, Factory, Failure};
use medilink::config::{self, Settings};
use medilink::oauth::Refusal;
use medilink::oauth::clients::{self, By, Deed};
use medilink::store::Store;
use medilink::store::identity::client::{AuthMethod, Client};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Whom the audit names.
const OPERATOR: &str = "operator";
const LISTED_MAX: i64 = 100_000;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Add an app or a system
    Add {
        #[command(flatten)]
        add: Box<Add>,
        #[command(flatten)]
        settings: config::Args,
    },
    /// List all, the newest first
    List {
        #[command(flatten)]
        settings: config::Args,
    },
    /// Let no more in; its tokens end within a second
    Suspend {
        id: String,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Let one in that waits for approval or was suspended
    Activate {
        id: String,
        #[command(flatten)]
        settings: config::Args,
    },
    /// Remove one; its tokens end within a second
    Remove {
        id: String,
        #[command(flatten)]
        settings: config::Args,
    },
}

#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(group(clap::ArgGroup::new("proof").required(true).args(["public", "secret", "jwks", "jwks_uri"])))]
pub struct Add {
    /// The client_id
    #[arg(long)]
    id: String,
    /// What people are asked to trust
    #[arg(long)]
    name: String,
    /// Where codes may go; can be given several times
    #[arg(long, value_name = "URL")]
    redirect_uri: Vec<String>,
    /// Where a launch from an EHR begins; can be given several times
    #[arg(long, value_name = "URL")]
    launch_uri: Vec<String>,
    /// The most that it may ever have, such as "openid launch/patient patient/*.rs" or "system/*.rs"
    #[arg(long)]
    scope: String,
    /// What it may ask tokens with; otherwise what its redirect URIs and system/ scopes call for
    #[arg(long, value_name = "GRANT")]
    grant_type: Vec<String>,
    /// It can keep no secret: an app in a browser or on a phone
    #[arg(long)]
    public: bool,
    /// It authenticates by a secret, which is printed once
    #[arg(long)]
    secret: bool,
    /// It signs with keys whose public halves are in this file
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// It signs with keys whose public halves are at this address
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
}

impl Command {
    pub fn settings(&self) -> &config::Args {
        match self {
            Command::Add { settings, .. }
            | Command::List { settings }
            | Command::Suspend { settings, .. }
            | Command::Activate { settings, .. }
            | Command::Remove { settings, .. } => settings,
        }
    }
}

/// Runs the command.
pub async fn run(command: Command, settings: &Settings) -> Result<(), Failure> {
    let database = Database::open(settings).await?;
    let done = run_on(command, settings, &database).await;
    database.close().await;
    done
}

async fn run_on(command: Command, settings: &Settings, database: &Database) -> Result<(), Failure> {
    let store = Factory::new(settings, database)?.adopt().await?;
    let by = By { principal: OPERATOR, request: &uuid::Uuid::new_v4().to_string() };
    let failed = |e: medilink::fault::Fault| Failure(format!("failed to change the client: {e}"));
    let (id, was_there) = match command {
        Command::Add { add, .. } => return self::add(&add, settings, &store, &by).await,
        Command::List { .. } => return list(&store).await,
        Command::Suspend { id, .. } => {
            let found = clients::set_status(&store, &id, Deed::Suspend, &by).await.map_err(failed)?;
            (id, found.is_some())
        }
        Command::Activate { id, .. } => {
            let found = clients::set_status(&store, &id, Deed::Activate, &by).await.map_err(failed)?;
            (id, found.is_some())
        }
        Command::Remove { id, .. } => {
            let found = clients::remove(&store, &id, &by).await.map_err(failed)?;
            (id, found)
        }
    };
    if was_there { Ok(()) } else { Err(Failure(format!("there is no client '{id}'"))) }
}

async fn add(add: &Add, settings: &Settings, store: &Store, by: &By<'_>) -> Result<(), Failure> {
    let refused = |refusal: Refusal| Failure(refusal.description);
    let (client, secret) =
        clients::add(store, &add.id, &metadata(add)?, &settings.base_url, by).await.map_err(refused)?;
    println!("client: {}\nscope:  {}", client.id, client.metadata.scope);
    if let Some(secret) = secret {
        println!("secret: {secret}\n(The secret is shown this once.)");
    }
    Ok(())
}

/// Returns the flags as a registration would say the same.
fn metadata(add: &Add) -> Result<Value, Failure> {
    let mut body = Map::new();
    let method = match (add.public, add.secret) {
        (true, _) => "none",
        (_, true) => "client_secret_basic",
        _ => "private_key_jwt",
    };
    let grants = match add.grant_type.as_slice() {
        [] => clients::grants_for(!add.redirect_uri.is_empty(), &add.scope),
        given => given.to_vec(),
    };
    body.insert("client_name".into(), json!(add.name));
    body.insert("token_endpoint_auth_method".into(), json!(method));
    body.insert("grant_types".into(), json!(grants));
    body.insert("redirect_uris".into(), json!(add.redirect_uri));
    body.insert("launch_uris".into(), json!(add.launch_uri));
    body.insert("scope".into(), json!(add.scope));
    if let Some(path) = &add.jwks {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|e| Failure(format!("failed to read {shown}: {e}")))?;
        let set: Value = serde_json::from_str(&text).map_err(|e| Failure(format!("{shown} is not JSON: {e}")))?;
        body.insert("jwks".into(), set);
    }
    if let Some(address) = &add.jwks_uri {
        body.insert("jwks_uri".into(), json!(address));
    }
    Ok(Value::Object(body))
}

async fn list(store: &Store) -> Result<(), Failure> {
    let clients = store.clients(LISTED_MAX).await.map_err(|e| Failure(format!("failed to list the clients: {e}")))?;
    let width = clients.iter().map(|client| client.id.len()).max().unwrap_or(0).max(2);
    println!("{:width$}  {:9}  {:6}  name; scope", "id", "status", "proof");
    for Client { id, status, metadata, .. } in &clients {
        let proof = match metadata.token_endpoint_auth_method {
            AuthMethod::None => "none",
            AuthMethod::SecretBasic | AuthMethod::SecretPost => "secret",
            AuthMethod::PrivateKey => "key",
        };
        println!("{id:width$}  {:9}  {proof:6}  {}; {}", status.name(), metadata.client_name, metadata.scope);
    }
    Ok(())
}
