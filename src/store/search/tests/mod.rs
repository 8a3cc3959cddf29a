//! Searches and the statements they become. Values are bound, so a statement shows the shape alone.

mod backward;
mod pages;
mod statements;
