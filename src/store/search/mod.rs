//! From a search to one SQL statement.
//!
//! R4 <https://hl7.org/fhir/R4/search.html>. The text depends on the shape of the search alone, so that it is
//! prepared once a shape, and it is written so that PostgreSQL has one way to run it: a walk along the index of the
//! most selective part, a probe for every other part, and the resources themselves for the rows of the page alone.
//! The access limit is one more part: it holds before any row is counted or cut off.

mod adapt;
mod along;
mod date;
mod drive;
mod governed;
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

pub use along::{Along, page_along};
pub use sql::{Param, Sql};

use crate::search::Search;
use crate::search::expr::Expr;
use crate::search::sort::{Sort, SortBy};
use drive::{Edge, by_no};
use plan::{ByNo, Conditions};
use sql::{Values, indent};

/// A cut in the order of an answer: behind the row with these values.
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

/// Which rows a page has: it lies before or behind a cut and reaches up to it, so that two pages at one cut have no row
/// in common and leave none out, whatever is written meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    Beginning,
    /// The first rows behind the cut.
    After(&'a Keyset),
    /// The last rows before the cut, the row that it names among them.
    UpTo(&'a Keyset),
}

impl<'a> Start<'a> {
    pub fn keyset(self) -> Option<&'a Keyset> {
        match self {
            Start::Beginning => None,
            Start::After(keyset) | Start::UpTo(keyset) => Some(keyset),
        }
    }

    fn is_backward(self) -> bool {
        matches!(self, Start::UpTo(_))
    }

    /// Returns the cut in the order of numbers alone.
    fn edge(self) -> Option<Edge> {
        self.keyset().map(|keyset| Edge { no: keyset.no, backward: self.is_backward() })
    }
}

/// The type of a sort column of [`page`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    I64,
    Text,
    /// A decimal, as text.
    Number,
}

/// Returns the query for the `fetch` matches that begin or end at `start`, in the order of the answer either way.
///
/// Columns: `no, type, id, version, updated, content, about`, and one for each of [`key_types`].
pub fn page(search: &Search, limit: &Expr, start: Start, fetch: u32) -> Sql {
    let mut values = Values::default();
    let conditions = Conditions::new(search, limit);
    let fetch = values.i64(i64::from(fetch));
    let Rows { rows, keys, order } = rows(&mut values, search, &conditions, start, &fetch);
    let cast = |i: usize| search.sort.get(i).map_or("", sort_value::cast);
    let names: String = (0..keys).map(|i| format!(", m.s{}{}", i + 1, cast(i))).collect();
    let text = format!(
        "select r.no, r.type, r.id, r.version, r.updated, r.content, r.about{names}\nfrom (\n  {}\n) m\n\
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
/// `no, type, id, version, updated, content, about`.
pub fn by_number(search: &Search, limit: &Expr, after: i64, max: u32) -> Sql {
    let mut values = Values::default();
    let conditions = Conditions::new(search, limit);
    let max = values.i64(i64::from(max));
    let rows =
        by_no(&mut values, &search.types, &conditions.parts(), Some(Edge { no: after, backward: false }), Some(&max));
    let text = format!(
        "select r.no, r.type, r.id, r.version, r.updated, r.content, r.about\nfrom (\n  {}\n) m\n\
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
    let text = if let Some(walk) = conditions.counting_walk() {
        walk::count(&mut values, &search.types, &walk)
    } else if let Some(keys) = conditions.keys() {
        adapt::count_of_keys(&mut values, &search.types, &keys)
    } else {
        drive::count(&mut values, &search.types, &parts)
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

fn rows(values: &mut Values, search: &Search, conditions: &Conditions, start: Start, fetch: &str) -> Rows {
    let types = &search.types;
    if let Some(walk) = conditions.walk(search) {
        let rows = walk::page(values, types, &walk, start, fetch);
        return Rows { rows, keys: 1, order: walk::order(&walk, "m") };
    }
    let parts = conditions.parts();
    let order = order::by(&search.sort, "m");
    if let Some((t, sort)) = conditions.own_order(search) {
        let rows = order::own(values, t, &sort, &parts, start, fetch);
        let direction = if sort.descending { " desc" } else { "" };
        return Rows { rows, keys: 1, order: format!("m.s1{direction}, m.no{direction}") };
    }
    let rows = if search.sort.is_empty() {
        match conditions.by_no(search) {
            ByNo::Along => by_no(values, types, &parts, start.edge(), Some(fetch)),
            ByNo::Gathered(walk) => walk::by_no(values, types, &walk, start.edge(), fetch),
            ByNo::Window(window) => adapt::page(values, types, &window, start.edge(), fetch),
            ByNo::Keys(keys) => adapt::page_of_keys(values, types, &keys, start.edge(), fetch),
        }
    } else {
        order::page(values, types, &parts, &search.sort, start, fetch)
    };
    Rows { rows, keys: search.sort.len(), order }
}
