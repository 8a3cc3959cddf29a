//! All children of a node, and its extensions.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#tree-navigation>; ids and extensions of primitives: R4
//! <https://hl7.org/fhir/R4/json.html#primitive>.

use super::super::error::FhirpathError;
use super::super::evaluator::Evaluator;
use super::super::item::{Item, Node};
use serde_json::{Map, Value};

impl<'a> Evaluator<'a> {
    /// Pushes the extensions of an item that have this url.
    pub(in crate::fhirpath) fn extensions(
        &mut self,
        item: &Item<'a>,
        url: &str,
        out: &mut Vec<Item<'a>>,
    ) -> Result<(), FhirpathError> {
        let Item::Node(node) = item else { return Ok(()) };
        let holder = node.object().or(node.sibling.and_then(Value::as_object));
        let Some(Value::Array(extensions)) = holder.and_then(|h| h.get("extension")) else {
            return Ok(());
        };
        let ty = self.element_property("extension");
        for extension in extensions {
            self.spend(1)?;
            if extension.get("url").and_then(Value::as_str) == Some(url) {
                out.push(Item::Node(Node { value: Some(extension), sibling: None, ty }));
            }
        }
        Ok(())
    }

    /// Pushes all children of an item, in the order of the JSON.
    pub(in crate::fhirpath) fn children(
        &mut self,
        item: &Item<'a>,
        out: &mut Vec<Item<'a>>,
    ) -> Result<(), FhirpathError> {
        let Item::Node(node) = item else { return Ok(()) };
        let Some(object) = node.object() else {
            let Some(Value::Object(sibling)) = node.sibling else {
                return Ok(());
            };
            for (key, value) in sibling {
                let ty = self.element_property(key);
                self.push_all(Node { value: Some(value), sibling: None, ty }, out)?;
            }
            return Ok(());
        };
        for (key, value) in object {
            let (name, is_sibling) = match key.strip_prefix('_') {
                Some(name) => (name, true),
                None => (key.as_str(), false),
            };
            // `_name` comes along with `name`, and on its own only where there is no `name`.
            if is_sibling && object.contains_key(name) {
                continue;
            }
            let ty = match (node.ty, self.ctx.model) {
                (Some(ty), Some(model)) => match model.property(ty.id, name) {
                    Some(property) => Some(property.ty),
                    None => continue,
                },
                _ => None,
            };
            let (value, sibling) =
                if is_sibling { (None, Some(value)) } else { (Some(value), sibling(object, key, value)) };
            self.push_all(Node { value, sibling, ty }, out)?;
        }
        Ok(())
    }

    fn push_all(&mut self, node: Node<'a>, out: &mut Vec<Item<'a>>) -> Result<(), FhirpathError> {
        let items = node.value.and_then(Value::as_array);
        let siblings = node.sibling.and_then(Value::as_array);
        if items.is_none() && siblings.is_none() {
            return self.arrive(node, &[], out);
        }
        self.each(items, siblings, node.ty, |this, entry| this.arrive(entry, &[], out))
    }
}

/// Objects and arrays of objects have no sibling, which spares the look-up.
fn sibling<'a>(object: &'a Map<String, Value>, key: &str, value: &Value) -> Option<&'a Value> {
    let has_none = match value {
        Value::Object(_) => true,
        Value::Array(items) => items.iter().any(Value::is_object),
        _ => false,
    };
    if has_none { None } else { object.get(&format!("_{key}")) }
}
