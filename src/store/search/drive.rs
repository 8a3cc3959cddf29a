//! Where a search starts: the part that leaves the fewest resources, walked by its index.
//!
//! Everything else is a probe on each resource that the walk meets (see [`super::probe`]).

use super::join;
use super::probe::{self, numbers, own_test, probe, quantity_test, text_test};
use super::sql::{Param, Values, indent, where_all};
use crate::fhir::ResourceType;
use crate::search::column::{Rank, Role};
use crate::search::expr::{Expr, Text, TextTest};

/// A search cut in two: what is walked and what is asked of each resource.
pub(super) struct Split<'a> {
    pub driver: Option<&'a Expr>,
    pub rest: Vec<&'a Expr>,
}

/// Returns the parts with the best driver apart; without one all resources of the types are walked.
pub(super) fn split<'a>(parts: &[&'a Expr]) -> Split<'a> {
    let best = (0..parts.len()).filter_map(|i| Some((weight(parts[i])?, i))).min();
    let rest = parts.iter().enumerate().filter(|(i, _)| best.is_none_or(|(_, at)| at != *i)).map(|(_, part)| *part);
    Split { driver: best.map(|(_, at)| parts[at]), rest: rest.collect() }
}

/// Returns how many resources a walk along the part is expected to meet, as a rank; none when it cannot be walked.
pub(super) fn weight(expr: &Expr) -> Option<u8> {
    Some(match expr {
        Expr::None | Expr::Ids(_) | Expr::Nos(_) => 0,
        Expr::Near(_) => 6,
        Expr::Term(term) => match term.rank {
            Rank::Identity => 1,
            Rank::Event => 2,
            Rank::Patient => 4,
            Rank::Text => 5,
            // A handful of categories share all resources of a type.
            Rank::Code if term.role == Some(Role::Category) => 11,
            Rank::Code => 7,
            Rank::Flag => 11,
        },
        Expr::Text(Text { test: TextTest::Exact(_), .. }) => 3,
        Expr::Compartment(_) => 5,
        // Without a text on both sides it is half of the column.
        Expr::Text(Text { test: TextTest::Prefix { from, before: Some(_) }, .. }) if !from.is_empty() => 6,
        Expr::Date(_) => 8,
        Expr::Updated { .. } => 9,
        Expr::Quantity(_) => 10,
        Expr::Text(_) => 12,
        Expr::Missing(_) => 13,
        Expr::Or(parts) => parts.iter().map(weight).collect::<Option<Vec<u8>>>()?.into_iter().max()? + 1,
        Expr::Types(_) => 30,
        Expr::And(parts) => parts.iter().filter_map(weight).min()?,
        Expr::Refers(refers) => join::weight_of_refers(refers),
        Expr::Referred(referred) => join::weight_of_referred(referred)?,
        Expr::All | Expr::Not(_) | Expr::Governed(_) | Expr::Ask(_) => return None,
    })
}

/// A cut in the order of numbers: behind this one.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    pub no: i64,
    /// Whether the rows before the cut are wanted, the last first.
    pub backward: bool,
}

impl Edge {
    pub fn condition(self, values: &mut Values, no: &str) -> String {
        let sign = if self.backward { "<=" } else { ">" };
        format!("{no} {sign} {}", values.i64(self.no))
    }

    /// Returns what follows a column in `order by`.
    pub fn direction(edge: Option<Edge>) -> &'static str {
        if edge.is_some_and(|edge| edge.backward) { " desc" } else { "" }
    }
}

