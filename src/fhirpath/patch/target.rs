//! What the path of an operation leads to.

use super::super::context::Context;
use super::super::item::Node;
use super::super::location::{self, Place};
use super::super::model::{Kind, Model};
use super::super::parser;
use super::{Refusal, malformed, misfit};
use serde_json::Value;

/// An element that a path has found.
pub(super) struct Found {
    pub way: Vec<Place>,
    pub ty: Option<String>,
    pub is_primitive: bool,
}

/// A list as a whole.
pub(super) struct List {
    /// The way to the object that has it.
    pub holder: Vec<Place>,
    pub key: String,
    pub len: usize,
    /// The type of its entries.
    pub ty: Option<String>,
}

pub(super) fn one(model: &dyn Model, resource: &Value, path: &str) -> Result<Found, Refusal> {
    one_or_none(model, resource, path)?.ok_or_else(|| misfit(format!("'{path}' leads to nothing")))
}

pub(super) fn one_or_none(model: &dyn Model, resource: &Value, path: &str) -> Result<Option<Found>, Refusal> {
    with_nodes(model, resource, path, |nodes| match nodes {
        [] => Ok(None),
        [node] => found(resource, node, path).map(Some),
        many => Err(misfit(format!("'{path}' leads to {} elements, it must be one", many.len()))),
    })
}

/// Returns the list of which the path yields the entries; `may_be_absent` allows one that has none yet.
pub(super) fn list(model: &dyn Model, resource: &Value, path: &str, may_be_absent: bool) -> Result<List, Refusal> {
    let list = with_nodes(model, resource, path, |nodes| match nodes.first() {
        None => Ok(None),
        Some(first) => list_of(resource, first, nodes, path).map(Some),
    })?;
    match list {
        Some(list) => Ok(list),
        None if may_be_absent => absent_list(model, resource, path),
        None => Err(misfit(format!("'{path}' leads to nothing"))),
    }
}

/// Only the first entry is looked for in the resource; the others must be those that follow it.
fn list_of(resource: &Value, first: &Node<'_>, nodes: &[Node<'_>], path: &str) -> Result<List, Refusal> {
    let not_a_list = || misfit(format!("'{path}' is not a list"));
    let found = found(resource, first, path)?;
    let Some((Place::Index(_), before)) = found.way.split_last() else {
        return Err(not_a_list());
    };
    let (key, holder) = key_of(before).ok_or_else(not_a_list)?;
    let object = at(resource, holder).and_then(Value::as_object).ok_or_else(not_a_list)?;
    let len = super::edit::list_len(object, &key);
    let entry = |key: &str, i: usize| object.get(key).and_then(|list| list.get(i)).filter(|v| !v.is_null());
    let beside = format!("_{key}");
    let is_entry = |(i, node): (usize, &Node<'_>)| {
        let entry = entry(&key, i).or_else(|| entry(&beside, i));
        entry.zip(node.value.or(node.sibling)).is_some_and(|(a, b)| std::ptr::eq(a, b))
    };
    if nodes.len() != len || !nodes.iter().enumerate().all(is_entry) {
        return Err(misfit(format!("'{path}' must lead to the whole of one list")));
    }
    Ok(List { holder: holder.to_vec(), len, ty: found.ty.clone(), key })
}

/// The first entry of a list: the path without its last name finds the object that is to have it.
fn absent_list(model: &dyn Model, resource: &Value, path: &str) -> Result<List, Refusal> {
    let nothing = || misfit(format!("'{path}' leads to nothing"));
    let (parent, name) = path.rsplit_once('.').ok_or_else(nothing)?;
    let holder = one(model, resource, parent).map_err(|_| nothing())?;
    let ty = holder.ty.as_deref().and_then(|ty| model.named(ty)).ok_or_else(nothing)?;
    let property = model.property(ty.id, name.trim()).filter(|p| p.array).ok_or_else(nothing)?;
    let ty = Some(property.ty.name.to_string());
    Ok(List { holder: holder.way, key: property.name.to_string(), len: 0, ty })
}

/// Evaluates a path and hands on the elements that it leads to.
fn with_nodes<T>(
    model: &dyn Model,
    resource: &Value,
    path: &str,
    take: impl FnOnce(&[Node<'_>]) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let wrong = |error| malformed(format!("the path '{path}': {error}"));
    let expr = parser::parse(path).map_err(wrong)?;
    let ctx = Context::new(Some(model), resource);
    let items = expr.evaluate(&ctx).map_err(wrong)?;
    let nodes: Option<Vec<Node<'_>>> = items.iter().map(|item| item.node().copied()).collect();
    let computed = || misfit(format!("'{path}' leads to a computed value, not to an element"));
    take(&nodes.ok_or_else(computed)?)
}

fn found(resource: &Value, node: &Node<'_>, path: &str) -> Result<Found, Refusal> {
    let way = location::locate(resource, node);
    let way = way.ok_or_else(|| misfit(format!("'{path}' leads out of the resource")))?;
    if matches!(way.last(), Some(Place::Key(key)) if key == "resourceType") {
        return Err(misfit("the type of a resource cannot be patched"));
    }
    Ok(Found { way, ty: node.type_name().map(str::to_string), is_primitive: is_primitive(node) })
}

fn is_primitive(node: &Node<'_>) -> bool {
    node.ty.is_some_and(|ty| ty.kind.is_primitive())
}

/// Returns the name of the list or element that a way ends in, without `_`, and the way to its holder.
pub(super) fn key_of(way: &[Place]) -> Option<(String, &[Place])> {
    match way.split_last()? {
        (Place::Key(key), holder) => Some((key.strip_prefix('_').unwrap_or(key).to_string(), holder)),
        _ => None,
    }
}

fn at<'v>(root: &'v Value, way: &[Place]) -> Option<&'v Value> {
    way.iter().try_fold(root, |value, place| match place {
        Place::Key(key) => value.get(key),
        Place::Index(index) => value.get(index),
    })
}

/// Returns the type of what stands at a place.
pub(super) fn type_of(model: &dyn Model, resource: &Value, way: &[Place]) -> Option<String> {
    let mut value = resource;
    let mut ty = Node::resource(Some(model), resource).ty;
    for place in way {
        match place {
            Place::Index(index) => value = value.get(index)?,
            Place::Key(key) => {
                ty = model.property(ty?.id, key.strip_prefix('_').unwrap_or(key)).map(|p| p.ty);
                value = value.get(key)?;
            }
        }
        if ty.is_some_and(|ty| ty.kind == Kind::AnyResource) && value.is_object() {
            ty = Node::resource(Some(model), value).ty;
        }
    }
    ty.map(|ty| ty.name.to_string())
}
