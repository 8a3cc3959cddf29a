//! Conditions on other resources: chains and `_has`.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#chaining>, <https://hl7.org/fhir/R4/search.html#has>. The key of a reference is
//! the key of its column and `resource.target` of what it leads to, combined by exclusive or, so that SQL goes both ways:
//! from what is wanted of the other resource to the matches, and from one resource to what it refers to.

use super::date;
use super::drive::{by_no, weight};
use super::probe::{numbers, probe};
use super::sql::{Param, Values, indent};
use crate::fhir::ResourceType;
use crate::search::column::{self, Role};
use crate::search::expr::{Date, Expr, Referred, Refers};
use crate::search::key::Keyer;
use crate::search::period::BEGINNING;
use crate::search::timeline::{self, UNDATED};

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
    let parts: Vec<&Expr> = referred.by.conjuncts().iter().collect();
    if let Some(fused) = fuse(&Keyer::fixed(), &referred.columns, referred.role, &parts) {
        return referred_along(values, referred, &fused, no);
    }
    let columns = values.bind(Param::I64s(referred.columns.clone()));
    let wanted = wanted_types(values, &referred.targets, &o);
    let by = probe(values, &[referred.source], &referred.by, &format!("{t}.no"));
    format!(
        "exists (select from resource {o}, unnest({columns}::bigint[]) {c} (key), term {t}\n  \
         where {o}.no = {no}{wanted} and {t}.key = {o}.target # {c}.key\n  and {} offset 0)",
        indent(&by)
    )
}

/// The same along the timeline.
fn referred_along(values: &mut Values, referred: &Referred, fused: &Fused, no: &str) -> String {
    let o = own_alias(values, "o");
    let wanted = wanted_types(values, &referred.targets, &o);
    let (windows, tests) = windows(values, fused);
    let t = own_alias(values, "t");
    let rest = fused.rest.iter().map(|part| probe(values, &[referred.source], part, &format!("{t}.no")));
    let rest: String = rest.map(|test| format!("\n  and {}", indent(&test))).collect();
    format!(
        "exists (select from resource {o} cross join {windows}\n  cross join lateral (select t.no from timeline t where \
         t.key = {o}.target # w.key\n    and t.lo between w.lo and w.hi{tests} offset 0) {t}\n  \
         where {o}.no = {no}{wanted}{rest} offset 0)"
    )
}

/// A hop from or to patients that goes along the timeline, together with conditions on code, category and date.
pub(super) struct Fused<'a> {
    /// Combined with `target` of the patient, the key of the timeline.
    key: i64,
    date: Option<&'a Date>,
    /// What is left to ask of each resource that refers to the patient.
    pub rest: Vec<&'a Expr>,
}

/// Returns the hop by one column with as many of the other conditions on the referring resource as the timeline answers.
fn fuse<'a>(keyer: &Keyer, column: &[i64], role: Option<Role>, parts: &[&'a Expr]) -> Option<Fused<'a>> {
    let ([column], Some(Role::Patient)) = (column, role) else { return None };
    let term = |wanted: Role| {
        let is_it = |part: &&Expr| matches!(part, Expr::Term(t) if t.role == Some(wanted) && t.keys.len() == 1);
        parts.iter().position(is_it)
    };
    let code = term(Role::Code).or_else(|| term(Role::Category));
    let date = parts.iter().position(|part| matches!(part, Expr::Date(date) if date.principal));
    let other = code.and_then(|at| match parts[at] {
        Expr::Term(term) => term.keys.first().copied(),
        _ => None,
    });
    Some(Fused {
        key: other.map_or(*column, |other| keyer.pair(*column, other)),
        date: date.and_then(|at| match parts[at] {
            Expr::Date(date) => Some(date),
            _ => None,
        }),
        rest: parts.iter().enumerate().filter(|(at, _)| ![code, date].contains(&Some(*at))).map(|(_, p)| *p).collect(),
    })
    .filter(|_| code.is_some() || date.is_some())
}

/// Returns the chain that drives a search with those of the other conditions that the timeline answers.
pub(super) fn fused<'a>(driver: Option<&'a Expr>, rest: &[&'a Expr]) -> Option<Fused<'a>> {
    match driver {
        Some(Expr::Refers(refers)) => fuse(&Keyer::fixed(), &refers.columns, refers.role, rest),
        _ => None,
    }
}

/// Returns the windows of the timeline as the table `w (key, lo, hi)`, and the tests of a row `t` in one of them.
fn windows(values: &mut Values, fused: &Fused) -> (String, String) {
    let tests = fused.date.map_or(&[][..], |date| &date.tests);
    let beginning = if fused.date.is_some() { BEGINNING } else { UNDATED.lo };
    let windows = date::bounds(values, Param::I64s(timeline::classes(fused.key).to_vec()), tests, beginning);
    let tests = date::tests(values, tests, "t");
    (windows, tests.iter().map(|test| format!(" and {test}")).collect())
}

/// Returns a subquery for the numbers of all resources that refer to one that is wanted.
pub(super) fn all_that_refer(values: &mut Values, refers: &Refers, fused: Option<&Fused>) -> String {
    let to = all(values, &refers.targets, &refers.to);
    if let Some(fused) = fused {
        let (windows, tests) = windows(values, fused);
        return format!(
            "(select t.no from ({}) i\n  cross join lateral (select x.target from resource x where x.no = i.no offset 0) x\n  \
             cross join {windows}\n  cross join lateral (select t.no from timeline t where t.key = x.target # w.key\n    \
             and t.lo between w.lo and w.hi{tests} offset 0) t)",
            indent(&to)
        );
    }
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

/// Returns how many resources those that are wanted refer to; none where it is better to ask each resource that may be
/// one: what many results of a kind lead to is a good part of all patients, and sooner asked than gathered.
pub(super) fn weight_of_referred(referred: &Referred) -> Option<u8> {
    match best(&referred.by) {
        0 | 1 => Some(1),
        light @ 2..=6 => Some(light),
        _ if !referred.targets.is_empty() && referred.targets.iter().all(|t| column::is_few(*t)) => None,
        heavy => Some(heavy.saturating_add(1).min(14)),
    }
}

fn best(wanted: &Expr) -> u8 {
    wanted.conjuncts().iter().filter_map(weight).min().unwrap_or(30)
}
