//! From a search to one SQL statement.
//!
//! R4 <https://hl7.org/fhir/R4/search.html>. The text depends on the shape of the search alone, so that it is prepared once
//! a shape, and it is written so that PostgreSQL has one way to run it: a walk along the index of the most selective part,
//! a probe for every other part, and the resources themselves for the rows of the page alone.
//! The access limit is one more part: it holds before any row is counted or cut off.

mod date;
mod drive;
mod order;
mod probe;
mod sql;
#[cfg(test)]
mod tests;
mod walk;
pub mod write;

pub use sql::{Param, Sql};

use crate::search::expr::{Date, Expr};
use crate::search::key::Keyer;
use crate::search::sort::{Sort, SortBy};
use crate::search::{Search, timeline};
use drive::{by_no, weight};
use sql::{Values, indent};
use walk::{Ladder, Walk};

/// The place of the last row of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyset {
    /// The values of the columns after `content`, in their order.
    pub sorts: Vec<KeyValue>,
    pub no: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyValue {
    Missing,
    I64(i64),
    Text(String),
}

/// The type of a sort column of [`page`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    I64,
    Text,
}

/// Returns the query for the `fetch` matches after `after`, or for the first.
///
/// Columns: `no, type, id, version, updated, content`, and one for each of [`key_types`].
pub fn page(search: &Search, limit: &Expr, after: Option<&Keyset>, fetch: u32) -> Sql {
    let mut values = Values::default();
    let conditions = Conditions::new(search, limit);
    let fetch = values.i64(i64::from(fetch));
    let Rows { rows, keys, order } = rows(&mut values, search, &conditions, after, &fetch);
    let names: String = (1..=keys).map(|i| format!(", m.s{i}")).collect();
    let text = format!(
        "select r.no, r.type, r.id, r.version, r.updated, r.content{names}\nfrom (\n  {}\n) m\n\
         cross join lateral (select * from resource r where r.no = m.no offset 0) r\norder by {order}",
        indent(&rows),
    );
    Sql { text, params: values.0 }
}

/// Returns the types of the sort columns of [`page`] for the same search and limit.
pub fn key_types(search: &Search, limit: &Expr) -> Vec<KeyType> {
    let conditions = Conditions::new(search, limit);
    if conditions.walk(search).is_some() {
        return vec![KeyType::I64];
    }
    let key_type = |sort: &Sort| match sort.by {
        SortBy::Id | SortBy::Text { .. } => KeyType::Text,
        SortBy::LastUpdated | SortBy::Date { .. } => KeyType::I64,
    };
    search.sort.iter().map(key_type).collect()
}

/// Returns the query for the exact number of matches, one row of one column.
pub fn count(search: &Search, limit: &Expr) -> Sql {
    let mut values = Values::default();
    let conditions = Conditions::new(search, limit);
    let parts = conditions.parts();
    let text = match conditions.counting_walk() {
        Some(walk) => walk::count(&mut values, &search.types, &walk),
        None => {
            let rows = by_no(&mut values, &search.types, &parts, None, None);
            format!("select count(*)\nfrom (\n  {}\n) m", indent(&rows))
        }
    };
    Sql { text, params: values.0 }
}

/// Returns the query for up to `max` matches as `no, type, id, version`, for conditional interactions.
pub fn matching_nos(search: &Search, limit: &Expr, max: u32) -> Sql {
    let mut values = Values::default();
    let conditions = Conditions::new(search, limit);
    let max = values.i64(i64::from(max));
    let rows = by_no(&mut values, &search.types, &conditions.parts(), None, Some(&max));
    let text = format!(
        "select r.no, r.type, r.id, r.version\nfrom (\n  {}\n) m\n\
         cross join lateral (select * from resource r where r.no = m.no offset 0) r\norder by m.no",
        indent(&rows),
    );
    Sql { text, params: values.0 }
}

/// The query for a page's rows, how many sort columns it has, and the order of the page.
struct Rows {
    rows: String,
    keys: usize,
    order: String,
}

fn rows(
    values: &mut Values,
    search: &Search,
    conditions: &Conditions,
    after: Option<&Keyset>,
    fetch: &str,
) -> Rows {
    let types = &search.types;
    if let Some(walk) = conditions.walk(search) {
        let rows = walk::page(values, types, &walk, after, fetch);
        return Rows { rows, keys: 1, order: walk::order(&walk, "m") };
    }
    let parts = conditions.parts();
    let order = order::by(&search.sort, "m");
    if let Some(rows) = own_order(values, search, conditions, after, fetch) {
        let direction = if search.sort[0].descending { " desc" } else { "" };
        return Rows { rows, keys: 1, order: format!("m.s1{direction}, m.no{direction}") };
    }
    let rows = if search.sort.is_empty() {
        by_no(values, types, &parts, after.map(|keyset| keyset.no), Some(fetch))
    } else {
        order::page(values, types, &parts, &search.sort, after, fetch)
    };
    Rows { rows, keys: search.sort.len(), order }
}

