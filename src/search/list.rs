//! `_list`: resources that are items of a List.
//!
//! R4 <https://hl7.org/fhir/R4/lifecycle.html#list>, <https://hl7.org/fhir/R4/search.html#list>. All items count, whatever
//! their flags say.

use super::expr::{Expr, Referred};
use super::query::{ALTERNATIVES_MAX, refused};
use super::registry::Registry;
use super::value;
use crate::fault::{Fault, Kind};
use crate::fhir::reference::Literal;
use crate::fhir::{ResourceId, ResourceType};

/// Returns what `_list=42`, `_list=List/42` or several of them ask for.
pub fn read(registry: &Registry, text: &str) -> Result<Expr, Fault> {
    let alternatives = value::split(text, ',');
    if alternatives.len() > ALTERNATIVES_MAX {
        let most = format!("parameter '_list' names more than {ALTERNATIVES_MAX} lists");
        return Err(Fault::new(Kind::TooCostly, most));
    }
    let ids = alternatives.into_iter().map(|one| id(registry, one)).collect::<Result<Vec<_>, _>>()?;
    let index = registry.of(ResourceType::LIST);
    let Some(items) = index.param("item") else {
        return Err(refused("_list", "needs the search parameter 'item' of List, which this server does not have"));
    };
    let columns = items.columns.iter().map(|c| index.columns[usize::from(c.index)].key).collect();
    Ok(Expr::Referred(Box::new(Referred {
        columns,
        source: ResourceType::LIST,
        targets: Vec::new(),
        role: None,
        by: Expr::Ids(ids),
    })))
}

fn id(registry: &Registry, text: &str) -> Result<ResourceId, Fault> {
    if text.starts_with('$') {
        let shown: String = text.chars().take(100).collect();
        let reason = format!(
            "names the functional list '{shown}', which this server does not keep; name a List resource by its id"
        );
        return Err(refused("_list", &reason));
    }
    let literal = Literal::parse(text).filter(|literal| {
        let local = literal.base.is_empty() || literal.base == &*registry.base_url;
        local && literal.resource_type == ResourceType::LIST && literal.version.is_none()
    });
    ResourceId::parse(literal.map_or(text, |literal| literal.id)).ok_or_else(|| {
        let shown: String = text.chars().take(100).collect();
        let form = format!("parameter '_list': '{shown}' is not a List of this server such as 42 or List/42");
        Fault::new(Kind::Invalid, form)
    })
}
