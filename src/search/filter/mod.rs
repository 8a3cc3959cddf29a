//! `_filter`: one expression over the parameters of a type, with `and`, `or`, `not` and paths to other resources.
//!
//! R4 <https://hl7.org/fhir/R4/search_filter.html>. [`parse`] makes a [`tree::Filter`] of the text and [`lower`] an
//! [`Expr`] of that: each comparison means what the ordinary parameter of that name means.

mod compare;
mod lower;
mod operator;
mod pairs;
mod parse;
mod scan;
#[cfg(test)]
mod tests;
mod text;
mod tree;

use super::expr::Expr;
use super::registry::Registry;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;

/// Longest text of a filter.
const BYTES_MAX: usize = 16_384;
/// Most levels of parentheses, brackets and steps of a path, together.
const NESTING_MAX: usize = 64;
/// Most comparisons, as written.
const TESTS_MAX: usize = 100;
/// Most comparisons and steps once every path has been followed to every type it may lead to.
const FOLLOWED_MAX: usize = 1_000;

/// Returns what a filter asks for in resources of these types; of all types when there are none.
pub fn read(registry: &Registry, types: &[ResourceType], text: &str) -> Result<Expr, Fault> {
    if text.len() > BYTES_MAX {
        return Err(too_costly(&format!("is longer than {BYTES_MAX} bytes")));
    }
    lower::expr(registry, types, &parse::parse(text)?)
}

fn too_costly(reason: &str) -> Fault {
    Fault::new(Kind::TooCostly, format!("parameter '_filter' {reason}"))
}
