//! Where a read looks: at what is committed, or inside a transaction that sees its own writes.

use super::error::StoreError;
use super::find::{self, IncludeQuery, Match, Page, PageQuery};
use super::history::{self, HistoryPage, HistoryQuery};
use super::row::Stored;
use super::tx::Tx;
use super::{Store, care, read};
use crate::access::Grant;
use crate::access::grant::{Hidden, Way};
use crate::fhir::{ResourceId, ResourceType};
use crate::search::Search;
use crate::search::governed::Care;

/// Versions that are looked at for one page of history: those that are hidden cost as much as those that are shown.
const LOOKED_MAX: usize = 5_000;

/// What was read while it was still being decided who may see it: sealed until [`View::seen`] is asked.
pub struct Ahead {
    pub(super) stored: Option<Stored>,
    /// Whether what is remembered to decide by was still true when it was read.
    pub is_current: bool,
}

#[derive(Clone, Copy)]
pub enum View<'a> {
    Pool(&'a Store),
    Tx(&'a Tx),
}

impl View<'_> {
    /// Returns the current version, deleted or not; none when there never was one or the grant does not show it.
    pub async fn read(&self, grant: &Grant, t: ResourceType, id: &ResourceId) -> Result<Option<Stored>, StoreError> {
        let at_once = at_once(grant, t);
        if at_once == Some(false) {
            return Ok(None);
        }
        let found = match self {
            View::Pool(store) => store.read_shared(t, id).await?,
            View::Tx(tx) => read::current(tx.client(), t, id).await?,
        };
        self.shown(grant, t, found).await
    }

    /// Returns a current version that was read already, if the grant shows it.
    pub async fn seen(&self, grant: &Grant, t: ResourceType, ahead: Ahead) -> Result<Option<Stored>, StoreError> {
        self.shown(grant, t, ahead.stored).await
    }

    async fn shown(&self, grant: &Grant, t: ResourceType, found: Option<Stored>) -> Result<Option<Stored>, StoreError> {
        if let (View::Pool(store), Some(stored)) = (self, &found)
            && let Some(content) = &stored.content
            && store.shows_at_sight(grant, t, &stored.about, content).await?
        {
            grant.note_shown(found.iter().map(|stored| &stored.about));
            return Ok(found);
        }
        let at_once = at_once(grant, t);
        match found {
            Some(_) if at_once == Some(false) => Ok(None),
            Some(stored) if at_once.is_none() && !self.shows(grant, &stored).await? => {
                self.note_hidden(grant, &stored).await?;
                Ok(None)
            }
            found => {
                grant.note_shown(found.iter().map(|stored| &stored.about));
                Ok(found)
            }
        }
    }

    /// Notes for the audit, and for the hint that glass can be broken, that and why a resource was not shown.
    async fn note_hidden(&self, grant: &Grant, stored: &Stored) -> Result<(), StoreError> {
        let (t, id, about) = (stored.resource_type, &stored.id, &stored.about);
        let content = stored.content.as_deref().unwrap_or_default();
        let by_patients = self.shows_content(&grant.without_patients(), t, id, content, Way::Seen).await?;
        let cared = match (grant.carers(), self) {
            (Some(carers), View::Pool(store)) => store.cared(&carers, about).await?,
            (Some(carers), View::Tx(tx)) => care::cared(tx.client(), &carers, about).await?,
            (None, _) => Care::default(),
        };
        let cared = cared.of(&grant.carers().unwrap_or_default());
        let is_cared = !about.is_empty() && about.iter().all(|patient| cared.contains(patient));
        grant.note_hidden(Hidden { about: about.clone(), by_patients, is_cared });
        Ok(())
    }

    /// Decides by whom a resource is about, where that is told and enough; or else by what it holds.
    async fn shows_stored(&self, grant: &Grant, stored: &Stored, content: &[u8]) -> Result<bool, StoreError> {
        let (t, id) = (stored.resource_type, &stored.id);
        if let (false, View::Pool(store)) = (stored.about.is_empty(), self) {
            let care = match grant.asks_care(t) {
                Some(carers) => store.cared(&carers, &stored.about).await?,
                None => Care::default(),
            };
            if let Some(decided) = grant.at_sight(t, &stored.about, content, Way::Seen, &care) {
                return Ok(decided);
            }
        }
        self.shows_content(grant, t, id, content, Way::Seen).await
    }

    /// Returns whether the grant shows a version: by what it holds, or for a deletion by what it deleted.
    async fn shows(&self, grant: &Grant, stored: &Stored) -> Result<bool, StoreError> {
        let (t, id) = (stored.resource_type, &stored.id);
        let before = match &stored.content {
            Some(content) => return self.shows_stored(grant, stored, content).await,
            None => self.version(t, id, stored.version - 1).await?,
        };
        match before.and_then(|before| before.content) {
            Some(content) => self.shows_content(grant, t, id, &content, Way::Seen).await,
            None => Ok(false),
        }
    }

    /// Returns whether the grant shows a version that may be an old one: itself, and what the resource is now. What was restricted
    /// later is restricted in all its versions.
    async fn shows_version(&self, grant: &Grant, stored: &Stored) -> Result<bool, StoreError> {
        let (t, id) = (stored.resource_type, &stored.id);
        let current = match self {
            View::Pool(store) => store.read_shared(t, id).await?,
            View::Tx(tx) => read::current(tx.client(), t, id).await?,
        };
        match current {
            Some(current) if current.version == stored.version => self.shows(grant, &current).await,
            // Whom an old version was about it says itself; the statement told of the current one.
            _ if !self.shows(grant, &Stored { about: Vec::new(), ..stored.clone() }).await? => Ok(false),
            Some(current) => self.shows(grant, &current).await,
            None => Ok(true),
        }
    }

    async fn version(&self, t: ResourceType, id: &ResourceId, version: i32) -> Result<Option<Stored>, StoreError> {
        match self {
            View::Pool(store) => store.vread_shared(t, id, version).await,
            View::Tx(tx) => read::version(tx.client(), t, id, version).await,
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
        let at_once = at_once(grant, t);
        if at_once == Some(false) {
            return Ok(None);
        }
        match self.version(t, id, version).await? {
            Some(stored) if at_once.is_none() && !self.shows_version(grant, &stored).await? => {
                self.note_hidden(grant, &stored).await?;
                Ok(None)
            }
            found => {
                grant.note_shown(found.iter().map(|stored| &stored.about));
                Ok(found)
            }
        }
    }

    /// Returns a page of history: of each version what the grant shows of it. Of what is not shown nothing tells, neither
    /// a short page nor a link to one.
    pub async fn history(&self, grant: &Grant, query: &HistoryQuery) -> Result<HistoryPage, StoreError> {
        let types: Vec<ResourceType> = query.scope.types().into_iter().filter(|t| grant.sees(*t)).collect();
        if types.is_empty() {
            return Ok(HistoryPage { versions: Vec::new(), more: false });
        }
        if types.iter().all(|t| at_once(grant, *t) == Some(true)) {
            let page = self.history_of(&types, query).await?;
            grant.note_shown(page.versions.iter().map(|(stored, _)| &stored.about));
            return Ok(page);
        }
        let wanted = usize::try_from(query.count).unwrap_or(usize::MAX);
        let mut rest = HistoryQuery { count: query.count.max(100), ..query.clone() };
        let (mut versions, mut looked) = (Vec::new(), 0);
        loop {
            if looked >= LOOKED_MAX {
                return Err(StoreError::Costly("most of this history is hidden: ask for the history of one resource"));
            }
            let page = self.history_of(&types, &rest).await?;
            let Some((last, _)) = page.versions.last() else { break };
            rest.after = Some((last.updated, last.no, last.version));
            looked += page.versions.len();
            for (stored, deed) in page.versions {
                if self.shows_version(grant, &stored).await? {
                    versions.push((stored, deed));
                }
            }
            if versions.len() > wanted || !page.more {
                break;
            }
        }
        let more = versions.len() > wanted;
        versions.truncate(wanted);
        grant.note_shown(versions.iter().map(|(stored, _)| &stored.about));
        Ok(HistoryPage { versions, more })
    }

    async fn history_of(&self, types: &[ResourceType], query: &HistoryQuery) -> Result<HistoryPage, StoreError> {
        match self {
            View::Pool(store) => history::history(&store.reads.get().await?, types, query).await,
            View::Tx(tx) => history::history(tx.client(), types, query).await,
        }
    }

    pub async fn search(&self, grant: &Grant, query: &PageQuery<'_>) -> Result<Page, StoreError> {
        let page = match self {
            View::Pool(store) => {
                let client = store.reads.get().await?;
                match find::page_at_sight(store, &client, grant, query).await? {
                    Some(page) => Ok(page),
                    None => find::page(&client, grant, query).await,
                }
            }
            View::Tx(tx) => find::page(tx.client(), grant, query).await,
        }?;
        grant.note_shown(page.rows.iter().chain(&page.included).map(|stored| &stored.about));
        Ok(page)
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
        let found = match self {
            View::Pool(store) => {
                let client = store.reads.get().await?;
                match find::by_number_at_sight(store, &client, grant, search, after, max).await? {
                    Some(found) => Ok(found),
                    None => find::by_number(&client, grant, search, after, max).await,
                }
            }
            View::Tx(tx) => find::by_number(tx.client(), grant, search, after, max).await,
        }?;
        grant.note_shown(found.iter().map(|stored| &stored.about));
        Ok(found)
    }

    /// Returns up to `max` resources that others refer to, or that refer to them, by the given columns.
    pub async fn included(&self, grant: &Grant, query: &IncludeQuery<'_>) -> Result<Vec<Stored>, StoreError> {
        let included = match self {
            View::Pool(store) => find::included(&store.reads.get().await?, grant, query).await,
            View::Tx(tx) => find::included(tx.client(), grant, query).await,
        }?;
        grant.note_shown(included.iter().map(|stored| &stored.about));
        Ok(included)
    }
}

/// Returns whether all or none of a type may be seen; none: it depends on the resource.
fn at_once(grant: &Grant, t: ResourceType) -> Option<bool> {
    if grant.is_unbound() { Some(true) } else { grant.at_once(t, Way::Seen) }
}
