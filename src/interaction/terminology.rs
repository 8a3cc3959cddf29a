//! What the questions of a search about codes and trees come to, from the definitions and resources that are stored.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#token>, <https://hl7.org/fhir/R4/search.html#recursive>. What is not stored is
//! said with the parameter and the URL: an empty answer would look as if nobody had such a code.

use super::Context;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceId;
use crate::search::Expr;
use crate::search::ask::{AskCodes, AskTree, WantedCodes, Way};
use crate::search::terminology::{
    CODES_MAX, Canonical, Codes, Definitions, Expansion, Lack, Members, System, Wanted, canonical, expand,
    expand::built_in, expand::implicit, terms,
};
use crate::store::Stored;
use crate::store::terminology::{Definition, TreeQuery};
use serde_json::Value;
use std::sync::Arc;

/// Definitions that one search may look for.
const DEFINITIONS_MAX: usize = 200;
/// Resources that one tree may have.
const TREE_MAX: usize = 20_000;

/// The definitions that one search has looked for.
#[derive(Default)]
pub struct Known(Definitions);

/// Returns the condition that a question about codes stands for.
pub async fn codes(ctx: &Context<'_>, known: &mut Known, ask: &AskCodes) -> Result<Expr, Fault> {
    let lacking = |lack: Lack| lacking(&ask.name, lack);
    let codes = match &ask.wanted {
        WantedCodes::InValueSet { canonical, stored } => {
            let set = value_set(ctx, canonical, stored.as_ref()).await?.map_err(lacking)?;
            expanded(ctx, known, &ask.name, &set).await?
        }
        WantedCodes::Above { system, code } => {
            let found = system_of(ctx, known, system).await?.and_then(|system| system.above(code));
            Codes::of(system, Members::Some(found.map_err(lacking)?))
        }
        WantedCodes::Below { system, code } => {
            let found = system_of(ctx, known, system).await?.and_then(|system| system.below(code));
            Codes::of(system, Members::Some(found.map_err(lacking)?))
        }
    };
    if codes.count() > CODES_MAX {
        let text = format!("the value stands for more than {CODES_MAX} codes");
        return Err(lacking(Lack::TooMany(text)));
    }
    Ok(terms::coded_with(ctx.store.registry(), &ask.places, &codes))
}

/// Returns the condition that a reference leads into a tree.
pub async fn tree(ctx: &Context<'_>, ask: &AskTree) -> Result<Expr, Fault> {
    let t = ask.resource_type;
    // The way through a tree leads over resources that nobody asked for: all of the type must be open to the caller.
    if ctx.grant.seen(t) != Expr::All {
        let text = format!("parameter '{}' follows {t} resources, of which the token does not show all", ask.name);
        return Err(Fault::new(Kind::Forbidden, text));
    }
    let registry = ctx.store.registry();
    let query = TreeQuery {
        resource_type: t,
        target: registry.keyer.target(t.name(), ask.id.as_str()),
        columns: &ask.parents,
        up: ask.way == Way::Up,
        max: TREE_MAX + 1,
    };
    let targets = ctx.view.tree(ctx.grant, &query).await?;
    if targets.len() > TREE_MAX {
        let text = format!("parameter '{}': the tree at {t}/{} has more than {TREE_MAX} resources", ask.name, ask.id);
        return Err(Fault::new(Kind::TooCostly, text));
    }
    Ok(terms::referring(registry, &ask.places, t, &targets))
}

fn lacking(name: &str, lack: Lack) -> Fault {
    let kind = match lack {
        Lack::Missing(_) => Kind::NotSupported,
        Lack::Unclear(_) => Kind::Invalid,
        Lack::TooMany(_) => Kind::TooCostly,
    };
    Fault::new(kind, format!("parameter '{name}': {lack}"))
}

async fn expanded(ctx: &Context<'_>, known: &mut Known, name: &str, set: &Value) -> Result<Codes, Fault> {
    loop {
        let needs = match expand(set, &known.0).map_err(|lack| lacking(name, lack))? {
            Expansion::Done(codes) => return Ok(codes),
            Expansion::Needs(needs) => needs,
        };
        if needs.len() + known.0.sets.len() + known.0.systems.len() > DEFINITIONS_MAX {
            let text = format!("the value set needs more than {DEFINITIONS_MAX} other definitions");
            return Err(lacking(name, Lack::TooMany(text)));
        }
        for wanted in needs {
            match wanted {
                Wanted::ValueSet(canonical) => {
                    let found = value_set_by_url(ctx, &canonical).await?.map(Arc::new);
                    known.0.sets.insert(canonical, found);
                }
                Wanted::System(canonical) => {
                    let found = system_by_url(ctx, &canonical).await?;
                    known.0.systems.insert(canonical, found);
                }
            }
        }
    }
}

/// R4 3.1.1.4.10: a literal address comes before a canonical URL.
async fn value_set(ctx: &Context<'_>, text: &str, stored: Option<&ResourceId>) -> Result<Result<Value, Lack>, Fault> {
    if let Some(id) = stored {
        if let Some(found) = ctx.view.definition(Definition::ValueSet, id).await? {
            return Ok(Ok(content(&found)?));
        }
        if !text.contains("://") {
            return Ok(Err(Lack::Missing(format!("ValueSet/{id} is not stored on this server"))));
        }
    }
    value_set_by_url(ctx, &Canonical::parse(text)).await
}

async fn value_set_by_url(ctx: &Context<'_>, canonical: &Canonical) -> Result<Result<Value, Lack>, Fault> {
    if let Some(found) = by_url(ctx, Definition::ValueSet, canonical).await? {
        return Ok(Ok(found));
    }
    if let Some(found) = implicit(&canonical.url).or_else(|| built_in(ctx.catalog(), canonical)) {
        return Ok(Ok(found));
    }
    Ok(Err(Lack::Missing(format!("value set {canonical} is not stored on this server"))))
}

async fn system_of(ctx: &Context<'_>, known: &mut Known, url: &str) -> Result<Result<Arc<System>, Lack>, Fault> {
    let canonical = Canonical::parse(url);
    if let Some(found) = known.0.systems.get(&canonical) {
        return Ok(found.clone());
    }
    let found = system_by_url(ctx, &canonical).await?;
    known.0.systems.insert(canonical, found.clone());
    Ok(found)
}

async fn system_by_url(ctx: &Context<'_>, canonical: &Canonical) -> Result<Result<Arc<System>, Lack>, Fault> {
    Ok(match by_url(ctx, Definition::CodeSystem, canonical).await? {
        Some(found) => System::read(&found).map(Arc::new),
        None => Err(Lack::Missing(format!("code system {canonical} is not stored on this server"))),
    })
}

async fn by_url(ctx: &Context<'_>, kind: Definition, wanted: &Canonical) -> Result<Option<Value>, Fault> {
    let registry = ctx.store.registry();
    let Some(key) = kind.resource_type().and_then(|t| terms::url_key(registry, t, &wanted.url)) else {
        return Ok(None);
    };
    let stored = ctx.view.definitions(kind, key).await?;
    let candidates = stored.iter().map(content).collect::<Result<Vec<Value>, Fault>>()?;
    Ok(canonical::choose(candidates, wanted.version.as_deref()))
}

fn content(stored: &Stored) -> Result<Value, Fault> {
    let bytes = stored.content.as_deref().unwrap_or_default();
    serde_json::from_slice(bytes)
        .map_err(|error| Fault::internal(format!("failed to read {}/{}", stored.resource_type, stored.id), error))
}
