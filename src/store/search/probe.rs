//! Yes or no for one resource: conditions over its number, each an index probe.
//!
//! `exists (… offset 0)` stays a probe: PostgreSQL does not turn it into a join, so the order in which a search is
//! answered is ours, whatever the planner believes of hashed keys.

use super::sql::{Param, Values};
use super::{governed, join, near};
use crate::fhir::ResourceType;
use crate::search::expr::{Comparison, Date, DateTest, Expr, Missing, Quantity, Text, TextTest};
use crate::search::normal::UNCUT_BYTES_MAX;

/// Returns the condition that the resource numbered `no` is one that `expr` wants.
pub(super) fn probe(values: &mut Values, types: &[ResourceType], expr: &Expr, no: &str) -> String {
    match expr {
        Expr::All => "true".to_string(),
        Expr::None => "false".to_string(),
        Expr::And(parts) => joined(values, types, parts, no, " and "),
        Expr::Or(parts) => joined(values, types, parts, no, " or "),
        Expr::Not(part) => format!("not {}", probe(values, types, part, no)),
        Expr::Types(types) => {
            let types = values.bind(numbers(types));
            format!("exists (select from resource p where p.no = {no} and p.type = any ({types}) offset 0)")
        }
        Expr::Ids(_) | Expr::Updated { .. } => {
            let own = own_test(values, types, expr, "p");
            format!("exists (select from resource p where p.no = {no} and {own} offset 0)")
        }
        Expr::Compartment(keys) => keyed(values, keys, no),
        Expr::Term(term) => keyed(values, &term.keys, no),
        Expr::Text(text) => exists("string_value", no, &text_test(values, text, "p")),
        Expr::Date(date) => exists("date_value", no, &date_test(values, date, "p")),
        Expr::Quantity(quantity) => exists("quantity_value", no, &quantity_test(values, quantity, "p")),
        Expr::Near(near) => near::probe(values, near, no),
        Expr::Refers(refers) => join::refers(values, refers, no),
        Expr::Referred(referred) => join::referred(values, referred, no),
        Expr::Nos(nos) => format!("{no} = any ({})", values.bind(Param::I64s(nos.clone()))),
        Expr::Governed(it) => governed::probe_of(values, types, it, no),
        // Whoever left a question open gets no resource for it.
        Expr::Ask(_) => "false".to_string(),
        Expr::Missing(missing) => {
            let shapes = shapes(values, missing);
            format!("exists (select from term p where p.key = any (array({shapes})) and p.no = {no} offset 0)")
        }
    }
}

fn joined(values: &mut Values, types: &[ResourceType], parts: &[Expr], no: &str, word: &str) -> String {
    let parts: Vec<String> = parts.iter().map(|part| probe(values, types, part, no)).collect();
    format!("({})", parts.join(word))
}

fn exists(table: &str, no: &str, test: &str) -> String {
    format!("exists (select from {table} p where p.no = {no} and {test} offset 0)")
}

/// From this many keys on those that nothing stands under are left out before the first resource is asked.
const MANY_KEYS: usize = 64;

fn keyed(values: &mut Values, keys: &[i64], no: &str) -> String {
    let key = match keys {
        [key] => format!("= {}", values.i64(*key)),
        // A value set names many codes of which a hospital uses few, and every one costs each probe a descent.
        keys if keys.len() >= MANY_KEYS => {
            let keys = values.bind(Param::I64s(keys.to_vec()));
            format!(
                "= any (array(select k.key from unnest({keys}::bigint[]) k (key) \
                 where exists (select from term u where u.key = k.key offset 0)))"
            )
        }
        keys => format!("= any ({})", values.bind(Param::I64s(keys.to_vec()))),
    };
    format!("exists (select from term p where p.key {key} and p.no = {no} offset 0)")
}

pub(super) fn numbers(types: &[ResourceType]) -> Param {
    Param::I16s(types.iter().map(|t| t.number()).collect())
}

/// Returns the condition on a resource's own row for ids and times of change.
pub(super) fn own_test(values: &mut Values, types: &[ResourceType], expr: &Expr, alias: &str) -> String {
    let test = match expr {
        Expr::Ids(ids) => {
            let ids = ids.iter().map(|id| id.as_str().to_string()).collect();
            format!("{alias}.id = any ({})", values.bind(Param::Texts(ids)))
        }
        Expr::Updated { from, to } => {
            let (from, to) = (values.i64(*from), values.i64(*to));
            format!("{alias}.updated between {from} and {to}")
        }
        _ => "true".to_string(),
    };
    match types {
        [] => test,
        types => format!("{alias}.type = any ({}) and {test}", values.bind(numbers(types))),
    }
}

