//! transaction: all entries or none.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#transaction>. Conditions are decided against what was there before, under locks;
//! then everything is written in one statement, which makes the order DELETE, POST, PUT, PATCH of the
//! specification hold by itself since no resource may be named twice; reads come last and see it all.

use super::links::{Links, conditional_references};
use super::{Service, batch, entry, needs};
use crate::access::policy::{Needs, decide};
use crate::access::scope::Letter;
use crate::access::{Grant, Principal};
use crate::fault::{Fault, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::interaction::bundle::BundleWriter;
use crate::interaction::condition::{self, criteria, one, other_id, overtaken, own_id, still};
use crate::interaction::{Context, delete, patch, prepare, settled, update, written};
use crate::rest::{Body, Interaction, Reply, Request};
use crate::search::Search;
use crate::store::find::Match;
use crate::store::tx::{Found, Holds, Tx};
use crate::store::{Condition, Effect, Outcome, Prepared, View, Write, Written};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// An entry with the right to do it.
struct Item {
    entry: entry::Entry,
    request: Request,
    grant: Grant,
    /// The condition of a conditional interaction.
    search: Option<Search>,
}

/// What an entry comes to once its condition is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
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
    fn ids(&self) -> Vec<&ResourceId> {
        match self {
            Target::Create(id) | Target::Put(id, _) | Target::Patch(id, _) => vec![id],
            Target::Delete(found) => found.iter().map(|(id, _)| id).collect(),
            Target::Found(_) | Target::Same(_) | Target::Read => Vec::new(),
        }
    }
}

pub async fn transaction(
    service: &Service,
    principal: &Principal,
    outer: &Request,
    bundle: Value,
) -> Result<Reply, Fault> {
    let mut items = items(service, principal, outer, bundle)?;
    let all = decide(principal, &Needs::Token)?;
    let tx = service.store().begin().await?;
    tx.hold(&holds(service, &items)).await?;
    let targets = targets(service, &tx, &all, &items).await?;
    refuse_duplicates(&items, &targets)?;
    let links = links(service, &tx, principal, &items, &targets).await?;
    let prepared = prepared(service, &mut items, &targets, links).await?;
    let locked = tx.lock(&all, &existing(&items, &targets)).await?;
    let (writes, owners) = writes(service, &items, &targets, prepared, &locked)?;
    let outcomes = tx.write(&all, &writes, &locked).await?;
    let mut replies = settle(service, &items, &targets, owners, outcomes)?;
    reads(service, &tx, &items, &targets, &mut replies).await?;
    tx.commit().await?;
    Ok(answer(outer, &items, replies))
}

/// Reads the entries and decides whether the caller may do each of them. The first that fails ends the transaction.
fn items(service: &Service, principal: &Principal, outer: &Request, bundle: Value) -> Result<Vec<Item>, Fault> {
    let registry = service.store().registry();
    let mut items = Vec::new();
    for entry in entry::read(service, bundle)? {
        let mut entry = entry?;
        let within = entry.path();
        let request = entry.request(outer);
        let grant = decide(principal, &needs::of(&request)).map_err(|f| f.within(&within))?;
        let search = match (&entry.interaction, &entry.conditions.if_none_exist) {
            (Interaction::Create(t), Some(query)) => Some(criteria(registry, *t, query)),
            (
                Interaction::ConditionalUpdate(t)
                | Interaction::ConditionalPatch(t)
                | Interaction::ConditionalDelete(t),
                _,
            ) => Some(condition::criteria_of(registry, *t, &entry.query)),
            _ => None,
        };
        let search = search.transpose().map_err(|f| f.within(&within))?;
        items.push(Item { entry, request, grant, search });
    }
    Ok(items)
}

impl Item {
    fn resource(&self) -> Option<&Value> {
        match &self.request.body {
            Body::Value(value) => Some(value),
            _ => None,
        }
    }

    fn changed_type(&self) -> Option<ResourceType> {
        entry::changed_type(&self.entry.interaction)
    }

    /// Returns a refusal of this entry as the client is told. Where the client named no version, what its condition found
    /// was changed by another request before it was locked: then the whole transaction is tried again.
    fn refused(&self, fault: Fault) -> Fault {
        let named = self.entry.conditions.if_match.is_some() || self.entry.conditions.if_none_match.is_some();
        let fault = if self.search.is_some() && !named && fault.kind() == Kind::Stale { overtaken() } else { fault };
        fault.within(&self.entry.path())
    }
}

