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
// Each of these changes what it names and nothing else: a sign-in that keeps a stronger hash must not bring back a person
// who is being suspended.
const SET_STATUS: &str = "update account set status = $2 where id = $1";
const SET_ROLES: &str = "update account set roles = $2 where id = $1";
const SET_PROFILE: &str = "update account set name = $2, email = $3, fhir_user = $4 where id = $1";
const SET_PASSWORD: &str = "update account set password = $2 where id = $1 and password is not distinct from $3";
pub const STATEMENTS: &[&str] = &[READ, BY_LOGIN, LIST, ADD, SET_STATUS, SET_ROLES, SET_PROFILE, SET_PASSWORD];

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
        let roles: Vec<&str> = it.roles.iter().map(|role| role.name()).collect();
        let fhir_user = link(it.fhir_user.as_ref());
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
        Ok(self.tell(ADD, &params).await? == 1)
    }

    pub async fn set_status(&self, account: Uuid, status: Status) -> Result<bool, StoreError> {
        Ok(self.tell(SET_STATUS, &[&account, &status.number()]).await? == 1)
    }

    pub async fn set_roles(&self, account: Uuid, roles: &[Role]) -> Result<bool, StoreError> {
        let roles: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        Ok(self.tell(SET_ROLES, &[&account, &roles]).await? == 1)
    }

    /// Changes what an account says of its person: name, email and FHIR resource.
    pub async fn set_profile(&self, it: &Account) -> Result<bool, StoreError> {
        let fhir_user = link(it.fhir_user.as_ref());
        Ok(self.tell(SET_PROFILE, &[&it.id, &it.name, &it.email, &fhir_user]).await? == 1)
    }

    /// Puts another password hash in the place of the one known to the caller; false when that is not there any more.
    pub async fn set_password(&self, it: &Account, password: &str) -> Result<bool, StoreError> {
        Ok(self.tell(SET_PASSWORD, &[&it.id, &password, &it.password]).await? == 1)
    }

    /// Returns the accounts, the newest first.
    pub async fn accounts(&self, max: i64) -> Result<Vec<Account>, StoreError> {
        self.ask(LIST, &[&max]).await?.into_iter().map(read).collect()
    }
}

fn link(fhir_user: Option<&(ResourceType, ResourceId)>) -> Option<String> {
    fhir_user.map(|(t, id)| format!("{t}/{id}"))
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
