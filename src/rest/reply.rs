//! What an interaction answers, before it is written in the client's format.

use crate::fhir::{Instant, ResourceId, ResourceType};
use bytes::Bytes;

/// The reply of an interaction. `body` is FHIR JSON, empty for none.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub version: Option<i32>,
    pub last_modified: Option<Instant>,
    /// The version that was made: `Type/id/_history/version`, below the base.
    pub location: Option<(ResourceType, ResourceId, i32)>,
    pub body: Bytes,
    /// Keys of the patients whose data are in the body, for the audit (`store::audit::patient_key`).
    pub patients: Vec<i64>,
}

impl Reply {
    pub fn empty(status: u16) -> Reply {
        Reply { status, ..Reply::default() }
    }

    pub fn json(status: u16, body: impl Into<Bytes>) -> Reply {
        Reply { status, body: body.into(), ..Reply::default() }
    }

    pub fn value(status: u16, value: &serde_json::Value) -> Reply {
        Reply::json(status, value.to_string())
    }
}

/// Returns the entity tag of a version.
pub fn etag(version: i32) -> String {
    format!("W/\"{version}\"")
}