fn holds(service: &Service, items: &[Item]) -> Holds {
    let mut holds = Holds::default();
    for item in items {
        if let (Some(t), Some(search)) = (item.changed_type(), &item.search) {
            condition::hold(&mut holds, service.store().registry(), t, search, item.resource());
        }
    }
    holds
}

/// Decides every condition against what is there now.
async fn targets(service: &Service, tx: &Tx, all: &Grant, items: &[Item]) -> Result<Vec<Target>, Fault> {
    let searches: Vec<Search> = items.iter().filter_map(|i| i.search.clone()).collect();
    let mut found = tx.matching(all, &searches).await?.into_iter();
    let mut targets = Vec::with_capacity(items.len());
    let mut creates: HashMap<(ResourceType, &str), usize> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let matches = if item.search.is_some() { found.next().unwrap_or_default() } else { Vec::new() };
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
        Interaction::Delete(_, id) => Target::Delete(vec![(id.clone(), condition?)]),
        Interaction::ConditionalDelete(t) => {
            let condition = condition?;
            let found = all_matching(service, tx, item, *t).await?;
            Target::Delete(found.iter().map(|m| (m.id.clone(), still(condition, m))).collect())
        }
        _ => Target::Read,
    })
}

async fn all_matching(service: &Service, tx: &Tx, item: &Item, t: ResourceType) -> Result<Vec<Match>, Fault> {
    let max = service.settings().delete_matches_max;
    let Some(search) = &item.search else { return Ok(Vec::new()) };
    let found = tx.matching_up_to(&item.grant, search, max + 1).await?;
    if found.len() > max {
        let text = format!("the condition finds more than {max} resources of type {t}; narrow it");
        return Err(Fault::new(Kind::TooCostly, text));
    }
    Ok(found)
}

