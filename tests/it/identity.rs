//! People, apps and systems: how they sign in, what they are let do, and what is refused.

mod administration;
pub mod browser;
mod clients;
mod demo;
mod people;
