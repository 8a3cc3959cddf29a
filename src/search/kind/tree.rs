//! References up and down a tree of resources, and to versions of a canonical.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#recursive>: where resources are part of others of their own type, `:below`
//! means one and all that are part of it, `:above` one and all that it is part of. The parameters `partof` and `part-of`
//! make such trees in R4.

use super::uri;
use crate::catalog::ParamKind;
use crate::fault::Fault;
use crate::fhir::reference::Literal;
use crate::fhir::{ResourceId, ResourceType};
use crate::search::ask::{Ask, AskTree, Way};
use crate::search::condition::{Asked, Condition};
use crate::search::expr::Expr;
use crate::search::modifier::Modifier;
use crate::search::registry::Registry;

const PARENTS: [&str; 2] = ["partof", "part-of"];

pub fn condition(asked: &Asked, condition: &Condition) -> Result<Expr, Fault> {
    let wanted = condition.text()?;
    let literal = Literal::parse(&wanted);
    let is_local = |l: &Literal| l.base.is_empty() || l.base == &*asked.registry.base_url;
    match literal {
        Some(l) if l.version.is_some() => {
            Err(condition.not_supported("names a version; references are searched for without one"))
        }
        Some(l) if is_local(&l) => match ResourceId::parse(l.id) {
            Some(id) => trees(asked, condition, &[l.resource_type], &id),
            None => Err(condition.invalid("is not a reference")),
        },
        _ if wanted.contains(':') => canonical(asked, condition, &wanted),
        _ => match ResourceId::parse(&wanted) {
            Some(id) => trees(asked, condition, &asked.param.targets, &id),
            None => Err(condition.invalid("is neither an id, nor Type/id with a type of FHIR R4, nor a URL")),
        },
    }
}

/// R4 3.1.1.4.13: `:below` of a canonical finds it in any version, or in those that begin with the one given.
fn canonical(asked: &Asked, condition: &Condition, wanted: &str) -> Result<Expr, Fault> {
    let columns: Vec<_> = asked.columns().filter(|(column, _)| column.canonical).collect();
    if columns.is_empty() {
        return Err(
            condition.not_supported("is a URL elsewhere; trees are known of the resources of this server alone")
        );
    }
    if *condition.modifier == Modifier::Above {
        return Err(condition.not_supported("is a canonical, for which FHIR R4 gives ':above' no meaning"));
    }
    let parts = columns.iter().map(|(column, _)| uri::below_canonical(asked, condition, column, wanted));
    Ok(Expr::or(parts.collect::<Result<Vec<_>, Fault>>()?))
}

fn trees(asked: &Asked, condition: &Condition, types: &[ResourceType], id: &ResourceId) -> Result<Expr, Fault> {
    let way = if *condition.modifier == Modifier::Above { Way::Up } else { Way::Down };
    let one = |t: &ResourceType| {
        let parents = parents(asked.registry, *t);
        let places = asked.places(|_, use_| use_.resolves.is_none_or(|only| only == *t));
        let possible = asked.param.targets.is_empty() || asked.param.targets.contains(t);
        (possible && !parents.is_empty() && !places.is_empty()).then(|| {
            let name = condition.name.to_string();
            let tree = AskTree { name, resource_type: *t, id: id.clone(), parents, way, places };
            Expr::Ask(Box::new(Ask::Tree(tree)))
        })
    };
    let trees: Vec<Expr> = types.iter().filter_map(one).collect();
    if trees.is_empty() {
        return Err(condition.not_supported(
            "leads to no type whose resources are part of others of the same type, as locations and organizations are",
        ));
    }
    Ok(Expr::or(trees))
}

/// Returns the keys of the columns by which resources of a type say which of their own type they are part of.
fn parents(registry: &Registry, t: ResourceType) -> Vec<i64> {
    let index = registry.of(t);
    let own = PARENTS.iter().filter_map(|code| index.param(code));
    let own = own.filter(|param| param.spec.kind == ParamKind::Reference && param.targets.contains(&t));
    let columns = own.flat_map(|param| &param.columns).filter(|use_| use_.resolves.is_none_or(|only| only == t));
    columns.map(|use_| index.columns[usize::from(use_.index)].key).collect()
}
