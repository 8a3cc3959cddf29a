//! FHIRPath Patch: a Parameters resource of add, insert, delete, replace and move.
//!
//! R4 <https://hl7.org/fhir/R4/fhirpatch.html>. All operations are applied or none is. The result is well-formed
//! JSON, but whether it is a valid resource the caller must check.

mod edit;
mod read;
mod target;

#[cfg(test)]
mod tests;

use super::model::Model;
use crate::fault::{Fault, Kind};
use edit::Content;
use read::{Action, Given, Operation};
use serde_json::{Map, Value};
use target::{Found, List};

/// Most operations in one patch.
pub const OPERATIONS_MAX: usize = 1_000;

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
    *resource = patched;
    Ok(())
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
                return Err(misfit(format!(
                    "insert: '{path}' has {} entries, so {index} is no place in it",
                    list.len
                )));
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
                let why = format!(
                    "move: '{path}' has {} entries, so {source} to {destination} is no move",
                    list.len
                );
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
        ty.and_then(|ty| model.property(ty.id, key))
            .map_or(key == element.key, |p| p.name == element.name)
    };
    if let Some(key) = holder.keys().find(|key| is_there(key)) {
        return Err(misfit(format!(
            "'{key}' is there already and does not repeat; replace it instead"
        )));
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
        return Err(misfit(format!(
            "'{name}' is there already and does not repeat; replace it instead"
        )));
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
        super::location::Place::Index(index) => {
            let (key, before) = target::key_of(before).ok_or_else(|| misfit("it is a list within a list"))?;
            let holder = edit::at_mut(resource, before).and_then(Value::as_object_mut);
            let holder = holder.ok_or_else(|| misfit("it is not in an object"))?;
            edit::remove(holder, &key, *index);
            edit::insert(holder, &key, *index, content);
        }
        super::location::Place::Key(key) => {
            let key = key.strip_prefix('_').unwrap_or(key).to_string();
            let parent = target::type_of(model, resource, before);
            let holder = edit::at_mut(resource, before).and_then(Value::as_object_mut);
            let holder = holder.ok_or_else(|| misfit("it is not in an object"))?;
            let name = parent
                .as_deref()
                .and_then(|ty| model.named(ty))
                .and_then(|ty| model.property(ty.id, &key));
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

/// The element that a name means below a type.
struct Element {
    name: String,
    /// The key in JSON, which for a choice ends in the type of the value.
    key: String,
    ty: String,
    array: bool,
}

fn element(model: &dyn Model, parent: Option<&str>, name: &str, given: &Given<'_>) -> Result<Element, Refusal> {
    let name = name.strip_suffix("[x]").unwrap_or(name);
    let unknown = || misfit(format!("{} has no element '{name}'", parent.unwrap_or("it")));
    let ty = parent.and_then(|parent| model.named(parent)).ok_or_else(unknown)?;
    if let Some(property) = model.property(ty.id, name) {
        let (name, key) = (property.name.to_string(), name.to_string());
        return Ok(Element {
            name,
            key,
            ty: property.ty.name.to_string(),
            array: property.array,
        });
    }
    if !model.has_element(ty.id, name) {
        return Err(unknown());
    }
    let Given::Value { suffix, .. } = given else {
        return Err(misfit(format!(
            "'{name}' has a type of choice, so its value must be a value[x]"
        )));
    };
    let key = format!("{name}{suffix}");
    match model.property(ty.id, &key).filter(|p| p.name == name) {
        Some(property) => Ok(Element {
            name: name.to_string(),
            key,
            ty: property.ty.name.to_string(),
            array: property.array,
        }),
        None => Err(misfit(format!("'{name}' of {} cannot be a {suffix}", ty.name))),
    }
}

/// Returns the JSON of a value: as it was given, or built from parts as an object of type `ty`.
fn content(model: &dyn Model, ty: Option<&str>, given: &Given<'_>) -> Result<Content, Refusal> {
    match given {
        Given::Value { value, sibling, .. } => Ok(Content {
            value: value.cloned(),
            sibling: sibling.cloned(),
        }),
        Given::Parts(parts) => {
            let object = build(model, ty, parts, 0)?;
            Ok(Content {
                value: Some(Value::Object(object)),
                sibling: None,
            })
        }
    }
}

/// Deepest nesting of parts.
const DEPTH_MAX: usize = 32;

fn build(model: &dyn Model, ty: Option<&str>, parts: &[Value], depth: usize) -> Result<Map<String, Value>, Refusal> {
    if depth > DEPTH_MAX {
        return Err((
            Kind::TooCostly,
            format!("the parts are nested more than {DEPTH_MAX} deep"),
        ));
    }
    let mut object = Map::new();
    for part in parts {
        let name = part
            .get("name")
            .and_then(Value::as_str)
            .ok_or_else(|| malformed("a part has no name"))?;
        let given = read::given(part)?.ok_or_else(|| malformed(format!("the part '{name}' has no value")))?;
        let element = element(model, ty, name, &given)?;
        let content = match &given {
            Given::Parts(parts) => {
                let inner = build(model, Some(&element.ty), parts, depth + 1)?;
                Content {
                    value: Some(Value::Object(inner)),
                    sibling: None,
                }
            }
            Given::Value { .. } => content(model, Some(&element.ty), &given)?,
        };
        if element.array {
            let end = edit::list_len(&object, &element.key);
            edit::insert(&mut object, &element.key, end, content);
        } else if object.contains_key(&element.key) {
            return Err(misfit(format!("'{name}' stands twice and does not repeat")));
        } else {
            edit::set(&mut object, &element.key, content);
        }
    }
    if object.is_empty() {
        return Err(malformed("the value has no content"));
    }
    Ok(object)
}
