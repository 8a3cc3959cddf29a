//! Who asks, what they may do, and the proof of it that every store call wants.
//!
//! Pure: the facts come in, a decision goes out. [`policy`] is the table a security officer reads.

pub mod consent;
pub mod consent_life;
pub mod grant;
pub mod granular;
pub mod policy;
pub mod principal;
pub mod reach;
pub mod role;
pub mod scope;

pub use grant::Grant;
pub use principal::Principal;
