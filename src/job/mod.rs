//! What a server does beside its requests.

pub mod reindex;
