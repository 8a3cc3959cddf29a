//! Pure values of FHIR, free of I/O and of any registry.

pub mod id;
pub mod instant;
pub mod json_patch;
pub mod outcome;
pub mod reference;
pub mod resource_type;

pub use id::ResourceId;
pub use instant::Instant;
pub use resource_type::ResourceType;
