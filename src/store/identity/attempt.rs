//! How often something guessable was tried, counted for all processes in one place.

use crate::fhir::Instant;
use crate::store::{Store, StoreError};

const HIT: &str = "insert into attempt as a (key, count, began) values ($1, 1, $2)
    on conflict (key) do update set
        count = case when a.began <= $3 then 1 else a.count + 1 end,
        began = case when a.began <= $3 then $2 else a.began end
    returning count, began";
const LOOK: &str = "select count, began from attempt where key = $1 and began > $2";
const FORGET: &str = "delete from attempt where key = $1";
const RETURN: &str = "update attempt set count = count - 1 where key = $1 and count > 0";
const SWEEP: &str = "delete from attempt where began < $1";
pub const STATEMENTS: &[&str] = &[HIT, LOOK, FORGET, RETURN, SWEEP];

/// How many tries are allowed within a stretch of time.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub count: i32,
    pub within_s: i64,
}

impl Store {
    /// Counts a try; returns in how many seconds the next is allowed, once this one is too many.
    pub async fn attempt(&self, key: &str, limit: Limit) -> Result<Option<u32>, StoreError> {
        let now = Instant::now().0;
        let row = self.ask_one(HIT, &[&key, &now, &(now - limit.within_s * 1_000_000)]).await?;
        Ok(row.and_then(|row| wait(row.get(0), row.get(1), limit, now, limit.count + 1)))
    }

    /// Returns in how many seconds a try is allowed, without counting one; none when it is now.
    pub async fn attempts_left(&self, key: &str, limit: Limit) -> Result<Option<u32>, StoreError> {
        let now = Instant::now().0;
        let row = self.ask_one(LOOK, &[&key, &(now - limit.within_s * 1_000_000)]).await?;
        Ok(row.and_then(|row| wait(row.get(0), row.get(1), limit, now, limit.count)))
    }

    /// Forgets the tries, after one that was right.
    pub async fn forget_attempts(&self, key: &str) -> Result<(), StoreError> {
        self.tell(FORGET, &[&key]).await.map(drop)
    }

    /// Takes back a try that was right, where others share the count.
    pub async fn return_attempt(&self, key: &str) -> Result<(), StoreError> {
        self.tell(RETURN, &[&key]).await.map(drop)
    }

    /// Removes what no limit looks at any more.
    pub async fn sweep_attempts(&self) -> Result<(), StoreError> {
        self.tell(SWEEP, &[&(Instant::now().0 - 2 * 86_400 * 1_000_000)]).await.map(drop)
    }
}

fn wait(count: i32, began: i64, limit: Limit, now: i64, from: i32) -> Option<u32> {
    let left_us = began + limit.within_s * 1_000_000 - now;
    (count >= from).then(|| u32::try_from(left_us / 1_000_000 + 1).unwrap_or(1))
}
