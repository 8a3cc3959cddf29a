//! People, clients, tokens, and what these reach.

mod limits;
