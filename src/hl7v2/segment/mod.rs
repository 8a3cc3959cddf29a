//! What segments become, where a map alone cannot say it: a file for each segment or family of events.

pub mod admit;
pub mod charge;
pub mod document;
pub mod identity;
pub mod merge;
pub mod order;
pub mod pharmacy;
pub mod pid;
pub mod pv1;
pub mod referral;
pub mod result;
pub mod schedule;
pub mod vaccination;
