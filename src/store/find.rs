//! Runs searches: pages, totals, and the few matches that decide a condition.

use super::error::StoreError;
use super::row::{self, Stored};
use super::search::{self as sql, Along, KeyType, KeyValue, Keyset, Param, Sql, Start};
use super::{Store, care, meter};
use crate::access::grant::meets;
use crate::access::scope::Letter;
use crate::access::{Grant, label};
use crate::fhir::{ResourceId, ResourceType};
use crate::search::governed::Care;
use crate::search::include::Follow;
use crate::search::{Expr, Search, evaluate};
use deadpool_postgres::Object;
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

const INCLUDED: &str = include_str!("sql/included.sql");
const REFERRING: &str = include_str!("sql/referring.sql");

/// How often a walk goes on behind what is hidden before the database is asked for the rest.
const WALKS_MAX: usize = 4;

/// A resource that a condition found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    pub no: i64,
    pub resource_type: ResourceType,
    pub id: ResourceId,
    pub version: i32,
}

/// What of a search is wanted.
#[derive(Debug)]
pub struct PageQuery<'a> {
    pub search: &'a Search,
    /// What holds besides: a compartment, for example.
    pub within: &'a Expr,
    pub start: Start<'a>,
    /// 0 wants no rows.
    pub count: u32,
    pub total: bool,
    /// References to follow from the matches, and how much may come along.
    pub follows: &'a [Follow],
    pub included_max: usize,
}

/// What comes along with resources that were found.
#[derive(Debug)]
pub struct IncludeQuery<'a> {
    pub follows: &'a [Follow],
    /// Numbers of the resources whose references are followed, or are led to.
    pub of: &'a [i64],
    /// Numbers of resources that need not come again.
    pub known: &'a [i64],
    /// Types that may come; empty for all.
    pub only: &'a [ResourceType],
    pub max: usize,
}

#[derive(Debug, Default)]
pub struct Page {
    pub rows: Vec<Stored>,
    /// What came along by the references that were to be followed.
    pub included: Vec<Stored>,
    /// The cut that the next page begins at; none on the last page.
    pub next: Option<Keyset>,
    /// The cut that the page before reaches up to; none on the first page.
    pub previous: Option<Keyset>,
    pub total: Option<i64>,
}

/// Returns what a grant adds to every search: the types that may be searched, and of each what the grant opens.
fn limit(grant: &Grant, search: &Search, within: &Expr) -> Expr {
    if grant.is_unbound() {
        return within.clone();
    }
    let about = search.filter.about().or_else(|| within.about());
    Expr::and([grant.limit(&search.types, Letter::Search, about.as_deref()), within.clone()])
}

/// Returns the search as the grant's holder may ask it: chains lead through what may be seen alone.
fn seen<'a>(grant: &Grant, search: &'a Search) -> Cow<'a, Search> {
    if !search.filter.has_hops() || grant.is_unlimited() {
        return Cow::Borrowed(search);
    }
    let filter = search.filter.clone().through(&|t| grant.seen(t));
    Cow::Owned(Search { filter, ..search.clone() })
}

/// Returns a page of matches, and their exact number when it is wanted; both go out together.
pub(super) async fn page(client: &Object, grant: &Grant, query: &PageQuery<'_>) -> Result<Page, StoreError> {
    let search = &*seen(grant, query.search);
    let limit = limit(grant, search, query.within);
    if query.start.keyset().is_some_and(|keyset| !sql::keyset_fits(search, &limit, keyset)) {
        return Err(StoreError::Cursor);
    }
    let rows = async {
        if query.count == 0 {
            return Ok(Vec::new());
        }
        let sql = match query.follows {
            [] => sql::page(search, &limit, query.start, query.count + 1),
            _ => sql::page_along(search, &limit, query.start, query.count, &along(grant, query)),
        };
        ask(client, &sql).await
    };
    let total = async {
        if !query.total {
            return Ok(None);
        }
        let rows = ask(client, &sql::count(search, &limit)).await?;
        Ok::<_, StoreError>(rows.first().map(|row| row.get::<_, i64>(0)))
    };
    let (rows, total) = tokio::try_join!(rows, total)?;
    let types = || sql::key_types(search, &limit);
    if query.follows.is_empty() {
        return Ok(Page { total, ..cut(query, rows, types) });
    }
    let is_match = |row: &Row| row.get::<_, Option<i64>>(row.len() - 1).is_some();
    let (rows, along): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(is_match);
    let included = care::that_come_along(client, grant, along.into_iter().filter_map(row::stored).collect()).await?;
    Ok(Page { total, included, ..cut(query, rows, types) })
}

/// Returns what the grant lets come along.
fn along<'a>(grant: &Grant, query: &PageQuery<'a>) -> Along<'a> {
    // What leads nowhere that may be seen is left to the types that may.
    let seen = ResourceType::all().filter(|t| grant.sees(*t)).collect();
    Along { follows: query.follows, seen, max: query.included_max }
}

