//! What must no longer be accepted although its signature is good, as every process knows it.
//!
//! A process looks at the table several times a second and keeps what it finds in memory. Transactions commit in another
//! order than they begin: a look therefore starts at the oldest transaction that was still running at the last one, so that
//! nothing that is committed late is passed over. What is known may be a second old at most; who finds it older looks first.

use crate::fhir::Instant;
use crate::store::{Store, StoreError};
use std::collections::HashMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const ADD: &str = "insert into revocation (kind, name, at, ends) values ($1, $2, $3, $4)";
const LOOK: &str = "select pg_snapshot_xmin(pg_current_snapshot())::text, r.kind, r.name, r.at, r.ends
    from (select) as one left join revocation r on r.xid >= $1::text::xid8 and r.ends > $2";
const SWEEP: &str = "delete from revocation where ends < $1";
pub const STATEMENTS: &[&str] = &[ADD, LOOK, SWEEP];

/// How long an access token may live: after that no revocation is needed.
pub const TOKEN_S_MAX: i64 = 366 * 86_400;
/// How long an access token of an authorization may live. They live an hour; revocations are kept with room to spare.
pub const GRANT_TOKEN_S_MAX: i64 = 86_400;

/// How old what is known of revocations may be.
const AGE_MAX: Duration = Duration::from_secs(1);
/// How long a look may take. A request that waits for one is then refused.
const LOOK_TIME_MAX: Duration = Duration::from_secs(3);
/// How often everything is looked at anew and what has ended is forgotten.
const WHOLE_EVERY: Duration = Duration::from_secs(60);

/// Whose tokens end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// One token, by its `jti`.
    Token,
    /// All tokens of one authorization, by its id.
    Grant,
    /// All tokens of a person, by the id of the account.
    Account,
    /// All tokens of a client.
    Client,
    /// All tokens that a key has signed.
    Key,
    /// All tokens that stand on a Consent, as `Consent/id`.
    Consent,
}

impl Revoked {
    const ALL: [Revoked; 6] =
        [Revoked::Token, Revoked::Grant, Revoked::Account, Revoked::Client, Revoked::Key, Revoked::Consent];

    pub fn name(self) -> &'static str {
        match self {
            Revoked::Token => "token",
            Revoked::Grant => "grant",
            Revoked::Account => "account",
            Revoked::Client => "client",
            Revoked::Key => "key",
            Revoked::Consent => "consent",
        }
    }
}

/// What a token can be revoked by.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    /// The `jti`.
    pub token: Box<str>,
    pub grant: Option<Box<str>>,
    /// The `sub`.
    pub account: Box<str>,
    pub client: Option<Box<str>>,
    /// The `kid`.
    pub key: Box<str>,
    /// The Consent that it stands on, as `Consent/id`.
    pub consent: Option<Box<str>>,
    /// The `iat`, in seconds since 1970.
    pub issued_s: i64,
}

/// What this process knows of revocations: one for all of its threads.
pub struct Revocations {
    known: RwLock<Known>,
    /// Counts up when something is revoked that was not known before. Never 0.
    version: AtomicU64,
    began: std::time::Instant,
    /// When the last look that succeeded began, in µs since `began`; 0 when none has.
    looked_us: AtomicU64,
    /// Looks that began before this moment do not count: this process has revoked something then.
    doubted_us: AtomicU64,
    position: tokio::sync::Mutex<Position>,
}

/// Times of each name in µs: tokens issued up to the first are refused; after the second none is left.
type Known = HashMap<(Revoked, Box<str>), (i64, i64)>;

/// Up to where the table was read.
struct Position {
    /// The oldest transaction that was running then.
    xid: u64,
    whole: Option<std::time::Instant>,
}

struct Row {
    kind: Revoked,
    name: Box<str>,
    at: i64,
    ends: i64,
}

impl Default for Revocations {
    fn default() -> Revocations {
        Revocations {
            known: RwLock::default(),
            version: AtomicU64::new(1),
            began: std::time::Instant::now(),
            looked_us: AtomicU64::new(0),
            doubted_us: AtomicU64::new(0),
            position: tokio::sync::Mutex::new(Position { xid: 0, whole: None }),
        }
    }
}

impl Revocations {
    /// Returns the number of what is known, while that is new enough: a token that was checked against the same number needs
    /// no other check.
    pub fn version(&self) -> Option<u64> {
        // In this order: what is known is at least as new as the look that is found new enough.
        let is_fresh = self.is_fresh(self.now_us());
        let version = self.version.load(Ordering::Acquire);
        is_fresh.then_some(version)
    }

