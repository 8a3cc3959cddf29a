//! Where a read looks: at what is committed, or inside a transaction that sees its own writes.

use super::error::StoreError;
use super::find::{self, IncludeQuery, Match, Page, PageQuery};
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

    /// Returns up to `max` matches numbered above `after`, in the order of their numbers.
    pub async fn by_number(
        &self,
        grant: &Grant,
        search: &Search,
        after: i64,
        max: u32,
    ) -> Result<Vec<Stored>, StoreError> {
        match self {
            View::Pool(store) => find::by_number(&store.reads.get().await?, grant, search, after, max).await,
            View::Tx(tx) => find::by_number(tx.client(), grant, search, after, max).await,
        }
    }

    /// Returns up to `max` resources that others refer to, or that refer to them, by the given columns.
    pub async fn included(&self, grant: &Grant, query: &IncludeQuery<'_>) -> Result<Vec<Stored>, StoreError> {
        match self {
            View::Pool(store) => find::included(&store.reads.get().await?, grant, query).await,
            View::Tx(tx) => find::included(tx.client(), grant, query).await,
        }
    }
}
