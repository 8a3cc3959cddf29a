//! Spooled audit rows on their way in: rows and the position in their file in one transaction, so that each comes once.

use super::row::Row;
use crate::store::lane::Open;
use crate::store::{Store, StoreError};

const POSITION: &str = "select position from audit_spool where name = $1 for update";
const MOVE: &str = "insert into audit_spool (name, position) values ($1, $2)
    on conflict (name) do update set position = excluded.position";
const FORGET: &str = "delete from audit_spool where name = $1";
/// Statements on the table `audit_spool`.
pub const STATEMENTS: [&str; 3] = [POSITION, MOVE, FORGET];

impl Store {
    /// Writes the rows that stand between two positions of a file; returns the position up to which its rows are here, which
    /// is another one where they were here already.
    pub async fn drain_audit(&self, name: &str, from: i64, position: i64, rows: &[Vec<u8>]) -> Result<i64, StoreError> {
        let open = Open::new(self.writes.get().await?);
        let client = open.get();
        let failed = StoreError::sql("failed to write spooled audit rows");
        client.batch_execute("begin").await.map_err(&failed)?;
        let known = client.query_opt(POSITION, &[&name]).await.map_err(&failed)?.map_or(0, |row| row.get::<_, i64>(0));
        if known != from {
            client.batch_execute("rollback").await.map_err(&failed)?;
            open.close();
            return Ok(known);
        }
        let decoded: Vec<Row> = rows.iter().filter_map(|bytes| Row::decode(bytes)).collect();
        if decoded.len() < rows.len() {
            tracing::error!(rows = rows.len() - decoded.len(), "spooled audit rows of another release cannot be read");
        }
        self.copy_audit(client, &decoded).await?;
        client.execute(MOVE, &[&name, &position]).await.map_err(&failed)?;
        client.batch_execute("commit").await.map_err(&failed)?;
        open.close();
        Ok(position)
    }

    /// Forgets a file that is no more.
    pub async fn forget_audit_spool(&self, name: &str) -> Result<(), StoreError> {
        let client = self.writes.get().await?;
        client.execute(FORGET, &[&name]).await.map(drop).map_err(StoreError::sql("failed to forget a spool file"))
    }
}
