//! Changes to JSON that keep a primitive and its `_name` sibling together.
//!
//! R4 <https://hl7.org/fhir/R4/json.html#primitive>: two arrays run side by side, filled up with null.

use super::super::location::Place;
use serde_json::{Map, Value};

/// A value and what stands beside it.
pub(super) struct Content {
    pub value: Option<Value>,
    pub sibling: Option<Value>,
}

pub(super) fn at_mut<'v>(root: &'v mut Value, way: &[Place]) -> Option<&'v mut Value> {
    way.iter().try_fold(root, |value, place| match place {
        Place::Key(key) => value.get_mut(key),
        Place::Index(index) => value.get_mut(index),
    })
}

/// Returns how many entries a list has, those without a value among them.
pub(super) fn list_len(holder: &Map<String, Value>, key: &str) -> usize {
    let len = |key: &str| holder.get(key).and_then(Value::as_array).map_or(0, Vec::len);
    len(key).max(len(&beside(key)))
}

fn beside(key: &str) -> String {
    format!("_{key}")
}

pub(super) fn set(holder: &mut Map<String, Value>, key: &str, content: Content) {
    if let Some(value) = content.value {
        holder.insert(key.to_string(), value);
    }
    if let Some(sibling) = content.sibling {
        holder.insert(beside(key), sibling);
    }
}

/// Puts content in the place of `key`, under a key that may be another.
pub(super) fn put(holder: &mut Map<String, Value>, key: &str, new_key: &str, content: Content) {
    let old = std::mem::take(holder);
    let mut content = Some(content);
    for (name, value) in old {
        if name == key || name.strip_prefix('_') == Some(key) {
            if let Some(content) = content.take() {
                set(holder, new_key, content);
            }
        } else {
            holder.insert(name, value);
        }
    }
}

/// Inserts an entry; the index is at most the length.
pub(super) fn insert(holder: &mut Map<String, Value>, key: &str, index: usize, content: Content) {
    let len = list_len(holder, key);
    for (key, entry) in [(key.to_string(), content.value), (beside(key), content.sibling)] {
        if entry.is_none() && !holder.contains_key(&key) {
            continue;
        }
        let Value::Array(items) = holder.entry(key).or_insert_with(|| Value::Array(Vec::new())) else {
            continue;
        };
        items.resize(len.max(items.len()), Value::Null);
        items.insert(index.min(items.len()), entry.unwrap_or(Value::Null));
    }
    tidy(holder, key);
}

/// Puts content in the place of an entry that is there.
pub(super) fn replace(holder: &mut Map<String, Value>, key: &str, index: usize, content: Content) {
    let len = list_len(holder, key);
    for (key, entry) in [(key.to_string(), content.value), (beside(key), content.sibling)] {
        if entry.is_none() && !holder.contains_key(&key) {
            continue;
        }
        let Value::Array(items) = holder.entry(key).or_insert_with(|| Value::Array(Vec::new())) else {
            continue;
        };
        items.resize(len.max(items.len()), Value::Null);
        if let Some(slot) = items.get_mut(index) {
            *slot = entry.unwrap_or(Value::Null);
        }
    }
    tidy(holder, key);
}

/// Removes an entry and returns it.
pub(super) fn remove(holder: &mut Map<String, Value>, key: &str, index: usize) -> Content {
    let mut take = |key: &str| match holder.get_mut(key) {
        Some(Value::Array(items)) if index < items.len() => Some(items.remove(index)).filter(|v| !v.is_null()),
        _ => None,
    };
    let content = Content { value: take(key), sibling: take(&beside(key)) };
    tidy(holder, key);
    content
}

/// An array that is empty or holds nulls alone goes.
fn tidy(holder: &mut Map<String, Value>, key: &str) {
    for key in [key.to_string(), beside(key)] {
        let is_void = matches!(holder.get(&key), Some(Value::Array(items)) if items.iter().all(Value::is_null));
        if is_void {
            holder.shift_remove(&key);
        }
    }
}

/// Deletes what stands at a place, and every object that has nothing left then: FHIR has no empty elements.
pub(super) fn delete(root: &mut Value, way: &[Place]) {
    let mut way = way;
    while let Some((last, before)) = way.split_last() {
        let (key, index, holder) = match last {
            Place::Key(key) => (key, None, before),
            Place::Index(index) => match before.split_last() {
                Some((Place::Key(key), holder)) => (key, Some(*index), holder),
                _ => return,
            },
        };
        let key = key.strip_prefix('_').unwrap_or(key);
        let Some(object) = at_mut(root, holder).and_then(Value::as_object_mut) else {
            return;
        };
        match index {
            Some(index) => {
                remove(object, key, index);
            }
            None => {
                object.shift_remove(key);
                object.shift_remove(&beside(key));
            }
        }
        if !object.is_empty() {
            return;
        }
        way = holder;
    }
}

/// Returns the object beside a primitive, made where there is none.
pub(super) fn sibling_mut<'v>(root: &'v mut Value, way: &[Place]) -> Option<&'v mut Map<String, Value>> {
    let empty = || Value::Object(Map::new());
    let (last, before) = way.split_last()?;
    match last {
        Place::Key(key) => {
            let holder = at_mut(root, before)?.as_object_mut()?;
            let key = beside(key.strip_prefix('_').unwrap_or(key));
            holder.entry(key).or_insert_with(empty).as_object_mut()
        }
        Place::Index(index) => {
            let (Place::Key(key), before) = before.split_last()? else {
                return None;
            };
            let holder = at_mut(root, before)?.as_object_mut()?;
            let key = beside(key.strip_prefix('_').unwrap_or(key));
            let entry = holder.entry(key).or_insert_with(|| Value::Array(Vec::new()));
            let items = entry.as_array_mut()?;
            items.resize(items.len().max(index + 1), Value::Null);
            if items[*index].is_null() {
                items[*index] = empty();
            }
            items[*index].as_object_mut()
        }
    }
}
