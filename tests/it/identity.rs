//! People, apps and systems: how they sign in, what they are let do, what is refused; and the one Health ID of a patient.

pub mod browser;
mod health_id;
mod keys;
mod limits;
mod people;
mod tokens;
