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
    Lowering { registry, left: Cell::new(FOLLOWED_MAX) }.filter(types, filter)
}

struct Lowering<'a> {
    registry: &'a Registry,
    /// How many comparisons may still be made: a path through references to any type makes very many.
    left: Cell<usize>,
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
        let Some(step) = test.steps.get(from) else {
            let Some(left) = self.left.get().checked_sub(1) else {
                let text =
                    "follows references to too many types; name the one that is meant, as in subject:Patient.name";
                return Err(too_costly(text));
            };
            self.left.set(left);
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
}
