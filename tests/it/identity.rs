//! People, apps and systems: how they sign in, what they are let do, and what is refused.

mod authorize;
pub mod browser;
mod discovery;
mod launch;
