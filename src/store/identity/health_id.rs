//! Health IDs ever given out, and the hashed identifiers by which a person is found again.

pub const STATEMENTS: &[&str] = &[];
