//! People, apps and systems: how they sign in, what they are let do, what is refused; and the one Health ID of a patient.

mod authenticator;
pub mod browser;
mod federation;
mod health_id;
mod keys;
mod limits;
mod passkeys;
mod people;
mod person;
mod provider;
mod tokens;
