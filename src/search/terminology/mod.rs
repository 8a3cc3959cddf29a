//! What stored CodeSystems and ValueSets say, without a database: from their JSON to lists of codes.
//!
//! R4 <https://hl7.org/fhir/R4/valueset.html>, <https://hl7.org/fhir/R4/codesystem.html>. A value set may need others and
//! code systems; [`expand::expand`] names those that it was not given, so that the caller can fetch them and ask again.

pub mod canonical;
pub mod codes;
pub mod expand;
mod filter;
pub mod system;
pub mod terms;

pub use canonical::Canonical;
pub use codes::{Codes, Members};
pub use expand::{Definitions, Expansion, Wanted, expand};
pub use system::System;

/// Most codes that a value set may have in a search.
pub const CODES_MAX: usize = 20_000;

/// Why there is no list of codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    /// A definition is not stored, or holds too little.
    #[error("{0}")]
    Missing(String),
    /// A definition makes no sense or asks for what is not answered here.
    #[error("{0}")]
    Unclear(String),
    #[error("{0}")]
    TooMany(String),
}
