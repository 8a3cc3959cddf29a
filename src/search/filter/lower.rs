//! From the tree of a filter to an expression: paths are followed, comparisons made in every type they are asked of.

use super::tree::{Filter, Test};
use super::{FOLLOWED_MAX, compare, pairs, too_costly};
use crate::fault::Fault;
use crate::fhir::ResourceType;
use crate::search::chain;
use crate::search::expr::Expr;
use crate::search::registry::Registry;
use std::cell::Cell;

pub fn expr(registry: &Registry, types: &[ResourceType], filter: &Filter) -> Result<Expr, Fault> {
    let lowering = Lowering { registry, followed: Cell::new(0) };
    let expr = lowering.filter(types, filter);
    // A chain passes over types that refuse the rest of it, so a fault may be lost on its way here.
    lowering.check_limit()?;
    expr
}

struct Lowering<'a> {
    registry: &'a Registry,
    /// How many comparisons and steps to a type were made: a path through references to any type makes very many.
    followed: Cell<usize>,
}

impl Lowering<'_> {
    fn filter(&self, types: &[ResourceType], filter: &Filter) -> Result<Expr, Fault> {
        let all = |parts: &[Filter]| parts.iter().map(|part| self.filter(types, part)).collect::<Result<Vec<_>, _>>();
        Ok(match filter {
            Filter::And(parts) => Expr::and(all(parts)?),
            Filter::Or(parts) => Expr::or(all(parts)?),
            Filter::Not(part) => Expr::not(self.filter(types, part)?),
            Filter::Test(test) => self.test(types, test, 0)?,
        })
    }

    /// Returns what a comparison asks for, its path followed from one of its steps on.
    fn test(&self, types: &[ResourceType], test: &Test, from: usize) -> Result<Expr, Fault> {
        self.followed.set(self.followed.get() + 1);
        self.check_limit()?;
        let Some(step) = test.steps.get(from) else {
            return compare::compare(self.registry, types, test);
        };
        if let Some(pair) = pairs::of(types, step) {
            return pairs::expr(self.registry, types, pair, test, from);
        }
        let path = format!("_filter: {}", test.path(from));
        chain::follow(self.registry, types, &path, &step.name, step.only, |target| {
            let of_target = step.filter.iter().map(|filter| self.filter(&[target], filter));
            let of_target = of_target.collect::<Result<Vec<_>, _>>()?;
            let rest = self.test(&[target], test, from + 1)?;
            Ok(Expr::and(of_target.into_iter().chain([rest])))
        })
    }

    fn check_limit(&self) -> Result<(), Fault> {
        if self.followed.get() <= FOLLOWED_MAX {
            return Ok(());
        }
        Err(too_costly("follows references to too many types; name the one that is meant, as in subject:Patient.name"))
    }
}
