//! People, apps and systems: how they sign in, what they are let do, what is refused; and the one Health ID of a patient.

mod administration;
mod attacks;
mod authenticator;
mod authorize;
pub mod browser;
pub mod clients;
mod demo;
mod discovery;
mod federation;
mod health_id;
mod holes;
mod inferno;
mod keys;
mod launch;
mod limits;
mod passkeys;
mod people;
pub mod person;
mod provider;
mod signer;
mod smart;
mod stage;
mod table;
mod tokens;
