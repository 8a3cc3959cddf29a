//! People, apps and systems: how they sign in, what they are let do, and what is refused.

mod attacks;
pub mod browser;
mod inferno;
mod people;
mod signer;
mod smart;
mod stage;
mod table;
