//! What segments become, where a map alone cannot say it: a file for each segment or family of events.

pub mod account;
pub mod admit;
pub mod charge;
pub mod document;
pub mod identity;
pub mod merge;
pub mod nk1;
pub mod order;
pub mod pd1;
pub mod person;
pub mod pharmacy;
pub mod pid;
pub mod place;
pub mod pv1;
pub mod referral;
pub mod result;
pub mod role;
pub mod schedule;
pub mod vaccination;

#[cfg(test)]
mod tests;
