//! What segments become, where a map alone cannot say it: a file for each segment or family of events.

pub mod admit;
pub mod attachment;
pub mod charge;
pub mod document;
pub mod group;
pub mod identity;
pub mod merge;
pub mod note;
pub mod obr;
pub mod obx;
pub mod occurrence;
pub mod orc;
pub mod order;
pub mod order_number;
pub mod participation;
pub mod pharmacy;
pub mod pid;
pub mod pv1;
pub mod range;
pub mod referral;
pub mod result;
pub mod schedule;
pub mod specimen;
pub mod vaccination;
