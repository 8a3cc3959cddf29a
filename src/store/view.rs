//! Where a read looks: at what is committed, or inside a transaction that sees its own writes.

use super::error::StoreError;
use super::find::{self, Match, Page, PageQuery};
use super::history::{self, HistoryPage, HistoryQuery};
use super::row::Stored;
use super::tx::Tx;
use super::{Store, read};
use crate::access::Grant;
use crate::fhir::{ResourceId, ResourceType};
use crate::search::Search;

#[derive(Clone, Copy)]
pub enum View<'a> {
    Pool(&'a Store),
    Tx(&'a Tx),
}

impl View<'_> {
    /// Returns the current version, deleted or not; none when there never was one or the grant does not show it.
    pub async fn read(&self, grant: &Grant, t: ResourceType, id: &ResourceId) -> Result<Option<Stored>, StoreError> {
        if !grant.sees(t) {
            return Ok(None);
        }
        match self {
            View::Pool(store) => store.read_shared(t, id).await,
            View::Tx(tx) => read::current(tx.client(), t, id).await,
        }
    }

    /// Returns one version.
    pub async fn vread(
        &self,
        grant: &Grant,
        t: ResourceType,
        id: &ResourceId,
        version: i32,
    ) -> Result<Option<Stored>, StoreError> {
        if !grant.sees(t) {
            return Ok(None);
        }
        match self {
            View::Pool(store) => store.vread_shared(t, id, version).await,
            View::Tx(tx) => read::version(tx.client(), t, id, version).await,
        }
    }

    pub async fn history(&self, grant: &Grant, query: &HistoryQuery) -> Result<HistoryPage, StoreError> {
        match self {
            View::Pool(store) => history::history(&store.reads.get().await?, grant, query).await,
            View::Tx(tx) => history::history(tx.client(), grant, query).await,
        }
    }

    pub async fn search(&self, grant: &Grant, query: &PageQuery<'_>) -> Result<Page, StoreError> {
        match self {
            View::Pool(store) => find::page(&store.reads.get().await?, grant, query).await,
            View::Tx(tx) => find::page(tx.client(), grant, query).await,
        }
    }

    /// Returns up to `max` matches without their content.
    pub async fn matching(&self, grant: &Grant, search: &Search, max: usize) -> Result<Vec<Match>, StoreError> {
        match self {
            View::Pool(store) => find::matching(&store.reads.get().await?, grant, search, max).await,
            View::Tx(tx) => find::matching(tx.client(), grant, search, max).await,
        }
    }

    /// Returns the named resources that are there.
    pub async fn fetch(&self, grant: &Grant, keys: &[(ResourceType, ResourceId)]) -> Result<Vec<Stored>, StoreError> {
        match self {
            View::Pool(store) => find::fetch(&store.reads.get().await?, grant, keys).await,
            View::Tx(tx) => find::fetch(tx.client(), grant, keys).await,
        }
    }

    /// Returns up to `max` resources of a type that stand under keys of references.
    pub async fn referring(
        &self,
        grant: &Grant,
        t: ResourceType,
        keys: &[i64],
        max: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        match self {
            View::Pool(store) => find::referring(&store.reads.get().await?, grant, t, keys, max).await,
            View::Tx(tx) => find::referring(tx.client(), grant, t, keys, max).await,
        }
    }
}
