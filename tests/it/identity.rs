//! People, apps and systems: how they sign in, what they are let do, and what is refused.

pub mod browser;
mod people;
