//! Pages in the order of `no` for a part that may leave three resources or three millions: a stretch of dates, a prefix.
//!
//! One statement that finds out. A few resources are walked in the order of `no` and asked: mostly that fills the page. If not, a
//! stretch with few rows is gathered and sorted; of one with many the resources are walked on, for a bounded while: where the part leaves many, the page is soon full. If it is not, all
//! rows of the stretch are gathered after all. What a step does not need never runs: the conditions on the steps before
//! it are asked once and come first.

use super::drive::{self, Edge};
use super::probe::probe;
use super::sql::{Param, Values, indent, where_all};
use super::walk::{self, Ladder};
use crate::fhir::ResourceType;
use crate::search::expr::{Date, Expr};
use crate::search::period::{BEGINNING, END};

/// Resources that are walked and asked before anything else.
const BEGUN: u32 = 128;
/// Rows of a stretch that are gathered at once. Each costs about a fifth of a microsecond, whether they are few or not.
const FEW: u32 = 5_000;
/// Resources that are walked and asked before the stretch is gathered; each costs about a microsecond.
const WALKED: u32 = 2_000;

/// A conjunction with a part of unknown size.
pub(super) struct Window {
    pub found: Found,
    /// What is asked of each resource that is found.
    pub of_found: Vec<Expr>,
    pub walked: Walked,
    /// What is asked of each resource that is walked.
    pub of_walked: Vec<Expr>,
}

/// What an index has in the order of `no`.
pub(super) enum Walked {
    /// A key of `term`.
    Key(i64),
    Type(ResourceType),
}

/// The part of unknown size.
pub(super) enum Found {
    Part(Expr),
    /// A key of the timeline and the tests of its date.
    Timeline(i64, Option<Date>),
}

/// Returns the query for one page of numbers.
pub(super) fn page(
    values: &mut Values,
    types: &[ResourceType],
    window: &Window,
    edge: Option<Edge>,
    limit: &str,
) -> String {
    let (found, repeats) = match &window.found {
        Found::Part(part) => drive::gathered(values, types, part),
        Found::Timeline(key, date) => (walk::gathered(values, &Ladder::Timeline(*key, date.clone()), false), false),
    };
    let cut = edge.map(|edge| edge.condition(values, "v.no"));
    let direction = Edge::direction(edge);
    let path = path(values, &window.walked, cut.as_deref());
    let of_walked = probes(values, types, &window.of_walked);
    let of_found = probes(values, types, &window.of_found);
    let after = cut.map(|cut| format!(" and {cut}")).unwrap_or_default();
    let distinct = if repeats { "distinct " } else { "" };
    // Sorted first and asked then, the page is full after a few questions.
    let gathered = |from: &str, only: &str| {
        format!(
            "select d.no from (select {distinct}v.no from {from} v\n    where {only}{after} order by v.no{direction}) d\
             {of_found}\n  order by d.no{direction} limit {limit}"
        )
    };
    let is_few = format!("(select count(*) from few) <= {FEW}");
    let is_short = format!(
        "(select count(*) from few) > {FEW} and (select count(*) from walked) < {limit}\n    \
         and exists ({path} offset {WALKED} limit 1)"
    );
    // A stretch of another column says nothing of the key: it is not gathered when the key may have fewer.
    let (while_, all) = match (&window.found, &window.walked) {
        (Found::Part(_), Walked::Key(_)) => (String::new(), String::new()),
        _ => {
            let all = gathered(&indent(&indent(&found)), &is_short);
            (format!(" limit {WALKED}"), format!("\n  union\n  ({all})"))
        }
    };
    let (mut begun, mut unless_begun, mut from_begun) = (String::new(), String::new(), "");
    if is_likely(window) {
        begun = format!(
            "begun as materialized (\n  select d.no from ({path}\n    order by v.no{direction} limit {BEGUN}) d{of_walked}\n  \
             order by d.no{direction} limit {limit}),\n"
        );
        unless_begun = format!("\n  where (select count(*) from begun) < {limit}");
        from_begun = "select b.no from begun b\n  union\n  ";
    }
    format!(
        "with {begun}few as materialized (select v.no from {found} v{unless_begun} limit {FEW} + 1),\n\
         walked as materialized (\n  \
         select d.no from ({path}\n    \
         and (select count(*) from few) > {FEW} order by v.no{direction}{while_}) d{of_walked}\n  \
         order by d.no{direction} limit {limit})\n\
         select u.no from (\n  {from_begun}({few})\n  union\n  select w.no from walked w{all}\n) u\n\
         order by u.no{direction} limit {limit}",
        found = indent(&found),
        few = gathered("few", &is_few),
    )
}

