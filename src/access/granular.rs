//! Granular scopes: `patient/Observation.rs?category=laboratory`.
//!
//! SMART App Launch 2.2, scopes with search parameters: parameters of one scope all hold, several scopes are a choice.

use super::scope::Scope;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::rest::query;
use crate::search::{Expr, Registry, evaluate};

/// Returns the condition that a granular scope sets; [`Expr::All`] where it has none.
pub fn condition(registry: &Registry, scope: &Scope) -> Result<Expr, Fault> {
    match (scope.query(), scope.resource_type) {
        (Some(text), Some(t)) => asked(registry, t, text),
        _ => Ok(Expr::All),
    }
}

/// Returns the condition that a search sets which is decided on one resource alone.
///
/// Chains, modifiers that ask other resources, and parameters of the result are refused.
pub fn asked(registry: &Registry, t: ResourceType, text: &str) -> Result<Expr, Fault> {
    const OF_ALL: [&str; 4] = ["_id", "_tag", "_security", "_profile"];
    let pairs = query::parse(text)?;
    if let Some((name, _)) = pairs.iter().find(|(name, _)| name.starts_with('_') && !OF_ALL.contains(&name.as_str())) {
        return Err(Fault::new(Kind::NotSupported, format!("a scope on {t} cannot be narrowed by '{name}'")));
    }
    let filter = crate::search::parse(registry, Some(t), &pairs, false)?.filter;
    if !evaluate::is_local(&filter) {
        let text = format!("the search '{text}' asks for other resources than {t}; a scope is decided on one alone");
        return Err(Fault::new(Kind::NotSupported, text));
    }
    Ok(filter)
}
