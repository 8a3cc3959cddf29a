//! Emergencies: who opens a record without consent, how that is limited, told, reviewed and ended.

mod glass;
mod glass_ends;
mod glass_limits;
mod glass_reading;
mod glass_review;
mod glass_tokens;
mod stage;
