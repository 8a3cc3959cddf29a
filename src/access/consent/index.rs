//! Conditions of Consents on index rows of a type, by keys that are made directly: a rule is asked with every request.
//!
//! R4 <https://hl7.org/fhir/R4/searchparameter-registry.html>. None means that the index of the type has no such rows.

use crate::catalog::ParamKind;
use crate::fhir::{ResourceId, ResourceType};
use crate::search::column::{Column, Rank, Role, rank_of_target};
use crate::search::expr::{Comparison, Date, DateTest, Missing, Term};
use crate::search::key::{Form, Keyer};
use crate::search::period::Period;
use crate::search::{Expr, Registry};

/// A code that a resource may stand under.
pub enum Coded<'a> {
    Of(&'a str, &'a str),
    WithoutSystem(&'a str),
    AnySystem(&'a str),
}

/// Returns the columns that parameters of the type read, each once.
fn columns<'r>(registry: &'r Registry, t: ResourceType, params: &[&str], kind: ParamKind) -> Vec<&'r Column> {
    let index = registry.of(t);
    let params = params.iter().filter_map(|code| index.param(code)).filter(|param| param.spec.kind == kind);
    let mut places: Vec<u16> = params.flat_map(|param| param.columns.iter().map(|use_| use_.index)).collect();
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(|place| &index.columns[usize::from(place)]).collect()
}

fn term(keys: Vec<i64>, rank: Rank) -> Expr {
    if keys.is_empty() { Expr::None } else { Expr::Term(Term { keys, rank, exclusive: None, role: None }) }
}

/// Returns the condition that a resource has one of the codes in an element that these parameters read; plain codes, which have
/// no system of their own, are not asked.
pub fn tokens(registry: &Registry, t: ResourceType, params: &[&str], wanted: &[Coded]) -> Option<Expr> {
    let columns: Vec<&Column> =
        columns(registry, t, params, ParamKind::Token).into_iter().filter(|column| !column.plain).collect();
    let rank = columns.iter().map(|column| column.rank).max()?;
    let mut keys = Vec::with_capacity(columns.len() * wanted.len());
    for column in columns {
        keys.extend(wanted.iter().map(|coded| {
            let (form, first, second) = match coded {
                Coded::Of(system, code) => (Form::SystemCode, *system, *code),
                Coded::WithoutSystem(code) => (Form::NoSystem, *code, ""),
                Coded::AnySystem(code) => (Form::Code, *code, ""),
            };
            registry.keyer.term(column.key, form, first, second)
        }));
    }
    let role = (params == ["_security"]).then_some(Role::Label);
    Some(match term(keys, rank) {
        Expr::Term(term) => Expr::Term(Term { role, ..term }),
        other => other,
    })
}

/// Returns the condition that a plain code of the type is this one.
pub fn plain(registry: &Registry, t: ResourceType, param: &str, code: &str) -> Option<Expr> {
    let column = *columns(registry, t, &[param], ParamKind::Token).first()?;
    Some(term(vec![registry.keyer.term(column.key, Form::Code, code, "")], column.rank))
}

/// Returns the condition that one of the URIs stands in an element that the parameter reads.
pub fn uris(registry: &Registry, t: ResourceType, param: &str, wanted: &[&str]) -> Option<Expr> {
    let column = *columns(registry, t, &[param], ParamKind::Uri).first()?;
    let key = |uri: &&str| registry.keyer.term(column.key, Form::Uri, uri, "");
    Some(term(wanted.iter().map(key).collect(), column.rank))
}

/// Returns the condition that a resource refers to one of the targets by any of the parameters; by any at all when there is no
/// name.
pub fn refers(
    registry: &Registry,
    t: ResourceType,
    params: Option<&[&str]>,
    targets: &[(ResourceType, ResourceId)],
) -> Option<Expr> {
    let index = registry.of(t);
    let every: Vec<&str>;
    let params = match params {
        Some(params) => params,
        None => {
            let references = index.params().filter(|param| param.spec.kind == ParamKind::Reference);
            every = references.map(|param| &*param.spec.code).collect();
            &every
        }
    };
    let columns = columns(registry, t, params, ParamKind::Reference);
    if columns.is_empty() {
        return None;
    }
    let mut keys = Vec::with_capacity(columns.len() * targets.len());
    let mut rank = Rank::Identity;
    for (target, id) in targets {
        let key = registry.keyer.target(target.name(), id.as_str());
        for column in &columns {
            keys.push(Keyer::reference(column.key, key));
            rank = rank.max(rank_of_target(*target, column.rank));
        }
    }
    Some(term(keys, rank))
}

/// Returns whether references in this element of the type are indexed; none when the type has no such element.
pub fn reads(registry: &Registry, t: ResourceType, element: &str, kind: ParamKind) -> Option<bool> {
    let catalog = &registry.catalog;
    catalog.ty(catalog.resource(t)).lookup(element)?;
    let is_of = |column: &Column| {
        let rest = column.path.strip_prefix(element);
        column.kind == kind && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ':']))
    };
    Some(registry.of(t).columns.iter().any(is_of))
}

/// Returns the condition that these parameters find nothing in the resource.
pub fn missing(registry: &Registry, t: ResourceType, params: &[&str], kind: ParamKind) -> Expr {
    let columns: Vec<i64> = columns(registry, t, params, kind).into_iter().map(|column| column.key).collect();
    if columns.is_empty() { Expr::All } else { Expr::Missing(Missing { types: vec![t], columns }) }
}

/// Returns the condition that the resource has a date by these parameters that compares so with the period.
pub fn dated(registry: &Registry, t: ResourceType, params: &[&str], comparison: Comparison, period: Period) -> Expr {
    Expr::or(columns(registry, t, params, ParamKind::Date).into_iter().map(|column| {
        Expr::Date(Date {
            keys: column.narrow,
            tests: vec![DateTest { comparison, lo: period.lo, hi: period.hi }],
            single: column.single,
            principal: column.role == Some(Role::Date),
        })
    }))
}
