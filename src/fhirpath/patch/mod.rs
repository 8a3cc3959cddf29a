//! FHIRPath Patch: a Parameters resource of add, insert, delete, replace and move.
//!
//! R4 <https://hl7.org/fhir/R4/fhirpatch.html>. All operations are applied or none is. The result is well-formed
//! JSON, but whether it is a valid resource the caller must check.

mod build;
mod edit;
mod read;
mod target;

#[cfg(test)]
mod tests;

use super::location::Place;
use super::model::Model;
use crate::fault::{Fault, Kind};
use build::{content, element};
use read::{Action, Given, Operation};
use serde_json::{Map, Value};
use target::{Found, List};

/// Most operations in one patch.
pub const OPERATIONS_MAX: usize = 500;
/// Deepest nesting of the result.
pub const DEPTH_MAX: usize = 64;

/// Applies a patch; on a fault `resource` is as it was before.
///
/// A patch that is not one is [`Kind::Structure`]; one that does not fit the resource is [`Kind::BusinessRule`]. The
/// expression of the fault is the operation: `Parameters.parameter[2]`.
pub fn apply(model: &dyn Model, resource: &mut Value, parameters: &Value) -> Result<(), Fault> {
    let mut patched = resource.clone();
    for operation in read::operations(parameters)? {
        let index = operation.index;
        run(model, &mut patched, &operation)
            .map_err(|(kind, why)| Fault::at(kind, format!("Parameters.parameter[{index}]"), why))?;
    }
    if depth(&patched) > DEPTH_MAX {
        let why = format!("the result would be nested more than {DEPTH_MAX} deep");
        return Err(Fault::new(Kind::TooCostly, why));
    }
    *resource = patched;
    Ok(())
}

/// Each operation adds only what the patch holds, so the depth stays below operations times body depth.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Why an operation is not done, and of what kind that is.
type Refusal = (Kind, String);

fn malformed(why: impl Into<String>) -> Refusal {
    (Kind::Structure, why.into())
}

fn misfit(why: impl Into<String>) -> Refusal {
    (Kind::BusinessRule, why.into())
}

fn run(model: &dyn Model, resource: &mut Value, operation: &Operation<'_>) -> Result<(), Refusal> {
    let path = operation.path;
    match operation.action {
        Action::Add { name, ref value } => {
            let found = target::one(model, resource, path)?;
            add(model, resource, &found, name, value).map_err(|(kind, why)| (kind, format!("add to '{path}': {why}")))
        }
        Action::Insert { index, ref value } => {
            let list = target::list(model, resource, path, index == 0)?;
            if index > list.len {
                return Err(misfit(format!("insert: '{path}' has {} entries, so {index} is no place in it", list.len)));
            }
            let content = content(model, list.ty.as_deref(), value)?;
            edit::insert(holder(resource, &list)?, &list.key, index, content);
            Ok(())
        }
        Action::Delete => {
            let Some(found) = target::one_or_none(model, resource, path)? else {
                return Ok(());
            };
            if found.way.is_empty() {
                return Err(misfit("delete: the resource itself cannot be deleted by a patch"));
            }
            edit::delete(resource, &found.way);
            Ok(())
        }
        Action::Replace { ref value } => {
            let found = target::one(model, resource, path)?;
            replace(model, resource, &found, value).map_err(|(kind, why)| (kind, format!("replace '{path}': {why}")))
        }
        Action::Move { source, destination } => {
            let list = target::list(model, resource, path, false)?;
            if source.max(destination) >= list.len {
                let why = format!("move: '{path}' has {} entries, so {source} to {destination} is no move", list.len);
                return Err(misfit(why));
            }
            let holder = holder(resource, &list)?;
            let content = edit::remove(holder, &list.key, source);
            edit::insert(holder, &list.key, destination, content);
            Ok(())
        }
    }
}

fn holder<'r>(resource: &'r mut Value, list: &List) -> Result<&'r mut Map<String, Value>, Refusal> {
    let value = edit::at_mut(resource, &list.holder).and_then(Value::as_object_mut);
    value.ok_or_else(|| misfit(format!("there is no object that holds '{}'", list.key)))
}

fn add(model: &dyn Model, resource: &mut Value, found: &Found, name: &str, given: &Given<'_>) -> Result<(), Refusal> {
    if found.is_primitive {
        return add_to_primitive(model, resource, found, name, given);
    }
    let element = element(model, found.ty.as_deref(), name, given)?;
    let content = content(model, Some(&element.ty), given)?;
    let holder = edit::at_mut(resource, &found.way).and_then(Value::as_object_mut);
    let holder = holder.ok_or_else(|| misfit("it is not an object"))?;
    if element.array {
        let end = edit::list_len(holder, &element.key);
        edit::insert(holder, &element.key, end, content);
        return Ok(());
    }
    let is_there = |key: &String| {
        let key = key.strip_prefix('_').unwrap_or(key);
        let ty = found.ty.as_deref().and_then(|ty| model.named(ty));
        ty.and_then(|ty| model.property(ty.id, key)).map_or(key == element.key, |p| p.name == element.name)
    };
    if let Some(key) = holder.keys().find(|key| is_there(key)) {
        return Err(misfit(format!("'{key}' is there already and does not repeat; replace it instead")));
    }
    edit::set(holder, &element.key, content);
    Ok(())
}

/// The id and the extensions of a primitive stand beside it.
fn add_to_primitive(
    model: &dyn Model,
    resource: &mut Value,
    found: &Found,
    name: &str,
    given: &Given<'_>,
) -> Result<(), Refusal> {
    let element = element(model, Some("Element"), name, given)?;
    let content = content(model, Some(&element.ty), given)?;
    let beside = edit::sibling_mut(resource, &found.way).ok_or_else(|| misfit("it cannot have extensions"))?;
    if element.array {
        let end = edit::list_len(beside, &element.key);
        edit::insert(beside, &element.key, end, content);
        return Ok(());
    }
    if beside.contains_key(&element.key) {
        return Err(misfit(format!("'{name}' is there already and does not repeat; replace it instead")));
    }
    edit::set(beside, &element.key, content);
    Ok(())
}

fn replace(model: &dyn Model, resource: &mut Value, found: &Found, given: &Given<'_>) -> Result<(), Refusal> {
    let Some((last, before)) = found.way.split_last() else {
        return Err(misfit("the resource itself cannot be replaced by a patch"));
    };
    let content = content(model, found.ty.as_deref(), given)?;
    match last {
        Place::Index(index) => {
            let (key, before) = target::key_of(before).ok_or_else(|| misfit("it is a list within a list"))?;
            let holder = edit::at_mut(resource, before).and_then(Value::as_object_mut);
            let holder = holder.ok_or_else(|| misfit("it is not in an object"))?;
            edit::replace(holder, &key, *index, content);
        }
        Place::Key(key) => {
            let key = key.strip_prefix('_').unwrap_or(key).to_string();
            let parent = target::type_of(model, resource, before);
            let holder = edit::at_mut(resource, before).and_then(Value::as_object_mut);
            let holder = holder.ok_or_else(|| misfit("it is not in an object"))?;
            let name = parent.as_deref().and_then(|ty| model.named(ty)).and_then(|ty| model.property(ty.id, &key));
            let name = name.map(|p| p.name.to_string());
            let new_key = match name {
                Some(name) if name != key => element(model, parent.as_deref(), &name, given)?.key,
                _ => key.clone(),
            };
            edit::put(holder, &key, &new_key, content);
        }
    }
    Ok(())
}
