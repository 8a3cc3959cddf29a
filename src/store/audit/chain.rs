//! The chain of audit rows: every row gets one link, in an order that no late commit changes.
//!
//! As with the outbox, rows are taken only when no transaction that still runs could put one before them. One process links
//! at a time, whichever comes first; who reads the chain reads links and rows side by side.

use super::row::{Hash, MacKey, Row, link_hash};
use crate::fhir::Instant;
use crate::store::lane::Open;
use crate::store::{Store, StoreError};
use futures_util::pin_mut;
use std::borrow::Cow;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;

const LAST: &str = include_str!("../sql/audit_last.sql");
const FOLLOW: &str = include_str!("../sql/audit_follow.sql");
const WALK: &str = include_str!("../sql/audit_walk.sql");
const UNLINKED: &str = include_str!("../sql/audit_unlinked.sql");
const ODD_PATIENT: &str = include_str!("../sql/audit_odd_patient.sql");
const BARE: &str = include_str!("../sql/audit_bare.sql");
const LINKS: &str = "copy audit_link (seq, no, xid, sound, hash, mac) from stdin (format binary)";
/// Statements on the chain.
pub const STATEMENTS: [&str; 6] = [LAST, FOLLOW, WALK, UNLINKED, ODD_PATIENT, BARE];
/// Any fixed number: who holds it links rows.
const LOCK: i64 = 0x6175_6469_745f_6c6b;
/// Rows that one transaction links.
pub const BATCH_MAX: i64 = 8192;

/// The end of the chain; the default is that of an empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    pub seq: i64,
    pub hash: Hash,
}

/// What a try to link came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// Another process links.
    Elsewhere,
    /// This many rows were linked, up to this head; fewer than [`BATCH_MAX`] mean that it has caught up. The time is that of
    /// the last row.
    Rows(i64, Head, i64),
}

/// A link of the chain as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub seq: i64,
    pub no: i64,
    pub sound: bool,
    pub hash: Vec<u8>,
    pub mac: Vec<u8>,
    /// The row; none where it is gone.
    pub row: Option<Stored>,
}

/// A row as it is stored: its bytes are made anew of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub no: i64,
    pub row: Row<'static>,
    pub bytes: Vec<u8>,
    pub mac: Vec<u8>,
}

impl Stored {
    fn new(no: i64, row: Row<'static>, mac: Vec<u8>) -> Stored {
        let mut bytes = Vec::with_capacity(256);
        row.encode(&mut bytes);
        Stored { no, row, bytes, mac }
    }

    /// Returns whether this server has made the row.
    pub fn is_sound(&self, key: &MacKey) -> bool {
        self.mac == key.row(self.no, &self.bytes)
    }
}

impl Store {
    /// Links what can be linked, up to [`BATCH_MAX`] rows.
    pub async fn link_audit(&self) -> Result<Linked, StoreError> {
        let open = Open::new(self.writes.get().await?);
        let client = open.get();
        client.batch_execute("begin").await.map_err(StoreError::sql("failed to begin"))?;
        let failed = StoreError::sql("failed to follow the audit");
        let locked = client.query_one("select pg_try_advisory_xact_lock($1)", &[&LOCK]).await.map_err(&failed)?;
        if !locked.get::<_, bool>(0) {
            client.batch_execute("rollback").await.map_err(&failed)?;
            open.close();
            return Ok(Linked::Elsewhere);
        }
        let last = client.query_opt(LAST, &[]).await.map_err(&failed)?;
        let (mut head, xid, no) = match &last {
            None => (Head::default(), "0".to_string(), 0_i64),
            Some(row) => (Head { seq: row.get(0), hash: hash(row.get(1))? }, row.get(2), row.get(3)),
        };
        let statement = client.prepare_cached(FOLLOW).await.map_err(&failed)?;
        let rows = client.query(&statement, &[&xid, &no, &BATCH_MAX]).await.map_err(&failed)?;
        let mut at = 0;
        if !rows.is_empty() {
            let sink = client.copy_in(LINKS).await.map_err(&failed)?;
            let types = [Type::INT8, Type::INT8, Type::XID8, Type::BOOL, Type::BYTEA, Type::BYTEA];
            let writer = BinaryCopyInWriter::new(sink, &types);
            pin_mut!(writer);
            for row in &rows {
                let stored = stored(row, 1);
                let key = &self.blueprint.audit.key;
                let sound = stored.is_sound(key);
                head = Head { seq: head.seq + 1, hash: link_hash(&head.hash, stored.no, &stored.bytes, &stored.mac) };
                let mac = key.link(head.seq, stored.no, sound, &head.hash);
                let xid: Xid = row.get(0);
                let columns: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
                    [&head.seq, &stored.no, &xid, &sound, &&head.hash[..], &&mac[..]];
                writer.as_mut().write(&columns).await.map_err(&failed)?;
                at = stored.row.at;
            }
            writer.finish().await.map_err(&failed)?;
        }
        client.batch_execute("commit").await.map_err(StoreError::sql("failed to commit links"))?;
        open.close();
        Ok(Linked::Rows(rows.len() as i64, head, at))
    }

