//! What a search asks of stored definitions and of trees of resources, before it is run.
//!
//! Definitions (CodeSystem, ValueSet) say what words mean and hold nothing about anybody. A search by a value set tells
//! no more of it than that a code is in it, so they are read whatever types a grant shows: a token for observations alone
//! can search them by `code:in`.

use super::error::StoreError;
use super::row::Stored;
use super::{View, find};
use crate::access::Grant;
use crate::fhir::{ResourceId, ResourceType};
use deadpool_postgres::Object;

const DOWN: &str = include_str!("sql/tree_down.sql");
const UP: &str = include_str!("sql/tree_up.sql");
/// Most versions of one definition that are looked at.
const VERSIONS_MAX: usize = 100;

/// A kind of resource that defines words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Definition {
    CodeSystem,
    ValueSet,
}

/// A way from one resource through a tree of its type.
#[derive(Debug)]
pub struct TreeQuery<'a> {
    pub resource_type: ResourceType,
    /// The key of the first resource as a target of references.
    pub target: i64,
    /// Keys of the columns by which resources of the type refer to their own.
    pub columns: &'a [i64],
    pub up: bool,
    pub max: usize,
}

impl Definition {
    pub fn resource_type(self) -> Option<ResourceType> {
        ResourceType::parse(match self {
            Definition::CodeSystem => "CodeSystem",
            Definition::ValueSet => "ValueSet",
        })
    }
}

impl View<'_> {
    /// Returns the definitions that stand under a key of their canonical URL, whatever the grant shows.
    pub async fn definitions(&self, kind: Definition, key: i64) -> Result<Vec<Stored>, StoreError> {
        let rows = match self {
            View::Pool(store) => find::standing_under(&store.reads.get().await?, &[key], VERSIONS_MAX).await?,
            View::Tx(tx) => find::standing_under(tx.client(), &[key], VERSIONS_MAX).await?,
        };
        Ok(of_kind(rows, kind))
    }

    /// Returns the definition with this id, whatever the grant shows.
    pub async fn definition(&self, kind: Definition, id: &ResourceId) -> Result<Option<Stored>, StoreError> {
        let Some(t) = kind.resource_type() else { return Ok(None) };
        let found = match self {
            View::Pool(store) => store.read_shared(t, id).await?,
            View::Tx(tx) => super::read::current(tx.client(), t, id).await?,
        };
        Ok(found.filter(|stored| !stored.is_deleted()))
    }

    /// Returns the targets of a resource and of up to `max` others of its type on the way through the tree; none where
    /// the grant does not show the type.
    pub async fn tree(&self, grant: &Grant, query: &TreeQuery<'_>) -> Result<Vec<i64>, StoreError> {
        if !grant.sees(query.resource_type) {
            return Ok(Vec::new());
        }
        match self {
            View::Pool(store) => walk(&store.reads.get().await?, query).await,
            View::Tx(tx) => walk(tx.client(), query).await,
        }
    }
}

fn of_kind(rows: Vec<Stored>, kind: Definition) -> Vec<Stored> {
    rows.into_iter()
        .filter(|stored| kind.resource_type() == Some(stored.resource_type) && !stored.is_deleted())
        .collect()
}

async fn walk(client: &Object, query: &TreeQuery<'_>) -> Result<Vec<i64>, StoreError> {
    let sql = if query.up { UP } else { DOWN };
    let statement = client.prepare_cached(sql).await.map_err(StoreError::sql("failed to prepare a walk"))?;
    let max = i64::try_from(query.max).unwrap_or(i64::MAX);
    let number = query.resource_type.number();
    let rows = client
        .query(&statement, &[&query.target, &query.columns, &number, &max])
        .await
        .map_err(StoreError::sql("failed to walk through a tree"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
