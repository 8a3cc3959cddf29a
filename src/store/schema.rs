//! Migrations, run at start by one process at a time.

use super::error::StoreError;
use std::str::FromStr;
use tokio_postgres::{Config, NoTls};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Any fixed number: processes that migrate the same database wait for each other on it.
const LOCK: i64 = 0x6d65_6469_6c69_6e6b;

/// Brings the database to the schema of this build; returns how many migrations were applied.
pub async fn migrate(url: &str) -> Result<usize, StoreError> {
    let config = Config::from_str(url).map_err(|e| StoreError::Away(format!("database_url: {e}")))?;
    let (mut client, connection) = config.connect(NoTls).await.map_err(StoreError::sql("failed to connect"))?;
    let driver = tokio::spawn(connection);
    client
        .execute("select pg_advisory_lock($1)", &[&LOCK])
        .await
        .map_err(StoreError::sql("failed to wait for the migration lock"))?;
    let report = embedded::migrations::runner()
        .run_async(&mut client)
        .await
        .map_err(|e| StoreError::Migration(format!("{e}: {:?}", std::error::Error::source(&e))));
    drop(client);
    let _ = driver.await;
    Ok(report?.applied_migrations().len())
}
