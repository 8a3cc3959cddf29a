//! transaction: all entries or none.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#transaction>. Conditions are decided against what was there before, under locks;
//! then everything is written in one statement, which makes the order DELETE, POST, PUT, PATCH of the
//! specification hold by itself since no resource may be named twice; reads come last and see it all.

mod event;
mod link;
mod target;

use self::target::{Item, Target};
use super::links::Links;
use super::{Service, batch, entry, needs};
use crate::access::Principal;
use crate::access::facts::Knowledge;
use crate::access::policy::{Needs, decide};
use crate::access::scope::Letter;
use crate::fault::Fault;
use crate::fhir::{ResourceId, ResourceType};
use crate::interaction::bundle::BundleWriter;
use crate::interaction::condition::{self, criteria};
use crate::interaction::{Context, delete, patch, prepare, settled, update, written};
use crate::rest::{Body, Interaction, Reply, Request};
use crate::search::extract;
use crate::store::tx::{Found, Holds, Tx};
use crate::store::{Condition, Effect, Outcome, Prepared, View, Write, Written};
use serde_json::Value;
use std::collections::HashMap;

/// What a transaction changes that was there before.
pub type Existing = Vec<(ResourceType, ResourceId)>;

/// Does a transaction. `known` is what an attempt before this one was about to change: it is locked first, so that
/// writers without a condition cannot be quicker for ever.
pub async fn transaction(
    service: &Service,
    principal: &Principal,
    outer: &Request,
    bundle: Value,
    known: &mut Existing,
) -> Result<Reply, Fault> {
    let knowledge = service.store().knowledge(principal).await?;
    let mut items = items(service, principal, &knowledge, outer, bundle)?;
    let all = decide(principal, &Needs::Token, service.store().registry(), &knowledge)?;
    let tx = service.store().begin().await?;
    tx.hold(&holds(service, &items)).await?;
    tx.lock(&all, known).await?;
    let targets = target::targets(service, &tx, &all, &items).await?;
    target::refuse_duplicates(&items, &targets)?;
    let links = link::links(service, &tx, (principal, &knowledge), &items, &targets).await?;
    let mut prepared = prepared(service, &mut items, &targets, links).await?;
    *known = existing(&items, &targets);
    let locked = tx.lock(&all, known).await?;
    let events = event::keep(service, &tx, &items, &targets, &mut prepared).await?;
    let (writes, owners) = writes(service, &tx, &items, &targets, prepared, &locked).await?;
    let outcomes = tx.write(&all, &writes, &locked).await?;
    let mut replies = settle(service, &tx, &items, &targets, owners, outcomes).await?;
    events.into_iter().for_each(|(index, reply)| replies[index] = Some(reply));
    reads(service, &tx, &items, &targets, &mut replies).await?;
    tx.commit().await?;
    Ok(answer(outer, &items, replies))
}

