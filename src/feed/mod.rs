//! A message that came in, from its bytes to what is stored and the acknowledgement.

pub mod about;
pub mod register;
