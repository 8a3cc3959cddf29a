//! Audit rows that belong to no write, by COPY: it fills whole pages at a time, which costs half of what rows one by one do.

use super::Entry;
use super::row::Row;
use crate::store::lane::Open;
use crate::store::{Store, StoreError};
use deadpool_postgres::Object;
use futures_util::pin_mut;
use serde_json::value::RawValue;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{Json, ToSql, Type};

const AUDIT: &str = "copy audit (no, at, request, principal, action, type, id, version, status, client, detail,
    agent, purpose, token, address, query, patients, consent, content, mac) from stdin (format binary)";
const TYPES: [Type; 20] = [
    Type::INT8,
    Type::INT8,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::INT2,
    Type::TEXT,
    Type::INT4,
    Type::INT2,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::INT8_ARRAY,
    Type::TEXT,
    Type::JSON,
    Type::BYTEA,
];
const PATIENTS: &str = "copy audit_patient (patient, no) from stdin (format binary)";

impl Store {
    /// Writes audit rows that belong to no other transaction, all or none.
    pub async fn audit(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let rows: Vec<Row> = entries.iter().map(Row::of).collect();
        let open = Open::new(self.writes.get().await?);
        open.get().batch_execute("begin").await.map_err(StoreError::sql("failed to begin"))?;
        self.copy_audit(open.get(), &rows).await?;
        open.get().batch_execute("commit").await.map_err(StoreError::sql("failed to commit audit rows"))?;
        open.close();
        Ok(())
    }

    /// Writes audit rows inside a transaction.
    pub(in crate::store) async fn copy_audit(&self, client: &Object, rows: &[Row<'_>]) -> Result<(), StoreError> {
        let numbers = self.blueprint.numbers.reserve(client, rows.len()).await?;
        let sink = client.copy_in(AUDIT).await.map_err(StoreError::sql("failed to begin a copy of audit rows"))?;
        let writer = BinaryCopyInWriter::new(sink, &TYPES);
        pin_mut!(writer);
        let mut bytes = Vec::with_capacity(512);
        for (row, number) in rows.iter().zip(&numbers) {
            bytes.clear();
            row.encode(&mut bytes);
            let mac = self.blueprint.audit.key.row(*number, &bytes);
            let content =
                row.content.as_deref().and_then(|text| serde_json::from_str::<&RawValue>(text).ok()).map(Json);
            let patients = (!row.patients.is_empty()).then_some(&row.patients);
            let columns: [&(dyn ToSql + Sync); 20] = [
                number,
                &row.at,
                &row.request,
                &row.principal,
                &row.action,
                &row.type_,
                &row.id,
                &row.version,
                &row.status,
                &row.client,
                &row.detail,
                &row.agent,
                &row.purpose,
                &row.token,
                &row.address,
                &row.query,
                &patients,
                &row.consent,
                &content,
                &&mac[..],
            ];
            writer.as_mut().write(&columns).await.map_err(StoreError::sql("failed to write audit rows"))?;
        }
        writer.finish().await.map_err(StoreError::sql("failed to end a copy of audit rows"))?;
        copy_patients(client, rows, &numbers).await
    }
}

async fn copy_patients(client: &Object, rows: &[Row<'_>], numbers: &[i64]) -> Result<(), StoreError> {
    if rows.iter().all(|row| row.patients.is_empty()) {
        return Ok(());
    }
    let failed = StoreError::sql("failed to write the patients of audit rows");
    let sink = client.copy_in(PATIENTS).await.map_err(&failed)?;
    let writer = BinaryCopyInWriter::new(sink, &[Type::INT8, Type::INT8]);
    pin_mut!(writer);
    for (row, number) in rows.iter().zip(numbers) {
        for patient in &row.patients {
            writer.as_mut().write(&[patient, number]).await.map_err(&failed)?;
        }
    }
    writer.finish().await.map(drop).map_err(&failed)
}
