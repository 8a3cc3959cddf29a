//! HL7 v2: what messages become.

mod fixtures;
mod fuzz;
mod projection;
mod sound;
