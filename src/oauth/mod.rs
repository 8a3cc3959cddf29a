//! Access tokens: signed here, verified here, without asking the database.
//!
//! RFC 9068 shapes, signed with ES256 (RFC 7518 3.4).

pub mod keys;
pub mod token;

pub use keys::Keys;
pub use token::{Claims, Verifier};
