//! People, apps and systems: how they sign in, what they are let do, and what is refused.

mod authenticator;
pub mod browser;
mod federation;
mod passkeys;
mod person;
mod provider;
