//! From a search to one SQL statement.
//!
//! R4 <https://hl7.org/fhir/R4/search.html>. The text depends on the shape of the search alone, so that it is
//! prepared once a shape, and it is written so that PostgreSQL has one way to run it: a walk along the index of the
//! most selective part, a probe for every other part, and the resources themselves for the rows of the page alone.
//! The access limit is one more part: it holds before any row is counted or cut off.

mod date;
mod drive;
mod join;
mod near;
mod order;
mod plan;
mod probe;
mod sort_value;
mod sql;
#[cfg(test)]
mod tests;
mod walk;
pub mod write;

pub use sql::{Param, Sql};

use crate::search::Search;
use crate::search::expr::Expr;
use crate::search::sort::{Sort, SortBy};
use drive::by_no;
use plan::Conditions;
use sql::{Values, indent};

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
    /// A decimal, as text.
    Number,
}

/// Returns the query for the `fetch` matches after `after`, or for the first.
///
/// Columns: `no, type, id, version, updated, content`, and one for each of [`key_types`].
pub fn page(search: &Search, limit: &Expr, after: Option<&Keyset>, fetch: u32) -> Sql {
    let mut values = Values::default();
    let conditions = Conditions::new(search, limit);
    let fetch = values.i64(i64::from(fetch));
    let Rows { rows, keys, order } = rows(&mut values, search, &conditions, after, &fetch);
    let cast = |i: usize| search.sort.get(i).map_or("", sort_value::cast);
    let names: String = (0..keys).map(|i| format!(", m.s{}{}", i + 1, cast(i))).collect();
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
        SortBy::Id | SortBy::Text { .. } | SortBy::Codes(_) | SortBy::Content(_) => KeyType::Text,
        SortBy::Number { .. } => KeyType::Number,
        SortBy::LastUpdated | SortBy::Date { .. } => KeyType::I64,
    };
    match conditions.own_order(search) {
        Some((_, sort)) => vec![key_type(&sort)],
        None => search.sort.iter().map(key_type).collect(),
    }
}

/// Returns whether a keyset can be one that [`page`] gave for this search: it may come from a client.
pub fn keyset_fits(search: &Search, limit: &Expr, keyset: &Keyset) -> bool {
    let fits = |(value, key_type): (&KeyValue, &KeyType)| match value {
        KeyValue::Missing => true,
        KeyValue::I64(_) => *key_type == KeyType::I64,
        KeyValue::Text(text) if *key_type == KeyType::Number => sort_value::is_number(text),
        KeyValue::Text(text) => *key_type == KeyType::Text && !text.contains('\0'),
    };
    let types = key_types(search, limit);
    types.len() == keyset.sorts.len() && keyset.sorts.iter().zip(&types).all(fits)
}

/// Returns the query for up to `max` matches numbered above `after`, in the order of their numbers, as
/// `no, type, id, version, updated, content`.
pub fn by_number(search: &Search, limit: &Expr, after: i64, max: u32) -> Sql {
    let mut values = Values::default();
    let conditions = Conditions::new(search, limit);
    let max = values.i64(i64::from(max));
    let rows = by_no(&mut values, &search.types, &conditions.parts(), Some(after), Some(&max));
    let text = format!(
        "select r.no, r.type, r.id, r.version, r.updated, r.content\nfrom (\n  {}\n) m\n\
         cross join lateral (select * from resource r where r.no = m.no offset 0) r\norder by m.no",
        indent(&rows),
    );
    Sql { text, params: values.0 }
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

fn rows(values: &mut Values, search: &Search, conditions: &Conditions, after: Option<&Keyset>, fetch: &str) -> Rows {
    let types = &search.types;
    if let Some(walk) = conditions.walk(search) {
        let rows = walk::page(values, types, &walk, after, fetch);
        return Rows { rows, keys: 1, order: walk::order(&walk, "m") };
    }
    let parts = conditions.parts();
    let order = order::by(&search.sort, "m");
    if let Some((t, sort)) = conditions.own_order(search) {
        let rows = order::own(values, t, &sort, &parts, after, fetch);
        let direction = if sort.descending { " desc" } else { "" };
        return Rows { rows, keys: 1, order: format!("m.s1{direction}, m.no{direction}") };
    }
    let rows = if search.sort.is_empty() {
        by_no(values, types, &parts, after.map(|keyset| keyset.no), Some(fetch))
    } else {
        order::page(values, types, &parts, &search.sort, after, fetch)
    };
    Rows { rows, keys: search.sort.len(), order }
}
