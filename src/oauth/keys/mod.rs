//! The keys that this server signs with, and those that it verifies with: its own and those of all servers of its database.
//!
//! Private keys never leave `data_dir/keys`; their public halves are rows that every process reads. A key that is old enough
//! gets a successor, which is published at once and signs once everybody had time to learn of it. The old one stays
//! published until the last token that it may have signed has ended.

pub mod file;
pub mod public;
mod ring;

use super::jws;
use crate::fault::Fault;
use crate::fhir::Instant;
use crate::store::identity::key::KeyRow;
use crate::store::identity::revocation::Revoked;
use crate::store::{Store, StoreError};
use arc_swap::ArcSwap;
use file::Own;
use public::{Alg, Public};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use ring::{Part, part};

/// How often the table may be read because of a key that nobody here knows: whoever sends nonsense must not cost much.
const READ_EVERY: Duration = Duration::from_secs(1);

/// The keys of one process.
pub struct Keys {
    folder: PathBuf,
    own: ArcSwap<Vec<Arc<Own>>>,
    /// By their names: the public halves of all that have not ended, own ones too.
    known: ArcSwap<HashMap<String, Arc<Public>>>,
    /// When the table was last read.
    read: tokio::sync::Mutex<Option<std::time::Instant>>,
}

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("failed to {action} {path}: {source}")]
    Io { action: &'static str, path: String, source: std::io::Error },
    #[error("{path} does not hold a key in PKCS #8: {reason}")]
    Damaged { path: String, reason: String },
    #[error("failed to make a key")]
    Generation,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Keys {
    /// Loads the keys of a data folder. The first is made here, and published by the server that is started next.
    pub fn load_or_create(data_dir: &Path) -> Result<Keys, KeyError> {
        let folder = data_dir.join("keys");
        let mut own = if folder.exists() { file::load(&folder)? } else { Vec::new() };
        if ring::signing(&own, now_s()).is_none() {
            file::make(&folder, 1)?;
            own = file::load(&folder)?;
        }
        let known = own.iter().map(|key| (key.public.id.clone(), key.public.clone())).collect();
        Ok(Keys {
            folder,
            own: ArcSwap::from_pointee(own),
            known: ArcSwap::from_pointee(known),
            read: tokio::sync::Mutex::default(),
        })
    }

    /// Returns an access token.
    pub fn sign_access_token(&self, claims: &impl Serialize) -> Result<String, Fault> {
        self.sign("at+jwt", claims)
    }

    /// Returns an id_token: another type of token, which opens nothing here.
    pub fn sign_id_token(&self, claims: &impl Serialize) -> Result<String, Fault> {
        self.sign("JWT", claims)
    }

    fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, Fault> {
        let own = self.own.load();
        let key = ring::signing(&own, now_s());
        let key = key.ok_or_else(|| Fault::internal("failed to sign a token", "there is no key"))?;
        jws::sign(key, typ, claims).map_err(|e| Fault::internal("failed to sign a token", e))
    }

    /// Returns the key of this name, while it has not ended.
    pub fn verifying(&self, id: &str) -> Option<Arc<Public>> {
        self.known.load().get(id).cloned()
    }

    /// Returns the key set that clients verify id_tokens with (RFC 7517 5).
    pub fn published(&self) -> Value {
        let known = self.known.load();
        let mut keys: Vec<&Arc<Public>> = known.values().collect();
        // RSA first: some clients take the first key.
        keys.sort_by_key(|key| (key.alg == Alg::Es256, &key.id));
        json!({"keys": keys.iter().map(|key| &key.jwk).collect::<Vec<_>>()})
    }

    /// Returns the private keys of this data folder.
    pub fn own(&self) -> Arc<Vec<Arc<Own>>> {
        self.own.load_full()
    }

    /// Learns which keys the servers of this database have published; at most once a second, for all who wait.
    pub async fn read(&self, store: &Store) -> Result<(), StoreError> {
        let mut read = self.read.lock().await;
        if read.is_none_or(|at| at.elapsed() >= READ_EVERY) {
            self.read_now(store).await?;
            *read = Some(std::time::Instant::now());
        }
        Ok(())
    }

    async fn read_now(&self, store: &Store) -> Result<(), StoreError> {
        let rows = store.signing_keys().await?;
        let own = self.own.load();
        let mut known: HashMap<String, Arc<Public>> =
            own.iter().map(|key| (key.public.id.clone(), key.public.clone())).collect();
        for KeyRow { id, jwk } in rows {
            if known.contains_key(&id) {
                continue;
            }
            match Public::parse(&jwk).filter(|key| key.id == id) {
                Some(key) => drop(known.insert(id, Arc::new(key))),
                None => tracing::warn!(id, "a published key is not one that this release can read"),
            }
        }
        self.known.store(Arc::new(known));
        Ok(())
    }

    /// Does what is due: makes a successor of a key that is `days` old, publishes all, removes what signs no more, and learns
    /// the keys of the others. Every server does so at its start and now and then.
    pub async fn keep(&self, store: &Store, days: i64) -> Result<(), KeyError> {
        let now_s = now_s();
        let mut own = file::load(&self.folder)?;
        if let Some(number) = ring::due(&own, now_s, days) {
            self.make(number).await?;
            own = file::load(&self.folder)?;
        }
        for key in &own {
            let ends = Instant(ring::ends_s(&own, key, now_s) * 1_000_000);
            store.publish_key(&key.public.id, &key.public.jwk, Instant(key.created_s * 1_000_000), ends).await?;
        }
        for key in own.iter().filter(|key| ring::is_over(&own, key, now_s)) {
            file::remove(key)?;
        }
        self.own.store(Arc::new(own));
        self.read_now(store).await?;
        Ok(store.sweep_keys().await?)
    }

    /// Makes a successor of the newest key, however old that is. Other processes of this data folder sign with it once its time
    /// has come, since [`Keys::keep`] finds it.
    pub async fn rotate(&self, store: &Store) -> Result<(), KeyError> {
        self.make(ring::next_number(&file::load(&self.folder)?)).await?;
        self.keep(store, i64::MAX).await
    }

    /// Puts a new key in the place of all that this data folder has, and ends every token that those have signed.
    pub async fn replace(&self, store: &Store) -> Result<(), KeyError> {
        let old = file::load(&self.folder)?;
        self.make(ring::next_number(&old)).await?;
        // First of all: whatever fails after that, what was signed in secret is no longer accepted.
        for key in &old {
            store.revoke(Revoked::Key, &key.public.id).await?;
        }
        for key in &old {
            file::remove(key)?;
        }
        self.keep(store, i64::MAX).await?;
        for key in &old {
            let created = Instant(key.created_s * 1_000_000);
            store.publish_key(&key.public.id, &key.public.jwk, created, Instant::now()).await?;
        }
        Ok(self.read_now(store).await?)
    }

    /// Returns whether another process has taken a key away from this data folder.
    pub fn is_outdated(&self) -> bool {
        self.own.load().iter().any(|key| !key.path.exists())
    }

    /// RSA takes its time, which must not be taken from requests.
    async fn make(&self, number: u32) -> Result<(), KeyError> {
        let folder = self.folder.clone();
        let made = tokio::task::spawn_blocking(move || file::make(&folder, number)).await;
        made.map_err(|_| KeyError::Generation)??;
        tracing::info!(number, "made a signing key");
        Ok(())
    }
}

fn now_s() -> i64 {
    Instant::now().0 / 1_000_000
}
