//! Where a node stands in its resource.
//!
//! Nodes are borrowed, so a node is found again by its address; evaluation carries no paths along. Costs one walk
//! through the resource, which is paid only for a patch or a message.

use super::item::Node;
use super::model::{Kind, Model, Type};
use serde_json::Value;
use std::fmt::Write;

/// One step from a value to a part of it, as JSON has it: `valueQuantity`, `_given`, `0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Key(String),
    Index(usize),
}

/// Returns the way from `root` to a node of it; none when the node is of another resource.
///
/// A primitive that has only extensions is found by its `_name` sibling.
pub fn locate(root: &Value, node: &Node<'_>) -> Option<Vec<Place>> {
    let target = node.value.or(node.sibling)?;
    let mut way = Vec::new();
    search(root, target, &mut way).then(|| {
        way.reverse();
        way
    })
}

/// Fills `way` from its end.
fn search(value: &Value, target: &Value, way: &mut Vec<Place>) -> bool {
    if std::ptr::eq(value, target) {
        return true;
    }
    match value {
        Value::Object(members) => members.iter().any(|(key, value)| {
            let found = search(value, target, way);
            if found {
                way.push(Place::Key(key.clone()));
            }
            found
        }),
        Value::Array(items) => items.iter().enumerate().any(|(i, value)| {
            let found = search(value, target, way);
            if found {
                way.push(Place::Index(i));
            }
            found
        }),
        _ => false,
    }
}

/// Returns the FHIRPath of a place: `Patient.name[0].given[1]`, `Observation.value` for the key `valueQuantity`.
pub fn expression(model: &dyn Model, root: &Node<'_>, way: &[Place]) -> String {
    let mut out = root.type_name().unwrap_or("Resource").to_string();
    let (mut ty, mut value) = (root.ty, root.value);
    for place in way {
        match place {
            Place::Index(i) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "[{i}]");
                value = value.and_then(|v| v.get(i));
            }
            Place::Key(key) => {
                let name = key.strip_prefix('_').unwrap_or(key);
                let property = ty.and_then(|ty| model.property(ty.id, name));
                let _ = write!(out, ".{}", property.map_or(name, |p| p.name));
                // Beside a primitive stands an Element: its id and extensions.
                ty = if name == key { property.map(|p| p.ty) } else { model.named("Element") };
                value = value.and_then(|v| v.get(key));
            }
        }
        ty = refined(model, ty, value);
    }
    out
}

/// A resource inside of another says itself what it is.
fn refined<'m>(model: &'m dyn Model, ty: Option<Type<'m>>, value: Option<&Value>) -> Option<Type<'m>> {
    if ty.is_none_or(|ty| ty.kind != Kind::AnyResource) {
        return ty;
    }
    let name = value.and_then(|v| v.get("resourceType")).and_then(Value::as_str);
    name.and_then(|name| model.named(name)).or(ty)
}
