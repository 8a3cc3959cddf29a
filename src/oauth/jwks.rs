//! The public keys of clients: registered with them, or fetched from where they publish them.
//!
//! SMART App Launch 2.2: keys are not kept longer than the HTTP answer says. One that is missing is looked for again at once,
//! so that a client may change its keys at any time, but not so often that strangers could make this server a nuisance.

use super::assertion;
use super::refusal::Refusal;
use crate::outbound;
use crate::store::identity::client::Metadata;
use jsonwebtoken::Header;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long fetched keys are kept where their answer does not say, and at most.
const KEPT_S: u64 = 300;
const KEPT_S_MAX: u64 = 3600;
/// How long one address is left alone after it was asked.
const PAUSE: Duration = Duration::from_secs(30);
/// How long at least keys serve, and their address is left alone: anybody may send assertions that name any client.
const KEPT_MIN: Duration = Duration::from_secs(1);
const ADDRESSES_MAX: usize = 1000;

/// Fetched keys, shared by all threads.
pub struct Jwks {
    outbound: outbound::Client,
    known: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Known>>>>,
}

/// What is known of one address. Its lock is held while it is asked, so that it is asked once.
#[derive(Default)]
struct Known {
    keys: Option<Value>,
    /// Until when the keys may be used.
    until: Option<Instant>,
    /// Before this moment it is not asked again, whatever is missing.
    pause: Option<Instant>,
}

impl Known {
    /// Returns the keys while they may be used.
    fn good(&self) -> Option<&Value> {
        self.keys.as_ref().filter(|_| self.until.is_some_and(|until| Instant::now() < until))
    }
}

impl Jwks {
    pub fn new(outbound: outbound::Client) -> Jwks {
        Jwks { outbound, known: Mutex::default() }
    }

    /// Returns the registered keys of a client, in which the key of this header is looked for.
    pub async fn of(&self, client: &Metadata, header: &Header) -> Result<Value, Refusal> {
        if let Some(jku) = &header.jku
            && client.jwks_uri.as_ref() != Some(jku)
        {
            return Err(assertion::refusal("'jku' is not the registered jwks_uri"));
        }
        match (&client.jwks_uri, &client.jwks) {
            (Some(uri), _) => self.fetched(uri, header.kid.as_deref().unwrap_or_default()).await,
            (None, Some(jwks)) => Ok(jwks.clone()),
            (None, None) => Err(assertion::refusal("the client has no registered keys")),
        }
    }

    async fn fetched(&self, uri: &str, kid: &str) -> Result<Value, Refusal> {
        let known = self.known_of(uri);
        let mut known = known.lock().await;
        let is_there = known.good().is_some_and(|keys| assertion::knows(keys, kid));
        if !is_there && known.pause.is_none_or(|pause| Instant::now() >= pause) {
            self.fetch(uri, &mut known).await;
        }
        let keys = known.good().cloned();
        keys.ok_or_else(|| assertion::refusal("the keys at the registered jwks_uri cannot be fetched now"))
    }

    async fn fetch(&self, uri: &str, known: &mut Known) {
        let fetched = self.outbound.get_json(uri).await;
        let now = Instant::now();
        match fetched {
            Ok(fetched) => {
                let kept = Duration::from_secs(fetched.max_age_s.unwrap_or(KEPT_S).min(KEPT_S_MAX));
                // Keys that must not be kept serve those who come at the same time.
                (known.keys, known.until) = (Some(fetched.value), Some(now + kept.max(KEPT_MIN)));
                known.pause = Some(now + pause(kept));
            }
            Err(error) => {
                known.pause = Some(now + PAUSE);
                tracing::warn!(%error, "failed to fetch the keys of a client");
            }
        }
    }

    fn known_of(&self, uri: &str) -> Arc<tokio::sync::Mutex<Known>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ADDRESSES_MAX && !known.contains_key(uri) {
            known.clear();
        }
        known.entry(uri.to_string()).or_default().clone()
    }
}

/// Returns how long an address is left alone whose keys may be kept for so long.
fn pause(kept: Duration) -> Duration {
    PAUSE.min(kept).max(KEPT_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_left_alone_even_where_its_keys_may_not_be_kept() {
        for (kept_s, pause_s) in [(0, 1), (5, 5), (3600, 30)] {
            assert_eq!(pause(Duration::from_secs(kept_s)), Duration::from_secs(pause_s));
        }
    }
}
