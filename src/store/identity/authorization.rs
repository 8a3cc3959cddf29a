//! What clients were allowed, the codes that are exchanged for it once, and the refresh tokens that carry it on.

use super::Hash;
use super::revocation::TOKEN_S_MAX;
use crate::fhir::Instant;
use crate::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

const ADD: &str = "insert into authorization_grant (id, client, account, session, data, created, used)
    values ($1, $2, $3, $4, $5, $6, $6)";
const ADD_CODE: &str =
    "insert into authorization_code (hash, \"grant\", redirect, challenge, ends) values ($1, $2, $3, $4, $5)";
const TAKE_CODE: &str = "with before as (
        select hash, used from authorization_code where hash = $1 for update
    ), taken as (
        update authorization_code c set used = $2 from before b where c.hash = b.hash and b.used is null
    )
    select c.\"grant\", c.redirect, c.challenge, c.ends, b.used
    from authorization_code c join before b on b.hash = c.hash";
const READ: &str =
    "select id, client, account, session, data, created, used, ended from authorization_grant where id = $1";
const OF_ACCOUNT: &str = "select id, client, account, session, data, created, used, ended from authorization_grant
    where account = $1 and ended is null order by used desc limit 500";
const END: &str = "with done as (
        update authorization_grant set ended = $2 where id = any ($1) and ended is null returning id
    )
    insert into revocation (kind, name, at, ends) select 'grant', id::text, $2, $3 from done";
const OF_WHOM: &str = "select id from authorization_grant
    where ended is null and (account = $1 or session = $2 or client = $3)";
const ONLINE: &str = "select id from authorization_grant
    where account = $1 and ended is null and session is not null and session is distinct from $2";
const ORPHANED: &str = "select id from authorization_grant g
    where ended is null and session is not null and not exists (select from session s where s.hash = g.session)
    limit 1000";
const ADD_REFRESH: &str = "with noted as (update authorization_grant set used = $3 where id = $2)
    insert into refresh_token (hash, \"grant\", created, ends) values ($1, $2, $3, $4)";
const TAKE_REFRESH: &str = "with before as (
        select hash, used from refresh_token where hash = $1 for update
    ), taken as (
        update refresh_token r set used = $2 from before b where r.hash = b.hash and b.used is null
    )
    select r.\"grant\", r.ends, b.used from refresh_token r join before b on b.hash = r.hash";
const LOOK_REFRESH: &str = "select \"grant\", ends, used from refresh_token where hash = $1";
const SWEEP: &str = "with codes as (delete from authorization_code where ends < $1),
        tokens as (delete from refresh_token where ends < $1)
    delete from authorization_grant where ended < $1";
pub const STATEMENTS: &[&str] = &[
    ADD,
    ADD_CODE,
    TAKE_CODE,
    READ,
    OF_ACCOUNT,
    END,
    OF_WHOM,
    ONLINE,
    ORPHANED,
    ADD_REFRESH,
    TAKE_REFRESH,
    LOOK_REFRESH,
    SWEEP,
];

/// What a person, or a system by itself, has allowed a client. All tokens of one launch belong to one of these.
#[derive(Debug, Clone)]
pub struct Authorization {
    pub id: Uuid,
    pub client: String,
    /// None for a system that acts by itself.
    pub account: Option<Uuid>,
    /// The session that it ends with; none where it goes on offline.
    pub session: Option<Hash>,
    pub allowed: Allowed,
    pub created: Instant,
    pub used: Instant,
    pub ended: Option<Instant>,
}

/// What was allowed, as it goes into tokens and their responses.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Allowed {
    /// The scopes granted, space-separated, in the form that the client asked for.
    pub scope: String,
    /// When the person showed a factor, in seconds since 1970, and which ones.
    #[serde(default)]
    pub auth_time_s: i64,
    #[serde(default)]
    pub amr: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Launch context: ids without their types.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encounter: Option<String>,
    /// SMART App Launch 2.2, `fhirContext`; empty for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fhir_context: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need_patient_banner: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smart_style_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose_of_use: Option<String>,
    /// What the device of the refresh tokens is bound by: the thumbprint of its key (RFC 9449 `jkt`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_key: Option<String>,
}

/// A code as it is kept until it is exchanged.
#[derive(Debug, Clone)]
pub struct Code {
    pub hash: Hash,
    pub authorization: Uuid,
    pub redirect_uri: String,
    /// PKCE, S256.
    pub challenge: String,
    pub ends: Instant,
}

/// What became of a secret that is good once.
#[derive(Debug)]
pub enum Use<T> {
    First(T),
    /// It was used before: whoever sends it again has stolen it, or was stolen from.
    Again(Uuid),
    Unknown,
}

/// A refresh token as it was kept.
#[derive(Debug, Clone, Copy)]
pub struct Refresh {
    pub authorization: Uuid,
    pub ends: Instant,
    pub used: Option<Instant>,
}

impl Store {
    pub async fn add_authorization(&self, it: &Authorization) -> Result<(), StoreError> {
        let data = serde_json::to_value(&it.allowed).map_err(|e| StoreError::Damaged(e.to_string()))?;
        let session = it.session.map(|hash| hash.to_vec());
        self.tell(ADD, &[&it.id, &it.client, &it.account, &session, &data, &it.created.0]).await.map(drop)
    }

