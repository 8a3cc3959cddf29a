//! Chains: conditions on what a reference leads to.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#chaining>.

use super::column::rank_of_target;
use super::condition::Asked;
use super::expr::{Expr, Refers};
use super::query::{lookup, refused};
use super::registry::Registry;
use crate::catalog::ParamKind;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;

/// Returns the condition that a reference of the parameter `code` leads to a resource that `wanted` asks for in its type.
///
/// Without a type in the chain, a type that does not know the rest of it is passed over, unless none does. `name` is the
/// parameter as it was given.
pub fn follow(
    registry: &Registry,
    types: &[ResourceType],
    name: &str,
    code: &str,
    only: Option<ResourceType>,
    mut wanted: impl FnMut(ResourceType) -> Result<Expr, Fault>,
) -> Result<Expr, Fault> {
    let (mut parts, mut unknown) = (Vec::new(), None);
    for asked in lookup(registry, types, name, code)? {
        if asked.param.spec.kind != ParamKind::Reference {
            let reason = format!("goes through '{code}', which is not a reference");
            return Err(refused(name, &reason));
        }
        for target in targets(&asked, only) {
            match wanted(target) {
                Ok(to) => parts.push(refers(&asked, target, to)),
                Err(fault) if only.is_none() && fault.kind() == Kind::NotSupported => unknown = unknown.or(Some(fault)),
                Err(fault) => return Err(fault),
            }
        }
    }
    match (parts.is_empty(), unknown) {
        (false, _) => Ok(Expr::or(parts)),
        (true, Some(fault)) => Err(fault),
        (true, None) => Err(Fault::new(Kind::Invalid, format!("parameter '{name}' never refers to that type"))),
    }
}

fn targets(asked: &Asked, only: Option<ResourceType>) -> Vec<ResourceType> {
    let known = &asked.param.targets;
    match only {
        Some(t) if known.is_empty() || known.contains(&t) => vec![t],
        Some(_) => Vec::new(),
        None if known.is_empty() => ResourceType::all().filter(|t| t.is_stored()).collect(),
        None => known.clone(),
    }
}

fn refers(asked: &Asked, target: ResourceType, to: Expr) -> Expr {
    let columns = asked.columns().filter(|(_, use_)| use_.resolves.is_none_or(|t| t == target));
    let columns: Vec<_> = columns.map(|(column, _)| column).collect();
    let rank = columns.iter().map(|column| rank_of_target(target, column.rank)).max();
    match rank {
        Some(rank) => {
            let columns = columns.iter().map(|column| column.key).collect();
            Expr::Refers(Box::new(Refers { columns, targets: vec![target], to, rank }))
        }
        None => Expr::None,
    }
}
