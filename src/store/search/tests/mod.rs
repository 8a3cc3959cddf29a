//! Searches, the statements they become, and the answers these give.

mod backward;
mod consents;
mod database;
mod limits;
mod orders;
mod pages;
mod people;
mod questions;
mod random;
mod statements;