/// Returns whether a resource that is walked is likely to be found: it has the code that is asked for as well, or the stretch has
/// no end.
fn is_likely(window: &Window) -> bool {
    match (&window.walked, &window.found) {
        (Walked::Key(_), _) => true,
        (Walked::Type(_), Found::Part(Expr::Updated { from, to })) => *from <= BEGINNING || *to >= END,
        (Walked::Type(_), Found::Part(Expr::Date(date)) | Found::Timeline(_, Some(date))) => {
            let windows = date.tests.iter().map(|test| test.window(0));
            let (lo, hi) = windows.fold((BEGINNING, END), |(lo, hi), (a, b)| (lo.max(a), hi.min(b)));
            lo <= BEGINNING || hi >= END
        }
        _ => false,
    }
}

/// A conjunction with two keys of which either may leave few resources.
pub(super) struct Keys {
    /// Is walked unless the other has few.
    pub walked: i64,
    pub of_walked: Vec<Expr>,
    pub other: i64,
    pub of_other: Vec<Expr>,
}

/// Returns the query for one page of numbers, found along one of two keys.
///
/// Mostly the first is as good as any, and the page is full before the other is looked at.
pub(super) fn page_of_keys(
    values: &mut Values,
    types: &[ResourceType],
    keys: &Keys,
    edge: Option<Edge>,
    limit: &str,
) -> String {
    let cut = edge.map(|edge| edge.condition(values, "v.no"));
    let direction = Edge::direction(edge);
    let path = path(values, &Walked::Key(keys.walked), cut.as_deref());
    let of_walked = probes(values, types, &keys.of_walked);
    let of_other = probes(values, types, &keys.of_other);
    let other = values.i64(keys.other);
    let after = cut.map(|cut| format!(" and {cut}")).unwrap_or_default();
    let is_short = format!("(select count(*) from walked) < {limit} and exists ({path} offset {WALKED} limit 1)");
    format!(
        "with walked as materialized (\n  \
         select d.no from ({path} order by v.no{direction} limit {WALKED}) d{of_walked}\n  \
         order by d.no{direction} limit {limit}),\n\
         few as materialized (select v.no from term v where v.key = {other} limit {FEW} + 1)\n\
         select u.no from (\n  select w.no from walked w\n  union\n  \
         (select d.no from (select v.no from few v\n    \
         where {is_short}\n    and (select count(*) from few) <= {FEW}{after} order by v.no{direction}) d{of_other}\n  \
         order by d.no{direction} limit {limit})\n  union\n  \
         (select d.no from ({path}\n    and {is_short}\n    and (select count(*) from few) > {FEW} order by v.no{direction}) d\
         {of_walked}\n  order by d.no{direction} limit {limit})\n) u\norder by u.no{direction} limit {limit}"
    )
}

/// Returns the query for how many resources match.
pub(super) fn count_of_keys(values: &mut Values, types: &[ResourceType], keys: &Keys) -> String {
    let (walked, other) = (values.i64(keys.walked), values.i64(keys.other));
    let of_walked = probes(values, types, &keys.of_walked).replacen("where", "and", 1);
    let of_other = probes(values, types, &keys.of_other);
    format!(
        "with few as materialized (select v.no from term v where v.key = {other} limit {FEW} + 1)\n\
         select case when (select count(*) from few) <= {FEW}\n  then (select count(*) from few d{of_other})\n  \
         else (select count(*) from term d where d.key = {walked}{of_walked})\nend"
    )
}

/// Returns the query for what is walked, without its order.
fn path(values: &mut Values, walked: &Walked, cut: Option<&str>) -> String {
    let after = cut.map(|cut| format!(" and {cut}")).unwrap_or_default();
    match walked {
        Walked::Key(key) => format!("select v.no from term v where v.key = {}{after}", values.i64(*key)),
        Walked::Type(t) => {
            let t = values.bind(Param::I16(t.number()));
            format!("select v.no from resource v where v.type = {t} and not v.deleted{after}")
        }
    }
}

fn probes(values: &mut Values, types: &[ResourceType], parts: &[Expr]) -> String {
    let conditions: Vec<String> = parts.iter().map(|part| probe(values, types, part, "d.no")).collect();
    indent(&where_all(&conditions))
}
