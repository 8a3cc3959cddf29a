//! Search, without a database: what resources stand under, and what a query asks for.
//!
//! R4 <https://hl7.org/fhir/R4/search.html>. Two ways lead from here to the store: [`extract::extract`] makes index
//! rows of a resource, and [`query::parse`] makes an [`expr::Expr`] of a query. Both know a value by the same keys.

pub mod ask;
mod chain;
pub mod column;
pub mod compartment;
mod computed;
mod condition;
pub mod contained;
pub mod control;
mod decimal;
pub mod definition;
pub mod evaluate;
pub mod expr;
pub mod extract;
mod filter;
pub mod governed;
pub mod include;
mod jsonpath;
pub mod key;
mod kind;
mod list;
mod modifier;
pub mod normal;
mod own;
mod path;
pub mod period;
pub mod progress;
pub mod query;
pub mod registry;
pub mod relation;
mod route;
mod rows;
mod sink;
pub mod sort;
pub mod terminology;
#[cfg(test)]
pub(crate) mod tests;
pub mod text;
pub mod timeline;
mod tree;
mod tuple;
mod value;
pub mod wording;

pub use expr::Expr;
pub use extract::{IndexRows, extract};
pub use query::{Search, parse};
pub use registry::Registry;
