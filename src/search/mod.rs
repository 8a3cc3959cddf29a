//! Search, without a database: what resources stand under, and what a query asks for.
//!
//! R4 <https://hl7.org/fhir/R4/search.html>. Two ways lead from here to the store: [`extract::extract`] makes index
//! rows of a resource, and [`query::parse`] makes an [`expr::Expr`] of a query. Both know a value by the same keys.

pub mod ask;
pub mod column;
pub mod compartment;
mod computed;
mod condition;
pub mod control;
mod decimal;
pub mod definition;
pub mod expr;
pub mod extract;
pub mod include;
pub mod key;
mod kind;
mod modifier;
mod normal;
mod own;
mod path;
pub mod period;
pub mod progress;
pub mod query;
pub mod registry;
mod route;
mod rows;
mod sink;
pub mod sort;
#[cfg(test)]
pub(crate) mod tests;
pub mod timeline;
mod tree;
mod value;

pub use expr::Expr;
pub use extract::{IndexRows, extract};
pub use query::{Search, parse};
pub use registry::Registry;
