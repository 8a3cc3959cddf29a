//! A resource that has passed the checks of its structure: the only kind that can be stored.

use super::structure;
use crate::catalog::Catalog;
use crate::fault::{Fault, Issue, Kind};
use crate::fhir::ResourceType;
use serde_json::{Map, Value};

/// A checked resource. Its server-owned parts (`id`, `meta.versionId`, `meta.lastUpdated`) are set when it is stored.
#[derive(Debug, Clone)]
pub struct Valid {
    resource_type: ResourceType,
    content: Map<String, Value>,
}

/// Proof that a content comes from a [`Valid`]; made nowhere else.
#[derive(Debug)]
pub struct Checked(());

impl Valid {
    /// Checks a resource; the fault lists everything that is wrong with it.
    pub fn check(catalog: &Catalog, value: Value) -> Result<Valid, Fault> {
        let resource_type = structure::check(catalog, &value).map_err(Fault::from_issues)?;
        match value {
            Value::Object(content) => Ok(Valid { resource_type, content }),
            _ => Err(Fault::new(Kind::Structure, "a resource is a JSON object")),
        }
    }

    /// Checks a resource that was sent to an address of the type `expected`.
    pub fn check_as(catalog: &Catalog, value: Value, expected: ResourceType) -> Result<Valid, Fault> {
        if let Some(found) = value.get("resourceType").and_then(Value::as_str)
            && found != expected.name()
        {
            let found: String = found.chars().take(64).collect();
            return Err(Fault::from_issues(vec![Issue::at(
                Kind::Invalid,
                "resourceType",
                format!("the address is of type {expected}, the resource of type '{found}'"),
            )]));
        }
        Valid::check(catalog, value)
    }

    pub fn resource_type(&self) -> ResourceType {
        self.resource_type
    }

    pub fn content(&self) -> &Map<String, Value> {
        &self.content
    }

    /// Returns the content, and the proof that it was checked.
    pub fn into_content(self) -> (Map<String, Value>, Checked) {
        (self.content, Checked(()))
    }
}
