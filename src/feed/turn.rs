//! Turns: messages about one patient are taken over one after the other, in the order in which they came to this process.
//!
//! Conditions and versions keep different processes apart; within one, waiting is cheaper than meeting and trying again.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

type Lock = Arc<tokio::sync::Mutex<()>>;

static LOCKS: LazyLock<Mutex<HashMap<Box<str>, Lock>>> = LazyLock::new(Mutex::default);

/// The turn of one message; dropping it lets the next one go on.
pub struct Turn(Vec<(Box<str>, OwnedMutexGuard<()>)>);

/// Waits until everybody who has asked before for one of these keys is done.
pub async fn turn(mut keys: Vec<Box<str>>) -> Turn {
    // One order for all, so that no two wait for each other.
    keys.sort_unstable();
    keys.dedup();
    let mut turn = Turn(Vec::with_capacity(keys.len()));
    for key in keys {
        let lock = locks().entry(key.clone()).or_default().clone();
        let guard = lock.lock_owned().await;
        turn.0.push((key, guard));
    }
    turn
}

fn locks() -> std::sync::MutexGuard<'static, HashMap<Box<str>, Lock>> {
    LOCKS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut locks = locks();
        for (key, guard) in self.0.drain(..) {
            drop(guard);
            // The map alone holds it: nobody waits.
            if locks.get(&key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
                locks.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn a_key_is_had_by_one_at_a_time_and_forgotten_after() {
        let keys = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect::<Vec<_>>();
        let first = turn(keys(&["turn-b", "turn-a"])).await;
        let other = turn(keys(&["turn-c"])).await;
        let wait = tokio::time::timeout(Duration::from_millis(20), turn(keys(&["turn-a", "turn-d"]))).await;
        assert!(wait.is_err());
        drop(first);
        drop(turn(keys(&["turn-a", "turn-d"])).await);
        drop(other);
        assert!(locks().keys().all(|key| !key.starts_with("turn-a") && !key.starts_with("turn-c")));
    }
}