/// Returns the page where the grant shows everything of it at sight; none where it must be asked within the database. For records in
/// which little is hidden that is much cheaper.
pub(super) async fn page_at_sight(
    store: &Store,
    client: &Object,
    grant: &Grant,
    query: &PageQuery<'_>,
) -> Result<Option<Page>, StoreError> {
    let search = query.search;
    let ([t], [], false) = (&search.types[..], query.follows, query.total || query.count == 0) else { return Ok(None) };
    if grant.is_unbound() || search.filter.has_hops() {
        return Ok(None);
    }
    let Some(about) = search.filter.about().or_else(|| query.within.about()) else { return Ok(None) };
    let care = match grant.asks_care(*t) {
        Some(carers) => store.cared(&carers, &about).await?,
        None => Care::default(),
    };
    let Some(sight) = grant.open_at_sight(*t, &about, &care) else { return Ok(None) };
    // A page that begins elsewhere must be cut in the same order.
    let types = || sql::key_types(search, query.within);
    if types() != sql::key_types(search, &limit(grant, search, query.within))
        || query.start.keyset().is_some_and(|keyset| !sql::keyset_fits(search, query.within, keyset))
    {
        return Ok(None);
    }
    let rows = ask(client, &sql::page(search, query.within, query.start, query.count + 1)).await?;
    let is_shown = |row: &Row| {
        let (content, about) = (row::content_bytes(row), row::about(row));
        !about.is_empty() && evaluate::at_sight(&sight, &about, label::is_labelled(content)) == Some(true)
    };
    // The one row more that says whether there is a next page must be one that is seen, too.
    Ok(rows.iter().all(is_shown).then(|| cut(query, rows, types)))
}

/// Returns the page without the row that was fetched to see whether there is more.
fn cut(query: &PageQuery<'_>, mut rows: Vec<Row>, types: impl Fn() -> Vec<KeyType>) -> Page {
    let count = query.count as usize;
    let more = rows.len() > count;
    let (previous, next) = match query.start {
        // The row too many is the last of the page before.
        Start::UpTo(end) => (more.then(|| keyset(&rows.remove(0), &types())), Some(end.clone())),
        start => {
            rows.truncate(count);
            (start.keyset().cloned(), rows.last().filter(|_| more).map(|last| keyset(last, &types())))
        }
    };
    let rows = rows.into_iter().filter_map(row::stored).collect();
    Page { rows, next, previous, ..Page::default() }
}

fn keyset(row: &Row, types: &[KeyType]) -> Keyset {
    let value = |(i, t): (usize, &KeyType)| match t {
        KeyType::I64 => row.get::<_, Option<i64>>(7 + i).map_or(KeyValue::Missing, KeyValue::I64),
        KeyType::Text | KeyType::Number => {
            row.get::<_, Option<String>>(7 + i).map_or(KeyValue::Missing, KeyValue::Text)
        }
    };
    Keyset { sorts: types.iter().enumerate().map(value).collect(), no: row.get(0) }
}

/// Returns up to `max` matches numbered above `after`, in the order of their numbers.
pub(super) async fn by_number(
    client: &Object,
    grant: &Grant,
    search: &Search,
    after: i64,
    max: u32,
) -> Result<Vec<Stored>, StoreError> {
    let rows = ask(client, &sql::by_number(search, &limit(grant, search, &Expr::All), after, max)).await?;
    Ok(rows.into_iter().filter_map(row::stored).collect())
}

