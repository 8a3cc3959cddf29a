//! What a patch gives, made into JSON: the key of an element, and objects out of parts.
//!
//! R4 <https://hl7.org/fhir/R4/fhirpatch.html>: a value of a type that has no name of its own is built from parts.

use super::super::model::Model;
use super::edit::{self, Content};
use super::read::{self, Given};
use super::{DEPTH_MAX, Refusal, malformed, misfit};
use crate::fault::Kind;
use serde_json::{Map, Value};

/// The element that a name means below a type.
pub(super) struct Element {
    pub name: String,
    /// The key in JSON, which for a choice ends in the type of the value.
    pub key: String,
    pub ty: String,
    pub array: bool,
}

/// Returns the element of type `parent` that a name and the type of its value mean.
pub(super) fn element(
    model: &dyn Model,
    parent: Option<&str>,
    name: &str,
    given: &Given<'_>,
) -> Result<Element, Refusal> {
    let name = name.strip_suffix("[x]").unwrap_or(name);
    let unknown = || misfit(format!("{} has no element '{name}'", parent.unwrap_or("it")));
    let ty = parent.and_then(|parent| model.named(parent)).ok_or_else(unknown)?;
    if let Some(property) = model.property(ty.id, name) {
        let (name, key) = (property.name.to_string(), name.to_string());
        return Ok(Element { name, key, ty: property.ty.name.to_string(), array: property.array });
    }
    if !model.has_element(ty.id, name) {
        return Err(unknown());
    }
    let Given::Value { suffix, .. } = given else {
        return Err(misfit(format!("'{name}' has a type of choice, so its value must be a value[x]")));
    };
    let key = format!("{name}{suffix}");
    match model.property(ty.id, &key).filter(|p| p.name == name) {
        Some(property) => {
            Ok(Element { name: name.to_string(), key, ty: property.ty.name.to_string(), array: property.array })
        }
        None => Err(misfit(format!("'{name}' of {} cannot be a {suffix}", ty.name))),
    }
}

/// Returns the JSON of a value: as it was given, or built from parts as an object of type `ty`.
pub(super) fn content(model: &dyn Model, ty: Option<&str>, given: &Given<'_>) -> Result<Content, Refusal> {
    match given {
        Given::Value { value, sibling, .. } => Ok(Content { value: value.cloned(), sibling: sibling.cloned() }),
        Given::Parts(parts) => {
            let object = build(model, ty, parts, 0)?;
            Ok(Content { value: Some(Value::Object(object)), sibling: None })
        }
    }
}

fn build(model: &dyn Model, ty: Option<&str>, parts: &[Value], depth: usize) -> Result<Map<String, Value>, Refusal> {
    if depth > DEPTH_MAX {
        return Err((Kind::TooCostly, format!("the parts are nested more than {DEPTH_MAX} deep")));
    }
    let mut object = Map::new();
    for part in parts {
        let name = part.get("name").and_then(Value::as_str).ok_or_else(|| malformed("a part has no name"))?;
        let given = read::given(part)?.ok_or_else(|| malformed(format!("the part '{name}' has no value")))?;
        let element = element(model, ty, name, &given)?;
        let content = match &given {
            Given::Parts(parts) => {
                let inner = build(model, Some(&element.ty), parts, depth + 1)?;
                Content { value: Some(Value::Object(inner)), sibling: None }
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
