//! Accounts: people who can sign in.

use super::client::Status;
use crate::access::role::Role;
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::store::{Store, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

const READ: &str = "select id, login, name, email, status, roles, fhir_user, password, created, totp, totp_step
    from account where id = $1";
const BY_LOGIN: &str = "select id, login, name, email, status, roles, fhir_user, password, created, totp, totp_step
    from account where login = lower($1)";
const LIST: &str = "select id, login, name, email, status, roles, fhir_user, password, created, totp, totp_step
    from account order by created desc, login limit $1";
const ADD: &str = "insert into account
        (id, login, name, email, status, roles, fhir_user, password, created, totp, totp_step)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing";
const CHANGE: &str = "update account
    set login = $2, name = $3, email = $4, status = $5, roles = $6, fhir_user = $7, password = $8, totp = $10, totp_step = $11
    where id = $1 and created = $9";
pub const STATEMENTS: &[&str] = &[READ, BY_LOGIN, LIST, ADD, CHANGE];

#[derive(Debug, Clone)]
pub struct Account {
    /// Also the `sub` of this person's tokens.
    pub id: Uuid,
    /// In lower case.
    pub login: String,
    pub name: String,
    pub email: Option<String>,
    pub status: Status,
    pub roles: Vec<Role>,
    /// Patient, Practitioner or RelatedPerson.
    pub fhir_user: Option<(ResourceType, ResourceId)>,
    /// argon2id, in PHC notation.
    pub password: Option<String>,
    pub created: Instant,
    /// The secret of the authenticator app, sealed.
    pub totp: Option<Vec<u8>>,
    /// The last time step whose code was used.
    pub totp_step: i64,
}

impl Store {
    pub async fn account(&self, id: Uuid) -> Result<Option<Account>, StoreError> {
        self.ask_one(READ, &[&id]).await?.map(read).transpose()
    }

    pub async fn account_by_login(&self, login: &str) -> Result<Option<Account>, StoreError> {
        self.ask_one(BY_LOGIN, &[&login]).await?.map(read).transpose()
    }

    /// Adds an account; false when its login is taken.
    pub async fn add_account(&self, it: &Account) -> Result<bool, StoreError> {
        Ok(self.put_account(ADD, it).await? == 1)
    }

    /// Changes an account in all but its id; false when it is gone.
    pub async fn change_account(&self, it: &Account) -> Result<bool, StoreError> {
        Ok(self.put_account(CHANGE, it).await? == 1)
    }

    async fn put_account(&self, sql: &'static str, it: &Account) -> Result<u64, StoreError> {
        let roles: Vec<&str> = it.roles.iter().map(|role| role.name()).collect();
        let fhir_user = it.fhir_user.as_ref().map(|(t, id)| format!("{t}/{id}"));
        let (status, created, login) = (it.status.number(), it.created.0, it.login.to_lowercase());
        let params: [&(dyn ToSql + Sync); 11] = [
            &it.id,
            &login,
            &it.name,
            &it.email,
            &status,
            &roles,
            &fhir_user,
            &it.password,
            &created,
            &it.totp,
            &it.totp_step,
        ];
        self.tell(sql, &params).await
    }

    /// Returns the accounts, the newest first.
    pub async fn accounts(&self, max: i64) -> Result<Vec<Account>, StoreError> {
        self.ask(LIST, &[&max]).await?.into_iter().map(read).collect()
    }
}

fn read(row: Row) -> Result<Account, StoreError> {
    let login: String = row.get(1);
    let roles: Vec<String> = row.get(5);
    let fhir_user: Option<String> = row.get(6);
    let fhir_user = match fhir_user.as_deref().map(|text| text.split_once('/')) {
        None => None,
        Some(Some((t, id))) => ResourceType::parse(t).zip(ResourceId::parse(id)),
        Some(None) => return Err(StoreError::Damaged(format!("the account '{login}' is linked to nothing readable"))),
    };
    Ok(Account {
        id: row.get(0),
        name: row.get(2),
        email: row.get(3),
        status: Status::from_number(row.get(4)),
        roles: roles.iter().filter_map(|name| Role::parse(name)).collect(),
        fhir_user,
        password: row.get(7),
        created: Instant(row.get(8)),
        totp: row.get(9),
        totp_step: row.get(10),
        login,
    })
}