/// Returns the query for a page in the order of an index of `resource`, where nothing selects better than the type.
fn own_order(
    values: &mut Values,
    search: &Search,
    conditions: &Conditions,
    after: Option<&Keyset>,
    fetch: &str,
) -> Option<String> {
    let ([sort], [t]) = (&search.sort[..], &search.types[..]) else { return None };
    let column = match sort.by {
        SortBy::Id => "id",
        SortBy::LastUpdated => "updated",
        SortBy::Date { .. } | SortBy::Text { .. } => return None,
    };
    if conditions.weight() < DATE_WEIGHT {
        return None;
    }
    let rest: Vec<&Expr> = conditions.parts.iter().filter(|part| !matches!(part, Expr::Types(_))).collect();
    Some(order::own(values, *t, column, sort.descending, &rest, after, fetch))
}

/// The conjunction of a search and its limit.
struct Conditions {
    parts: Vec<Expr>,
    keyer: Keyer,
}

impl Conditions {
    fn new(search: &Search, limit: &Expr) -> Conditions {
        let whole = Expr::and([search.filter.clone(), limit.clone()]);
        let names_types = whole.names_types();
        let mut parts: Vec<Expr> = match whole {
            Expr::None => vec![Expr::None],
            whole => merge_dates(whole.conjuncts()),
        };
        if !search.types.is_empty() && !names_types {
            parts.push(Expr::Types(search.types.clone()));
        }
        Conditions { parts, keyer: search.keyer }
    }

    fn parts(&self) -> Vec<&Expr> {
        self.parts.iter().collect()
    }

    /// Returns the least weight of all parts: how well the search can be driven.
    fn weight(&self) -> u8 {
        self.parts.iter().filter_map(weight).min().unwrap_or(u8::MAX)
    }

    /// Returns the walk along dates that gives the wanted order; without one, an order that makes the walk short.
    fn walk(&self, search: &Search) -> Option<Walk> {
        let parts = self.parts();
        match &search.sort[..] {
            [] => {}
            [Sort { by: SortBy::Date { keys, principal }, descending }] => {
                if *principal && let Some(walk) = self.timeline(&parts, *descending, true) {
                    return Some(walk);
                }
                return self.dates(keys, *descending);
            }
            _ => return None,
        }
        if let Some(walk) = self.short_timeline(&parts) {
            return Some(walk);
        }
        self.driving_date()
    }

    fn counting_walk(&self) -> Option<Walk> {
        let parts = self.parts();
        self.short_timeline(&parts).or_else(|| self.driving_date())
    }

    /// Returns the walk along the timeline that meets matches and little else, when there is one.
    fn short_timeline(&self, parts: &[&Expr]) -> Option<Walk> {
        let is_pair = timeline::walk(&self.keyer, parts)?.is_pair;
        let walk = self.timeline(parts, false, true)?;
        (is_pair || matches!(&walk.ladder, Ladder::Timeline(_, Some(_)))).then_some(walk)
    }

    fn timeline(&self, parts: &[&Expr], descending: bool, undated: bool) -> Option<Walk> {
        let walk = timeline::walk(&self.keyer, parts)?;
        // A code alone is worth a walk only where nothing else is more selective.
        let better = walk.rest.iter().filter_map(|part| weight(part)).any(|other| other < CODE_WEIGHT);
        if !walk.has_patient && better {
            return None;
        }
        let undated = undated && walk.date.is_none();
        let rest = walk.rest.into_iter().cloned().collect();
        Some(Walk { ladder: Ladder::Timeline(walk.key, walk.date.cloned()), rest, descending, undated })
    }

    /// Returns the walk along a tested date, when nothing else drives the search better.
    fn driving_date(&self) -> Option<Walk> {
        let parts = self.parts();
        let split = drive::split(&parts);
        match split.driver {
            Some(Expr::Date(date)) => {
                let rest = split.rest.into_iter().cloned().collect();
                Some(Walk { ladder: Ladder::Dates(date.clone()), rest, descending: false, undated: false })
            }
            _ => None,
        }
    }

    /// Returns the walk along one column of dates; none where something else leaves few enough resources to sort.
    fn dates(&self, keys: &[i32], descending: bool) -> Option<Walk> {
        if self.weight() < DATE_WEIGHT {
            return None;
        }
        let keys: [i32; 4] = keys.try_into().ok()?;
        let same = |part: &Expr| matches!(part, Expr::Date(date) if date.keys == keys && date.single);
        let tested = self.parts.iter().find(|part| same(part));
        let rest = self.parts.iter().filter(|part| !same(part)).cloned().collect();
        let (date, undated) = match tested {
            Some(Expr::Date(date)) => (date.clone(), false),
            // Whether a resource has several dates is not known here; passing over the later ones is always right.
            _ => (Date { keys, tests: Vec::new(), single: false, principal: false }, true),
        };
        Some(Walk { ladder: Ladder::Dates(date), rest, descending, undated })
    }
}

/// From this weight on a walk along dates is as good as any.
const DATE_WEIGHT: u8 = 8;
/// What is lighter leaves fewer resources than a code.
const CODE_WEIGHT: u8 = 7;

/// Returns the parts with all tests of one single date in one part: they must hold of the same date.
fn merge_dates(parts: &[Expr]) -> Vec<Expr> {
    let mut merged: Vec<Expr> = Vec::new();
    for part in parts {
        let known = merged.iter_mut().find_map(|known| match (known, part) {
            (Expr::Date(known), Expr::Date(new)) if known.keys == new.keys && known.single => Some((known, new)),
            _ => None,
        });
        match known {
            Some((known, new)) => known.tests.extend(&new.tests),
            None => merged.push(part.clone()),
        }
    }
    merged
}