    /// Returns whether a token is revoked by what is known.
    pub fn has(&self, marks: &Marks) -> bool {
        let known = self.known.read().expect("no holder of this lock can panic");
        if known.is_empty() {
            return false;
        }
        let has = |kind: Revoked, name: &str, issued_us: i64| {
            known.get(&(kind, name.into())).is_some_and(|(at, _)| issued_us <= *at)
        };
        let issued_us = marks.issued_s.saturating_mul(1_000_000);
        // An id is never given again: what bears it ends whenever it was made.
        has(Revoked::Token, &marks.token, i64::MIN)
            || marks.grant.as_deref().is_some_and(|id| has(Revoked::Grant, id, i64::MIN))
            || has(Revoked::Key, &marks.key, i64::MIN)
            || marks.consent.as_deref().is_some_and(|id| has(Revoked::Consent, id, i64::MIN))
            || has(Revoked::Account, &marks.account, issued_us)
            || marks.client.as_deref().is_some_and(|id| has(Revoked::Client, id, issued_us))
    }

    fn now_us(&self) -> u64 {
        self.began.elapsed().as_micros() as u64 + 1
    }

    fn is_fresh(&self, now_us: u64) -> bool {
        let looked_us = self.looked_us.load(Ordering::Acquire);
        looked_us > self.doubted_us.load(Ordering::Acquire)
            && now_us.saturating_sub(looked_us) <= AGE_MAX.as_micros() as u64
    }

    /// Makes the next request look first.
    fn doubt(&self) {
        self.doubted_us.fetch_max(self.now_us(), Ordering::AcqRel);
    }