/// Returns the condition on a row of `string_value`.
pub(super) fn text_test(values: &mut Values, text: &Text, alias: &str) -> String {
    match &text.test {
        TextTest::Prefix { from, before } => {
            let key = values.bind(Param::I32(text.key));
            let from = values.bind(Param::Text(from.clone()));
            let before = before.as_ref().map(|before| values.bind(Param::Text(before.clone())));
            let end = before.map(|before| format!(" and {alias}.value < {before}")).unwrap_or_default();
            format!("{alias}.key = {key} and {alias}.value >= {from}{end}")
        }
        TextTest::Exact(value) => {
            let (key, value) = (values.bind(Param::I32(text.key)), values.bind(Param::Text(value.clone())));
            format!("{alias}.key = {key} and {alias}.value = {value}")
        }
        TextTest::Contains { part, more } => {
            let keys = values.bind(Param::I32s(vec![text.key, *more]));
            let part = values.bind(Param::Text(part.clone()));
            format!("{alias}.key = any ({keys}) and strpos(split_part({alias}.value, e'\\x01', 1), {part}) > 0")
        }
        TextTest::End { part, more } => {
            let keys = values.bind(Param::I32s(vec![text.key, *more]));
            let part = values.bind(Param::Text(part.clone()));
            let folded = format!("split_part({alias}.value, e'\\x01', 1)");
            // A row that a long text goes on from does not end it.
            format!(
                "{alias}.key = any ({keys}) and right({folded}, length({part})) = {part} \
                 and (octet_length({folded}) <= {UNCUT_BYTES_MAX} or right({alias}.value, 1) = e'\\x01')"
            )
        }
    }
}

/// Returns the condition on a row of `date_value`.
fn date_test(values: &mut Values, date: &Date, alias: &str) -> String {
    let keys = values.bind(Param::I32s(date.keys.to_vec()));
    let tests: Vec<String> = date.tests.iter().map(|test| period_test(values, test, alias)).collect();
    let tests: String = tests.iter().map(|test| format!(" and {test}")).collect();
    format!("{alias}.key = any ({keys}){tests}")
}

/// Returns the condition that the stretch from `lo` to `hi` passes, by the rules of R4 3.1.1.4.5.
pub(super) fn period_test(values: &mut Values, test: &DateTest, alias: &str) -> String {
    let mut lo = || values.i64(test.lo);
    match test.comparison {
        Comparison::Lt => return format!("{alias}.lo < {}", lo()),
        Comparison::Eb => return format!("{alias}.hi < {}", lo()),
        _ => {}
    }
    if let Comparison::Gt | Comparison::Sa = test.comparison {
        let hi = values.i64(test.hi);
        let end = if test.comparison == Comparison::Gt { "hi" } else { "lo" };
        return format!("{alias}.{end} > {hi}");
    }
    let (lo, hi) = (values.i64(test.lo), values.i64(test.hi));
    match test.comparison {
        Comparison::Eq => format!("{alias}.lo >= {lo} and {alias}.hi <= {hi}"),
        Comparison::Ne => format!("({alias}.lo < {lo} or {alias}.hi > {hi})"),
        // Above the value, or inside of it: what is not above and begins in it ends in it.
        Comparison::Ge => format!("({alias}.lo >= {lo} or {alias}.hi > {hi})"),
        Comparison::Le => format!("({alias}.lo < {lo} or {alias}.hi <= {hi})"),
        _ => format!("{alias}.lo <= {hi} and {alias}.hi >= {lo}"),
    }
}

/// Returns the condition on a row of `quantity_value`, by the rules of R4 3.1.1.4.6.
pub(super) fn quantity_test(values: &mut Values, quantity: &Quantity, alias: &str) -> String {
    let key = values.i64(quantity.key);
    let value = values.numeric(&quantity.value);
    let simple = |end: &str, sign: &str| format!("{alias}.key = {key} and {alias}.{end} {sign} {value}");
    match quantity.comparison {
        Comparison::Gt => return simple("hi", ">"),
        Comparison::Lt => return simple("lo", "<"),
        Comparison::Ge => return simple("hi", ">="),
        Comparison::Le => return simple("lo", "<="),
        Comparison::Sa => return simple("lo", ">"),
        Comparison::Eb => return simple("hi", "<"),
        Comparison::Eq | Comparison::Ne | Comparison::Ap => {}
    }
    let margin = values.numeric(&quantity.margin);
    let test = match quantity.comparison {
        Comparison::Eq => format!("{alias}.lo >= {value} - {margin} and {alias}.hi < {value} + {margin}"),
        Comparison::Ne => format!("({alias}.lo < {value} - {margin} or {alias}.hi >= {value} + {margin})"),
        _ => format!("{alias}.lo <= {value} + {margin} and {alias}.hi >= {value} - {margin}"),
    };
    format!("{alias}.key = {key} and {test}")
}

/// Returns the query for the keys of all shapes without any of the columns.
pub(super) fn shapes(values: &mut Values, missing: &Missing) -> String {
    let types = values.bind(numbers(&missing.types));
    let columns = values.bind(Param::I64s(missing.columns.clone()));
    format!("select s.key from shape s where s.type = any ({types}) and not s.columns && {columns}")
}
