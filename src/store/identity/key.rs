//! The public halves of the keys that servers of this database sign with.

pub const STATEMENTS: &[&str] = &[];
