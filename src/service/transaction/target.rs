//! What each entry of a transaction comes to, once its condition is decided.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#trules>: conditions are decided as if all deletes had been done.

use crate::access::Grant;
use crate::fault::{Fault, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::interaction::condition::{one, other_id, overtaken, own_id, still};
use crate::interaction::update;
use crate::rest::{Body, Interaction, Request};
use crate::search::Search;
use crate::service::{Service, entry};
use crate::store::find::Match;
use crate::store::tx::Tx;
use crate::store::{Condition, View};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// An entry with the right to do it.
pub struct Item {
    pub entry: entry::Entry,
    pub request: Request,
    pub grant: Grant,
    /// The condition of a conditional interaction.
    pub search: Option<Search>,
}

/// What an entry comes to once its condition is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Create(ResourceId),
    /// A conditional create found this one; nothing is written.
    Found(ResourceId),
    /// A conditional create with the condition of an earlier entry, which it shares the resource with.
    Same(usize),
    Put(ResourceId, Condition),
    Patch(ResourceId, Condition),
    Delete(Vec<(ResourceId, Condition)>),
    Read,
}

impl Target {
    /// Returns the resources that are changed.
    pub fn ids(&self) -> Vec<&ResourceId> {
        match self {
            Target::Create(id) | Target::Put(id, _) | Target::Patch(id, _) => vec![id],
            Target::Delete(found) => found.iter().map(|(id, _)| id).collect(),
            Target::Found(_) | Target::Same(_) | Target::Read => Vec::new(),
        }
    }
}

impl Item {
    pub fn resource(&self) -> Option<&Value> {
        match &self.request.body {
            Body::Value(value) => Some(value),
            _ => None,
        }
    }

    pub fn changed_type(&self) -> Option<ResourceType> {
        entry::changed_type(&self.entry.interaction)
    }

    /// Returns a refusal of this entry as the client is told. Where the client named no version, what its condition found
    /// was changed by another request before it was locked: then the whole transaction is tried again.
    pub fn refused(&self, fault: Fault) -> Fault {
        let named = self.entry.conditions.if_match.is_some() || self.entry.conditions.if_none_match.is_some();
        let fault = if self.search.is_some() && !named && fault.kind() == Kind::Stale { overtaken() } else { fault };
        fault.within(&self.entry.path())
    }
}

/// Enough matches to tell none, one and several apart.
const MATCHES: usize = 2;

/// Returns what the transaction deletes; no other condition finds it.
async fn deleted(service: &Service, tx: &Tx, items: &[Item]) -> Result<HashSet<(ResourceType, ResourceId)>, Fault> {
    let mut deleted = HashSet::new();
    for item in items {
        match &item.entry.interaction {
            Interaction::Delete(t, id) => drop(deleted.insert((*t, id.clone()))),
            Interaction::ConditionalDelete(t) => {
                let found = all_matching(service, tx, item, *t).await.map_err(|f| f.within(&item.entry.path()))?;
                deleted.extend(found.into_iter().map(|m| (*t, m.id)));
            }
            _ => {}
        }
    }
    Ok(deleted)
}

/// Decides every condition against what is there now.
pub async fn targets(service: &Service, tx: &Tx, all: &Grant, items: &[Item]) -> Result<Vec<Target>, Fault> {
    let deleted = deleted(service, tx, items).await?;
    let searches: Vec<Search> = items.iter().filter_map(|i| i.search.clone()).collect();
    let mut found = tx.matching(all, &searches, MATCHES + deleted.len()).await?.into_iter();
    let mut targets = Vec::with_capacity(items.len());
    let mut creates: HashMap<(ResourceType, &str), usize> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let mut matches = if item.search.is_some() { found.next().unwrap_or_default() } else { Vec::new() };
        let is_deleted = |m: &Match| deleted.contains(&(m.resource_type, m.id.clone()));
        match &item.entry.interaction {
            Interaction::Create(_) => matches.retain(|m| !is_deleted(m)),
            Interaction::ConditionalUpdate(t) | Interaction::ConditionalPatch(t) => {
                if let Some(m) = matches.iter().find(|m| is_deleted(m)) {
                    return Err(named_twice(item, *t, &m.id));
                }
            }
            _ => {}
        }
        let mut target = target(service, tx, item, &matches).await.map_err(|f| f.within(&item.entry.path()))?;
        if let (Target::Create(_), Some(t), Some(query)) =
            (&target, item.changed_type(), &item.entry.conditions.if_none_exist)
        {
            match creates.get(&(t, query.as_str())) {
                Some(first) => target = Target::Same(*first),
                None => drop(creates.insert((t, query), index)),
            }
        }
        targets.push(target);
    }
    Ok(targets)
}

