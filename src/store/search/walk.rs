//! Pages in the order of a date: a walk along `date_value` or `timeline`, those without a date after all others.

use super::date;
use super::drive::{self, Edge};
use super::probe::probe;
use super::sql::{Param, Values, indent, where_all};
use super::{KeyValue, Keyset, Start};
use crate::fhir::ResourceType;
use crate::search::expr::{Date, Expr};
use crate::search::period::BEGINNING;
use crate::search::timeline::{self, UNDATED};

/// What is walked.
pub(super) enum Ladder {
    /// A column of `date_value`.
    Dates(Date),
    /// A key of `timeline`, and the tests of its date.
    Timeline(i64, Option<Date>),
}

/// A walk, what is asked of each resource on it, and how the page is cut.
pub(super) struct Walk {
    pub ladder: Ladder,
    pub rest: Vec<Expr>,
    pub descending: bool,
    /// Whether resources without a date are wanted too.
    pub undated: bool,
}

/// Returns the query for one page; its columns are `no` and `s1`, the first moment of the date, null without one.
pub(super) fn page(values: &mut Values, types: &[ResourceType], walk: &Walk, start: Start, limit: &str) -> String {
    let cut_undated = start.keyset().is_some_and(|keyset| keyset.sorts.first() == Some(&KeyValue::Missing));
    let mut steps = Vec::new();
    if start.is_backward() {
        if walk.undated && cut_undated {
            steps.push(undated(values, types, walk, start.edge(), limit));
        }
        let start = if cut_undated { Start::Beginning } else { start };
        steps.push(dated(values, types, walk, start, true, limit));
    } else {
        if !cut_undated {
            steps.push(dated(values, types, walk, start, false, limit));
        }
        if walk.undated {
            steps.push(undated(values, types, walk, start.edge().filter(|_| cut_undated), limit));
        }
    }
    match &steps[..] {
        // Behind the resources without a date of a walk that does not have them.
        [] => "select 0::bigint as no, null::bigint as s1 where false".to_string(),
        [one] => one.clone(),
        // The second is only begun when the first does not fill the page.
        steps => format!("select u.no, u.s1\nfrom (({})\n  union all\n  ({})) u\nlimit {limit}", steps[0], steps[1]),
    }
}

/// Returns the order of a page's rows.
pub(super) fn order(walk: &Walk, alias: &str) -> String {
    if walk.descending {
        // The index is walked backwards, so that of equal dates the greatest number comes first; without a date the
        // numbers rise again.
        format!("{alias}.s1 desc nulls last, case when {alias}.s1 is null then {alias}.no else -{alias}.no end")
    } else {
        format!("{alias}.s1 nulls last, {alias}.no")
    }
}

/// Returns the query for one page in the order of numbers: all rows of the walk, and the first of them.
pub(super) fn by_no(
    values: &mut Values,
    types: &[ResourceType],
    walk: &Walk,
    edge: Option<Edge>,
    limit: &str,
) -> String {
    let from = gathered(values, &walk.ladder, walk.undated);
    let mut conditions: Vec<String> = edge.iter().map(|edge| edge.condition(values, "d.no")).collect();
    conditions.extend(walk.rest.iter().map(|part| probe(values, types, part, "d.no")));
    let direction = Edge::direction(edge);
    format!("select d.no\nfrom {from} d{}\norder by d.no{direction} limit {limit}", where_all(&conditions))
}

/// Returns a subquery for the numbers of all resources on a ladder, in no order.
pub(super) fn gathered(values: &mut Values, ladder: &Ladder, undated: bool) -> String {
    let (table, bounds, conditions) = rungs(values, ladder, undated);
    let rows = format!("select t.no from {table} t{} offset 0", where_all(&conditions));
    format!("(select t.no from {bounds}\n  cross join lateral ({}) t)", indent(&indent(&rows)))
}

/// Returns the query for how many resources have a passing date.
pub(super) fn count(values: &mut Values, types: &[ResourceType], walk: &Walk) -> String {
    let (table, bounds, mut conditions) = rungs(values, &walk.ladder, walk.undated);
    conditions.extend(walk.rest.iter().map(|part| probe(values, types, part, "t.no")));
    let what = if is_single(&walk.ladder) { "*" } else { "distinct d.no" };
    let rows = format!("select t.no from {table} t{} offset 0", where_all(&conditions));
    format!("select count({what})\nfrom {bounds}\ncross join lateral ({}) d", indent(&rows))
}

