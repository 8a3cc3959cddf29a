//! Sessions of people in our own pages.

use super::Hash;
use crate::fhir::Instant;
use uuid::Uuid;

pub const STATEMENTS: &[&str] = &[];

#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Of the cookie's secret.
    pub hash: Hash,
    pub account: Uuid,
    /// When a factor was last shown.
    pub auth_at: Instant,
    /// Factors shown: `pwd`, `otp`, `hwk`, `fed` (RFC 8176 where it has a name).
    pub methods: Vec<String>,
    pub created: Instant,
    pub seen: Instant,
    pub ends: Instant,
    /// What the person sees in the list of sessions: browser and system, from the User-Agent.
    pub device: String,
    pub address: String,
}
