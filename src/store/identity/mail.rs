//! Mails that are to be sent: put there in the transaction of the notice they tell of, taken by one process at a time.
//!
//! Who takes a mail has it for a while; when it is still there after that, because sending failed or the process died, it is taken
//! again. The id of the row is that of the mail, so that a receiver knows one that comes twice.

use crate::fhir::{Instant, ResourceId};
use crate::store::tx::Tx;
use crate::store::{Store, StoreError};
use uuid::Uuid;

const ADD: &str = "insert into mail (account, address, notice, created, due)
    select id, email, $2, $3, $3 from account where fhir_user = $1 and status = 2 and email <> ''";
const TAKE: &str = "update mail set due = $1 + $2, tries = tries + 1 where id in
        (select id from mail where due <= $1 order by due limit $3 for update skip locked)
    returning id, address, created, tries,
        exists (select from account a where a.id = mail.account and a.fhir_user like 'Patient/%')";
const LATER: &str = "update mail set due = $2 where id = $1";
const DONE: &str = "delete from mail where id = $1";
const WAITING: &str = "select count(*) from mail";
pub const STATEMENTS: &[&str] = &[ADD, TAKE, LATER, DONE, WAITING];

/// A mail to send.
#[derive(Debug, Clone)]
pub struct Mail {
    pub id: Uuid,
    pub address: String,
    pub created: Instant,
    /// This one included.
    pub tries: i32,
    /// To a patient, who has an inbox of their own.
    pub is_to_patient: bool,
}

impl Tx {
    /// Has a mail sent, once this is committed, to everybody who signs in as this person and has a mail address.
    pub async fn add_mail(&self, person: &str, notice: &ResourceId) -> Result<u64, StoreError> {
        let now = Instant::now().0;
        let client = self.client();
        let statement = client.prepare_cached(ADD).await.map_err(StoreError::sql("failed to prepare a mail"))?;
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&person, &notice.as_str(), &now];
        client.execute(&statement, &params).await.map_err(StoreError::sql("failed to write a mail"))
    }
}

impl Store {
    /// Takes mails that are due; nobody else gets them for so long.
    pub async fn take_mails(&self, lease_s: i64, max: i64) -> Result<Vec<Mail>, StoreError> {
        let rows = self.ask(TAKE, &[&Instant::now().0, &(lease_s * 1_000_000), &max]).await?;
        let mail = |row: &tokio_postgres::Row| Mail {
            id: row.get(0),
            address: row.get(1),
            created: Instant(row.get(2)),
            tries: row.get(3),
            is_to_patient: row.get(4),
        };
        Ok(rows.iter().map(mail).collect())
    }

    /// Has a mail that could not be sent tried again then.
    pub async fn mail_later(&self, id: Uuid, due: Instant) -> Result<(), StoreError> {
        self.tell(LATER, &[&id, &due.0]).await.map(drop)
    }

    /// Removes a mail that was sent, or given up.
    pub async fn mail_done(&self, id: Uuid) -> Result<(), StoreError> {
        self.tell(DONE, &[&id]).await.map(drop)
    }

    /// Returns how many mails wait.
    pub async fn mails_waiting(&self) -> Result<i64, StoreError> {
        Ok(self.ask_one(WAITING, &[]).await?.map_or(0, |row| row.get(0)))
    }
}
