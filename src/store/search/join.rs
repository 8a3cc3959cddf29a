//! Conditions on other resources: chains and `_has`.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#chaining>, <https://hl7.org/fhir/R4/search.html#has>. The key of a reference is
//! the key of its column and `resource.target` of what it leads to, combined by exclusive or, so that SQL goes both ways:
//! from what is wanted of the other resource to the matches, and from one resource to what it refers to.

use super::drive::{by_no, weight};
use super::probe::{numbers, probe};
use super::sql::{Param, Values, indent};
use crate::fhir::ResourceType;
use crate::search::expr::{Expr, Referred, Refers};

/// Returns the condition that the resource numbered `no` refers to one that is wanted.
pub(super) fn refers(values: &mut Values, refers: &Refers, no: &str) -> String {
    let [o, f, c, x] = ["o", "f", "c", "x"].map(|alias| own_alias(values, alias));
    let columns = values.bind(Param::I64s(refers.columns.clone()));
    let types = values.bind(numbers(&refers.targets));
    let to = probe(values, &refers.targets, &refers.to, &format!("{x}.no"));
    format!(
        "exists (select from resource {o}, unnest({o}.refs) {f} (ref), unnest({columns}::bigint[]) {c} (key), resource {x}\n  \
         where {o}.no = {no} and {x}.target = {f}.ref # {c}.key and {x}.type = any ({types}) and not {x}.deleted\n  \
         and {} offset 0)",
        indent(&to)
    )
}

/// Returns the condition that a resource that is wanted refers to the one numbered `no`.
pub(super) fn referred(values: &mut Values, referred: &Referred, no: &str) -> String {
    let [o, c, t] = ["o", "c", "t"].map(|alias| own_alias(values, alias));
    let columns = values.bind(Param::I64s(referred.columns.clone()));
    let wanted = wanted_types(values, &referred.targets, &o);
    let by = probe(values, &[referred.source], &referred.by, &format!("{t}.no"));
    format!(
        "exists (select from resource {o}, unnest({columns}::bigint[]) {c} (key), term {t}\n  \
         where {o}.no = {no}{wanted} and {t}.key = {o}.target # {c}.key\n  and {} offset 0)",
        indent(&by)
    )
}

/// Returns a subquery for the numbers of all resources that refer to one that is wanted.
pub(super) fn all_that_refer(values: &mut Values, refers: &Refers) -> String {
    let to = all(values, &refers.targets, &refers.to);
    let columns = values.bind(Param::I64s(refers.columns.clone()));
    format!(
        "(select t.no from ({}) i\n  cross join lateral (select x.target from resource x where x.no = i.no offset 0) x\n  \
         cross join unnest({columns}::bigint[]) c (key)\n  \
         cross join lateral (select t.no from term t where t.key = x.target # c.key offset 0) t)",
        indent(&to)
    )
}

/// Returns a subquery for the numbers of all resources that one that is wanted refers to.
pub(super) fn all_referred_to(values: &mut Values, referred: &Referred) -> String {
    let by = all(values, &[referred.source], &referred.by);
    let columns = values.bind(Param::I64s(referred.columns.clone()));
    let wanted = wanted_types(values, &referred.targets, "x");
    format!(
        "(select x.no from ({}) i\n  cross join lateral (select o.refs from resource o where o.no = i.no offset 0) o\n  \
         cross join unnest(o.refs) f (ref)\n  cross join unnest({columns}::bigint[]) c (key)\n  \
         cross join lateral (select x.no from resource x where x.target = f.ref # c.key{wanted} and not x.deleted offset 0) x)",
        indent(&by)
    )
}

/// Returns an alias that no subquery around this one has: each has bound values before.
fn own_alias(values: &Values, alias: &str) -> String {
    format!("{alias}{}", values.0.len())
}

fn wanted_types(values: &mut Values, types: &[ResourceType], alias: &str) -> String {
    match types {
        [] => String::new(),
        types => format!(" and {alias}.type = any ({})", values.bind(numbers(types))),
    }
}

fn all(values: &mut Values, types: &[ResourceType], wanted: &Expr) -> String {
    let types_wanted = Expr::Types(types.to_vec());
    let mut parts: Vec<&Expr> = wanted.conjuncts().iter().collect();
    if !wanted.names_types() {
        parts.push(&types_wanted);
    }
    by_no(values, types, &parts, None, None)
}

/// Returns how many resources refer to those that are wanted, as a rank like those of [`weight`].
pub(super) fn weight_of_refers(refers: &Refers) -> u8 {
    match best(&refers.to) {
        0 | 1 => 4,
        2..=6 => 6,
        7 => 9,
        _ => 14,
    }
}

/// Returns how many resources those that are wanted refer to.
pub(super) fn weight_of_referred(referred: &Referred) -> u8 {
    match best(&referred.by) {
        0 | 1 => 1,
        light @ 2..=6 => light,
        heavy => heavy.saturating_add(1).min(14),
    }
}

fn best(wanted: &Expr) -> u8 {
    wanted.conjuncts().iter().filter_map(weight).min().unwrap_or(30)
}
