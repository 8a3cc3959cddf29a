//! Searches, the statements they become, and the answers these give.

mod database;
mod dice;
mod pages;
mod people;
mod questions;
mod random;
mod statements;
