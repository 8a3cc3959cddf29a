//! The token endpoint and its neighbours, as apps and systems meet them.
//!
//! RFC 6749, 7009, 7523, 7636, 7662, 8693, 9449, 9700; SMART App Launch 2.2.

mod clients;
mod codes;
mod exchanges;
mod given;
mod inspection;
mod refreshes;
mod systems;