/// Reads the entries and decides whether the caller may do each of them. The first that fails ends the transaction.
fn items(
    service: &Service,
    principal: &Principal,
    knowledge: &Knowledge,
    outer: &Request,
    bundle: Value,
) -> Result<Vec<Item>, Fault> {
    let registry = service.store().registry();
    let mut items = Vec::new();
    for entry in entry::read(service, bundle)? {
        let mut entry = entry?;
        let within = entry.path();
        event::check(&entry).map_err(|f| f.within(&within))?;
        let request = entry.request(outer);
        let grant = decide(principal, &needs::of(&request), registry, knowledge).map_err(|f| f.within(&within))?;
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

fn holds(service: &Service, items: &[Item]) -> Holds {
    let mut holds = Holds::default();
    for item in items {
        if let (Some(t), Some(search)) = (item.changed_type(), &item.search) {
            let terms = item.resource().map(|r| extract(service.store().registry(), t, r).terms);
            condition::hold(&mut holds, t, search, &terms.unwrap_or_default());
        }
    }
    holds
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
async fn writes(
    service: &Service,
    tx: &Tx,
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
            let letter = if condition == Condition::New { Letter::Create } else { Letter::Update };
            let (effect, sight) = (Effect::Put(Box::new(prepared)), item.grant.sight(t, letter));
            Ok(Write { resource_type: t, id: id.clone(), effect, condition, sight, audit: ctx.audit(t, id) })
        };
        let before = writes.len();
        match target {
            _ if t == ResourceType::AUDIT_EVENT => {}
            Target::Create(id) => writes.push(put(id, Condition::New, prepared.remove(&index))?),
            Target::Put(id, condition) => writes.push(put(id, *condition, prepared.remove(&index))?),
            Target::Patch(id, condition) => {
                let patch = patch::parse(&ctx, item.request.body.clone());
                let current = locked.get(&(t, id.clone()));
                let ctx = Context { view: View::Tx(tx), ..ctx };
                let planned = async { patch::planned(&ctx, t, id, current, &patch?, *condition).await };
                writes.push(planned.await.map_err(|f| item.refused(f))?);
            }
            Target::Delete(found) => writes.extend(found.iter().map(|(id, condition)| Write {
                resource_type: t,
                id: id.clone(),
                effect: Effect::Delete,
                condition: *condition,
                sight: item.grant.sight(t, Letter::Delete),
                audit: ctx.audit(t, id),
            })),
            Target::Found(_) | Target::Same(_) | Target::Read => {}
        }
        owners.resize(owners.len() + writes.len() - before, index);
    }
    Ok((writes, owners))
}

/// Returns what must be locked: everything that may be there already.
fn existing(items: &[Item], targets: &[Target]) -> Existing {
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
async fn settle(
    service: &Service,
    tx: &Tx,
    items: &[Item],
    targets: &[Target],
    owners: Vec<usize>,
    outcomes: Vec<Outcome>,
) -> Result<Vec<Option<Reply>>, Fault> {
    let mut replies: Vec<Option<Reply>> = items.iter().map(|_| None).collect();
    for (index, outcome) in owners.into_iter().zip(outcomes) {
        let item = &items[index];
        let ctx = Context { view: View::Tx(tx), ..service.context(&item.grant, &item.request) };
        let reply = match &targets[index] {
            Target::Delete(..) => delete::answer(outcome),
            _ => settled(&ctx, outcome).await,
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
            (Target::Read, _) => service.query(&ctx, &item.entry.interaction).await,
            (Target::Found(id), Some(t)) => found(&ctx, t, id).await,
            _ => continue,
        };
        let mut reply = reply.map_err(|f| f.within(&item.entry.path()));
        if let Ok(reply) = &mut reply {
            reply.patients.extend(item.grant.shown().patients);
        }
        // What was read counts as given out, whatever becomes of the transaction.
        service.record_read(item.grant.principal(), &item.request, &mut reply).await?;
        replies[index] = Some(reply?);
    }
    Ok(())
}

async fn found(ctx: &Context<'_>, t: ResourceType, id: &ResourceId) -> Result<Reply, Fault> {
    // A plain delete may have been quicker than this look.
    let stored = ctx.view.read(ctx.grant, t, id).await?.filter(|s| !s.is_deleted()).ok_or_else(condition::overtaken)?;
    let there = Written {
        resource_type: t,
        id: id.clone(),
        version: stored.version,
        updated: stored.updated,
        content: stored.content,
    };
    written(ctx, 200, there).await
}

fn answer(outer: &Request, items: &[Item], replies: Vec<Option<Reply>>) -> Reply {
    let mut out = BundleWriter::new("transaction-response", None, &[]);
    for (item, reply) in items.iter().zip(replies) {
        let reads = item.changed_type().is_none();
        batch::answer(&mut out, outer, Ok(reply.unwrap_or_default()), reads);
    }
    Reply::json(200, out.finish())
}
