//! What runs beside requests, for as long as the server does.

pub mod audit;
pub mod break_glass;
pub mod consent;
pub mod feed;
pub mod index_feed;
pub mod keys;
pub mod mail;
pub mod reindex;
pub mod sweep;
