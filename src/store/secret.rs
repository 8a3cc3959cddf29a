//! Keys that all servers of one database share: each is made by the first that needs it.

use super::Store;
use super::error::StoreError;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// Bytes of a key.
pub const BYTES: usize = 32;

pub type Secret = [u8; BYTES];

impl Store {
    /// Returns the key that signs the cursors of searches.
    pub async fn cursor_key(&self) -> Result<&Secret, StoreError> {
        self.blueprint.cursor_key.get_or_try_init(|| self.secret("cursor")).await
    }

    async fn secret(&self, name: &str) -> Result<Secret, StoreError> {
        let client = self.reads.get().await?;
        let mut fresh = [0; BYTES];
        SystemRandom::new().fill(&mut fresh).map_err(|_| StoreError::Damaged("no source of randomness".into()))?;
        client
            .execute(
                "insert into secret (name, value) values ($1, $2) on conflict do nothing",
                &[&name, &fresh.as_slice()],
            )
            .await
            .map_err(StoreError::sql("failed to keep a key"))?;
        let row = client
            .query_one("select value from secret where name = $1", &[&name])
            .await
            .map_err(StoreError::sql("failed to read a key"))?;
        let value: Vec<u8> = row.get(0);
        value.try_into().map_err(|_| StoreError::Damaged(format!("the secret '{name}' is not of {BYTES} bytes")))
    }
}