    /// Returns the end of the chain.
    pub async fn audit_head(&self) -> Result<Head, StoreError> {
        let client = self.reads.get().await?;
        let last =
            client.query_opt(LAST, &[]).await.map_err(StoreError::sql("failed to read the head of the audit"))?;
        last.map_or(Ok(Head::default()), |row| Ok(Head { seq: row.get(0), hash: hash(row.get(1))? }))
    }

    /// Returns up to `limit` links after `seq`, rising, with their rows.
    pub async fn walk_audit(&self, seq: i64, limit: i64) -> Result<Vec<Link>, StoreError> {
        let client = self.writes.get().await?;
        let failed = StoreError::sql("failed to read the audit");
        let statement = client.prepare_cached(WALK).await.map_err(&failed)?;
        let rows = client.query(&statement, &[&seq, &limit]).await.map_err(&failed)?;
        let link = |row: &tokio_postgres::Row| Link {
            seq: row.get(0),
            no: row.get(1),
            sound: row.get(2),
            hash: row.get(3),
            mac: row.get(4),
            row: row.get::<_, Option<i64>>(5).map(|_| stored(row, 5)),
        };
        Ok(rows.iter().map(link).collect())
    }

    /// Returns up to `limit` rows after the number `no` that have no link: those to be linked next, and those that never will be.
    pub async fn unlinked_audit(&self, no: i64, limit: i64) -> Result<Vec<Unlinked>, StoreError> {
        let client = self.writes.get().await?;
        let failed = StoreError::sql("failed to read the audit");
        // Goes over all rows of a big table once.
        client.batch_execute("set statement_timeout = 0").await.map_err(&failed)?;
        let rows = client.query(UNLINKED, &[&no, &limit]).await;
        client.batch_execute("reset statement_timeout").await.map_err(&failed)?;
        let rows = rows.map_err(&failed)?;
        Ok(rows.iter().map(|row| Unlinked { overtaken: row.get(0), stored: stored(row, 1) }).collect())
    }

    /// Authenticates rows of before there were macs. Only a database whose chain has not begun takes them for true.
    pub async fn adopt_audit(&self) -> Result<u64, StoreError> {
        let mut adopted = 0;
        while self.audit_head().await? == Head::default() {
            let client = self.writes.get().await?;
            let failed = StoreError::sql("failed to authenticate audit rows of before");
            let rows = client.query(BARE, &[&BATCH_MAX]).await.map_err(&failed)?;
            if rows.is_empty() {
                break;
            }
            let made: Vec<Stored> = rows.iter().map(|row| stored(row, 0)).collect();
            let nos: Vec<i64> = made.iter().map(|stored| stored.no).collect();
            let macs: Vec<Vec<u8>> =
                made.iter().map(|stored| self.blueprint.audit.key.row(stored.no, &stored.bytes).to_vec()).collect();
            let sql = "update audit a set mac = m.mac from unnest($1::bigint[], $2::bytea[]) as m (no, mac)
                where a.no = m.no and a.mac = ''";
            adopted += client.execute(sql, &[&nos, &macs]).await.map_err(&failed)?;
        }
        Ok(adopted)
    }
}

