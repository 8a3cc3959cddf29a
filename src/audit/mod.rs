//! What happened, kept so that it can be proved: rows on their way into the database, their chain, and its check.
//!
//! Writes carry their row in their own transaction. Rows of reads are on disk before the answer goes out ([`spool`]); refusals
//! and events are committed before theirs ([`recorder`]). What cannot be recorded is not answered.

pub mod chain;
pub mod checkpoint;
pub mod event;
pub mod head;
pub mod recorder;
pub mod spool;
mod sync;
pub mod verify;
pub mod words;

pub use recorder::{Durability, Recorder, Settings, Unrecorded};
pub use verify::{Broken, Change, Report, verify};
pub use words::words;
