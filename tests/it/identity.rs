//! People, clients and tokens.

mod tokens;