async fn target(service: &Service, tx: &Tx, item: &Item, matches: &[Match]) -> Result<Target, Fault> {
    let condition = update::precondition(&item.entry.conditions);
    Ok(match &item.entry.interaction {
        Interaction::Create(_) if item.search.is_none() => Target::Create(ResourceId::random()),
        Interaction::Create(t) => match one(*t, matches)? {
            Some(found) => Target::Found(found.id.clone()),
            None => Target::Create(ResourceId::random()),
        },
        Interaction::Update(_, id) => Target::Put(id.clone(), condition?),
        Interaction::ConditionalUpdate(t) => {
            let own = item.resource().map(|r| own_id(*t, r)).transpose()?.flatten();
            match (one(*t, matches)?, own) {
                (Some(found), Some(own)) if found.id != own => return Err(other_id(*t, &own, &found.id)),
                (Some(found), _) => Target::Put(found.id.clone(), still(condition?, found)),
                (None, Some(own)) => Target::Put(own, Condition::Absent),
                (None, None) => match condition? {
                    Condition::None | Condition::Absent => Target::Create(ResourceId::random()),
                    _ => return Err(crate::interaction::stale(None)),
                },
            }
        }
        Interaction::Patch(_, id) => Target::Patch(id.clone(), condition?),
        Interaction::ConditionalPatch(t) => match one(*t, matches)? {
            Some(found) => Target::Patch(found.id.clone(), still(condition?, found)),
            None => return Err(Fault::new(Kind::NotFound, format!("the condition finds no {t} to patch"))),
        },
        // To who does not see it, it is not there: there is nothing to delete.
        Interaction::Delete(t, id) if !sees(tx, item, *t, id).await? => match condition? {
            Condition::Version(_) => return Err(crate::interaction::stale(None)),
            _ => Target::Delete(Vec::new()),
        },
        Interaction::Delete(_, id) => Target::Delete(vec![(id.clone(), condition?)]),
        Interaction::ConditionalDelete(t) => {
            let condition = condition?;
            let found = all_matching(service, tx, item, *t).await?;
            Target::Delete(found.iter().map(|m| (m.id.clone(), still(condition, m))).collect())
        }
        _ => Target::Read,
    })
}

async fn sees(tx: &Tx, item: &Item, t: ResourceType, id: &ResourceId) -> Result<bool, Fault> {
    Ok(item.grant.is_unbound() || View::Tx(tx).read(&item.grant, t, id).await?.is_some())
}

async fn all_matching(service: &Service, tx: &Tx, item: &Item, t: ResourceType) -> Result<Vec<Match>, Fault> {
    let max = service.settings().delete_matches_max;
    let Some(search) = &item.search else { return Ok(Vec::new()) };
    let found = tx.matching(&item.grant, std::slice::from_ref(search), max + 1).await?.pop().unwrap_or_default();
    if found.len() > max {
        let text = format!("the condition finds more than {max} resources of type {t}; narrow it");
        return Err(Fault::new(Kind::TooCostly, text));
    }
    Ok(found)
}

fn named_twice(item: &Item, t: ResourceType, id: &ResourceId) -> Fault {
    let text = format!("{t}/{id} is changed by more than one entry of this transaction");
    Fault::at(Kind::Invalid, item.entry.path(), text)
}

/// R4: "If any resource identities overlap, the transaction SHALL fail."
pub fn refuse_duplicates(items: &[Item], targets: &[Target]) -> Result<(), Fault> {
    let mut seen: HashSet<(ResourceType, &ResourceId)> = HashSet::new();
    let mut urls: HashSet<&str> = HashSet::new();
    for (item, target) in items.iter().zip(targets) {
        let Some(t) = item.changed_type() else { continue };
        for id in target.ids() {
            if !seen.insert((t, id)) {
                return Err(named_twice(item, t, id));
            }
        }
        if let Some(url) = &item.entry.full_url
            && !matches!(target, Target::Delete(..))
            && !urls.insert(url)
        {
            let text = format!("the fullUrl {url} stands at more than one entry of this transaction");
            return Err(Fault::at(Kind::Invalid, format!("{}.fullUrl", item.entry.path()), text));
        }
    }
    Ok(())
}