/// A walk that meets resources in the order of their numbers, or can be put in it.
struct Source {
    /// `table d`, or a subquery called `d`.
    from: String,
    conditions: Vec<String>,
    /// Whether the walk can meet a resource twice.
    repeats: bool,
    /// The list of keys of a walk along several, and the table and its column for one of them: each gives a page of
    /// its own, and the page is the first of those.
    branches: Option<(String, &'static str)>,
}

/// Returns the query for the numbers of all matches, rising from `edge` on or falling from there; `d.no` is its column.
pub(super) fn by_no(
    values: &mut Values,
    types: &[ResourceType],
    parts: &[&Expr],
    edge: Option<Edge>,
    limit: Option<&str>,
) -> String {
    let split = split(parts);
    let fused = join::fused(split.driver, &split.rest);
    let mut source = source(values, types, split.driver, fused.as_ref(), limit.is_some());
    let no = if source.branches.is_some() { "t.no" } else { "d.no" };
    if let Some(edge) = edge {
        source.conditions.push(edge.condition(values, no));
    }
    let direction = Edge::direction(edge);
    let rest = fused.map_or(split.rest, |fused| fused.rest);
    source.conditions.extend(rest.iter().map(|part| probe(values, types, part, no)));
    let conditions = where_all(&source.conditions);
    let end = limit.map(|limit| format!("\norder by d.no{direction} limit {limit}")).unwrap_or_default();
    let distinct = if source.repeats { "distinct " } else { "" };
    let from = source.from;
    match (source.branches, limit) {
        (Some((keys, column)), Some(limit)) => {
            let page = format!("select t.no from {from} t{conditions}\norder by t.no{direction} limit {limit}");
            let page = page.replace("{key}", &format!("t.{column} = k.key"));
            format!("select {distinct}d.no\nfrom unnest({keys}) k (key)\ncross join lateral ({}) d{end}", indent(&page))
        }
        _ => format!("select {distinct}d.no\nfrom {from} d{conditions}{end}"),
    }
}

/// Returns the query for how many resources match.
pub(super) fn count(values: &mut Values, types: &[ResourceType], parts: &[&Expr]) -> String {
    let split = split(parts);
    let all: Vec<ResourceType> = ResourceType::all().collect();
    // The numbers of a type are in an index; those of all are a part of the table.
    let walked = if types.is_empty() { &all } else { types };
    let fused = join::fused(split.driver, &split.rest);
    let mut source = source(values, walked, split.driver, fused.as_ref(), false);
    let rest = fused.map_or(split.rest, |fused| fused.rest);
    source.conditions.extend(rest.iter().map(|part| probe(values, types, part, "d.no")));
    // An aggregate sorts what it wants distinct, which for millions of numbers is faster than to hash them.
    let what = if source.repeats { "distinct d.no" } else { "*" };
    format!("select count({what})\nfrom {} d{}", source.from, where_all(&source.conditions))
}

/// Returns a subquery for the numbers of all resources that the part wants, in no order, and whether it repeats some.
pub(super) fn gathered(values: &mut Values, types: &[ResourceType], part: &Expr) -> (String, bool) {
    let source = source(values, types, Some(part), None, false);
    (source.from, source.repeats)
}

fn source(
    values: &mut Values,
    types: &[ResourceType],
    driver: Option<&Expr>,
    fused: Option<&join::Fused>,
    paged: bool,
) -> Source {
    // `offset 0` keeps the planner from walking the whole table in the order of `no` to save a sort.
    let found = |table: &str, test: String| format!("(select v.no from {table} v where {test} offset 0)");
    let one = |from: String, repeats: bool| Source { from, conditions: Vec::new(), repeats, branches: None };
    match driver {
        Some(Expr::Term(term)) => keys(values, &term.keys, term.exclusive.is_none(), paged),
        Some(Expr::Compartment(all)) => keys(values, all, true, paged),
        Some(Expr::Missing(missing)) => {
            let shapes = format!("array({})", probe::shapes(values, missing));
            along("term", shapes, "key", false, paged)
        }
        Some(expr @ (Expr::Ids(_) | Expr::Updated { .. })) => {
            // The indexes begin with the type.
            let all: Vec<ResourceType> = ResourceType::all().collect();
            let own = own_test(values, if types.is_empty() { &all } else { types }, expr, "v");
            one(found("resource", format!("{own} and not v.deleted")), false)
        }
        Some(Expr::Text(text)) => {
            let repeats = !matches!(text.test, TextTest::Exact(_));
            one(found("string_value", text_test(values, text, "v")), repeats)
        }
        Some(Expr::Date(date)) => one(super::date::windows(values, date), !date.single),
        Some(Expr::Quantity(quantity)) => {
            one(found("quantity_value", quantity_test(values, quantity, "v")), !quantity.single)
        }
        Some(Expr::Near(near)) => one(super::near::within(values, near), false),
        Some(Expr::Or(parts)) => {
            let parts: Vec<String> = parts.iter().map(|part| by_no(values, types, &[part], None, None)).collect();
            one(format!("({})", indent(&parts.join("\nunion all\n"))), true)
        }
        Some(Expr::And(parts)) => {
            let parts: Vec<&Expr> = parts.iter().collect();
            one(format!("({})", by_no(values, types, &parts, None, None)), true)
        }
        Some(Expr::Nos(nos)) => {
            let nos = values.bind(Param::I64s(nos.clone()));
            one(found("resource", format!("v.no = any ({nos}) and not v.deleted")), false)
        }
        Some(Expr::None) => one("(select 0::bigint as no where false)".to_string(), false),
        Some(Expr::Types(types)) => of_types(values, types, paged),
        Some(Expr::Refers(refers)) => one(join::all_that_refer(values, refers, fused), true),
        Some(Expr::Referred(referred)) => one(join::all_referred_to(values, referred), true),
        Some(Expr::All | Expr::Not(_) | Expr::Governed(_) | Expr::Ask(_)) | None => match types {
            [] => Source { conditions: vec!["not d.deleted".to_string()], ..one("resource".to_string(), false) },
            types => of_types(values, types, paged),
        },
    }
}

fn keys(values: &mut Values, keys: &[i64], repeats: bool, paged: bool) -> Source {
    if let [key] = keys {
        let condition = format!("d.key = {}", values.i64(*key));
        return Source { from: "term".to_string(), conditions: vec![condition], repeats: false, branches: None };
    }
    let keys = format!("{}::bigint[]", values.bind(Param::I64s(keys.to_vec())));
    along("term", keys, "key", repeats, paged)
}

fn of_types(values: &mut Values, types: &[ResourceType], paged: bool) -> Source {
    let types = format!("{}::smallint[]", values.bind(numbers(types)));
    let mut source = along("resource", types, "type", false, paged);
    source.conditions.push(if paged { "not t.deleted".to_string() } else { "not d.deleted".to_string() });
    source
}

/// Returns the walk along several keys: one after the other for a page, at once where all matches are wanted.
fn along(table: &str, keys: String, column: &'static str, repeats: bool, paged: bool) -> Source {
    if paged {
        let conditions = vec!["{key}".to_string()];
        return Source { from: table.to_string(), conditions, repeats, branches: Some((keys, column)) };
    }
    let condition = format!("d.{column} = any ({keys})");
    Source { from: table.to_string(), conditions: vec![condition], repeats, branches: None }
}
