//! Audit rows as arrays, one a column: they go into the one statement of a write.

use super::row::{MacKey, Row};
use crate::store::search::write::array;
use std::borrow::Cow;
use tokio_postgres::types::ToSql;

/// Columns of the rows to write, one vector a column.
#[derive(Default)]
pub struct Columns {
    no: Vec<i64>,
    at: Vec<i64>,
    request: Vec<String>,
    principal: Vec<String>,
    action: Vec<String>,
    type_: Vec<Option<i16>>,
    id: Vec<Option<String>>,
    version: Vec<Option<i32>>,
    status: Vec<i16>,
    client: Vec<Option<String>>,
    detail: Vec<Option<String>>,
    agent: Vec<Option<String>>,
    purpose: Vec<Option<String>>,
    token: Vec<Option<String>>,
    address: Vec<Option<String>>,
    query: Vec<Option<String>>,
    /// Each an array in PostgreSQL's notation.
    patients: Vec<Option<String>>,
    consent: Vec<Option<String>>,
    content: Vec<Option<String>>,
    mac: Vec<Vec<u8>>,
}

impl Columns {
    pub fn is_empty(&self) -> bool {
        self.no.is_empty()
    }

    pub fn add(&mut self, no: i64, row: Row, key: &MacKey) {
        let mut bytes = Vec::with_capacity(256);
        row.encode(&mut bytes);
        let owned = |text: Option<Cow<str>>| text.map(Cow::into_owned);
        self.mac.push(key.row(no, &bytes).to_vec());
        self.no.push(no);
        self.at.push(row.at);
        self.request.push(row.request.into_owned());
        self.principal.push(row.principal.into_owned());
        self.action.push(row.action.into_owned());
        self.type_.push(row.type_);
        self.id.push(owned(row.id));
        self.version.push(row.version);
        self.status.push(row.status);
        self.client.push(owned(row.client));
        self.detail.push(owned(row.detail));
        self.agent.push(owned(row.agent));
        self.purpose.push(owned(row.purpose));
        self.token.push(owned(row.token));
        self.address.push(owned(row.address));
        self.query.push(owned(row.query));
        self.patients.push((!row.patients.is_empty()).then(|| array(&row.patients)));
        self.consent.push(owned(row.consent));
        self.content.push(owned(row.content));
    }

    /// Returns the columns that the statements have had from the beginning, in the order of the table.
    pub fn first(&self) -> [&(dyn ToSql + Sync); 9] {
        [
            &self.no,
            &self.at,
            &self.request,
            &self.principal,
            &self.action,
            &self.type_,
            &self.id,
            &self.version,
            &self.status,
        ]
    }

    /// Returns the columns that came later.
    pub fn rest(&self) -> [&(dyn ToSql + Sync); 11] {
        [
            &self.client,
            &self.detail,
            &self.agent,
            &self.purpose,
            &self.token,
            &self.address,
            &self.query,
            &self.patients,
            &self.consent,
            &self.content,
            &self.mac,
        ]
    }
}
