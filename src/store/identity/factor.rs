//! Second factors: the secret of an authenticator app, and recovery codes.

use super::Hash;
use crate::store::{Store, StoreError};
use uuid::Uuid;

// One statement decides, so that a code is good once however many processes are asked at the same time.
const SET_TOTP: &str = "update account set totp = $2, totp_step = $3 where id = $1 and totp is null";
const USE_STEP: &str = "update account set totp_step = $2 where id = $1 and totp_step < $2 and totp = $3";
const REMOVE_TOTP: &str = "with gone as (delete from recovery_code where account = $1)
    update account set totp = null, totp_step = 0 where id = $1 and totp is not null";
const FORGET_CODES: &str = "delete from recovery_code where account = $1 and hash <> all ($2)";
const ADD_CODES: &str =
    "insert into recovery_code (account, hash) select $1, unnest($2::bytea[]) on conflict do nothing";
const USE_CODE: &str = "delete from recovery_code where account = $1 and hash = $2";
const COUNT_CODES: &str = "select count(*) from recovery_code where account = $1";
pub const STATEMENTS: &[&str] = &[SET_TOTP, USE_STEP, REMOVE_TOTP, FORGET_CODES, ADD_CODES, USE_CODE, COUNT_CODES];

impl Store {
    /// Keeps the secret of an authenticator app and the step of the code that proved it; false when there is one already.
    pub async fn set_totp(&self, account: Uuid, sealed: &[u8], step: i64) -> Result<bool, StoreError> {
        Ok(self.tell(SET_TOTP, &[&account, &sealed, &step]).await? == 1)
    }

    /// Uses the code of a time step; false when that step, or a later one, was used before.
    pub async fn use_totp_step(&self, account: Uuid, sealed: &[u8], step: i64) -> Result<bool, StoreError> {
        Ok(self.tell(USE_STEP, &[&account, &step, &sealed]).await? == 1)
    }

    /// Removes the authenticator app and the recovery codes that stand in for it; false when there was none.
    pub async fn remove_totp(&self, account: Uuid) -> Result<bool, StoreError> {
        Ok(self.tell(REMOVE_TOTP, &[&account]).await? == 1)
    }

    /// Puts other recovery codes in the place of those of before.
    pub async fn set_recovery_codes(&self, account: Uuid, codes: &[Hash]) -> Result<(), StoreError> {
        let codes: Vec<Vec<u8>> = codes.iter().map(|hash| hash.to_vec()).collect();
        self.tell(ADD_CODES, &[&account, &codes]).await?;
        self.tell(FORGET_CODES, &[&account, &codes]).await.map(drop)
    }

    /// Uses a recovery code up; false when it is not one of this person's.
    pub async fn use_recovery_code(&self, account: Uuid, hash: Hash) -> Result<bool, StoreError> {
        Ok(self.tell(USE_CODE, &[&account, &hash.to_vec()]).await? == 1)
    }

    pub async fn recovery_codes_left(&self, account: Uuid) -> Result<i64, StoreError> {
        Ok(self.ask_one(COUNT_CODES, &[&account]).await?.map_or(0, |row| row.get(0)))
    }
}
