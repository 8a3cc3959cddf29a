//! What the path of an operation leads to.

use super::super::context::Context;
use super::super::item::{Item, Node};
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
    let mut found = all(model, resource, path)?;
    if found.len() > 1 {
        return Err(misfit(format!(
            "'{path}' leads to {} elements, it must be one",
            found.len()
        )));
    }
    Ok(found.pop())
}

/// Returns the list of which the path yields the entries; `may_be_absent` allows one that has none yet.
pub(super) fn list(model: &dyn Model, resource: &Value, path: &str, may_be_absent: bool) -> Result<List, Refusal> {
    let found = all(model, resource, path)?;
    let Some(first) = found.first() else {
        if may_be_absent {
            return absent_list(model, resource, path);
        }
        return Err(misfit(format!("'{path}' leads to nothing")));
    };
    let not_a_list = || misfit(format!("'{path}' is not a list"));
    let (Some(Place::Index(_)), before) = (first.way.last(), &first.way[..first.way.len().saturating_sub(1)]) else {
        return Err(not_a_list());
    };
    let (key, holder) = key_of(before).ok_or_else(not_a_list)?;
    let is_beside = |other: &&Found| {
        let before = other.way.split_last().and_then(|(_, before)| key_of(before));
        before.is_some_and(|(k, h)| k == key && h == holder)
    };
    let object = at(resource, holder).and_then(Value::as_object).ok_or_else(not_a_list)?;
    let len = super::edit::list_len(object, &key);
    if found.iter().filter(is_beside).count() != len || found.len() != len {
        return Err(misfit(format!("'{path}' must lead to the whole of one list")));
    }
    Ok(List {
        holder: holder.to_vec(),
        key,
        len,
        ty: first.ty.clone(),
    })
}

/// The first entry of a list: the path without its last name finds the object that is to have it.
fn absent_list(model: &dyn Model, resource: &Value, path: &str) -> Result<List, Refusal> {
    let nothing = || misfit(format!("'{path}' leads to nothing"));
    let (parent, name) = path.rsplit_once('.').ok_or_else(nothing)?;
    let holder = one(model, resource, parent).map_err(|_| nothing())?;
    let ty = holder
        .ty
        .as_deref()
        .and_then(|ty| model.named(ty))
        .ok_or_else(nothing)?;
    let property = model
        .property(ty.id, name.trim())
        .filter(|p| p.array)
        .ok_or_else(nothing)?;
    let ty = Some(property.ty.name.to_string());
    Ok(List {
        holder: holder.way,
        key: property.name.to_string(),
        len: 0,
        ty,
    })
}

fn all(model: &dyn Model, resource: &Value, path: &str) -> Result<Vec<Found>, Refusal> {
    let wrong = |error| malformed(format!("the path '{path}': {error}"));
    let expr = parser::parse(path).map_err(wrong)?;
    let ctx = Context::new(Some(model), resource);
    let items = expr.evaluate(&ctx).map_err(wrong)?;
    let mut out = Vec::with_capacity(items.len());
    for item in &items {
        let Item::Node(node) = item else {
            return Err(misfit(format!("'{path}' leads to a computed value, not to an element")));
        };
        let way = location::locate(resource, node);
        let way = way.ok_or_else(|| misfit(format!("'{path}' leads out of the resource")))?;
        out.push(Found {
            way,
            ty: node.type_name().map(str::to_string),
            is_primitive: is_primitive(node),
        });
    }
    Ok(out)
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
                ty = model
                    .property(ty?.id, key.strip_prefix('_').unwrap_or(key))
                    .map(|p| p.ty);
                value = value.get(key)?;
            }
        }
        if ty.is_some_and(|ty| ty.kind == Kind::AnyResource) && value.is_object() {
            ty = Node::resource(Some(model), value).ty;
        }
    }
    ty.map(|ty| ty.name.to_string())
}
