//! The meaning of an expression over many resources that refer to each other: chains and `_has` without a database.

use super::evaluate::{Indexed, matches};
use crate::fhir::ResourceType;
use crate::search::expr::{Expr, Referred, Refers};
use crate::search::key::Keyer;

/// A resource and when it was changed, in microseconds since 1970.
pub struct Known {
    pub indexed: Indexed,
    pub updated: i64,
}

impl Known {
    /// Returns the key of the resource as the target of references.
    fn target(&self) -> i64 {
        Keyer::fixed().target(self.indexed.resource_type.name(), self.indexed.id.as_str())
    }

    fn refers_to(&self, columns: &[i64], target: i64) -> bool {
        columns.iter().any(|column| self.indexed.rows.refs.binary_search(&Keyer::reference(*column, target)).is_ok())
    }
}

/// Returns for each of the resources whether it is wanted.
pub fn wanted(world: &[Known], expr: &Expr) -> Vec<bool> {
    match expr {
        Expr::And(parts) => joined(world, parts, true, |a, b| a && b),
        Expr::Or(parts) => joined(world, parts, false, |a, b| a || b),
        Expr::Not(part) => wanted(world, part).into_iter().map(|is| !is).collect(),
        Expr::Refers(refers) => referring(world, refers),
        Expr::Referred(referred) => referred_to(world, referred),
        Expr::Updated { from, to } => world.iter().map(|it| (*from..=*to).contains(&it.updated)).collect(),
        leaf => world.iter().map(|it| matches(leaf, &it.indexed)).collect(),
    }
}

fn joined(world: &[Known], parts: &[Expr], start: bool, join: impl Fn(bool, bool) -> bool) -> Vec<bool> {
    parts.iter().fold(vec![start; world.len()], |so_far, part| {
        so_far.into_iter().zip(wanted(world, part)).map(|(a, b)| join(a, b)).collect()
    })
}

fn referring(world: &[Known], refers: &Refers) -> Vec<bool> {
    let targets = chosen(world, &refers.to, &refers.targets).map(Known::target).collect::<Vec<_>>();
    let is = |it: &Known| targets.iter().any(|target| it.refers_to(&refers.columns, *target));
    world.iter().map(is).collect()
}

fn referred_to(world: &[Known], referred: &Referred) -> Vec<bool> {
    let sources: Vec<&Known> = chosen(world, &referred.by, &[referred.source]).collect();
    let of_types = |t| referred.targets.is_empty() || referred.targets.contains(&t);
    let is = |it: &Known| {
        let refers = |source: &&Known| source.refers_to(&referred.columns, it.target());
        of_types(it.indexed.resource_type) && sources.iter().any(refers)
    };
    world.iter().map(is).collect()
}

/// Returns the wanted resources of these types.
fn chosen<'a>(world: &'a [Known], expr: &Expr, types: &[ResourceType]) -> impl Iterator<Item = &'a Known> {
    let of_types = |(it, is): (&'a Known, bool)| (is && types.contains(&it.indexed.resource_type)).then_some(it);
    world.iter().zip(wanted(world, expr)).filter_map(of_types)
}
