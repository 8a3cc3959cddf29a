//! Who broke the glass over whose record, when, why and until when: the rows that open it.
//!
//! Rows are made and ended in the transaction that writes the Consent, the Task and the audit beside them, and are never removed: they are
//! what the limit counts. Every change leaves a note for those who keep open rows in memory (`policy_change`, kind 3).

use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::search::key::Keyer;
use crate::store::tx::{Holds, Tx};
use crate::store::{Store, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

const ADD: &str = "insert into break_glass (id, practitioner, patient, consent, task, reason, client, started, expires)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const NOTE: &str = "insert into policy_change (kind, key) values (3, $1)";
const END: &str = "update break_glass set ended = $2, ended_by = $3 where id = $1 and ended is null";
const READ: &str = "select id, practitioner, patient, consent, task, reason, client, started, expires, ended, ended_by
    from break_glass where id = $1";
const OF_TASK: &str =
    "select id, practitioner, patient, consent, task, reason, client, started, expires, ended, ended_by
    from break_glass where task = $1";
const OF_CONSENT: &str =
    "select id, practitioner, patient, consent, task, reason, client, started, expires, ended, ended_by
    from break_glass where consent = $1";
const OPEN: &str = "select id, practitioner, patient, consent, task, reason, client, started, expires, ended, ended_by
    from break_glass where practitioner = $1 and ended is null and expires > $2 order by started";
const LATEST: &str = "select started from break_glass where practitioner = $1 and started > $2
    order by started desc limit $3";
const OVERDUE: &str = "select id from break_glass where ended is null and expires <= $1 order by expires limit $2";
pub const STATEMENTS: &[&str] = &[ADD, NOTE, END, READ, OF_TASK, OF_CONSENT, OPEN, LATEST, OVERDUE];

/// One grant: a person who broke the glass over one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub id: String,
    /// `Practitioner/1`.
    pub practitioner: String,
    pub patient: ResourceId,
    pub consent: ResourceId,
    /// The Task of the review.
    pub task: ResourceId,
    /// In the person's own words, which may tell of the patient: for compliance alone.
    pub reason: String,
    /// The client through which the glass was broken.
    pub client: Option<String>,
    pub started: Instant,
    pub expires: Instant,
    pub ended: Option<Instant>,
    /// `grantee`, `patient`, `compliance`, `review`, `operator` or `expiry`.
    pub ended_by: Option<String>,
}

impl Broken {
    pub fn is_open(&self, now: Instant) -> bool {
        self.ended.is_none() && now < self.expires
    }
}

impl Store {
    pub async fn broken_glass(&self, id: &str) -> Result<Option<Broken>, StoreError> {
        self.ask_one(READ, &[&id]).await?.map(read).transpose()
    }

    /// Returns the grant whose review a Task asks for.
    pub async fn broken_glass_of_task(&self, task: &ResourceId) -> Result<Option<Broken>, StoreError> {
        self.ask_one(OF_TASK, &[&task.as_str()]).await?.map(read).transpose()
    }

    /// Returns the grant that a Consent stands beside.
    pub async fn broken_glass_of_consent(&self, consent: &ResourceId) -> Result<Option<Broken>, StoreError> {
        self.ask_one(OF_CONSENT, &[&consent.as_str()]).await?.map(read).transpose()
    }

    /// Returns the open grants of a person, the oldest first.
    pub async fn open_glass(&self, practitioner: &str, now: Instant) -> Result<Vec<Broken>, StoreError> {
        self.ask(OPEN, &[&practitioner, &now.0]).await?.into_iter().map(read).collect()
    }

    /// Returns the ids of grants that have expired and were not ended yet.
    pub async fn overdue_glass(&self, now: Instant, max: i64) -> Result<Vec<String>, StoreError> {
        Ok(self.ask(OVERDUE, &[&now.0, &max]).await?.iter().map(|row| row.get(0)).collect())
    }
}

impl Tx {
    /// Waits until nobody else counts, makes or ends grants of this person.
    pub async fn hold_glass_of(&self, practitioner: &str) -> Result<(), StoreError> {
        let key = Keyer::fixed().hash(&[b"break-glass", practitioner.as_bytes()]);
        self.hold(&Holds { keys: vec![key], ..Holds::default() }).await
    }

    /// Returns the open grants of a person, the oldest first.
    pub async fn open_glass(&self, practitioner: &str, now: Instant) -> Result<Vec<Broken>, StoreError> {
        asked(self, OPEN, &[&practitioner, &now.0]).await?.into_iter().map(read).collect()
    }

    /// Returns when the latest grants of a person began, of those after a moment: the newest first, `max` at most.
    pub async fn latest_glass(&self, practitioner: &str, after: Instant, max: i64) -> Result<Vec<Instant>, StoreError> {
        let rows = asked(self, LATEST, &[&practitioner, &after.0, &max]).await?;
        Ok(rows.iter().map(|row| Instant(row.get(0))).collect())
    }

    pub async fn add_glass(&self, it: &Broken) -> Result<(), StoreError> {
        let (patient, consent, task) = (it.patient.as_str(), it.consent.as_str(), it.task.as_str());
        let (started, expires) = (it.started.0, it.expires.0);
        let params: [&(dyn ToSql + Sync); 9] =
            [&it.id, &it.practitioner, &patient, &consent, &task, &it.reason, &it.client, &started, &expires];
        told(self, ADD, &params).await?;
        self.note_glass(&it.patient).await
    }

    /// Ends a grant; false when it has ended already.
    pub async fn end_glass(&self, it: &Broken, at: Instant, by: &str) -> Result<bool, StoreError> {
        if told(self, END, &[&it.id, &at.0, &by]).await? == 0 {
            return Ok(false);
        }
        self.note_glass(&it.patient).await?;
        Ok(true)
    }

    async fn note_glass(&self, patient: &ResourceId) -> Result<(), StoreError> {
        let key = Keyer::fixed().target(ResourceType::PATIENT.name(), patient.as_str());
        told(self, NOTE, &[&key]).await.map(drop)
    }
}

async fn asked(tx: &Tx, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
    let statement = tx.client().prepare_cached(sql).await.map_err(StoreError::sql("failed to prepare"))?;
    tx.client().query(&statement, params).await.map_err(StoreError::sql("failed to ask for broken glass"))
}

async fn told(tx: &Tx, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
    let statement = tx.client().prepare_cached(sql).await.map_err(StoreError::sql("failed to prepare"))?;
    tx.client().execute(&statement, params).await.map_err(StoreError::sql("failed to write broken glass"))
}

fn read(row: Row) -> Result<Broken, StoreError> {
    let id: String = row.get(0);
    let of = |column: usize| {
        let text: &str = row.get(column);
        ResourceId::parse(text).ok_or_else(|| StoreError::Damaged(format!("broken glass {id} names no resource")))
    };
    let ended: Option<i64> = row.get(9);
    Ok(Broken {
        practitioner: row.get(1),
        patient: of(2)?,
        consent: of(3)?,
        task: of(4)?,
        reason: row.get(5),
        client: row.get(6),
        started: Instant(row.get(7)),
        expires: Instant(row.get(8)),
        ended: ended.map(Instant),
        ended_by: row.get(10),
        id,
    })
}
