//! Parts of a resource: `_summary` and `_elements`.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#summary> and <https://hl7.org/fhir/R4/search.html#elements>. What must be
//! there (`min` above 0), `id` and `meta` always stay, and the result carries the tag SUBSETTED, so that nobody takes
//! it for the whole resource.

use serde_json::{Map, Value, json};

use crate::catalog::{Catalog, Field, TypeDef, TypeKind};
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;

const TAG_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// What to leave of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subset {
    Summary(SummaryMode),
    Elements(Vec<ElementName>),
}

/// A value of `_summary` that makes resources smaller; `count` and `false` do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SummaryMode {
    /// The elements that the definitions mark as summary.
    True,
    /// The narrative, and what must be there.
    Text,
    /// Everything but the narrative.
    Data,
}

/// A name from `_elements`, for one resource type or for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElementName {
    resource_type: Option<ResourceType>,
    /// The name of the element; of a choice without its type.
    name: Box<str>,
}

impl Subset {
    /// Returns the subset for a value of `_elements`, such as `name,Observation.code`.
    ///
    /// A bare name must be an element of one of `types`, or of any type when `types` is empty.
    pub fn elements(catalog: &Catalog, types: &[ResourceType], list: &str) -> Result<Subset, Fault> {
        let names: Result<Vec<ElementName>, Fault> =
            list.split(',').map(|item| element_name(catalog, types, item.trim())).collect();
        names.map(Subset::Elements)
    }
}

/// Leaves of a resource what `subset` says and tags it. A type that `_elements` does not speak of stays whole.
pub fn apply(catalog: &Catalog, resource: &mut Value, subset: &Subset) {
    let Some(object) = resource.as_object_mut() else { return };
    let Some(resource_type) = object.get("resourceType").and_then(Value::as_str).and_then(ResourceType::parse) else {
        return;
    };
    let def = catalog.ty(catalog.resource(resource_type));
    match subset {
        Subset::Summary(SummaryMode::True) => keep_summary(catalog, def, object),
        Subset::Summary(SummaryMode::Text) => {
            keep(def, object, |field| is_kept_always(field) || &*field.name == "text")
        }
        Subset::Summary(SummaryMode::Data) => {
            object.shift_remove("text");
        }
        Subset::Elements(names) => {
            let names: Vec<&str> = names
                .iter()
                .filter(|name| name.resource_type.is_none_or(|wanted| wanted == resource_type))
                .map(|name| &*name.name)
                .collect();
            if names.is_empty() {
                return;
            }
            keep(def, object, |field| is_kept_always(field) || names.contains(&&*field.name));
        }
    }
    tag(object);
}

fn element_name(catalog: &Catalog, types: &[ResourceType], item: &str) -> Result<ElementName, Fault> {
    let unknown = |what: String| Fault::new(Kind::Invalid, format!("_elements: {what}"));
    if let Some((type_name, name)) = item.split_once('.') {
        let Some(resource_type) = ResourceType::parse(type_name) else {
            return Err(unknown(format!(
                "{type_name:?} in {item:?} is not a resource type; only top-level elements can be named"
            )));
        };
        return match field_name(catalog, resource_type, name) {
            Some(name) => Ok(ElementName { resource_type: Some(resource_type), name: name.into() }),
            None => Err(unknown(format!("{resource_type} has no element {name:?}"))),
        };
    }
    let found = match types {
        [] => ResourceType::all().find_map(|t| field_name(catalog, t, item)),
        types => types.iter().find_map(|t| field_name(catalog, *t, item)),
    };
    match (found, types) {
        (Some(name), _) => Ok(ElementName { resource_type: None, name: name.into() }),
        (None, [only]) => Err(unknown(format!("{only} has no element {item:?}"))),
        (None, _) => Err(unknown(format!("no resource type asked for has an element {item:?}"))),
    }
}

/// Returns the element of this name; `value`, `value[x]` and `valueQuantity` are the same one.
fn field_name<'c>(catalog: &'c Catalog, resource_type: ResourceType, name: &str) -> Option<&'c str> {
    let def = catalog.ty(catalog.resource(resource_type));
    let bare = name.strip_suffix("[x]").unwrap_or(name);
    let field = def.field(bare).or_else(|| def.lookup(bare).map(|(field, _)| field))?;
    Some(&field.name)
}

fn is_kept_always(field: &Field) -> bool {
    field.min > 0 || matches!(&*field.name, "id" | "meta")
}

/// Keeps the elements for which `wanted` holds, with their `_name`, and `resourceType`.
fn keep(def: &TypeDef, object: &mut Map<String, Value>, wanted: impl Fn(&Field) -> bool) {
    object.retain(|key, _| {
        let name = key.strip_prefix('_').unwrap_or(key);
        key == "resourceType" || def.lookup(name).is_some_and(|(field, _)| wanted(field))
    });
}

/// Keeps the summary of an object, at every depth. A modifier changes the meaning of the rest, so it stays, too.
fn keep_summary(catalog: &Catalog, def: &TypeDef, object: &mut Map<String, Value>) {
    keep(def, object, |field| field.summary || field.modifier || field.min > 0);
    for (key, value) in object.iter_mut() {
        let Some((field, ty)) = def.lookup(key) else { continue };
        let inner = catalog.ty(ty);
        let has_parts = matches!(inner.kind, TypeKind::Complex | TypeKind::Backbone);
        // A modifier extension is meaningless without its value, which no summary has.
        if has_parts && !field.modifier {
            let parts = match value {
                Value::Array(items) => items.as_mut_slice(),
                one => std::slice::from_mut(one),
            };
            parts.iter_mut().for_each(|part| summarize(catalog, inner, part));
        }
    }
}

/// An element of which nothing is summary, such as one that has only an extension, stays whole: none may be empty.
fn summarize(catalog: &Catalog, def: &TypeDef, part: &mut Value) {
    let Value::Object(object) = part else { return };
    let is_summary = |key: &String| {
        let name = key.strip_prefix('_').unwrap_or(key);
        def.lookup(name)
            .is_some_and(|(field, _)| !field.xml_attribute && (field.summary || field.modifier || field.min > 0))
    };
    if object.keys().any(is_summary) {
        keep_summary(catalog, def, object);
    }
}

fn tag(object: &mut Map<String, Value>) {
    let meta = object.entry("meta").or_insert_with(|| json!({}));
    let Some(meta) = meta.as_object_mut() else { return };
    let tags = meta.entry("tag").or_insert_with(|| json!([]));
    let Some(tags) = tags.as_array_mut() else { return };
    if !tags.iter().any(|tag| tag["system"] == TAG_SYSTEM && tag["code"] == "SUBSETTED") {
        tags.push(json!({"system": TAG_SYSTEM, "code": "SUBSETTED", "display": "subsetted"}));
    }
}

#[cfg(test)]
mod tests;