    pub async fn add_code(&self, code: &Code) -> Result<(), StoreError> {
        let hash = code.hash.to_vec();
        self.tell(ADD_CODE, &[&hash, &code.authorization, &code.redirect_uri, &code.challenge, &code.ends.0])
            .await
            .map(drop)
    }

    /// Takes a code: of all who send it at once, one is the first. Whether it has ended is the caller's to see.
    pub async fn take_code(&self, hash: Hash) -> Result<Use<Code>, StoreError> {
        let row = self.ask_one(TAKE_CODE, &[&hash.to_vec(), &Instant::now().0]).await?;
        Ok(row.map_or(Use::Unknown, |row| {
            let authorization = row.get(0);
            if row.get::<_, Option<i64>>(4).is_some() {
                return Use::Again(authorization);
            }
            let (redirect_uri, challenge, ends) = (row.get(1), row.get(2), Instant(row.get(3)));
            Use::First(Code { hash, authorization, redirect_uri, challenge, ends })
        }))
    }

    /// Returns an authorization, ended or not.
    pub async fn authorization(&self, id: Uuid) -> Result<Option<Authorization>, StoreError> {
        self.ask_one(READ, &[&id]).await?.map(read).transpose()
    }

    /// Returns what a person has allowed and not ended, the latest used first.
    pub async fn authorizations_of(&self, account: Uuid) -> Result<Vec<Authorization>, StoreError> {
        self.ask(OF_ACCOUNT, &[&account]).await?.into_iter().map(read).collect()
    }

    /// Ends authorizations: their codes and refresh tokens from now on, their access tokens within a second.
    pub async fn end_authorizations(&self, ids: &[Uuid]) -> Result<(), StoreError> {
        let now = Instant::now().0;
        self.tell(END, &[&ids, &now, &(now + TOKEN_S_MAX * 1_000_000)]).await.map(drop)
    }

    /// Ends all authorizations of a person, of a session, or of a client.
    pub async fn end_authorizations_of(
        &self,
        account: Option<Uuid>,
        session: Option<Hash>,
        client: Option<&str>,
    ) -> Result<(), StoreError> {
        let rows = self.ask(OF_WHOM, &[&account, &session.map(|hash| hash.to_vec()), &client]).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
        self.end_authorizations(&ids).await
    }

    /// Ends what a person has allowed for as long as a session lasts, in all sessions but one.
    pub async fn end_online_authorizations(&self, account: Uuid, but: Option<Hash>) -> Result<(), StoreError> {
        let rows = self.ask(ONLINE, &[&account, &but.map(|hash| hash.to_vec())]).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
        self.end_authorizations(&ids).await
    }

    /// Ends authorizations whose session has ended by itself.
    pub async fn end_orphaned_authorizations(&self) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = self.ask(ORPHANED, &[]).await?.iter().map(|row| row.get(0)).collect();
        if ids.is_empty() { Ok(()) } else { self.end_authorizations(&ids).await }
    }

    pub async fn add_refresh_token(&self, hash: Hash, authorization: Uuid, ends: Instant) -> Result<(), StoreError> {
        self.tell(ADD_REFRESH, &[&hash.to_vec(), &authorization, &Instant::now().0, &ends.0]).await.map(drop)
    }

    /// Takes a refresh token, as [`Store::take_code`] does a code.
    pub async fn take_refresh_token(&self, hash: Hash) -> Result<Use<Refresh>, StoreError> {
        let row = self.ask_one(TAKE_REFRESH, &[&hash.to_vec(), &Instant::now().0]).await?;
        Ok(row.map_or(Use::Unknown, |row| match refresh(&row) {
            Refresh { authorization, used: Some(_), .. } => Use::Again(authorization),
            fresh => Use::First(fresh),
        }))
    }

    /// Returns a refresh token without using it.
    pub async fn look_refresh_token(&self, hash: Hash) -> Result<Option<Refresh>, StoreError> {
        Ok(self.ask_one(LOOK_REFRESH, &[&hash.to_vec()]).await?.map(|row| refresh(&row)))
    }

    /// Removes what has ended long ago; until then it is kept, so that its reuse is seen.
    pub async fn sweep_authorizations(&self, before: Instant) -> Result<(), StoreError> {
        self.tell(SWEEP, &[&before.0]).await.map(drop)
    }
}

fn refresh(row: &Row) -> Refresh {
    Refresh { authorization: row.get(0), ends: Instant(row.get(1)), used: row.get::<_, Option<i64>>(2).map(Instant) }
}

fn read(row: Row) -> Result<Authorization, StoreError> {
    let id: Uuid = row.get(0);
    let allowed =
        serde_json::from_value(row.get(4)).map_err(|e| StoreError::Damaged(format!("the authorization {id}: {e}")))?;
    let session: Option<Vec<u8>> = row.get(3);
    Ok(Authorization {
        id,
        client: row.get(1),
        account: row.get(2),
        session: session.and_then(|bytes| bytes.try_into().ok()),
        allowed,
        created: Instant(row.get(5)),
        used: Instant(row.get(6)),
        ended: row.get::<_, Option<i64>>(7).map(Instant),
    })
}
