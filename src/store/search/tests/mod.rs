//! Searches and the statements they become. Values are bound, so a statement shows the shape alone.

mod pages;
mod statements;