impl Store {
    /// Returns what the audit of this process stands on.
    pub fn audit_ground(&self) -> &super::Ground {
        &self.blueprint.audit
    }

    /// Returns the number of a row that the log of a patient does not have as the row is; none where there is none.
    pub async fn odd_audit_patient(&self) -> Result<Option<i64>, StoreError> {
        let client = self.reads.get().await?;
        let failed = StoreError::sql("failed to read the logs of patients");
        client.batch_execute("set statement_timeout = 0").await.map_err(&failed)?;
        let found = client.query_opt(ODD_PATIENT, &[]).await;
        client.batch_execute("reset statement_timeout").await.map_err(&failed)?;
        Ok(found.map_err(&failed)?.map(|row| row.get(0)))
    }

    /// Keeps a signed statement.
    pub async fn keep_audit_checkpoint(&self, seq: i64, at: Instant, statement: &str) -> Result<(), StoreError> {
        let client = self.writes.get().await?;
        let sql = "insert into audit_checkpoint (seq, at, statement) values ($1, $2, $3) on conflict do nothing";
        client
            .execute(sql, &[&seq, &at.0, &statement])
            .await
            .map_err(StoreError::sql("failed to keep a checkpoint"))?;
        Ok(())
    }

    /// Returns the signed statements, the oldest first.
    pub async fn audit_checkpoints(&self) -> Result<Vec<String>, StoreError> {
        let client = self.reads.get().await?;
        let sql = "select statement from audit_checkpoint order by seq, at";
        let rows = client.query(sql, &[]).await.map_err(StoreError::sql("failed to read the checkpoints"))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

/// A row without a link.
#[derive(Debug, Clone)]
pub struct Unlinked {
    /// It stands before the end of the chain, so that it will never get one.
    pub overtaken: bool,
    pub stored: Stored,
}

/// A transaction id, which the driver has no type for.
#[derive(Debug, Clone, Copy)]
struct Xid(u64);

impl<'a> tokio_postgres::types::FromSql<'a> for Xid {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Xid, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Xid(u64::from_be_bytes(raw.try_into()?)))
    }

    fn accepts(t: &Type) -> bool {
        *t == Type::XID8
    }
}

impl tokio_postgres::types::ToSql for Xid {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.0.to_be_bytes());
        Ok(tokio_postgres::types::IsNull::No)
    }

    fn accepts(t: &Type) -> bool {
        *t == Type::XID8
    }

    tokio_postgres::types::to_sql_checked!();
}

fn hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Damaged("a link of the audit whose hash is not of 32 bytes".into()))
}

/// Returns the row whose columns begin at a place, in the order of the statements.
fn stored(row: &tokio_postgres::Row, from: usize) -> Stored {
    let text = |column: usize| Cow::Owned(row.get::<_, Option<String>>(from + column).unwrap_or_default());
    let maybe = |column: usize| row.get::<_, Option<String>>(from + column).map(Cow::Owned);
    let columns = Row {
        at: row.get(from + 1),
        request: text(2),
        principal: text(3),
        action: text(4),
        type_: row.get(from + 5),
        id: maybe(6),
        version: row.get(from + 7),
        status: row.get(from + 8),
        client: maybe(9),
        detail: maybe(10),
        agent: maybe(11),
        purpose: maybe(12),
        token: maybe(13),
        address: maybe(14),
        query: maybe(15),
        patients: row.get::<_, Option<Vec<Option<i64>>>>(from + 16).unwrap_or_default().into_iter().flatten().collect(),
        consent: maybe(17),
        content: maybe(18),
    };
    Stored::new(row.get(from), columns, row.get(from + 19))
}
