//! FHIRPath: expressions over resources, for search parameters, invariants and patches.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/> and R4 <https://hl7.org/fhir/R4/fhirpath.html>. An expression is parsed
//! once and evaluated over borrowed JSON; nothing is copied, and what types there are the [`Model`] says.
//!
//! ```text
//! let expr = fhirpath::parse("Patient.name.given")?;
//! let ctx = Context::for_search(&catalog, &resource);
//! for item in expr.evaluate(&ctx)? { … }
//! ```

mod arithmetic;
mod ast;
mod calendar;
mod civil;
mod compare;
mod context;
mod equality;
mod error;
mod evaluator;
mod functions;
mod item;
mod lexer;
pub mod location;
mod model;
mod parser;
pub mod patch;
mod quantity;
mod reference;
mod temporal;
#[cfg(test)]
mod tests;
mod types;
mod units;
mod variables;
mod walk;

pub use ast::Expr;
pub use context::{Context, Fetch, Hooks, NoHooks, Resolver};
pub use error::FhirpathError;
pub use item::{Item, Node};
pub use model::{Kind, Model, Property, Type};
pub use parser::parse;
pub use quantity::{Calendar, Quantity, Unit};
pub use temporal::{Precision, Temporal, TemporalKind};
