//! The code systems that Consents are written in, and lists of alternatives that may not all be understood.
//!
//! R4 <https://hl7.org/fhir/R4/consent.html#bnc>, <https://terminology.hl7.org/CodeSystem-v3-ActCode.html>.

pub const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
pub const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
pub const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
pub const CONSENT_ACTION: &str = "http://terminology.hl7.org/CodeSystem/consentaction";
pub const CONSENT_SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";
pub const RESOURCE_TYPES: &str = "http://hl7.org/fhir/resource-types";
