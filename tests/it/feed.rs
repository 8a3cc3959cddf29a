//! HL7 v2 feeds, over MLLP and a real database: what a message does once, twice, late, at the same time as another, and when the server
//! is killed amid it.

mod batches;
mod families;
mod incomplete;
mod merges;
mod once;
mod order;
mod outage;
mod queue;
mod races;
mod refusals;
mod removal;
pub mod sender;
mod tasks;
