//! From a path of element names to the JSON keys that hold it, by the types of the catalog.
//!
//! R4 <https://hl7.org/fhir/R4/json.html>: `value` is `valueQuantity`, `valueString`, … in JSON.

use super::path::{Path, Step};
use super::tree::Hop;
use crate::catalog::{Catalog, CodeSet, TypeId, TypeKind};
use crate::fhir::ResourceType;
use std::sync::Arc;

/// One way through JSON that a path stands for.
#[derive(Debug, Clone)]
pub struct Route {
    pub hops: Vec<Hop>,
    pub type_name: Box<str>,
    /// Whether no array is on the way.
    pub single: bool,
    /// The required codes of a plain `code` at the end.
    pub codes: Option<Arc<CodeSet>>,
    /// The types that a reference at the end may lead to; empty for any.
    pub targets: Vec<ResourceType>,
    ty: TypeId,
}

/// Returns every route of a path that starts in `root` and ends in one of the `casts`, or in any type without them.
pub fn routes(catalog: &Catalog, root: TypeId, path: &Path, casts: &[Box<str>]) -> Vec<Route> {
    let start =
        Route { hops: Vec::new(), type_name: "".into(), single: true, codes: None, targets: Vec::new(), ty: root };
    let mut routes = vec![start];
    for step in &path.steps {
        routes = match step {
            Step::Element(name) => routes.iter().flat_map(|route| descend(catalog, route, name)).collect(),
            Step::As(name) => routes.into_iter().filter(|route| *route.type_name == **name).collect(),
            Step::Where { element, text } => {
                for route in &mut routes {
                    route.hops.push(Hop::Where(element.clone(), text.clone()));
                }
                routes
            }
        };
    }
    routes.retain(|route| casts.is_empty() || casts.contains(&route.type_name));
    routes
}

fn descend(catalog: &Catalog, route: &Route, name: &str) -> Vec<Route> {
    let def = catalog.ty(route.ty);
    // What a contained resource holds depends on its own type; it is not the container's to search.
    if def.kind == TypeKind::Resource && !route.hops.is_empty() {
        return Vec::new();
    }
    // Some definitions name a choice as it stands in JSON: `valueDateTime`.
    let named = || def.lookup(name).map(|(field, ty)| (field, field.types.iter().filter(|t| t.ty == ty).collect()));
    let whole = def.field(name).map(|field| (field, field.types.iter().collect::<Vec<_>>()));
    let Some((field, types)) = whole.or_else(named) else {
        return Vec::new();
    };
    let one = |ty: &crate::catalog::FieldType| {
        let mut hops = route.hops.clone();
        hops.push(Hop::Key(ty.json_key.clone()));
        Route {
            hops,
            type_name: catalog.ty(ty.ty).name.clone(),
            single: route.single && !field.array,
            codes: field.codes.clone(),
            targets: ty.targets.iter().filter_map(|name| ResourceType::parse(name)).collect(),
            ty: ty.ty,
        }
    };
    types.into_iter().map(one).collect()
}
