//! Conditional create, update, patch and delete: decided in a transaction, under locks that meet every other decision
//! that could touch the same resource.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#ccreate>, <https://hl7.org/fhir/R4/http.html#cond-update>,
//! <https://hl7.org/fhir/R4/http.html#3.1.0.7.1>.

use super::{Context, body, delete, hidden, patch, prepare, settled, stale, update, written};
use crate::access::scope::Letter;
use crate::fault::{Fault, Issue, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::rest::{Body, Reply, query};
use crate::search::{Expr, Registry, Search, extract};
use crate::store::find::Match;
use crate::store::tx::{Holds, Tx, pause};
use crate::store::{Condition, Effect, Outcome, Prepared, View, Write, Written};
use crate::validation::Valid;
use serde_json::Value;

/// How often a decision that met another one is taken again.
const ATTEMPTS_MAX: u32 = 8;

/// Returns the search of a condition. It must ask for something: a condition that everything meets is a mistake.
pub fn criteria(registry: &Registry, t: ResourceType, query: &str) -> Result<Search, Fault> {
    let text = query.trim_start_matches('?');
    // Some clients write the type before the question mark, as in a Bundle entry's URL.
    let text = text.strip_prefix(t.name()).and_then(|rest| rest.strip_prefix('?')).unwrap_or(text);
    criteria_of(registry, t, &query::parse(text)?)
}

pub fn criteria_of(registry: &Registry, t: ResourceType, pairs: &[(String, String)]) -> Result<Search, Fault> {
    let pairs: Vec<(String, String)> =
        pairs.iter().filter(|(name, _)| !["_format", "_pretty"].contains(&name.as_str())).cloned().collect();
    let search = crate::search::parse(registry, Some(t), &pairs, false)?;
    if search.filter == Expr::All {
        let text = format!("a condition on {t} must name at least one search parameter");
        return Err(Fault::new(Kind::Invalid, text));
    }
    if search.contained.is_wanted() {
        let text = format!("a condition on {t} is about resources of their own; it cannot have '_contained'");
        return Err(Fault::new(Kind::NotSupported, text));
    }
    let mut asks = Vec::new();
    search.filter.asks(&mut asks);
    if !asks.is_empty() {
        let text = format!(
            "a condition on {t} is decided from the index of values; it cannot ask for text, value sets or trees"
        );
        return Err(Fault::new(Kind::NotSupported, text));
    }
    Ok(search)
}

/// Adds what must be held to decide `search` and then write a resource that will stand under `terms`.
///
/// Keys that a condition asks for are held alone, those that a resource will have together with others: so a condition
/// meets everybody who decides the same one, or is about to write what it asks for.
pub fn hold(holds: &mut Holds, t: ResourceType, search: &Search, terms: &[i64]) {
    let asked = search.filter.conjuncts().iter().filter_map(|part| match part {
        Expr::Term(term) => Some(term),
        _ => None,
    });
    match asked.min_by_key(|term| term.rank) {
        Some(term) => {
            holds.keyed.push(t);
            holds.keys.extend(&term.keys);
        }
        None => holds.whole.push(t),
    }
    holds.written.extend(terms);
}

/// Returns the one resource that a condition found, or none; several are a fault.
pub fn one(t: ResourceType, found: &[Match]) -> Result<Option<&Match>, Fault> {
    match found {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => {
            let text = format!("the condition finds more than one {t}; it must find one at most");
            Err(Fault::new(Kind::MultipleMatches, text))
        }
    }
}

/// Returns the condition of a write to what a condition found: a plain write may have changed it before it was locked,
/// so that it may no longer be what was asked for.
pub fn still(asked: Condition, found: &Match) -> Condition {
    if asked == Condition::None { Condition::Version(found.version) } else { asked }
}

/// What a condition found was changed before it could be locked: the condition is decided again.
pub fn overtaken() -> Fault {
    Fault::new(Kind::Conflict, "other requests changed what the condition found at the same time; try again")
}

/// What an attempt found and could not keep. The next one locks it before it looks again, so that writers without a
/// condition, who never wait for it, cannot be quicker for ever.
type Overtaken = Vec<(ResourceType, ResourceId)>;

/// Opens a transaction that holds what `search` needs, and returns up to `max` resources that it finds.
async fn decide(
    ctx: &Context<'_>,
    t: ResourceType,
    search: &Search,
    terms: &[i64],
    max: usize,
    known: &mut Overtaken,
) -> Result<(Tx, Vec<Match>), Fault> {
    let mut holds = Holds::default();
    hold(&mut holds, t, search, terms);
    let tx = ctx.store.begin().await?;
    tx.hold(&holds).await?;
    tx.lock(ctx.grant, known).await?;
    let found = tx.matching(ctx.grant, std::slice::from_ref(search), max).await?.pop().unwrap_or_default();
    *known = found.iter().map(|m| (t, m.id.clone())).collect();
    Ok((tx, found))
}

/// Takes a decision again for as long as other transactions get in its way.
pub async fn again<T>(mut attempt: impl AsyncFnMut() -> Result<T, Fault>) -> Result<T, Fault> {
    let mut tries = 1;
    loop {
        match attempt().await {
            Err(fault) if fault.kind() == Kind::Conflict && tries < ATTEMPTS_MAX => pause(tries).await,
            done => return done,
        }
        tries += 1;
    }
}

async fn write_one(ctx: &Context<'_>, tx: Tx, write: &Write) -> Result<Outcome, Fault> {
    let outcome = tx.write_one(ctx.grant, write).await?;
    tx.commit().await?;
    Ok(outcome)
}

/// `POST` with If-None-Exist: R4 3.1.0.8.1.
pub async fn create(
    ctx: &Context<'_>,
    t: ResourceType,
    id: ResourceId,
    prepared: Prepared,
    query: &str,
) -> Result<Reply, Fault> {
    let search = criteria(ctx.store.registry(), t, query)?;
    let terms = prepared.rows.terms.clone();
    let write = Write {
        resource_type: t,
        audit: ctx.audit(t, &id),
        id,
        effect: Effect::Put(Box::new(prepared)),
        condition: Condition::New,
        sight: ctx.grant.sight(t, Letter::Create),
    };
    let mut known = Overtaken::new();
    again(async || {
        let (tx, found) = decide(ctx, t, &search, &terms, 2, &mut known).await?;
        match one(t, &found)? {
            None => settled(ctx, write_one(ctx, tx, &write).await?).await,
            Some(found) => {
                let existing = View::Tx(&tx).read(ctx.grant, t, &found.id).await?;
                tx.commit().await?;
                // A plain delete may have been quicker than this look.
                existing_reply(ctx, existing.filter(|e| !e.is_deleted()).ok_or_else(overtaken)?).await
            }
        }
    })
    .await
}

/// The condition found what was to be created: 200, and the resource that is there.
async fn existing_reply(ctx: &Context<'_>, stored: crate::store::Stored) -> Result<Reply, Fault> {
    written(
        ctx,
        200,
        Written {
            resource_type: stored.resource_type,
            id: stored.id,
            version: stored.version,
            updated: stored.updated,
            content: stored.content,
        },
    )
    .await
}

/// `PUT Type?criteria`: R4 3.1.0.4.3.
pub async fn update(ctx: &Context<'_>, t: ResourceType, body: Body) -> Result<Reply, Fault> {
    let condition = update::precondition(&ctx.request.conditions)?;
    let value = body::read_aside(ctx.catalog().clone(), ctx.settings.clone(), body).await?;
    let search = criteria_of(ctx.store.registry(), t, &ctx.request.query)?;
    let own_id = own_id(t, &value)?;
    let asked = condition;
    // Checked once before anything is locked; under the lock only the id is new.
    Valid::check_as(ctx.catalog(), value.clone(), t)?;
    let terms = extract(ctx.store.registry(), t, &value).terms;
    let mut known = Overtaken::new();
    again(async || {
        let (tx, found) = decide(ctx, t, &search, &terms, 2, &mut known).await?;
        let found = one(t, &found)?;
        let (id, condition) = match (found, &own_id) {
            (Some(found), Some(own)) if found.id != *own => return Err(other_id(t, own, &found.id)),
            (Some(found), _) => (found.id.clone(), still(condition, found)),
            (None, Some(own)) => {
                (own.clone(), if condition == Condition::None { Condition::Absent } else { condition })
            }
            (None, None) => {
                (ResourceId::random(), if condition == Condition::None { Condition::New } else { condition })
            }
        };
        let valid = Valid::check_as(ctx.catalog(), value.clone(), t)?;
        let prepared = prepare::prepare(ctx.store.registry(), valid, &id)?;
        let audit = ctx.audit(t, &id);
        let letter = if condition == Condition::New { Letter::Create } else { Letter::Update };
        let (effect, sight) = (Effect::Put(Box::new(prepared)), ctx.grant.sight(t, letter));
        let write = Write { resource_type: t, id, effect, condition, sight, audit };
        match write_one(ctx, tx, &write).await? {
            Outcome::Refused(_) if found.is_some() && asked == Condition::None => Err(overtaken()),
            Outcome::Refused(Some(_)) if condition == Condition::Absent => Err(taken(t, &write.id)),
            outcome => settled(ctx, outcome).await,
        }
    })
    .await
}

/// Returns the id that a resource of a conditional update names; it may name none.
pub fn own_id(t: ResourceType, value: &Value) -> Result<Option<ResourceId>, Fault> {
    let Some(text) = value.get("id").and_then(Value::as_str) else { return Ok(None) };
    let id = ResourceId::parse(text).ok_or_else(|| {
        Fault::from_issues(vec![Issue::at(Kind::Value, format!("{t}.id"), "an id is 1 to 64 of A-Z a-z 0-9 - .")])
    })?;
    Ok(Some(id))
}

pub fn other_id(t: ResourceType, own: &ResourceId, found: &ResourceId) -> Fault {
    let text = format!("the condition finds {t}/{found}, the resource has the id '{own}'");
    Fault::from_issues(vec![Issue::at(Kind::Invalid, format!("{t}.id"), text)])
}

pub fn taken(t: ResourceType, id: &ResourceId) -> Fault {
    let text = format!("{t}/{id} exists and does not meet the condition, so it cannot be created");
    Fault::from_issues(vec![Issue::at(Kind::Duplicate, format!("{t}.id"), text)])
}

/// `PATCH Type?criteria`: R4 3.1.0.6.1.
pub async fn patch(ctx: &Context<'_>, t: ResourceType, body: Body) -> Result<Reply, Fault> {
    let search = criteria_of(ctx.store.registry(), t, &ctx.request.query)?;
    let condition = update::precondition(&ctx.request.conditions)?;
    let patch = patch::parse(ctx, body)?;
    let mut known = Overtaken::new();
    again(async || {
        let (tx, found) = decide(ctx, t, &search, &[], 2, &mut known).await?;
        let found = one(t, &found)?
            .ok_or_else(|| Fault::new(Kind::NotFound, format!("the condition finds no {t} to patch")))?;
        match patch::within(ctx, tx, t, &found.id, &patch, still(condition, found)).await {
            Err(fault) if fault.kind() == Kind::Stale && condition == Condition::None => Err(overtaken()),
            done => done,
        }
    })
    .await
}

/// `DELETE Type?criteria`: R4 3.1.0.7.1; all that match are deleted, or none.
pub async fn delete(ctx: &Context<'_>, t: ResourceType) -> Result<Reply, Fault> {
    let search = criteria_of(ctx.store.registry(), t, &ctx.request.query)?;
    let condition = update::precondition(&ctx.request.conditions)?;
    let max = ctx.settings.delete_matches_max;
    let mut known = Overtaken::new();
    again(async || {
        let (tx, found) = decide(ctx, t, &search, &[], max + 1, &mut known).await?;
        if found.len() > max {
            let text = format!("the condition finds more than {max} resources of type {t}; narrow it");
            return Err(Fault::new(Kind::TooCostly, text));
        }
        let writes: Vec<Write> = found
            .iter()
            .map(|m| Write {
                resource_type: t,
                audit: ctx.audit(t, &m.id),
                id: m.id.clone(),
                effect: Effect::Delete,
                condition: still(condition, m),
                sight: ctx.grant.sight(t, Letter::Delete),
            })
            .collect();
        let locked = tx.lock(ctx.grant, &known).await?;
        let mut outcomes = tx.write(ctx.grant, &writes, &locked).await?;
        if outcomes.iter().any(|o| matches!(o, Outcome::Hidden)) {
            return Err(hidden());
        }
        if let Some(Outcome::Refused(current)) = outcomes.iter().find(|o| matches!(o, Outcome::Refused(_))) {
            return Err(if condition == Condition::None { overtaken() } else { stale(*current) });
        }
        tx.commit().await?;
        match outcomes.pop() {
            Some(outcome) if outcomes.is_empty() => delete::answer(outcome),
            _ => Ok(Reply::empty(204)),
        }
    })
    .await
}
