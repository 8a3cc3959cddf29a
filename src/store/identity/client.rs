//! Clients: apps and systems that ask for tokens.

use super::Hash;
use crate::fhir::Instant;
use crate::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;

const READ: &str = "select id, status, secret, data, created from client where id = $1";
const LIST: &str = "select id, status, secret, data, created from client order by created desc, id limit $1";
const ADD: &str = "insert into client (id, status, secret, data, created, changed) values ($1, $2, $3, $4, $5, $5)
    on conflict do nothing";
const CHANGE: &str = "update client set status = $2, secret = $3, data = $4, changed = $5 where id = $1";
const REMOVE: &str = "delete from client where id = $1";
const REGISTER: &str =
    "insert into client (id, status, secret, data, created, changed, registration) values ($1, $2, $3, $4, $5, $5, $6)
    on conflict do nothing";
const REGISTERED: &str = "select id, status, secret, data, created from client where id = $1 and registration = $2";
pub const STATEMENTS: &[&str] = &[READ, LIST, ADD, CHANGE, REMOVE, REGISTER, REGISTERED];

/// Whether a person or a client may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Waits for an administrator.
    Waiting,
    Active,
    Suspended,
}

impl Status {
    pub fn number(self) -> i16 {
        match self {
            Status::Waiting => 1,
            Status::Active => 2,
            Status::Suspended => 3,
        }
    }

    /// Anything that is not known is as good as suspended.
    pub fn from_number(number: i16) -> Status {
        match number {
            1 => Status::Waiting,
            2 => Status::Active,
            _ => Status::Suspended,
        }
    }

    /// Returns the word for people.
    pub fn name(self) -> &'static str {
        match self {
            Status::Waiting => "waiting",
            Status::Active => "active",
            Status::Suspended => "suspended",
        }
    }
}

/// How a client proves that it is itself. RFC 7591 names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthMethod {
    #[serde(rename = "none")]
    None,
    #[serde(rename = "client_secret_basic")]
    SecretBasic,
    #[serde(rename = "client_secret_post")]
    SecretPost,
    #[serde(rename = "private_key_jwt")]
    PrivateKey,
}

/// A registered client; the fields of its metadata are those of RFC 7591.
#[derive(Debug, Clone)]
pub struct Client {
    pub id: String,
    pub status: Status,
    /// argon2id, in PHC notation.
    pub secret: Option<String>,
    pub metadata: Metadata,
    pub created: Instant,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Metadata {
    pub client_name: String,
    pub token_endpoint_auth_method: AuthMethod,
    /// `authorization_code`, `refresh_token`, `client_credentials`, token exchange.
    #[serde(default)]
    pub grant_types: Vec<String>,
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where an EHR launch begins.
    #[serde(default)]
    pub launch_uris: Vec<String>,
    /// The most that it may ever have, space-separated.
    #[serde(default)]
    pub scope: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
}

impl Store {
    pub async fn client(&self, id: &str) -> Result<Option<Client>, StoreError> {
        self.ask_one(READ, &[&id]).await?.map(read).transpose()
    }

    /// Returns the clients, the newest first.
    pub async fn clients(&self, max: i64) -> Result<Vec<Client>, StoreError> {
        self.ask(LIST, &[&max]).await?.into_iter().map(read).collect()
    }

    /// Adds a client; false when its id is taken.
    pub async fn add_client(&self, client: &Client) -> Result<bool, StoreError> {
        let data = serde_json::to_value(&client.metadata).map_err(|e| StoreError::Damaged(e.to_string()))?;
        let added =
            self.tell(ADD, &[&client.id, &client.status.number(), &client.secret, &data, &client.created.0]).await?;
        Ok(added == 1)
    }

    /// Adds a client that registered itself, with the hash of its registration access token; false when its id is taken.
    pub async fn register_client(&self, client: &Client, key: Hash) -> Result<bool, StoreError> {
        let data = serde_json::to_value(&client.metadata).map_err(|e| StoreError::Damaged(e.to_string()))?;
        let (status, created, key) = (client.status.number(), client.created.0, key.to_vec());
        let added = self.tell(REGISTER, &[&client.id, &status, &client.secret, &data, &created, &key]).await?;
        Ok(added == 1)
    }

    /// Returns the client with this id and registration access token.
    pub async fn registered_client(&self, id: &str, key: Hash) -> Result<Option<Client>, StoreError> {
        self.ask_one(REGISTERED, &[&id, &key.to_vec()]).await?.map(read).transpose()
    }

    pub async fn change_client(&self, client: &Client) -> Result<bool, StoreError> {
        let data = serde_json::to_value(&client.metadata).map_err(|e| StoreError::Damaged(e.to_string()))?;
        let changed =
            self.tell(CHANGE, &[&client.id, &client.status.number(), &client.secret, &data, &Instant::now().0]).await?;
        Ok(changed == 1)
    }

    pub async fn remove_client(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.tell(REMOVE, &[&id]).await? == 1)
    }
}

fn read(row: Row) -> Result<Client, StoreError> {
    let id: String = row.get(0);
    let metadata =
        serde_json::from_value(row.get(3)).map_err(|e| StoreError::Damaged(format!("the client '{id}': {e}")))?;
    let (status, secret) = (Status::from_number(row.get(1)), row.get(2));
    Ok(Client { id, status, secret, metadata, created: Instant(row.get(4)) })
}
