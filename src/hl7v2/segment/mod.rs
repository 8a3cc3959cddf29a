//! What segments become, where a map alone cannot say it: a file for each segment or family of events.

pub mod admit;
pub mod amount;
pub mod charge;
pub mod dispense;
pub mod document;
pub mod dosage;
pub mod identity;
pub mod maker;
pub mod medication;
pub mod merge;
pub mod number;
pub mod order;
pub mod pattern;
pub mod pharmacy;
pub mod pid;
pub mod prescription;
pub mod pv1;
pub mod referral;
pub mod result;
pub mod schedule;
pub mod span;
pub mod status;
pub mod timing;
pub mod vaccination;
pub mod words;
