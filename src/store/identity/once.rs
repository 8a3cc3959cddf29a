//! Secrets that are good once, and for a while.

use super::{Hash, hash};
use crate::fhir::Instant;
use crate::store::{Store, StoreError};
use serde_json::Value;

const KEEP: &str = "insert into once (kind, hash, data, ends) values ($1, $2, $3, $4) on conflict do nothing";
const TAKE: &str =
    "update once set used = $3 where kind = $1 and hash = $2 and used is null and ends > $3 returning data";
const LOOK: &str = "select data from once where kind = $1 and hash = $2 and used is null and ends > $3";
const CHANGE: &str = "update once set data = $3 where kind = $1 and hash = $2 and used is null and ends > $4";
const SWEEP: &str = "delete from once where ends < $1";
pub const STATEMENTS: &[&str] = &[KEEP, TAKE, LOOK, CHANGE, SWEEP];

/// What a secret is for. Secrets of one kind are never good for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {
    /// A request of an app on its way through the pages.
    Request,
    /// A sign-in between its first and its second factor.
    SignIn,
    /// A link that sets a new password.
    Reset,
    /// What an EHR has opened for an app.
    Launch,
    /// The `jti` of a client's assertion.
    Assertion,
    /// The challenge of a passkey.
    Passkey,
    /// A sign-in on its way through an outside identity provider.
    Federation,
    /// A code sent to verify a Health ID.
    HealthId,
    /// An encrypted file of a SMART Health Link, for one download.
    EmergencyFile,
}

impl Once {
    fn name(self) -> &'static str {
        match self {
            Once::Request => "request",
            Once::SignIn => "sign-in",
            Once::Reset => "reset",
            Once::Launch => "launch",
            Once::Assertion => "assertion",
            Once::Passkey => "passkey",
            Once::Federation => "federation",
            Once::HealthId => "health-id",
            Once::EmergencyFile => "emergency-file",
        }
    }
}

impl Store {
    /// Keeps something under a secret; false when that secret was known already.
    pub async fn keep_once(&self, kind: Once, secret: &str, data: &Value, for_s: i64) -> Result<bool, StoreError> {
        let ends = Instant::now().0 + for_s * 1_000_000;
        Ok(self.tell(KEEP, &[&kind.name(), &key(secret), data, &ends]).await? == 1)
    }

    /// Returns what was kept, to the first who asks; none when it was never there, was taken or has ended.
    pub async fn take_once(&self, kind: Once, secret: &str) -> Result<Option<Value>, StoreError> {
        let row = self.ask_one(TAKE, &[&kind.name(), &key(secret), &Instant::now().0]).await?;
        Ok(row.map(|row| row.get(0)))
    }

    /// Returns what was kept, and leaves it there.
    pub async fn look_once(&self, kind: Once, secret: &str) -> Result<Option<Value>, StoreError> {
        let row = self.ask_one(LOOK, &[&kind.name(), &key(secret), &Instant::now().0]).await?;
        Ok(row.map(|row| row.get(0)))
    }

    /// Puts something else in the place of what was kept; false when that is gone.
    pub async fn change_once(&self, kind: Once, secret: &str, data: &Value) -> Result<bool, StoreError> {
        Ok(self.tell(CHANGE, &[&kind.name(), &key(secret), data, &Instant::now().0]).await? == 1)
    }

    /// Removes what has ended.
    pub async fn sweep_once(&self) -> Result<(), StoreError> {
        self.tell(SWEEP, &[&Instant::now().0]).await.map(drop)
    }
}

fn key(secret: &str) -> Vec<u8> {
    let hash: Hash = hash(secret);
    hash.to_vec()
}
