//! For whom somebody cares, where single resources are checked; and the check.
//!
//! Searches ask the same of the table `link` in their own statement.

use super::change::{Effect, Write};
use super::error::StoreError;
use super::row::Stored;
use super::{Store, View};
use crate::access::Grant;
use crate::access::grant::Way;
use crate::fhir::{ResourceId, ResourceType};
use crate::search::governed::Care;
use crate::search::{Expr, IndexRows};
use deadpool_postgres::Object;
use std::sync::Arc;

const CARED: &str = include_str!("sql/cared.sql");

/// Returns who of the carers cares for which of the patients.
pub(super) async fn cared(client: &Object, carers: &[i64], patients: &[i64]) -> Result<Care, StoreError> {
    if patients.is_empty() || carers.is_empty() {
        return Ok(Care::default());
    }
    let statement = client.prepare_cached(CARED).await.map_err(StoreError::sql("failed to prepare a look at care"))?;
    let rows = client.query(&statement, &[&patients, &carers]).await;
    let rows = rows.map_err(StoreError::sql("failed to look who cares"))?;
    Ok(Care::new(rows.iter().map(|row| (row.get(0), row.get(1))).collect()))
}

impl Store {
    /// Returns whether a grant lets a resource be used in some way.
    pub async fn shows(
        &self,
        grant: &Grant,
        t: ResourceType,
        id: &ResourceId,
        content: &[u8],
        way: Way,
    ) -> Result<bool, StoreError> {
        View::Pool(self).shows_content(grant, t, id, content, way).await
    }
}

impl View<'_> {
    /// As [`Store::shows`].
    pub async fn shows_content(
        &self,
        grant: &Grant,
        t: ResourceType,
        id: &ResourceId,
        content: &[u8],
        way: Way,
    ) -> Result<bool, StoreError> {
        if grant.is_unbound() {
            return Ok(true);
        }
        if let Some(decided) = grant.at_once(t, way) {
            return Ok(decided);
        }
        let Some(rows) = grant.rows(t, content) else { return Ok(false) };
        let cared = match grant.asks_care(t) {
            Some(carers) if !rows.about.is_empty() => match self {
                View::Pool(store) => store.cared(&carers, &rows.about).await?,
                View::Tx(tx) => cared(tx.client(), &carers, &rows.about).await?,
            },
            _ => Care::default(),
        };
        Ok(grant.allows(t, id, rows, way, &cared))
    }
}

/// Returns those of the resources that the grant lets come along with others.
pub(super) async fn that_come_along(
    client: &Object,
    grant: &Grant,
    all: Vec<Stored>,
) -> Result<Vec<Stored>, StoreError> {
    if grant.is_unbound() {
        return Ok(all);
    }
    let mut open: Vec<(Stored, Option<IndexRows>)> = Vec::with_capacity(all.len());
    let mut asked: Option<Arc<[i64]>> = None;
    for stored in all {
        let t = stored.resource_type;
        match grant.at_once(t, Way::Seen) {
            Some(false) => {}
            Some(true) => open.push((stored, None)),
            None => {
                let Some(rows) = grant.rows(t, stored.content.as_deref().unwrap_or_default()) else { continue };
                asked = widest(asked, grant.asks_care(t));
                open.push((stored, Some(rows)));
            }
        }
    }
    let mut patients: Vec<i64> = open.iter().flat_map(|(_, rows)| rows).flat_map(|rows| rows.about.clone()).collect();
    patients.sort_unstable();
    patients.dedup();
    let cared = match &asked {
        Some(carers) => cared(client, carers, &patients).await?,
        None => Care::default(),
    };
    let shown = |(stored, rows): (Stored, Option<IndexRows>)| match rows {
        None => Some(stored),
        Some(rows) => {
            let is_open = grant.allows(stored.resource_type, &stored.id, rows, Way::Seen, &cared);
            is_open.then_some(stored)
        }
    };
    Ok(open.into_iter().filter_map(shown).collect())
}

/// Returns the carers of either; of one holder the more are all that there are.
pub(super) fn widest(a: Option<Arc<[i64]>>, b: Option<Arc<[i64]>>) -> Option<Arc<[i64]>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a.len() < b.len() { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// Returns the writer's limits for each write, with what they must know of care: by what is there, which is locked, and by what
/// is to take its place.
pub(super) async fn limits(
    client: &Object,
    writes: &[&Write],
    current: impl Fn(&Write) -> Option<IndexRows>,
) -> Result<Vec<Option<Expr>>, StoreError> {
    let mut limits = Vec::with_capacity(writes.len());
    for write in writes {
        let mut carers: Option<Arc<[i64]>> = None;
        write.sight.governed(&mut |governed| carers = widest(carers.take(), governed.asks_care().cloned()));
        let Some(carers) = carers else {
            limits.push(None);
            continue;
        };
        let mut patients = current(write).map_or(Vec::new(), |rows| rows.about);
        if let Effect::Put(prepared) = &write.effect {
            patients.extend(&prepared.rows.about);
        }
        let cared = cared(client, &carers, &patients).await?;
        limits.push(Some(write.sight.clone().knowing(&cared)));
    }
    Ok(limits)
}
