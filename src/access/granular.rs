//! Granular scopes: `patient/Observation.rs?category=laboratory`.
//!
//! SMART App Launch 2.2, scopes with search parameters: parameters of one scope all hold, several scopes are a choice.

use super::scope::Scope;
use crate::fault::{Fault, Kind};
use crate::rest::query;
use crate::search::{Expr, Registry};

/// Returns the condition that a granular scope sets; [`Expr::All`] where it has none.
///
/// Chains, modifiers that ask other resources, and control parameters are refused: a scope is decided on one resource alone.
pub fn condition(registry: &Registry, scope: &Scope) -> Result<Expr, Fault> {
    let (Some(text), Some(t)) = (scope.query(), scope.resource_type) else { return Ok(Expr::All) };
    let pairs = query::parse(text)?;
    if let Some((name, _)) =
        pairs.iter().find(|(name, _)| name.starts_with('_') && name != "_id" && name != "_tag" && name != "_security")
    {
        return Err(Fault::new(Kind::NotSupported, format!("the scope '{scope}' cannot narrow by '{name}'")));
    }
    let search = crate::search::parse(registry, Some(t), &pairs, false)?;
    if !crate::search::evaluate::is_local(&search.filter) {
        let text = format!("the scope '{scope}' asks for other resources; a scope can only be decided on one");
        return Err(Fault::new(Kind::NotSupported, text));
    }
    Ok(search.filter)
}
