//! Repetitions gathered: neighbours in XML, arrays in JSON.
//!
//! R4 <https://hl7.org/fhir/R4/json.html#primitive>: id and extensions of a primitive stand in a property of their
//! own, `_name`, and both arrays keep step with nulls.

use serde_json::{Map, Value};

use crate::catalog::Field;

/// An element as JSON: its value, or null, and for a primitive what stands under `_name`.
pub struct Node {
    pub value: Value,
    pub sibling: Option<Value>,
}

/// The repetitions of one element: neighbours in XML, one or two arrays in JSON.
pub struct Run<'c> {
    pub field: &'c Field,
    pub key: &'c str,
    values: Vec<Value>,
    /// What goes under `_key`; as long as `values` once it is not empty.
    siblings: Vec<Value>,
}

impl<'c> Run<'c> {
    pub fn new(field: &'c Field, key: &'c str) -> Run<'c> {
        Run { field, key, values: Vec::new(), siblings: Vec::new() }
    }

    /// Returns how many repetitions there are.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    pub fn with(mut self, node: Node) -> Run<'c> {
        if node.sibling.is_some() || !self.siblings.is_empty() {
            self.siblings.resize(self.values.len(), Value::Null);
            self.siblings.push(node.sibling.unwrap_or(Value::Null));
        }
        self.values.push(node.value);
        self
    }

    /// Puts the repetitions into `object`. Nulls keep the two arrays of a repeating primitive in step.
    pub fn finish(mut self, object: &mut Map<String, Value>) {
        let has_values = self.values.iter().any(|value| !value.is_null());
        let has_siblings = !self.siblings.is_empty();
        let (value, sibling) = match self.field.array {
            true => (Value::Array(self.values), Value::Array(self.siblings)),
            false => (self.values.pop().unwrap_or(Value::Null), self.siblings.pop().unwrap_or(Value::Null)),
        };
        if has_values {
            object.insert(self.key.to_string(), value);
        }
        if has_siblings {
            object.insert(format!("_{}", self.key), sibling);
        }
    }
}
