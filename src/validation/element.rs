//! Checks one element of an object: its JSON form, how often it stands there, its value.
//!
//! R4 <https://hl7.org/fhir/R4/json.html>. The walk over an object's elements is in [`super::structure`].

use serde_json::{Map, Value};

use super::primitive::{self, Wrong};
use super::reference;
use super::structure::{Check, excerpt, json_type};
use crate::catalog::{Field, FieldType, Primitive, TypeId, TypeKind};
use crate::fault::Kind;

impl<'a> Check<'a> {
    pub(super) fn element(
        &mut self,
        field: &'a Field,
        ty: &'a FieldType,
        value: Option<&'a Value>,
        sibling: Option<&'a Value>,
    ) {
        match (self.catalog.ty(ty.ty).kind, value, sibling) {
            (TypeKind::Primitive(primitive), _, _) if field.array => {
                self.primitives(field, primitive, ty.ty, value, sibling);
            }
            (TypeKind::Primitive(primitive), _, _) => {
                if let Some(value) = value {
                    self.primitive(field, primitive, value);
                }
                if let Some(sibling) = sibling {
                    self.sibling(ty.ty, sibling);
                }
            }
            (_, _, Some(_)) => {
                self.report(Kind::Structure, "is not primitive, so it has no sibling with an underscore")
            }
            (_, Some(value), None) if field.array => self.complexes(field, ty, value),
            (_, Some(value), None) => self.complex(field, ty, value),
            (_, None, None) => {}
        }
    }

    fn complexes(&mut self, field: &'a Field, ty: &'a FieldType, value: &'a Value) {
        let Some(items) = self.array(value) else { return };
        self.length(field, items.len());
        for (i, item) in items.iter().enumerate() {
            self.path.push_index(i);
            self.complex(field, ty, item);
            self.path.pop();
        }
    }

    fn complex(&mut self, field: &'a Field, ty: &'a FieldType, value: &'a Value) {
        let Value::Object(map) = value else {
            return self.report(Kind::Structure, format!("must be an object, not {}", json_type(value)));
        };
        let known = self.catalog.known();
        if ty.ty == known.resource {
            return self.inner_resource(field, value);
        }
        self.object(self.catalog.ty(ty.ty), map);
        if ty.ty == known.reference {
            self.reference(ty, map);
        } else if ty.ty == known.extension {
            self.extension(map);
        }
    }

    /// A resource within a resource. R4 references.html#contained: contained ones have an id and contain no others.
    fn inner_resource(&mut self, field: &'a Field, value: &'a Value) {
        let outer = self.contained;
        self.contained = *field.name == *"contained";
        if self.contained && outer {
            self.report(Kind::Structure, "a contained resource must not contain others");
        }
        self.resource(value);
        if self.contained && value.get("id").is_none() {
            self.path.push_name("id");
            self.report(Kind::Required, "is missing; a contained resource needs it to be referred to");
            self.path.pop();
        }
        self.contained = outer;
    }

    fn reference(&mut self, ty: &FieldType, map: &Map<String, Value>) {
        if let Some(Value::String(text)) = map.get("reference")
            && let Err(text) = reference::check(text, &ty.targets)
        {
            self.path.push_name("reference");
            self.report(Kind::Value, text);
            self.path.pop();
        }
    }

    /// ext-1: an extension has a value or extensions, not both.
    fn extension(&mut self, map: &Map<String, Value>) {
        let nested = map.contains_key("extension");
        let valued = map.keys().any(|key| key.strip_prefix('_').unwrap_or(key).starts_with("value"));
        match (nested, valued) {
            (true, true) => self.report(Kind::Structure, "ext-1: must have a value or extensions, not both"),
            (false, false) => self.report(Kind::Required, "ext-1: must have a value or extensions"),
            _ => {}
        }
    }

    /// A repeating primitive: values and siblings pair by position, and null stands for whichever is absent.
    fn primitives(
        &mut self,
        field: &'a Field,
        primitive: Primitive,
        ty: TypeId,
        value: Option<&'a Value>,
        sibling: Option<&'a Value>,
    ) {
        let values = value.map(|value| self.array(value));
        let siblings = sibling.map(|sibling| self.array(sibling));
        let (values, siblings) = match (values, siblings) {
            // Not an array, and reported.
            (Some(None), _) | (_, Some(None)) => return,
            (values, siblings) => (values.flatten(), siblings.flatten()),
        };
        let length = values.or(siblings).map_or(0, |items| items.len());
        self.length(field, length);
        if let (Some(values), Some(siblings)) = (values, siblings)
            && values.len() != siblings.len()
        {
            let text = "must have as many values as its sibling with an underscore: they pair by position";
            return self.report(Kind::Structure, text);
        }
        for i in 0..length {
            self.path.push_index(i);
            let item = values.map(|items| &items[i]).filter(|item| !item.is_null());
            let sibling = siblings.map(|items| &items[i]).filter(|item| !item.is_null());
            if let Some(item) = item {
                self.primitive(field, primitive, item);
            }
            if let Some(sibling) = sibling {
                self.sibling(ty, sibling);
            }
            if item.is_none() && sibling.is_none() {
                self.report(Kind::Structure, "must not be null without an id or extension in its place");
            }
            self.path.pop();
        }
    }

    fn primitive(&mut self, field: &Field, primitive: Primitive, value: &Value) {
        match primitive::check(primitive, value) {
            Err(Wrong::JsonType(wanted)) => {
                return self.report(Kind::Structure, format!("must be {wanted}, not {}", json_type(value)));
            }
            Err(Wrong::Rule(rule)) => return self.report(Kind::Value, format!("must be {rule}")),
            Ok(()) => {}
        }
        let Value::String(text) = value else { return };
        // R4 element-definitions.html: Element.id is a string without spaces.
        if field.xml_attribute && *field.name == *"id" && text.contains(' ') {
            self.report(Kind::Value, "must be an id without spaces");
        }
        if let Some(codes) = &field.codes
            && !codes.contains(text)
        {
            let allowed = if codes.codes().len() <= 12 {
                format!(": {}", codes.codes().collect::<Vec<_>>().join(", "))
            } else {
                String::new()
            };
            let text = format!("'{}' is not a code of the value set {}{allowed}", excerpt(text), codes.url);
            self.report(Kind::Code, text);
        }
    }

    /// The `id` and `extension` of a primitive. R4 json.html#primitive.
    fn sibling(&mut self, ty: TypeId, sibling: &'a Value) {
        match sibling {
            Value::Object(map) => self.object(self.catalog.ty(ty), map),
            other => {
                let text = format!("the sibling with an underscore must be an object, not {}", json_type(other));
                self.report(Kind::Structure, text);
            }
        }
    }

    fn array(&mut self, value: &'a Value) -> Option<&'a [Value]> {
        match value {
            Value::Array(items) if items.is_empty() => {
                self.report(Kind::Structure, "is an empty array: leave out what has no value");
                None
            }
            Value::Array(items) => Some(items),
            other => {
                self.report(Kind::Structure, format!("may repeat, so it must be an array, not {}", json_type(other)));
                None
            }
        }
    }

    fn length(&mut self, field: &Field, length: usize) {
        if let Some(max) = field.max.filter(|max| length > *max as usize) {
            self.report(Kind::Structure, format!("must have at most {max} values, not {length}"));
        }
    }
}
