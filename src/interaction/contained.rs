//! Searches for contained resources: `_contained=true|both`, shown as their containers or as themselves.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#contained>. The index finds candidates; each is looked at once more, and pages
//! are filled until they are full. Pages go forward in the order in which the containers were made.

use super::Context;
use super::bundle::BundleWriter;
use super::search::Asked;
use crate::fault::{Fault, Kind};
use crate::rest::Reply;
use crate::search::Search;
use crate::search::contained::{self, Shown};
use crate::search::control::TotalMode;
use crate::store::Stored;
use crate::store::search::{KeyValue, Keyset};
use bytes::Bytes;
use serde_json::Value;

/// Containers that are fetched at once.
const BATCH: u32 = 100;
/// Candidates that are looked at for one page, or for one count; a page that ends there has a next one.
const CANDIDATES_MAX: usize = 10_000;

/// An entry of the answer: its full URL and its content.
type Entry = (String, Bytes);

/// Where a page begins: after a number, and after some of the matches of the next candidate.
#[derive(Clone, Copy)]
struct Start {
    after: i64,
    skip: usize,
}

struct Found {
    entries: Vec<Entry>,
    next: Option<Start>,
}

/// Answers a search that asks for contained resources.
pub async fn search(ctx: &Context<'_>, mut search: Search, in_compartment: bool) -> Result<Reply, Fault> {
    contained::check(&search)?;
    if in_compartment {
        let text = "parameter '_contained' is not answered in a compartment: contained resources are in none";
        return Err(Fault::new(Kind::NotSupported, text));
    }
    search.types.retain(|t| ctx.grant.sees(*t));
    let only_count = search.summary.as_deref() == Some("count") || search.count == Some(0);
    let asked = Asked::new(ctx, &search).await?;
    let cursor = search.cursor.as_deref().map(|text| asked.open(text)).transpose()?;
    let start = cursor.map_or(Ok(BEGINNING), |cursor| start_of(&cursor.keyset))?;
    let wants_total = matches!(search.total, TotalMode::Accurate | TotalMode::Estimate);
    let page = if only_count {
        Found { entries: Vec::new(), next: None }
    } else {
        collect(ctx, &search, start, asked.count as usize).await?
    };
    let whole = page.next.is_none() && search.cursor.is_none() && !only_count;
    let total = if whole {
        Some(page.entries.len())
    } else if only_count || wants_total {
        let all = collect(ctx, &search, BEGINNING, usize::MAX).await?;
        all.next.is_none().then_some(all.entries.len())
    } else {
        None
    };
    if only_count && total.is_none() {
        let text = format!("more than {CANDIDATES_MAX} resources would have to be read to count contained ones");
        return Err(Fault::new(Kind::TooCostly, text));
    }
    Ok(Reply::json(200, bundle(&asked, &search, &page, total)))
}

const BEGINNING: Start = Start { after: i64::MIN, skip: 0 };

/// A cursor holds the number, and how many matches of the next candidate were shown already.
fn start_of(keyset: &Keyset) -> Result<Start, Fault> {
    let skip = match keyset.sorts[..] {
        [] => Some(0),
        [KeyValue::I64(skip)] => usize::try_from(skip).ok(),
        _ => None,
    };
    let wrong = || Fault::new(Kind::Invalid, "_cursor belongs to another search than this one");
    Ok(Start { after: keyset.no, skip: skip.ok_or_else(wrong)? })
}

fn keyset_of(start: Start) -> Keyset {
    let skip = i64::try_from(start.skip).unwrap_or(i64::MAX);
    Keyset { sorts: vec![KeyValue::I64(skip)], no: start.after }
}

/// Returns up to `count` entries; where there are more, also where they begin.
async fn collect(ctx: &Context<'_>, search: &Search, start: Start, count: usize) -> Result<Found, Fault> {
    let candidates = contained::candidates(ctx.store.registry(), search);
    let mut entries = Vec::new();
    let Start { mut after, mut skip } = start;
    let mut seen = 0;
    while seen < CANDIDATES_MAX {
        let rows = ctx.view.by_number(ctx.grant, &candidates, after, BATCH).await?;
        for row in &rows {
            let mut found = matches(ctx, search, row)?;
            found.drain(..skip.min(found.len()));
            let room = count - entries.len();
            if found.len() > room {
                found.truncate(room);
                entries.extend(found);
                return Ok(Found { entries, next: Some(Start { after: row.no - 1, skip: skip + room }) });
            }
            entries.extend(found);
            (after, skip) = (row.no, 0);
        }
        if rows.len() < BATCH as usize {
            return Ok(Found { entries, next: None });
        }
        seen += rows.len();
    }
    Ok(Found { entries, next: Some(Start { after, skip }) })
}

/// Returns what a candidate gives to the answer.
fn matches(ctx: &Context, search: &Search, row: &Stored) -> Result<Vec<Entry>, Fault> {
    let registry = ctx.store.registry();
    let Some(content) = &row.content else { return Ok(Vec::new()) };
    let resource: Value = serde_json::from_slice(content)
        .map_err(|e| Fault::internal(format!("stored {}/{} is damaged", row.resource_type, row.id), e))?;
    let url = ctx.full_url(row.resource_type, &row.id);
    let own = contained::is_wanted(registry, search, (row.resource_type, &row.id), row.updated, &resource);
    let within = contained::wanted(registry, search, &resource);
    let container = (url.clone(), content.clone());
    Ok(match search.contained.shown {
        Shown::Container if own || !within.is_empty() => vec![container],
        Shown::Container => Vec::new(),
        Shown::Itself => {
            let inner = within.iter().map(|(_, id, item)| (format!("{url}#{id}"), Bytes::from(item.to_string())));
            own.then_some(container).into_iter().chain(inner).collect()
        }
    })
}

fn bundle(asked: &Asked, search: &Search, page: &Found, total: Option<usize>) -> Bytes {
    let mut links = vec![("self", asked.link(search.cursor.as_deref()))];
    if search.cursor.is_some() {
        links.push(("first", asked.link(None)));
    }
    if let Some(next) = page.next {
        links.push(("next", asked.link(Some(&asked.seal(keyset_of(next), false)))));
    }
    let total = total.and_then(|total| i64::try_from(total).ok());
    let mut bundle = BundleWriter::new("searchset", total, &links);
    for (url, content) in &page.entries {
        bundle.found(url, content, "match");
    }
    for ignored in &search.ignored {
        bundle.remark(&format!("the parameter '{}' was left out: {}", ignored.name, ignored.reason));
    }
    bundle.finish()
}
