//! Passkeys, and the identities that outside providers vouch for.

use crate::fhir::Instant;
use crate::store::{Store, StoreError};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

const ADD: &str =
    "insert into passkey (id, account, name, data, created) values ($1, $2, $3, $4, $5) on conflict do nothing";
const READ: &str = "select id, account, name, data, created, used from passkey where id = $1";
const OF_ACCOUNT: &str =
    "select id, account, name, data, created, used from passkey where account = $1 order by created limit 100";
// Of two uses at once one is refused: the counter of the key can have been seen by one alone.
const USED: &str = "update passkey set data = $2, used = $3 where id = $1 and used is not distinct from $4";
const REMOVE: &str = "delete from passkey where id = $1 and account = $2";
const REMOVE_ALL: &str = "delete from passkey where account = $1";
const LINK: &str =
    "insert into federated_identity (issuer, subject, account) values ($1, $2, $3) on conflict do nothing";
const UNLINK: &str = "delete from federated_identity where issuer = $1 and subject = $2 and account = $3";
const LINKED: &str = "select account from federated_identity where issuer = $1 and subject = $2";
const IDENTITIES: &str =
    "select issuer, subject from federated_identity where account = $1 order by issuer, subject limit 100";
// The row of the account is the lock: two who remove the last two ways at once would leave none.
const LOCK: &str = "select password is not null from account where id = $1 for update";
const COUNT: &str = "select (select count(*) from passkey where account = $1),
    (select count(*) from federated_identity where account = $1)";
pub const STATEMENTS: &[&str] =
    &[ADD, READ, OF_ACCOUNT, USED, REMOVE, REMOVE_ALL, LINK, UNLINK, LINKED, IDENTITIES, LOCK, COUNT];

#[derive(Debug, Clone)]
pub struct PasskeyRow {
    /// The credential id, which the authenticator made.
    pub id: Vec<u8>,
    pub account: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// The public key with its counter, as the library keeps it.
    pub data: Value,
    pub created: Instant,
    pub used: Option<Instant>,
}

/// A way to sign in that can be taken away.
#[derive(Debug, Clone, Copy)]
pub enum Way<'a> {
    Passkey(&'a [u8]),
    Identity { issuer: &'a str, subject: &'a str },
}

/// What became of the wish to take a way away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    Done,
    NotThere,
    /// It is the last one: without it the person could not sign in.
    Last,
}

impl Store {
    /// Adds a passkey; false when this key is registered already.
    pub async fn add_passkey(&self, it: &PasskeyRow) -> Result<bool, StoreError> {
        Ok(self.tell(ADD, &[&it.id, &it.account, &it.name, &it.data, &it.created.0]).await? == 1)
    }

    pub async fn passkey(&self, id: &[u8]) -> Result<Option<PasskeyRow>, StoreError> {
        Ok(self.ask_one(READ, &[&id]).await?.map(read))
    }

    /// Returns the passkeys of a person, the oldest first.
    pub async fn passkeys_of(&self, account: Uuid) -> Result<Vec<PasskeyRow>, StoreError> {
        Ok(self.ask(OF_ACCOUNT, &[&account]).await?.into_iter().map(read).collect())
    }

    /// Notes that a passkey was used, and what is to be remembered of it; false when another use came between.
    pub async fn passkey_used(&self, it: &PasskeyRow, data: &Value, at: Instant) -> Result<bool, StoreError> {
        Ok(self.tell(USED, &[&it.id, data, &at.0, &it.used.map(|used| used.0)]).await? == 1)
    }

    /// Takes all passkeys of a person away, whatever is left to sign in with; returns how many there were.
    pub async fn remove_passkeys(&self, account: Uuid) -> Result<u64, StoreError> {
        self.tell(REMOVE_ALL, &[&account]).await
    }

    /// Links what an outside provider calls a person to an account; false when it is linked already.
    pub async fn link_identity(&self, issuer: &str, subject: &str, account: Uuid) -> Result<bool, StoreError> {
        Ok(self.tell(LINK, &[&issuer, &subject, &account]).await? == 1)
    }

    /// Returns the id of the account that an outside identity is linked to.
    pub async fn linked_account(&self, issuer: &str, subject: &str) -> Result<Option<Uuid>, StoreError> {
        Ok(self.ask_one(LINKED, &[&issuer, &subject]).await?.map(|row| row.get(0)))
    }

    /// Returns the outside identities of an account: issuer and subject.
    pub async fn identities_of(&self, account: Uuid) -> Result<Vec<(String, String)>, StoreError> {
        let rows = self.ask(IDENTITIES, &[&account]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Takes a passkey or an outside identity away, unless nothing else would be left to sign in with.
    pub async fn remove_way(&self, account: Uuid, way: Way<'_>) -> Result<Removal, StoreError> {
        let failed = || StoreError::sql("failed to take away a way to sign in");
        let mut client = self.reads.get().await?;
        let work = client.transaction().await.map_err(failed())?;
        let Some(row) = work.query_opt(LOCK, &[&account]).await.map_err(failed())? else {
            return Ok(Removal::NotThere);
        };
        let has_password: bool = row.get(0);
        let removed = match way {
            Way::Passkey(id) => work.execute(REMOVE, &[&id, &account]).await,
            Way::Identity { issuer, subject } => work.execute(UNLINK, &[&issuer, &subject, &account]).await,
        };
        if removed.map_err(failed())? == 0 {
            return Ok(Removal::NotThere);
        }
        let left = work.query_one(COUNT, &[&account]).await.map_err(failed())?;
        let (passkeys, identities): (i64, i64) = (left.get(0), left.get(1));
        if !has_password && passkeys + identities == 0 {
            // The transaction is dropped, and so undone.
            return Ok(Removal::Last);
        }
        work.commit().await.map_err(failed())?;
        Ok(Removal::Done)
    }
}

fn read(row: Row) -> PasskeyRow {
    PasskeyRow {
        id: row.get(0),
        account: row.get(1),
        name: row.get(2),
        data: row.get(3),
        created: Instant(row.get(4)),
        used: row.get::<_, Option<i64>>(5).map(Instant),
    }
}
