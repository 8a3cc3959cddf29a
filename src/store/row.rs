//! Rows as the store gives them out. Content stays the bytes that PostgreSQL sent.

use crate::fhir::{Instant, ResourceId, ResourceType};
use bytes::Bytes;
use std::error::Error;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

/// One version of a resource.
#[derive(Clone, Debug)]
pub struct Stored {
    pub no: i64,
    pub resource_type: ResourceType,
    pub id: ResourceId,
    pub version: i32,
    pub updated: Instant,
    /// None for a deletion.
    pub content: Option<Bytes>,
    /// The patients whom the current version is about, where the statement told.
    pub about: Vec<i64>,
}

/// How a version came about. The numbers stand in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Posted = 1,
    /// Made by PUT, under the client's id or in place of a deleted one.
    PutNew = 2,
    Put = 3,
    Patched = 4,
    Deleted = 5,
}

impl Deed {
    pub fn from_number(number: i16) -> Deed {
        match number {
            1 => Deed::Posted,
            2 => Deed::PutNew,
            4 => Deed::Patched,
            5 => Deed::Deleted,
            _ => Deed::Put,
        }
    }
}

impl Stored {
    pub fn is_deleted(&self) -> bool {
        self.content.is_none()
    }
}

/// The bytes of a `json` or `text` column, where the driver received them.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Raw<'a>, Box<dyn Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::JSON | Type::TEXT)
    }
}

/// Keeps a row alive for as long as its content is being sent.
struct Content(Row, usize);

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        self.0.try_get::<_, Raw>(self.1).map_or(&[], |raw| raw.0)
    }
}

/// Returns the content column of a row without copying it; none when it is null.
pub fn content(row: Row, column: usize) -> Option<Bytes> {
    row.try_get::<_, Option<Raw>>(column).ok().flatten()?;
    Some(Bytes::from_owner(Content(row, column)))
}

/// Returns the content of a row of such a version; nothing when it is null.
pub fn content_bytes(row: &Row) -> &[u8] {
    row.try_get::<_, Option<Raw>>(5).ok().flatten().map_or(&[], |raw| raw.0)
}

/// Returns whom such a row is about; nobody where that is not told.
pub fn about(row: &Row) -> Vec<i64> {
    let has_about = row.columns().get(6).is_some_and(|column| column.name() == "about");
    if has_about { row.get::<_, Option<Vec<i64>>>(6).unwrap_or_default() } else { Vec::new() }
}

/// Returns a version from a row of `no, type, id, version, updated, content, ...`, the next perhaps being `about`.
pub fn stored(row: Row) -> Option<Stored> {
    Some(Stored {
        about: about(&row),
        no: row.get(0),
        resource_type: ResourceType::from_number(row.get(1))?,
        id: ResourceId::parse(row.get(2))?,
        version: row.get(3),
        updated: Instant(row.get(4)),
        content: content(row, 5),
    })
}
