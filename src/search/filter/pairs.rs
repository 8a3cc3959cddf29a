//! Names that filters alone know: a part of one element, chosen by another part of the same element.
//!
//! R4 <https://hl7.org/fhir/R4/search_filter.html#params>: `characteristic[code eq a].value eq b` holds when one
//! characteristic has that code and that value, which is what a composite parameter asks. The other names of that table
//! lead to parameters that R4 has no more (Observation `related`, ServiceRequest `event` and `item`), or whose composite is
//! defined with its parts exchanged (DocumentReference `relatesTo`); they are unknown here.

use super::compare::{parts, with_system};
use super::operator::Operator;
use super::tree::{Filter, Step, Test};
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::search::expr::Expr;
use crate::search::query;
use crate::search::registry::Registry;

/// A name, the composite parameter that answers it, and the names below it in the order of the composite's components.
pub struct Pair {
    base: &'static str,
    name: &'static str,
    composite: &'static str,
    components: [&'static str; 2],
}

const PAIRS: [Pair; 1] =
    [Pair { base: "Group", name: "characteristic", composite: "characteristic-value", components: ["code", "value"] }];

/// Returns the pair that a step of a path names in these types.
pub fn of(types: &[ResourceType], step: &Step) -> Option<&'static Pair> {
    let [t] = types else { return None };
    PAIRS.iter().find(|pair| pair.base == t.name() && pair.name == step.name)
}

pub fn expr(registry: &Registry, types: &[ResourceType], pair: &Pair, test: &Test, from: usize) -> Result<Expr, Fault> {
    let step = &test.steps[from];
    let [first, second] = pair.components;
    let form = || {
        let (at, name) = (test.at, pair.name);
        let form = format!("{name}[{first} eq ...].{second} eq ..., or {name}[{second} eq ...].{first} eq ...");
        Fault::new(Kind::Invalid, format!("parameter '_filter' at character {at}: '{name}' takes the form {form}"))
    };
    let (Some(Filter::Test(chosen)), None, true) = (&step.filter, step.only, from + 1 == test.steps.len()) else {
        return Err(form());
    };
    let component = |name: &str| {
        let test = [chosen, test].into_iter().find(|test| test.name == name)?;
        (test.operator == Operator::Eq).then(|| parts(&with_system(&test.value, 0)))
    };
    match (component(first), component(second)) {
        (Some(one), Some(other)) if chosen.steps.is_empty() => {
            query::filter(registry, types, pair.composite, &format!("{one}${other}"))
        }
        _ => Err(form()),
    }
}
