//! `$search`: ranked search over the text of all types, or of one.
//!
//! An operation of our own; its definition is `conformance/OperationDefinition-search.json`. All words must be there, typos are
//! forgiven, the best come first; see [`crate::index::rank`].

use super::{Call, Operation, Places};
use crate::access::policy::Needs;
use crate::access::scope::Letter;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::index::document::content;
use crate::index::rank::{Ranked, WORDS_MAX, highlight, rank};
use crate::interaction::bundle::BundleWriter;
use crate::interaction::{Context, body, text};
use crate::rest::{Body, Reply, query};
use crate::search::{Expr, Search as Query};
use crate::store::Stored;
use crate::store::find::PageQuery;
use crate::store::search::Start;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};

/// Matches that are ranked; nobody reads on.
const RANKED_MAX: usize = 1_000;
const EXTENSION: &str = "StructureDefinition/search-highlight";

pub struct Search;

impl Operation for Search {
    fn name(&self) -> &'static str {
        "search"
    }

    fn places(&self) -> Places {
        Places { system: true, types: &["*"], instances: &[] }
    }

    fn affects_state(&self) -> bool {
        false
    }

    fn needs(&self, resource_type: Option<ResourceType>) -> Needs {
        match resource_type {
            Some(t) => Needs::Type(vec![Letter::Search], t),
            None => Needs::AnyType(Letter::Search),
        }
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(search(ctx, call))
    }
}

/// What is asked for.
struct Asked {
    query: String,
    /// Empty: all types.
    types: Vec<ResourceType>,
    count: usize,
    offset: usize,
}

async fn search(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    let base = call.resource_type;
    let mut pairs = ctx.request.query.clone();
    if !matches!(call.body, Body::None) {
        pairs.extend(parameters(&body::read(ctx.catalog(), ctx.settings, call.body)?)?);
    }
    let asked = read(ctx, base, &pairs)?;
    let types = visible(ctx, &asked.types);
    if types.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Reply::json(200, BundleWriter::new("searchset", Some(0), &links(ctx, base, &asked, None)).finish()));
    }
    let (words, of) = (asked.query.clone(), types.unwrap_or_default());
    let within = of.clone();
    let ranked = text::index(ctx)?.search(move |reader| rank(reader, &words, &of, RANKED_MAX)).await?;
    let whole = ranked.hits.len() < RANKED_MAX;
    let shown = shown(ctx, &within, &ranked).await?;
    let page: Vec<(i64, f32)> = shown.iter().skip(asked.offset).take(asked.count).copied().collect();
    let rows = rows(ctx, &within, &page).await?;
    let next = asked.offset.saturating_add(asked.count);
    let next = (asked.count > 0 && next < shown.len()).then_some(next);
    let links = links(ctx, base, &asked, next);
    let mut bundle = BundleWriter::new("searchset", whole.then_some(shown.len() as i64), &links);
    for (row, score) in &rows {
        let found = row.content.as_deref().unwrap_or_default();
        let extension = extension(ctx, row, &ranked.words);
        bundle.ranked(&ctx.full_url(row.resource_type, &row.id), found, *score, extension.as_ref());
    }
    if !whole && next.is_none() {
        bundle.remark(&format!("only the best {RANKED_MAX} matches are ranked; more words narrow the search"));
    }
    Ok(Reply::json(200, bundle.finish()))
}

/// Returns the types to look in; none for all.
fn visible(ctx: &Context, asked: &[ResourceType]) -> Option<Vec<ResourceType>> {
    match (ctx.grant.visible_types(), asked) {
        (None, []) => None,
        (Some(types), []) => Some(types.to_vec()),
        (_, asked) => Some(asked.iter().copied().filter(|t| ctx.grant.sees(*t)).collect()),
    }
}

fn of_nos(ctx: &Context, types: &[ResourceType], nos: Vec<i64>) -> Result<Query, Fault> {
    let all = crate::search::parse(ctx.store.registry(), None, &[], false)?;
    Ok(Query { filter: Expr::Nos(nos), types: types.to_vec(), ..all })
}

/// Returns the matches that the grant shows, the best first.
async fn shown(ctx: &Context<'_>, types: &[ResourceType], ranked: &Ranked) -> Result<Vec<(i64, f32)>, Fault> {
    let mut nos: Vec<i64> = ranked.hits.iter().map(|(no, _)| *no).collect();
    nos.sort_unstable();
    let found = ctx.view.matching(ctx.grant, &of_nos(ctx, types, nos)?, RANKED_MAX).await?;
    let found: HashSet<i64> = found.iter().map(|m| m.no).collect();
    Ok(ranked.hits.iter().copied().filter(|(no, _)| found.contains(no)).collect())
}