/// R4: "If any resource identities overlap, the transaction SHALL fail."
fn refuse_duplicates(items: &[Item], targets: &[Target]) -> Result<(), Fault> {
    let mut seen: HashSet<(ResourceType, &ResourceId)> = HashSet::new();
    let mut urls: HashSet<&str> = HashSet::new();
    for (item, target) in items.iter().zip(targets) {
        let Some(t) = item.changed_type() else { continue };
        for id in target.ids() {
            if !seen.insert((t, id)) {
                let text = format!("{t}/{id} is changed by more than one entry of this transaction");
                return Err(Fault::at(Kind::Invalid, item.entry.path(), text));
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

/// Returns what every link between entries, and every conditional reference, becomes.
async fn links(
    service: &Service,
    tx: &Tx,
    principal: &Principal,
    items: &[Item],
    targets: &[Target],
) -> Result<Links, Fault> {
    let mut links = Links::default();
    let mut made: HashMap<String, String> = HashMap::new();
    for (item, target) in items.iter().zip(targets) {
        let target = if let Target::Same(first) = target { &targets[*first] } else { target };
        let (Target::Create(id) | Target::Found(id) | Target::Put(id, _) | Target::Patch(id, _)) = target else {
            continue;
        };
        let Some(t) = item.changed_type() else { continue };
        if let Some(url) = &item.entry.full_url {
            links.add_entry(url, t, id.as_str());
        }
        for identifier in identifiers(item.resource()) {
            made.insert(format!("{t}?identifier={identifier}"), format!("{t}/{id}"));
        }
    }
    conditional(service, tx, principal, items, &made, &mut links).await?;
    Ok(links)
}

/// Resolves conditional references: each must find exactly one resource, in the database or among the entries.
async fn conditional(
    service: &Service,
    tx: &Tx,
    principal: &Principal,
    items: &[Item],
    made: &HashMap<String, String>,
    links: &mut Links,
) -> Result<(), Fault> {
    let mut texts: Vec<(&str, String)> = Vec::new();
    for item in items {
        let mut found = Vec::new();
        item.resource().into_iter().for_each(|r| conditional_references(r, &mut found));
        for text in found {
            if !links.contains(text) {
                links.insert(text.to_string(), String::new());
                texts.push((text, item.entry.path()));
            }
        }
    }
    let mut grant = decide(principal, &Needs::Token)?;
    let mut searches = Vec::with_capacity(texts.len());
    for (text, path) in &texts {
        let (t, query) = typed(text).ok_or_else(|| Fault::internal("a conditional reference lost its type", "empty"))?;
        // A conditional reference is a search, and needs the right to one.
        grant = decide(principal, &Needs::Type(vec![Letter::Search], t)).map_err(|f| f.within(path))?;
        searches.push(criteria(service.store().registry(), t, query).map_err(|f| f.within(path))?);
    }
    let found = tx.matching(&grant, &searches).await?;
    for ((text, path), found) in texts.iter().zip(found) {
        let target = match (found.as_slice(), made.get(*text)) {
            ([one], None) => format!("{}/{}", one.resource_type, one.id),
            ([], Some(target)) => target.clone(),
            ([one], Some(target)) if *target == format!("{}/{}", one.resource_type, one.id) => target.clone(),
            ([], None) => {
                let text = format!("the conditional reference '{text}' finds no resource");
                return Err(Fault::at(Kind::Reference, path, text));
            }
            _ => {
                let text = format!("the conditional reference '{text}' finds more than one resource");
                return Err(Fault::at(Kind::MultipleMatches, path, text));
            }
        };
        links.insert((*text).to_string(), target);
    }
    Ok(())
}

fn typed(text: &str) -> Option<(ResourceType, &str)> {
    let (name, query) = text.split_once('?')?;
    Some((ResourceType::parse(name)?, query))
}

/// Returns the identifiers of a resource as a query writes them.
fn identifiers(resource: Option<&Value>) -> impl Iterator<Item = String> {
    let list = resource.and_then(|r| r.get("identifier")).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(|i| {
        let value = i.get("value")?.as_str()?;
        Some(i.get("system").and_then(Value::as_str).map_or_else(|| value.to_string(), |s| format!("{s}|{value}")))
    })
}

/// Rewrites, checks and prepares the resources of creates and puts, by place; on a thread of their own.
async fn prepared(
    service: &Service,
    items: &mut [Item],
    targets: &[Target],
    links: Links,
) -> Result<HashMap<usize, Prepared>, Fault> {
    let mut work: Vec<(usize, String, ResourceType, ResourceId, bool, Value)> = Vec::new();
    for (index, (item, target)) in items.iter_mut().zip(targets).enumerate() {
        let path = format!("{}.resource", item.entry.path());
        let (id, is_put) = match target {
            Target::Create(id) => (id, false),
            Target::Put(id, _) => (id, matches!(item.entry.interaction, Interaction::Update(..))),
            Target::Patch(..) => {
                if let Body::Value(value) = &mut item.request.body {
                    links.rewrite(service.store().catalog(), value);
                }
                continue;
            }
            _ => continue,
        };
        let (Some(t), Body::Value(value)) = (item.changed_type(), std::mem::take(&mut item.request.body)) else {
            continue;
        };
        work.push((index, path, t, id.clone(), is_put, *value));
    }
    let store = service.store().clone();
    let job = move || {
        let catalog = store.catalog();
        work.into_iter()
            .map(|(index, path, t, id, is_put, mut value)| {
                links.rewrite(catalog, &mut value);
                let valid = if is_put {
                    update::check_identified(catalog, value, t, &id)
                } else {
                    if let Some(object) = value.as_object_mut() {
                        object.shift_remove("id");
                    }
                    crate::validation::Valid::check_as(catalog, value, t)
                };
                let prepared = valid.and_then(|valid| prepare::prepare(store.registry(), valid, &id));
                prepared.map(|p| (index, p)).map_err(|f| f.within(&path))
            })
            .collect()
    };
    tokio::task::spawn_blocking(job)
        .await
        .unwrap_or_else(|e| Err(Fault::internal("failed to prepare a transaction", e)))
}

/// Returns the writes, and for each the place of the entry that wants it.
fn writes(
    service: &Service,
    items: &[Item],
    targets: &[Target],
    mut prepared: HashMap<usize, Prepared>,
    locked: &Found,
) -> Result<(Vec<Write>, Vec<usize>), Fault> {
    let mut writes = Vec::new();
    let mut owners = Vec::new();
    for (index, (item, target)) in items.iter().zip(targets).enumerate() {
        let Some(t) = item.changed_type() else { continue };
        let ctx = service.context(&item.grant, &item.request);
        let put = |id: &ResourceId, condition, prepared: Option<Prepared>| -> Result<Write, Fault> {
            let prepared = prepared.ok_or_else(|| Fault::internal("an entry was not prepared", "empty"))?;
            let effect = Effect::Put(prepared);
            Ok(Write { resource_type: t, id: id.clone(), effect, condition, audit: ctx.audit(t, id) })
        };
        let before = writes.len();
        match target {
            Target::Create(id) => writes.push(put(id, Condition::New, prepared.remove(&index))?),
            Target::Put(id, condition) => writes.push(put(id, *condition, prepared.remove(&index))?),
            Target::Patch(id, condition) => {
                let patch = patch::parse(&ctx, item.request.body.clone());
                let current = locked.get(&(t, id.clone()));
                let planned = patch.and_then(|patch| patch::planned(&ctx, t, id, current, &patch, *condition));
                writes.push(planned.map_err(|f| item.refused(f))?);
            }
            Target::Delete(found) => writes.extend(found.iter().map(|(id, condition)| Write {
                resource_type: t,
                id: id.clone(),
                effect: Effect::Delete,
                condition: *condition,
                audit: ctx.audit(t, id),
            })),
            Target::Found(_) | Target::Same(_) | Target::Read => {}
        }
        owners.resize(owners.len() + writes.len() - before, index);
    }
    Ok((writes, owners))
}

/// Returns what must be locked: everything that may be there already.
fn existing(items: &[Item], targets: &[Target]) -> Vec<(ResourceType, ResourceId)> {
    let mut keys = Vec::new();
    for (item, target) in items.iter().zip(targets) {
        match (target, item.changed_type()) {
            (Target::Create(_), _) | (_, None) => {}
            (target, Some(t)) => keys.extend(target.ids().into_iter().map(|id| (t, id.clone()))),
        }
    }
    keys
}

/// Turns outcomes into replies by place; one refusal ends the transaction.
fn settle(
    service: &Service,
    items: &[Item],
    targets: &[Target],
    owners: Vec<usize>,
    outcomes: Vec<Outcome>,
) -> Result<Vec<Option<Reply>>, Fault> {
    let mut replies: Vec<Option<Reply>> = items.iter().map(|_| None).collect();
    for (index, outcome) in owners.into_iter().zip(outcomes) {
        let item = &items[index];
        let ctx = service.context(&item.grant, &item.request);
        let reply = match &targets[index] {
            Target::Delete(..) => delete::answer(outcome),
            _ => settled(&ctx, outcome),
        };
        replies[index] = Some(reply.map_err(|f| item.refused(f))?);
    }
    for (index, target) in targets.iter().enumerate() {
        match target {
            Target::Delete(found) if found.is_empty() => replies[index] = Some(Reply::empty(204)),
            // What an earlier entry has just made is, for this one, what its condition found.
            Target::Same(first) => {
                replies[index] = replies[*first].clone().map(|reply| Reply { status: 200, ..reply });
            }
            _ => {}
        }
    }
    Ok(replies)
}

/// Answers the entries that read, and those whose condition found what is there already.
async fn reads(
    service: &Service,
    tx: &Tx,
    items: &[Item],
    targets: &[Target],
    replies: &mut [Option<Reply>],
) -> Result<(), Fault> {
    for (index, (item, target)) in items.iter().zip(targets).enumerate() {
        let ctx = Context { view: View::Tx(tx), ..service.context(&item.grant, &item.request) };
        let reply = match (target, item.changed_type()) {
            (Target::Read, _) => super::query(&ctx, &item.entry.interaction).await,
            (Target::Found(id), Some(t)) => found(&ctx, t, id).await,
            _ => continue,
        };
        replies[index] = Some(reply.map_err(|f| f.within(&item.entry.path()))?);
    }
    Ok(())
}

async fn found(ctx: &Context<'_>, t: ResourceType, id: &ResourceId) -> Result<Reply, Fault> {
    let stored = ctx.view.read(ctx.grant, t, id).await?.ok_or_else(|| crate::interaction::read::not_found(t, id))?;
    let there = Written {
        resource_type: t,
        id: id.clone(),
        version: stored.version,
        updated: stored.updated,
        content: stored.content,
    };
    Ok(written(ctx, 200, there))
}

fn answer(outer: &Request, items: &[Item], replies: Vec<Option<Reply>>) -> Reply {
    let mut out = BundleWriter::new("transaction-response", None, &[]);
    for (item, reply) in items.iter().zip(replies) {
        let reads = item.changed_type().is_none();
        batch::answer(&mut out, outer, Ok(reply.unwrap_or_default()), reads);
    }
    Reply::json(200, out.finish())
}
