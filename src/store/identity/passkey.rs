//! Passkeys, and the identities that outside providers vouch for.

pub const STATEMENTS: &[&str] = &[];