/// Returns the resources of a page in its order.
async fn rows(ctx: &Context<'_>, types: &[ResourceType], page: &[(i64, f32)]) -> Result<Vec<(Stored, f32)>, Fault> {
    let mut nos: Vec<i64> = page.iter().map(|(no, _)| *no).collect();
    nos.sort_unstable();
    let search = of_nos(ctx, types, nos)?;
    let count = u32::try_from(page.len()).unwrap_or(u32::MAX);
    let query = PageQuery {
        search: &search,
        within: &Expr::All,
        start: Start::Beginning,
        count,
        total: false,
        follows: &[],
        included_max: 0,
    };
    let place = |no: i64| page.iter().position(|(known, _)| *known == no);
    let rows = ctx.view.search(ctx.grant, &query).await?.rows;
    let mut rows: Vec<(usize, Stored)> = rows.into_iter().filter_map(|row| Some((place(row.no)?, row))).collect();
    rows.sort_by_key(|(place, _)| *place);
    Ok(rows.into_iter().map(|(place, row)| (row, page[place].1)).collect())
}

fn extension(ctx: &Context, row: &Stored, words: &BTreeMap<String, f32>) -> Option<Value> {
    let resource: Value = serde_json::from_slice(row.content.as_deref()?).ok()?;
    let snippet = highlight(&content(ctx.catalog(), row.resource_type, &resource), words)?;
    Some(json!({"url": format!("{}/{EXTENSION}", ctx.settings.canonical_base), "valueString": snippet}))
}

/// Returns the parameters of a Parameters resource as the pairs that a URL would have.
fn parameters(body: &Value) -> Result<Vec<(String, String)>, Fault> {
    if body.get("resourceType").and_then(Value::as_str) != Some("Parameters") {
        return Err(Fault::at(Kind::Invalid, "resourceType", "the operation takes Parameters"));
    }
    let list = body.get("parameter").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter()
        .enumerate()
        .map(|(i, part)| {
            parameter(part).ok_or_else(|| {
                let text = "a parameter has a name and one value: a string, code or integer";
                Fault::at(Kind::Invalid, format!("Parameters.parameter[{i}]"), text)
            })
        })
        .collect()
}

fn parameter(part: &Value) -> Option<(String, String)> {
    let name = part.get("name")?.as_str()?;
    let (_, value) = part.as_object()?.iter().find(|(key, _)| key.starts_with("value"))?;
    let value = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some((name.to_string(), value))
}

fn read(ctx: &Context, base: Option<ResourceType>, pairs: &[(String, String)]) -> Result<Asked, Fault> {
    let default = ctx.settings.page_size_default as usize;
    let mut asked = Asked { query: String::new(), types: base.into_iter().collect(), count: default, offset: 0 };
    for (name, value) in pairs {
        match name.as_str() {
            "query" => asked.query.clone_from(value),
            "_type" if base.is_none() => asked.types = types(value)?,
            "_count" => asked.count = number(name, value)?.min(ctx.settings.page_size_max as usize),
            "_offset" => asked.offset = number(name, value)?,
            "_format" | "_pretty" => {}
            _ => {
                let text = format!(
                    "parameter '{name}' is not one of $search here: query, _type on the system level, _count, _offset"
                );
                return Err(Fault::new(Kind::NotSupported, text));
            }
        }
    }
    if !asked.query.contains(char::is_alphanumeric) {
        return Err(Fault::new(Kind::Invalid, "parameter 'query' must have a word to look for"));
    }
    if asked.query.split_whitespace().count() > WORDS_MAX {
        return Err(Fault::new(Kind::TooCostly, format!("parameter 'query' has more than {WORDS_MAX} words")));
    }
    Ok(asked)
}

fn types(value: &str) -> Result<Vec<ResourceType>, Fault> {
    let known = |name: &str| {
        ResourceType::parse(name).filter(|t| t.is_stored()).ok_or_else(|| {
            let name: String = name.chars().take(64).collect();
            Fault::new(Kind::Invalid, format!("parameter '_type': '{name}' is not a resource type that is stored"))
        })
    };
    value.split(',').map(known).collect()
}

fn number(name: &str, value: &str) -> Result<usize, Fault> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    match value.parse::<u32>() {
        Ok(number) if digits => Ok(number as usize),
        _ => Err(Fault::new(Kind::Invalid, format!("parameter '{name}' is not a whole number from 0 on"))),
    }
}

/// Returns the links of a page. They carry everything, also what came in a body.
fn links(ctx: &Context, base: Option<ResourceType>, asked: &Asked, next: Option<usize>) -> Vec<(&'static str, String)> {
    let link = |offset: usize| {
        let mut url = ctx.settings.base_url.clone();
        base.iter().for_each(|t| url.push_str(&format!("/{t}")));
        url.push_str("/$search?query=");
        query::encode(&mut url, &asked.query);
        if base.is_none() && !asked.types.is_empty() {
            let names: Vec<&str> = asked.types.iter().map(|t| t.name()).collect();
            url.push_str(&format!("&_type={}", names.join(",")));
        }
        url.push_str(&format!("&_count={}", asked.count));
        if offset > 0 {
            url.push_str(&format!("&_offset={offset}"));
        }
        url
    };
    let next = next.map(|offset| ("next", link(offset)));
    std::iter::once(("self", link(asked.offset))).chain(next).collect()
}