    fn learn(&self, rows: Vec<Row>, forget_before: Option<i64>) {
        if rows.is_empty() && forget_before.is_none() {
            return;
        }
        let mut known = self.known.write().expect("no holder of this lock can panic");
        if let Some(before) = forget_before {
            known.retain(|_, (_, ends)| *ends > before);
        }
        let mut is_news = false;
        for row in rows {
            let times = known.entry((row.kind, row.name)).or_insert((i64::MIN, i64::MIN));
            is_news |= row.at > times.0;
            *times = (times.0.max(row.at), times.1.max(row.ends));
        }
        drop(known);
        if is_news {
            self.version.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Store {
    /// Returns what this process knows of revocations.
    pub fn revocations(&self) -> &Revocations {
        &self.blueprint.revocations
    }

    /// Ends all tokens of this name that were issued up to now: here at once, on every process within a second.
    pub async fn revoke(&self, kind: Revoked, name: &str) -> Result<(), StoreError> {
        self.revoke_until(kind, name, Instant(Instant::now().0 + TOKEN_S_MAX * 1_000_000)).await
    }

    /// The same where it is known when the last of the tokens ends by itself.
    pub async fn revoke_until(&self, kind: Revoked, name: &str, ends: Instant) -> Result<(), StoreError> {
        self.tell(ADD, &[&kind.name(), &name, &Instant::now().0, &ends.0]).await?;
        self.has_revoked();
        Ok(())
    }

    /// To be called after every commit that revokes: the next request here looks before it is answered.
    pub fn has_revoked(&self) {
        self.revocations().doubt();
    }

    /// Returns the number of what is known of revocations once that is new enough; of many who wait one looks. Without the
    /// database nothing is known, and nobody let in.
    pub async fn fresh_revocations(&self) -> Result<u64, StoreError> {
        if let Some(version) = self.revocations().version() {
            return Ok(version);
        }
        self.look_in_time(true).await?;
        Ok(self.revocations().version.load(Ordering::Acquire))
    }

    /// Looks at what was revoked since the last look.
    pub async fn follow_revocations(&self) -> Result<(), StoreError> {
        self.look_in_time(false).await
    }

    async fn look_in_time(&self, unless_fresh: bool) -> Result<(), StoreError> {
        // Whatever the reason, who asks is not let in now and may try again.
        let away = |why: &dyn std::fmt::Display| StoreError::Away(format!("failed to read what is revoked: {why}"));
        let look = tokio::time::timeout(LOOK_TIME_MAX, self.look_at_revocations(unless_fresh));
        look.await.map_err(|_| away(&"it took too long"))?.map_err(|error| away(&error))
    }

    async fn look_at_revocations(&self, unless_fresh: bool) -> Result<(), StoreError> {
        let revocations = self.revocations();
        let mut position = revocations.position.lock().await;
        if unless_fresh && revocations.is_fresh(revocations.now_us()) {
            return Ok(());
        }
        let began_us = revocations.now_us();
        let is_whole = position.whole.is_none_or(|at| at.elapsed() >= WHOLE_EVERY);
        let from = if is_whole { 0 } else { position.xid };
        let now = Instant::now().0;
        let (mut rows, mut xid) = self.revoked_since(from, now).await?;
        if xid < from {
            // This is a database of before: a copy has taken over, or a backup. It may have what was not read here.
            (rows, xid) = self.revoked_since(0, now).await?;
        }
        revocations.learn(rows, is_whole.then_some(now));
        position.xid = xid;
        if is_whole {
            position.whole = Some(std::time::Instant::now());
        }
        revocations.looked_us.store(began_us, Ordering::Release);
        Ok(())
    }

    /// Returns what transactions from this one on have revoked, and the oldest that was running.
    async fn revoked_since(&self, xid: u64, now: i64) -> Result<(Vec<Row>, u64), StoreError> {
        let client = self.reader.get().await?;
        let statement =
            client.prepare_cached(LOOK).await.map_err(StoreError::sql("failed to prepare what is revoked"))?;
        let found = client
            .query(&statement, &[&xid.to_string(), &now])
            .await
            .map_err(StoreError::sql("failed to read what is revoked"))?;
        let oldest = found.first().and_then(|row| row.get::<_, String>(0).parse().ok());
        let oldest = oldest.ok_or_else(|| StoreError::Damaged("no transaction id in what is revoked".to_string()))?;
        let row = |row: &tokio_postgres::Row| {
            let kind: Option<String> = row.get(1);
            // Of a later release.
            let kind = Revoked::ALL.into_iter().find(|known| Some(known.name()) == kind.as_deref())?;
            Some(Row { kind, name: row.get::<_, String>(2).into(), at: row.get(3), ends: row.get(4) })
        };
        Ok((found.iter().filter_map(row).collect(), oldest))
    }

    /// Removes revocations whose last token ended a day ago.
    pub async fn sweep_revocations(&self) -> Result<(), StoreError> {
        self.tell(SWEEP, &[&(Instant::now().0 - 86_400_000_000)]).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: Revoked, name: &str, at: i64, ends: i64) -> Row {
        Row { kind, name: name.into(), at, ends }
    }

    #[test]
    fn a_token_is_revoked_by_each_of_its_marks() {
        let marks = Marks {
            token: "t1".into(),
            grant: Some("g1".into()),
            account: "a1".into(),
            client: Some("c1".into()),
            key: "k1".into(),
            consent: Some("Consent/1".into()),
            issued_s: 1_000,
        };
        let issued_us = 1_000_000_000;
        for (kind, name, at, revoked) in [
            (Revoked::Token, "t1", 5, true),
            (Revoked::Token, "t2", i64::MAX, false),
            // Names are of one kind.
            (Revoked::Grant, "t1", i64::MAX, false),
            (Revoked::Grant, "g1", 5, true),
            (Revoked::Key, "k1", 5, true),
            (Revoked::Consent, "Consent/1", 5, true),
            (Revoked::Consent, "Consent/2", i64::MAX, false),
            (Revoked::Account, "a1", issued_us, true),
            (Revoked::Account, "a1", issued_us - 1, false),
            (Revoked::Client, "c1", issued_us, true),
            (Revoked::Client, "c1", issued_us - 1, false),
        ] {
            let revocations = Revocations::default();
            revocations.learn(vec![row(kind, name, at, i64::MAX)], None);
            assert_eq!(revocations.has(&marks), revoked, "{kind:?} {name} {at}");
        }
    }

    #[test]
    fn the_number_changes_with_news_only() {
        let revocations = Revocations::default();
        let version = || revocations.version.load(Ordering::Acquire);
        for (rows, forget_before, news) in [
            (vec![], None, 0),
            (vec![row(Revoked::Account, "a", 10, 100)], None, 1),
            (vec![row(Revoked::Account, "a", 10, 100)], None, 1),
            (vec![row(Revoked::Account, "a", 9, 100)], None, 1),
            (vec![row(Revoked::Account, "a", 11, 100), row(Revoked::Token, "t", 1, 300)], None, 2),
            (vec![], Some(200), 2),
        ] {
            revocations.learn(rows, forget_before);
            assert_eq!(version(), 1 + news);
        }
        assert_eq!(revocations.known.read().unwrap().len(), 1, "what has ended is forgotten");
    }

    #[test]
    fn what_is_known_grows_old_and_is_doubted() {
        let revocations = Revocations::default();
        let second_us = AGE_MAX.as_micros() as u64;
        assert_eq!(revocations.version(), None, "nobody has looked yet");
        revocations.looked_us.store(100, Ordering::Release);
        for (now_us, doubted_us, fresh) in [
            (100, 0, true),
            (100 + second_us, 0, true),
            (101 + second_us, 0, false),
            (200, 99, true),
            (200, 100, false),
            (200, 150, false),
        ] {
            revocations.doubted_us.store(doubted_us, Ordering::Release);
            assert_eq!(revocations.is_fresh(now_us), fresh, "{now_us} {doubted_us}");
        }
    }
}
