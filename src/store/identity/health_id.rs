//! Which Health ID was given to which patient, and by which other identifiers a patient was proven.
//!
//! All of it is asked and told inside the transaction that writes the Patient, so that neither stands without the other.
//! A number stays in its row for ever, also when its patient is deleted: the primary key gives it out once.

use super::Hash;
use crate::fhir::{Instant, ResourceId};
use crate::store::tx::Tx;
use crate::store::{Store, StoreError, Write};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

const GIVE: &str = "insert into health_id (number, patient, created) values ($1, $2, $3) on conflict do nothing";
const ACTIVE: &str = "select number from health_id where patient = $1 and ended is null";
const HOLDER: &str = "select patient from health_id where number = $1";
const FOREIGN: &str = "select k.patient from unnest($1::text[], $2::text[]) as k (number, patient)
    where not exists (select from health_id h where h.number = k.number and h.patient = k.patient) limit 1";
const END: &str = "update health_id set ended = $2 where patient = $1 and ended is null";
const MOVE: &str = "update health_id set patient = $2, ended = case when $3 then coalesce(ended, $4) else ended end
    where patient = $1";
const PROVE: &str = "insert into identity_proof (system, hash, patient) values ($1, $2, $3) on conflict do nothing";
const PROVEN: &str = "select patient from identity_proof where system = $1 and hash = $2";
const MOVE_PROOFS: &str = "update identity_proof set patient = $2 where patient = $1";
pub const STATEMENTS: &[&str] = &[GIVE, ACTIVE, HOLDER, FOREIGN, END, MOVE, PROVE, PROVEN, MOVE_PROOFS];

impl Store {
    /// Returns the number that a patient has now.
    pub async fn health_id_of(&self, patient: &ResourceId) -> Result<Option<String>, StoreError> {
        Ok(self.ask_one(ACTIVE, &[&patient.as_str()]).await?.map(|row| row.get(0)))
    }

    /// Returns the patient whose number this is or was.
    pub async fn holder_of_health_id(&self, number: &str) -> Result<Option<ResourceId>, StoreError> {
        Ok(self.ask_one(HOLDER, &[&number]).await?.and_then(|row| ResourceId::parse(row.get(0))))
    }
}

impl Tx {
    /// Gives a number to a patient; false when the number was given out before, or the patient has one.
    pub async fn give_health_id(&self, number: &str, patient: &ResourceId) -> Result<bool, StoreError> {
        Ok(self.told(GIVE, &[&number, &patient.as_str(), &Instant::now().0]).await? == 1)
    }

    /// Returns the number that a patient has now.
    pub async fn health_id_of(&self, patient: &ResourceId) -> Result<Option<String>, StoreError> {
        Ok(self.asked(ACTIVE, &[&patient.as_str()]).await?.first().map(|row| row.get(0)))
    }

    /// Ends the number that a patient has; it stays theirs, and nobody else gets it.
    pub async fn end_health_id(&self, patient: &ResourceId, at: Instant) -> Result<(), StoreError> {
        self.told(END, &[&patient.as_str(), &at.0]).await.map(drop)
    }

    /// Makes the numbers and the proofs of one patient those of another, who keeps the number they have.
    pub async fn move_health_ids(&self, from: &ResourceId, to: &ResourceId, at: Instant) -> Result<(), StoreError> {
        let has_one = self.health_id_of(to).await?.is_some();
        self.told(MOVE, &[&from.as_str(), &to.as_str(), &has_one, &at.0]).await?;
        self.told(MOVE_PROOFS, &[&from.as_str(), &to.as_str()]).await.map(drop)
    }

    /// Notes that a patient was proven by an identifier; returns somebody else for whom the same was noted.
    pub async fn prove(
        &self,
        system: &str,
        hash: Hash,
        patient: &ResourceId,
    ) -> Result<Option<ResourceId>, StoreError> {
        let hash = hash.to_vec();
        self.told(PROVE, &[&system, &hash, &patient.as_str()]).await?;
        // Whoever noted the same a moment ago was waited for, so that this sees it.
        let rows = self.asked(PROVEN, &[&system, &hash]).await?;
        let holder = rows.first().and_then(|row| ResourceId::parse(row.get(0)));
        Ok(holder.filter(|holder| holder != patient))
    }

    /// Refuses a Patient that carries a Health ID which was not given to it. All writes come by here: those that carry none cost
    /// nothing.
    pub(in crate::store) async fn check_health_ids(&self, writes: &[Write]) -> Result<(), StoreError> {
        let carried = || writes.iter().flat_map(|w| w.health_ids().iter().map(move |number| (number.as_str(), w)));
        let numbers: Vec<&str> = carried().map(|(number, _)| number).collect();
        if numbers.is_empty() {
            return Ok(());
        }
        let patients: Vec<&str> = carried().map(|(_, write)| write.id.as_str()).collect();
        match self.asked(FOREIGN, &[&numbers, &patients]).await?.first() {
            Some(row) => Err(StoreError::ForeignHealthId(row.get(0))),
            None => Ok(()),
        }
    }

    async fn asked(&self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
        let statement = self.client().prepare_cached(sql).await.map_err(StoreError::sql("failed to prepare"))?;
        self.client().query(&statement, params).await.map_err(StoreError::sql("failed to ask for Health IDs"))
    }

    async fn told(&self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        let statement = self.client().prepare_cached(sql).await.map_err(StoreError::sql("failed to prepare"))?;
        self.client().execute(&statement, params).await.map_err(StoreError::sql("failed to write Health IDs"))
    }
}
