//! HL7 v2: what messages become, and what becomes of messages of others.

mod crash;
mod fixtures;
mod fuzz;
mod hospital;
mod others;
mod projection;
mod sound;
pub mod stage;
