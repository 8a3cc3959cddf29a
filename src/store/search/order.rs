//! Pages in an order that no index has: all matches, their sort values, and the first of them.

use super::drive::by_no;
use super::probe::{own_test, probe};
use super::sort_value;
use super::sql::{Param, Values, indent, where_all};
use super::{KeyValue, Keyset, Start};
use crate::fhir::ResourceType;
use crate::search::Expr;
use crate::search::sort::{Sort, SortBy};

/// Returns the query for one page; its columns are `no` and `s1`, `s2`, …, null where there is no value.
pub(super) fn page(
    values: &mut Values,
    types: &[ResourceType],
    parts: &[&Expr],
    sorts: &[Sort],
    start: Start,
    limit: &str,
) -> String {
    let matches = by_no(values, types, parts, None, None);
    let keys: Vec<String> =
        sorts.iter().enumerate().map(|(i, sort)| format!("{} as s{}", key(values, sort), i + 1)).collect();
    let names: Vec<String> = (1..=sorts.len()).map(|i| format!("o.s{i}")).collect();
    let cut = match start {
        Start::Beginning => String::new(),
        Start::After(keyset) => format!("where {}\n", beyond(values, sorts, keyset)),
        Start::UpTo(keyset) => format!("where ({}) is not true\n", beyond(values, sorts, keyset)),
    };
    // What compares a value more than once would find it anew each time.
    let once = if cut.is_empty() { "" } else { " offset 0" };
    format!(
        "select o.no, {}\nfrom (select a.no, {}\n  from ({}) a{once}) o\n{cut}order by {} limit {limit}",
        names.join(", "),
        keys.join(", "),
        indent(&indent(&matches)),
        if start.is_backward() { backward(sorts, "o") } else { by(sorts, "o") },
    )
}

/// Returns the query for one page of one type in the order of its ids or times of change.
pub(super) fn own(
    values: &mut Values,
    t: ResourceType,
    sort: &Sort,
    parts: &[&Expr],
    start: Start,
    limit: &str,
) -> String {
    let types = [t];
    let column = if sort.by == SortBy::Id { "id" } else { "updated" };
    let number = values.bind(Param::I16(t.number()));
    let mut conditions = vec![format!("t.type = {number}"), "not t.deleted".to_string()];
    let (direction, sign) = match (sort.descending, start.is_backward()) {
        (false, false) => ("", ">"),
        (true, false) => (" desc", "<"),
        (false, true) => (" desc", "<="),
        (true, true) => ("", ">="),
    };
    if let Some(Keyset { sorts, no }) = start.keyset() {
        let last = match sorts.first() {
            Some(KeyValue::I64(updated)) => values.i64(*updated),
            Some(KeyValue::Text(id)) => values.bind(Param::Text(id.clone())),
            Some(KeyValue::Missing) | None => "null".to_string(),
        };
        let no = values.i64(*no);
        conditions.push(format!("(t.{column}, t.no) {sign} ({last}, {no})"));
    }
    conditions.extend(parts.iter().filter(|part| !matches!(part, Expr::Types(_))).map(|part| match part {
        Expr::Updated { .. } => own_test(values, &[], part, "t"),
        part => probe(values, &types, part, "t.no"),
    }));
    let conditions = where_all(&conditions);
    // Ids of one type differ, and equal times are in the order of `no`, which the index has too.
    let tie = if column == "id" { String::new() } else { format!(", t.no{direction}") };
    format!(
        "select t.no, t.{column} as s1 from resource t{conditions}\norder by t.{column}{direction}{tie} limit {limit}"
    )
}

/// Returns the order of the rows `alias.s1`, … and `alias.no`.
pub(super) fn by(sorts: &[Sort], alias: &str) -> String {
    let mut terms: Vec<String> = Vec::new();
    for (i, sort) in sorts.iter().enumerate() {
        let direction = if sort.descending { " desc" } else { "" };
        terms.push(format!("{alias}.s{}{direction} nulls last", i + 1));
    }
    terms.push(format!("{alias}.no"));
    terms.join(", ")
}

/// Returns the opposite order.
fn backward(sorts: &[Sort], alias: &str) -> String {
    let mut terms: Vec<String> = Vec::new();
    for (i, sort) in sorts.iter().enumerate() {
        let direction = if sort.descending { "" } else { " desc" };
        terms.push(format!("{alias}.s{}{direction} nulls first", i + 1));
    }
    terms.push(format!("{alias}.no desc"));
    terms.join(", ")
}

/// Returns the sort value of the resource `a.no`: the least when the order rises, else the greatest.
fn key(values: &mut Values, sort: &Sort) -> String {
    let pick = if sort.descending { "max" } else { "min" };
    match &sort.by {
        SortBy::Id => "(select r.id from resource r where r.no = a.no)".to_string(),
        SortBy::LastUpdated => "(select r.updated from resource r where r.no = a.no)".to_string(),
        SortBy::Date { keys, .. } => {
            let keys = values.bind(Param::I32s(keys.clone()));
            format!("(select {pick}(v.lo) from date_value v where v.no = a.no and v.key = any ({keys}))")
        }
        SortBy::Text { keys } => {
            let keys = values.bind(Param::I32s(keys.clone()));
            format!("(select {pick}(v.value) from string_value v where v.no = a.no and v.key = any ({keys}))")
        }
        SortBy::Number { keys } => sort_value::number(values, keys, pick),
        SortBy::Codes(codes) => sort_value::code(values, codes, pick),
        SortBy::Content(paths) => sort_value::content(values, paths, pick),
    }
}

/// Returns the condition that a row comes after the last one of the page before.
fn beyond(values: &mut Values, sorts: &[Sort], keyset: &Keyset) -> String {
    let mut ways = Vec::new();
    let mut equal: Vec<String> = Vec::new();
    for (i, (sort, value)) in sorts.iter().zip(&keyset.sorts).enumerate() {
        let name = format!("o.s{}", i + 1);
        let sign = if sort.descending { "<" } else { ">" };
        let place = match value {
            KeyValue::Missing => None,
            KeyValue::I64(value) => Some(values.i64(*value)),
            KeyValue::Text(value) if matches!(sort.by, SortBy::Number { .. }) => Some(values.numeric(value)),
            KeyValue::Text(value) => Some(values.bind(Param::Text(value.clone()))),
        };
        // Nothing comes after a missing value but by the next sort value.
        if let Some(place) = &place {
            let later = format!("({name} {sign} {place} or {name} is null)");
            ways.push(equal.iter().cloned().chain([later]).collect::<Vec<_>>().join(" and "));
        }
        equal.push(place.map_or_else(|| format!("{name} is null"), |place| format!("{name} = {place}")));
    }
    equal.push(format!("o.no > {}", values.i64(keyset.no)));
    ways.push(equal.join(" and "));
    ways.iter().map(|way| format!("({way})")).collect::<Vec<_>>().join("\n  or ")
}
