//! The public halves of the keys that servers of this database sign with.

use crate::fhir::Instant;
use crate::store::{Store, StoreError};
use serde_json::Value;

/// How many keys of others a server learns: far more than a few servers have in a year.
const KEYS_MAX: i64 = 1_000;

const PUBLISH: &str = "insert into signing_key as k (id, jwk, created, ends) values ($1, $2, $3, $4)
    on conflict (id) do update set ends = excluded.ends where k.ends <> excluded.ends";
const READ: &str = "select id, jwk from signing_key where ends > $1 order by created desc limit $2";
const SWEEP: &str = "delete from signing_key where ends < $1";
pub const STATEMENTS: &[&str] = &[PUBLISH, READ, SWEEP];

/// A key as it is published.
#[derive(Debug)]
pub struct KeyRow {
    /// The `kid`.
    pub id: String,
    pub jwk: Value,
}

impl Store {
    /// Publishes a key, or says when one that is published ends.
    pub async fn publish_key(&self, id: &str, jwk: &Value, created: Instant, ends: Instant) -> Result<(), StoreError> {
        self.tell(PUBLISH, &[&id, jwk, &created.0, &ends.0]).await.map(drop)
    }

    /// Returns the keys that have not ended, the newest first.
    pub async fn signing_keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        let rows = self.ask(READ, &[&Instant::now().0, &KEYS_MAX]).await?;
        Ok(rows.iter().map(|row| KeyRow { id: row.get(0), jwk: row.get(1) }).collect())
    }

    /// Removes keys whose last token ended a day ago.
    pub async fn sweep_keys(&self) -> Result<(), StoreError> {
        self.tell(SWEEP, &[&(Instant::now().0 - 86_400_000_000)]).await.map(drop)
    }
}