/// The same where it can be decided row by row what the grant shows; none where it must be asked within the database. What
/// [`page_at_sight`] is for a search, this is for a walk through a whole record: most rows are decided by whom they are about, the others
/// by what they hold.
pub(super) async fn by_number_at_sight(
    store: &Store,
    client: &Object,
    grant: &Grant,
    search: &Search,
    mut after: i64,
    max: u32,
) -> Result<Option<Vec<Stored>>, StoreError> {
    if grant.is_unbound() || search.filter.has_hops() {
        return Ok(None);
    }
    let opens = |t: &ResourceType| grant.opens(*t, Letter::Search);
    let types: Vec<ResourceType> = match &search.types[..] {
        [] => ResourceType::all().filter(opens).collect(),
        some => some.iter().copied().filter(opens).collect(),
    };
    let mut found = Vec::new();
    if types.is_empty() {
        return Ok(Some(found));
    }
    let search = Search { types, ..search.clone() };
    let mut sights: HashMap<(ResourceType, Vec<i64>), Expr> = HashMap::new();
    // Where most is hidden the database finds what is not quicker.
    for _ in 0..WALKS_MAX {
        let room = max - u32::try_from(found.len()).unwrap_or(max);
        let rows = ask(client, &sql::by_number(&search, &Expr::All, after, room)).await?;
        let is_last = rows.len() < room as usize;
        for row in rows.into_iter().filter_map(row::stored) {
            after = row.no;
            // Of whom nothing is known yet, nothing is shown.
            if row.about.is_empty() {
                return Ok(None);
            }
            let sight = match sights.entry((row.resource_type, row.about.clone())) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let sight = store.sight(grant, row.resource_type, Letter::Search, &row.about).await?;
                    place.insert(sight)
                }
            };
            match is_open(grant, sight, &row) {
                Some(true) => found.push(row),
                Some(false) => {}
                None => return Ok(None),
            }
        }
        if is_last || found.len() == max as usize {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Returns whether a row is wanted: by whom it is about, else by what it holds; none where other resources decide.
fn is_open(grant: &Grant, sight: &Expr, row: &Stored) -> Option<bool> {
    let content = row.content.as_deref()?;
    evaluate::at_sight(sight, &row.about, label::is_labelled(content)).or_else(|| {
        let rows = grant.rows(row.resource_type, content).filter(|_| evaluate::is_local(sight))?;
        Some(meets(sight, row.resource_type, &row.id, rows))
    })
}

/// Returns up to `max` matches.
pub(super) async fn matching(
    client: &Object,
    grant: &Grant,
    search: &Search,
    max: usize,
) -> Result<Vec<Match>, StoreError> {
    let max = u32::try_from(max).unwrap_or(u32::MAX);
    let search = &*seen(grant, search);
    let rows = ask(client, &sql::matching_nos(search, &limit(grant, search, &Expr::All), max)).await?;
    let read = |row: &Row| {
        Some(Match {
            no: row.get(0),
            resource_type: ResourceType::from_number(row.get(1))?,
            id: ResourceId::parse(row.get(2))?,
            version: row.get(3),
        })
    };
    Ok(rows.iter().filter_map(read).collect())
}

/// Returns what the include brings, as far as the grant shows it.
pub(super) async fn included(
    client: &Object,
    grant: &Grant,
    query: &IncludeQuery<'_>,
) -> Result<Vec<Stored>, StoreError> {
    let may_come = |t: &ResourceType| (query.only.is_empty() || query.only.contains(t)) && grant.sees(*t);
    let seen: Vec<i16> = ResourceType::all().filter(may_come).map(ResourceType::number).collect();
    let target = |follow: &Follow| follow.target.map_or(-1, ResourceType::number);
    let (forward, backward): (Vec<&Follow>, Vec<&Follow>) =
        query.follows.iter().filter(|f| grant.sees(f.source)).partition(|f| !f.reverse);
    let sources: Vec<i16> = forward.iter().map(|f| f.source.number()).collect();
    let (keys, targets): (Vec<i64>, Vec<i16>) = forward.iter().map(|f| (f.key, target(f))).unzip();
    let (back_keys, back_targets): (Vec<i64>, Vec<i16>) = backward.iter().map(|f| (f.key, target(f))).unzip();
    let max = i64::try_from(query.max).unwrap_or(i64::MAX);
    let started = Instant::now();
    let statement = client.prepare_cached(INCLUDED).await.map_err(StoreError::sql("failed to prepare an include"))?;
    let params: [&(dyn ToSql + Sync); 9] =
        [&query.of, &sources, &keys, &targets, &back_keys, &back_targets, &query.known, &seen, &max];
    let rows = client.query(&statement, &params).await.map_err(StoreError::sql("failed to include"))?;
    meter::took("include", started);
    care::that_come_along(client, grant, rows.into_iter().filter_map(row::stored).collect()).await
}

/// Returns up to `max` resources that stand under any of the keys, which are of columns of one type.
pub(super) async fn standing_under(client: &Object, keys: &[i64], max: usize) -> Result<Vec<Stored>, StoreError> {
    let statement = client.prepare_cached(REFERRING).await.map_err(StoreError::sql("failed to prepare a fetch"))?;
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let rows = client.query(&statement, &[&keys, &max]).await.map_err(StoreError::sql("failed to fetch"))?;
    Ok(rows.into_iter().filter_map(row::stored).collect())
}

async fn ask(client: &Object, sql: &Sql) -> Result<Vec<Row>, StoreError> {
    let started = Instant::now();
    let statement = client.prepare_cached(&sql.text).await.map_err(StoreError::sql("failed to prepare a search"))?;
    let params: Vec<&(dyn ToSql + Sync)> = sql.params.iter().map(bound).collect();
    let rows = client.query(&statement, &params).await.map_err(StoreError::sql("failed to search"))?;
    meter::took("search", started);
    Ok(rows)
}

fn bound(param: &Param) -> &(dyn ToSql + Sync) {
    match param {
        Param::I64(value) => value,
        Param::I64s(value) => value,
        Param::I16(value) => value,
        Param::I32(value) => value,
        Param::I32s(value) => value,
        Param::I16s(value) => value,
        Param::Text(value) => value,
        Param::Texts(value) => value,
    }
}
