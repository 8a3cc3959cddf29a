//! Sessions of people in our own pages.

use super::Hash;
use crate::fhir::Instant;
use crate::store::{Store, StoreError};
use tokio_postgres::Row;
use uuid::Uuid;

const ADD: &str = "insert into session (hash, account, auth_at, methods, created, seen, ends, device, address)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const READ: &str =
    "select hash, account, auth_at, methods, created, seen, ends, device, address from session where hash = $1";
const OF_ACCOUNT: &str = "select hash, account, auth_at, methods, created, seen, ends, device, address from session
    where account = $1 and ends > $2 and seen > $3 order by seen desc limit 500";
const SEEN: &str = "update session set seen = $2 where hash = $1 and seen < $2";
const SHOWN: &str = "update session set auth_at = $2, methods = $3 where hash = $1";
const END: &str = "delete from session where hash = $1 and account = $2";
const END_ALL: &str = "delete from session where account = $1 and hash is distinct from $2";
const SWEEP: &str = "delete from session where ends < $1 or seen < $2";
pub const STATEMENTS: &[&str] = &[ADD, READ, OF_ACCOUNT, SEEN, SHOWN, END, END_ALL, SWEEP];

#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Of the cookie's secret.
    pub hash: Hash,
    pub account: Uuid,
    /// When a factor was last shown.
    pub auth_at: Instant,
    /// Factors shown: `pwd`, `otp`, `hwk`, `fed` (RFC 8176 where it has a name).
    pub methods: Vec<String>,
    pub created: Instant,
    pub seen: Instant,
    pub ends: Instant,
    /// What the person sees in the list of sessions: browser and system, from the User-Agent.
    pub device: String,
    pub address: String,
}

impl Store {
    pub async fn add_session(&self, it: &SessionRow) -> Result<(), StoreError> {
        let (hash, auth_at, created, seen, ends) = (it.hash.to_vec(), it.auth_at.0, it.created.0, it.seen.0, it.ends.0);
        self.tell(ADD, &[&hash, &it.account, &auth_at, &it.methods, &created, &seen, &ends, &it.device, &it.address])
            .await
            .map(drop)
    }

    /// Returns a session, ended or not.
    pub async fn session(&self, hash: Hash) -> Result<Option<SessionRow>, StoreError> {
        Ok(self.ask_one(READ, &[&hash.to_vec()]).await?.and_then(read))
    }

    /// Returns the sessions of a person that end after `now` and were used since `seen_since`, the latest used first.
    pub async fn sessions_of(
        &self,
        account: Uuid,
        now: Instant,
        seen_since: Instant,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let rows = self.ask(OF_ACCOUNT, &[&account, &now.0, &seen_since.0]).await?;
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Notes that a session was used.
    pub async fn session_seen(&self, hash: Hash, at: Instant) -> Result<(), StoreError> {
        self.tell(SEEN, &[&hash.to_vec(), &at.0]).await.map(drop)
    }

    /// Notes that a factor was shown in a session; `methods` are all that were.
    pub async fn session_shown(&self, hash: Hash, at: Instant, methods: &[String]) -> Result<(), StoreError> {
        self.tell(SHOWN, &[&hash.to_vec(), &at.0, &methods]).await.map(drop)
    }

    pub async fn end_session(&self, hash: Hash, account: Uuid) -> Result<bool, StoreError> {
        Ok(self.tell(END, &[&hash.to_vec(), &account]).await? == 1)
    }

    /// Ends all sessions of a person but one.
    pub async fn end_sessions(&self, account: Uuid, but: Option<Hash>) -> Result<u64, StoreError> {
        self.tell(END_ALL, &[&account, &but.map(|hash| hash.to_vec())]).await
    }

    /// Removes sessions that ended before `now` or were not used since `seen_since`.
    pub async fn sweep_sessions(&self, now: Instant, seen_since: Instant) -> Result<(), StoreError> {
        self.tell(SWEEP, &[&now.0, &seen_since.0]).await.map(drop)
    }
}

fn read(row: Row) -> Option<SessionRow> {
    let hash: Vec<u8> = row.get(0);
    Some(SessionRow {
        hash: hash.try_into().ok()?,
        account: row.get(1),
        auth_at: Instant(row.get(2)),
        methods: row.get(3),
        created: Instant(row.get(4)),
        seen: Instant(row.get(5)),
        ends: Instant(row.get(6)),
        device: row.get(7),
        address: row.get(8),
    })
}
