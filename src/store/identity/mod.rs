//! People, clients and what they were allowed: rows that are no FHIR resources.
//!
//! What is handed out as a secret is kept as its SHA-256 alone. Every statement is in its file's `STATEMENTS`, which a test
//! prepares against a migrated database.

pub mod account;
pub mod attempt;
pub mod authorization;
pub mod break_glass;
pub mod client;
mod consent;
pub mod emergency;
pub mod factor;
pub mod health_id;
pub mod key;
pub mod mail;
pub mod once;
pub mod passkey;
pub mod revocation;
pub mod session;

use super::Store;
use super::error::StoreError;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// The SHA-256 of a secret.
pub type Hash = [u8; 32];

/// Returns the hash that a secret is kept and looked up by.
pub fn hash(secret: &str) -> Hash {
    use sha2::{Digest, Sha256};
    Sha256::digest(secret.as_bytes()).into()
}

/// Returns bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every statement of this folder.
pub fn statements() -> impl Iterator<Item = &'static str> {
    let all = [
        account::STATEMENTS,
        attempt::STATEMENTS,
        authorization::STATEMENTS,
        break_glass::STATEMENTS,
        client::STATEMENTS,
        emergency::STATEMENTS,
        consent::STATEMENTS,
        factor::STATEMENTS,
        health_id::STATEMENTS,
        key::STATEMENTS,
        mail::STATEMENTS,
        once::STATEMENTS,
        passkey::STATEMENTS,
        revocation::STATEMENTS,
        session::STATEMENTS,
    ];
    all.into_iter().flatten().copied()
}

impl Store {
    /// Runs a prepared statement by itself and returns its rows.
    pub(super) async fn ask(&self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
        let client = self.reads.get().await?;
        let statement = client.prepare_cached(sql).await.map_err(StoreError::sql("failed to prepare a statement"))?;
        client
            .query(&statement, params)
            .await
            .map_err(StoreError::sql("failed to reach the rows of people and clients"))
    }

    /// The same for a statement that returns one row at most.
    pub(super) async fn ask_one(
        &self,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.ask(sql, params).await?.into_iter().next())
    }

    /// Runs a prepared statement and returns how many rows it changed.
    pub(super) async fn tell(&self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        let client = self.reads.get().await?;
        let statement = client.prepare_cached(sql).await.map_err(StoreError::sql("failed to prepare a statement"))?;
        client
            .execute(&statement, params)
            .await
            .map_err(StoreError::sql("failed to write the rows of people and clients"))
    }
}
