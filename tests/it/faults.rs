//! What dies under load, and what must be left: everything that a client was told of, and nothing half-done.

mod atomic;
mod follower;
mod hang_up;
mod journal;
mod kill;
mod outage;
pub mod sound;
mod text_index;
