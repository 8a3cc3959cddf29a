//! What is decided about a Consent in the transaction that writes it, and what follows from it.
//!
//! The rules are in `access::consent_life`; here they meet the version that is there, under its lock.

use super::revocation::{Revoked, TOKEN_S_MAX};
use crate::access::Grant;
use crate::access::consent_life::{self, ACTIVE_MAX, State, Status, TOO_MANY};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::search::key::Keyer;
use crate::store::tx::{Found, Tx};
use crate::store::{Effect, Outcome, Store, StoreError, Stored, Write};
use std::collections::HashMap;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

const PAPER: &str = "insert into consent_paper (consent, at) values ($1, $2) on conflict do nothing";
const PAPERS: &str = "select consent from consent_paper order by at limit $1";
const TAKE: &str = "delete from consent_paper where consent = $1";
const REVOKE: &str = "insert into revocation (kind, name, at, ends) values ($1, $2, $3, $4)";
const TURN: &str = "select pg_try_advisory_xact_lock($1)";
pub const STATEMENTS: &[&str] = &[PAPER, PAPERS, TAKE, REVOKE, TURN];

/// Any fixed number: processes that do what is due about Consents keep out of each other's way by it.
const WORK: i64 = 0x636f_6e73_656e_7473;

impl Tx {
    /// Refuses a plain write that makes a step in the life of a Consent which its writer may not make. What the writer does not
    /// reach was refused before, by words that say nothing of what is there.
    pub(in crate::store) async fn check_consent(
        &self,
        grant: &Grant,
        current: Option<&Stored>,
        write: &Write,
        outcome: &Outcome,
    ) -> Result<(), StoreError> {
        let new = match (outcome, &write.effect) {
            (Outcome::Created(_) | Outcome::Updated(_), Effect::Put(prepared)) if prepared.is_own => return Ok(()),
            (Outcome::Created(_) | Outcome::Updated(_), Effect::Put(prepared)) => prepared.consent.as_ref(),
            (Outcome::Deleted(_), _) => None,
            _ => return Ok(()),
        };
        let old =
            current.and_then(|stored| stored.content.as_deref()).map(|content| self.state(content)).transpose()?;
        consent_life::allowed(old.as_ref(), new, grant.principal()).map_err(StoreError::ConsentLife)?;
        if consent_life::is_paper(old.as_ref(), new, grant.principal()) {
            self.did(PAPER, &[&write.id.as_str(), &Instant::now().0]).await?;
        }
        Ok(())
    }

    /// Refuses one active Consent too many: all of a patient are heard whenever something of theirs is asked for. An emergency is not
    /// kept out by that.
    pub(in crate::store) fn check_active(&self, writes: &[Write], found: &Found) -> Result<(), StoreError> {
        let mut more: HashMap<i64, usize> = HashMap::new();
        for write in writes.iter().filter(|write| write.resource_type == ResourceType::CONSENT) {
            let Effect::Put(prepared) = &write.effect else { continue };
            let new = prepared.consent.as_ref().filter(|new| new.status == Status::Active && !new.is_break_glass);
            let Some(patient) = new.and_then(|new| new.patient.as_ref()) else { continue };
            let current = found.get(&(write.resource_type, write.id.clone()));
            let old =
                current.and_then(|stored| stored.content.as_deref()).map(|content| self.state(content)).transpose()?;
            if old.is_none_or(|old| old.status != Status::Active || old.patient.as_ref() != Some(patient)) {
                *more.entry(Keyer::fixed().target("Patient", patient.as_str())).or_default() += 1;
            }
        }
        let book = self.store().blueprint.policy.library().book();
        let is_too_many = |(patient, more): (&i64, &usize)| book.rules(*patient).len() + more > ACTIVE_MAX;
        if more.iter().any(is_too_many) { Err(StoreError::ConsentLife(TOO_MANY)) } else { Ok(()) }
    }

    fn state(&self, content: &[u8]) -> Result<State, StoreError> {
        let value =
            serde_json::from_slice(content).map_err(|e| StoreError::Damaged(format!("a stored Consent: {e}")))?;
        Ok(State::read(&value, &self.store().registry().base_url))
    }

    /// Takes the news of a Consent on paper; false when somebody else has told the patient.
    pub async fn take_paper(&self, consent: &ResourceId) -> Result<bool, StoreError> {
        Ok(self.did(TAKE, &[&consent.as_str()]).await? == 1)
    }

    /// Ends every token that stands on a Consent, once this is committed; then [`Store::has_revoked`] is to be called.
    pub async fn revoke_consent(&self, consent: &ResourceId) -> Result<(), StoreError> {
        let (now, name) = (Instant::now().0, format!("Consent/{consent}"));
        self.did(REVOKE, &[&Revoked::Consent.name(), &name, &now, &(now + TOKEN_S_MAX * 1_000_000)]).await.map(drop)
    }

    /// Returns whether this process is the one that does, in this transaction, what is due about Consents.
    pub async fn has_turn(&self) -> Result<bool, StoreError> {
        let rows: Vec<Row> = self.saw(TURN, &[&WORK]).await?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }

    async fn did(&self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        let statement = self.client().prepare_cached(sql).await.map_err(StoreError::sql("failed to prepare"))?;
        self.client().execute(&statement, params).await.map_err(StoreError::sql("failed to write about a Consent"))
    }

    async fn saw(&self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
        let statement = self.client().prepare_cached(sql).await.map_err(StoreError::sql("failed to prepare"))?;
        self.client().query(&statement, params).await.map_err(StoreError::sql("failed to ask about a Consent"))
    }
}

impl Store {
    /// Returns Consents on paper of which the patients are not told yet.
    pub async fn consent_papers(&self, max: i64) -> Result<Vec<ResourceId>, StoreError> {
        let rows = self.ask(PAPERS, &[&max]).await?;
        Ok(rows.iter().filter_map(|row| ResourceId::parse(row.get(0))).collect())
    }
}
