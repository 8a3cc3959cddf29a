//! What must hold of a SearchParameter before it is stored: an active one will answer searches.
//!
//! R4 <https://hl7.org/fhir/R4/searchparameter.html>.

use crate::catalog::Origin;
use crate::fault::Fault;
use crate::fhir::ResourceId;
use crate::search::{Registry, definition};
use serde_json::Value;

/// Refuses an active SearchParameter that searches could not be answered by.
pub fn check(registry: &Registry, id: &ResourceId, resource: &Value) -> Result<(), Fault> {
    if !definition::is_active(resource) {
        return Ok(());
    }
    let origin = Origin { id: id.as_str().into(), since: registry.progress.epoch + 1 };
    definition::check(&registry.catalog, origin, resource).map(drop).map_err(Fault::from_issues)
}
