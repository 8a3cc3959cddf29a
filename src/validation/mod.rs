//! Whether a resource is what FHIR allows: from JSON to something that may be stored.
//!
//! R4 <https://hl7.org/fhir/R4/validation.html>. [`structure`] checks against the base types of R4.
//! Only a [`Valid`] resource can be stored.

mod element;
mod path;
mod primitive;
mod reference;
pub mod structure;
mod temporal;
mod valid;
mod xhtml;

pub use valid::{Checked, Valid};

#[cfg(test)]
mod tests;