fn is_single(ladder: &Ladder) -> bool {
    match ladder {
        Ladder::Dates(date) => date.single,
        Ladder::Timeline(..) => true,
    }
}

/// Returns the table, the bounds of each class of length and the conditions on a row.
///
/// With `undated`, the rows of the timeline that stand for no date are within the bounds.
fn rungs(values: &mut Values, ladder: &Ladder, undated: bool) -> (&'static str, String, Vec<String>) {
    let mut conditions = vec!["t.key = w.key".to_string(), "t.lo between w.lo and w.hi".to_string()];
    let (table, bounds) = match ladder {
        Ladder::Dates(date) => {
            let bounds = date::bounds(values, Param::I32s(date.keys.to_vec()), &date.tests, BEGINNING);
            conditions.extend(date::tests(values, &date.tests, "t"));
            ("date_value", bounds)
        }
        Ladder::Timeline(key, date) => {
            let keys = Param::I64s(timeline::classes(*key).to_vec());
            let tests = date.as_ref().map_or(&[][..], |date| &date.tests);
            let bounds = date::bounds(values, keys, tests, if undated { UNDATED.lo } else { BEGINNING });
            conditions.extend(date::tests(values, tests, "t"));
            ("timeline", bounds)
        }
    };
    (table, bounds, conditions)
}

/// Returns the rows with a date; against the order of the walk when `backward`.
fn dated(
    values: &mut Values,
    types: &[ResourceType],
    walk: &Walk,
    start: Start,
    backward: bool,
    limit: &str,
) -> String {
    let (table, bounds, mut conditions) = rungs(values, &walk.ladder, false);
    let direction = if walk.descending == backward { "asc" } else { "desc" };
    if let Some(Keyset { sorts, no }) = start.keyset()
        && let Some(KeyValue::I64(lo)) = sorts.first()
    {
        let sign = match (walk.descending, backward) {
            (false, false) => ">",
            (true, false) => "<",
            (false, true) => "<=",
            (true, true) => ">=",
        };
        let (lo, no) = (values.i64(*lo), values.i64(*no));
        conditions.push(format!("(t.lo, t.no) {sign} ({lo}, {no})"));
    }
    if let Ladder::Dates(date) = &walk.ladder
        && !date.single
    {
        conditions.push(first_of_resource(values, date, walk.descending));
    }
    conditions.extend(walk.rest.iter().map(|part| probe(values, types, part, "t.no")));
    let order = |alias: &str| format!("order by {alias}.lo {direction}, {alias}.no {direction} limit {limit}");
    let rows = format!("select t.no, t.lo from {table} t{}\n{}", where_all(&conditions), order("t"));
    format!("select d.no, d.lo as s1\nfrom {bounds}\ncross join lateral ({}) d\n{}", indent(&rows), order("d"))
}

/// Of the dates of a resource the first in the order counts; the walk passes over the others.
fn first_of_resource(values: &mut Values, date: &Date, descending: bool) -> String {
    let keys = values.bind(Param::I32s(date.keys.to_vec()));
    let tests = date::tests(values, &date.tests, "q");
    let tests: String = tests.iter().map(|test| format!(" and {test}")).collect();
    let before = if descending { ">" } else { "<" };
    format!(
        "not exists (select from date_value q where q.no = t.no and q.key = any ({keys}){tests} and (q.lo, q.hi, q.key) \
         {before} (t.lo, t.hi, t.key) offset 0)"
    )
}

fn undated(values: &mut Values, types: &[ResourceType], walk: &Walk, edge: Option<Edge>, limit: &str) -> String {
    match &walk.ladder {
        Ladder::Timeline(key, _) => {
            let key = values.i64(*key);
            let mut conditions = vec![format!("t.key = {key}"), format!("t.lo = {}", UNDATED.lo)];
            conditions.extend(edge.map(|edge| edge.condition(values, "t.no")));
            conditions.extend(walk.rest.iter().map(|part| probe(values, types, part, "t.no")));
            let conditions = where_all(&conditions);
            let direction = Edge::direction(edge);
            format!(
                "select t.no, null::bigint as s1 from timeline t{conditions}\norder by t.no{direction} limit {limit}"
            )
        }
        Ladder::Dates(date) => {
            let has = Expr::Date(Date { tests: Vec::new(), ..date.clone() });
            let none = Expr::not(has);
            let parts: Vec<&Expr> = walk.rest.iter().chain([&none]).collect();
            let rows = drive::by_no(values, types, &parts, edge, Some(limit));
            format!("select n.no, null::bigint as s1 from ({}) n", indent(&rows))
        }
    }
}
