//! People, clients, tokens, and what these reach.

mod keys;
mod limits;
mod tokens;
