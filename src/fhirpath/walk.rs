//! From a node to its children along names.
//!
//! One pass over an object finds the name, its `_name` sibling and, for a choice, the key with the type in it:
//! objects are short, so comparing keys in order costs less than hashing the name.

mod children;

use super::ast::Step;
use super::error::FhirpathError;
use super::evaluator::Evaluator;
use super::item::{Item, Node};
use super::model::{Kind, Type};
use serde_json::Value;

impl<'a> Evaluator<'a> {
    /// Pushes what the steps lead to, where the first step may name the type of the item itself.
    pub(super) fn walk_from_root(
        &mut self,
        item: &Item<'a>,
        steps: &'a [Step],
        out: &mut Vec<Item<'a>>,
    ) -> Result<(), FhirpathError> {
        let Item::Node(node) = item else {
            return self.walk_item(item, steps, out);
        };
        let Some((first, rest)) = steps.split_first().filter(|(first, _)| first.capital) else {
            return self.walk(node, steps, out);
        };
        if self.is_of_type(node, &first.name) {
            return self.walk(node, rest, out);
        }
        if self.strict && node.ty.is_some_and(|ty| matches!(ty.kind, Kind::Resource | Kind::AnyResource)) {
            let message = format!("the path begins with {}, but the input is {}", first.name, item.type_label());
            return Err(FhirpathError::evaluation(message));
        }
        self.walk(node, steps, out)
    }

    fn is_of_type(&self, node: &Node<'a>, name: &str) -> bool {
        match (node.ty, self.ctx.model) {
            (Some(ty), _) if ty.name == name => true,
            (Some(ty), Some(model)) => model.named(name).is_some_and(|named| model.is_subtype(ty.id, named.id)),
            _ => node.object().and_then(|o| o.get("resourceType")).and_then(Value::as_str) == Some(name),
        }
    }

    /// A system value has no children, except those of a quantity and of what `type()` returns.
    pub(super) fn walk_item(
        &mut self,
        item: &Item<'a>,
        steps: &'a [Step],
        out: &mut Vec<Item<'a>>,
    ) -> Result<(), FhirpathError> {
        match (item, steps) {
            (Item::Node(node), _) => return self.walk(node, steps, out),
            (Item::TypeInfo { namespace, .. }, [step]) if &*step.name == "namespace" => {
                out.push(Item::String((*namespace).into()));
            }
            (Item::TypeInfo { name, .. }, [step]) if &*step.name == "name" => out.push(Item::String(name.clone())),
            (Item::Quantity(q), [step]) if &*step.name == "value" => out.push(Item::Decimal(q.value)),
            (Item::Quantity(q), [step]) if &*step.name == "unit" => out.push(Item::String(q.unit.to_string().into())),
            _ => {}
        }
        Ok(())
    }

    /// Pushes what the steps lead to from a node.
    pub(super) fn walk(
        &mut self,
        node: &Node<'a>,
        steps: &'a [Step],
        out: &mut Vec<Item<'a>>,
    ) -> Result<(), FhirpathError> {
        self.spend(1)?;
        let Some((step, rest)) = steps.split_first() else {
            out.push(Item::Node(*node));
            return Ok(());
        };
        let Some(child) = self.child(node, &step.name)? else {
            return Ok(());
        };
        let items = child.value.and_then(Value::as_array);
        let siblings = child.sibling.and_then(Value::as_array);
        if items.is_none() && siblings.is_none() {
            return self.arrive(child, rest, out);
        }
        self.each(items, siblings, child.ty, |this, entry| this.arrive(entry, rest, out))
    }

    /// Takes a list apart, which a primitive may have twice: its values, and what stands beside them.
    ///
    /// FHIR fills gaps with null; plain JSON has null for a value.
    fn each(
        &mut self,
        items: Option<&'a Vec<Value>>,
        siblings: Option<&'a Vec<Value>>,
        ty: Option<Type<'a>>,
        mut visit: impl FnMut(&mut Self, Node<'a>) -> Result<(), FhirpathError>,
    ) -> Result<(), FhirpathError> {
        let count = items.map_or(0, Vec::len).max(siblings.map_or(0, Vec::len));
        for i in 0..count {
            let value = items.and_then(|a| a.get(i)).filter(|v| ty.is_none() || !v.is_null());
            let sibling = siblings.and_then(|a| a.get(i)).filter(|v| !v.is_null());
            visit(self, Node { value, sibling, ty })?;
        }
        Ok(())
    }

    fn arrive(&mut self, child: Node<'a>, rest: &'a [Step], out: &mut Vec<Item<'a>>) -> Result<(), FhirpathError> {
        if child.value.is_none() && child.sibling.is_none() {
            return Ok(());
        }
        let child = self.refine(child);
        if rest.is_empty() {
            self.spend(1)?;
            out.push(Item::Node(child));
            return Ok(());
        }
        self.walk(&child, rest, out)
    }

    /// Gives a resource inside of another the type that it says it has.
    fn refine(&self, node: Node<'a>) -> Node<'a> {
        if node.ty.is_none_or(|ty| ty.kind != Kind::AnyResource) {
            return node;
        }
        let named = node.object().and_then(|o| o.get("resourceType")).and_then(Value::as_str);
        let ty = self.ctx.model.zip(named).and_then(|(model, name)| model.named(name)).or(node.ty);
        Node { ty, ..node }
    }

    /// Returns the property as it stands in JSON, arrays not yet taken apart.
    fn child(&self, node: &Node<'a>, name: &str) -> Result<Option<Node<'a>>, FhirpathError> {
        let primitive =
            node.ty.is_some_and(|ty| ty.kind.is_primitive()) || !matches!(node.value, Some(Value::Object(_)));
        if primitive {
            return self.child_of_primitive(node, name);
        }
        let Some(object) = node.object() else { return Ok(None) };
        let (Some(ty), Some(model)) = (node.ty, self.ctx.model) else {
            let (value, sibling) = (object.get(name), object.get(&format!("_{name}")));
            return Ok((value.is_some() || sibling.is_some()).then_some(Node { value, sibling, ty: None }));
        };
        if name == "resourceType" && ty.kind == Kind::Resource {
            // Not an element of R4, but expressions of old ask for it.
            return Ok(object.get(name).map(|v| Node { value: Some(v), sibling: None, ty: model.named("code") }));
        }
        let mut found = Found::default();
        let first = name.as_bytes().first();
        for (key, value) in object {
            let is_sibling = key.as_bytes().first() == Some(&b'_');
            let key = if is_sibling { &key[1..] } else { key.as_str() };
            // Most keys differ in the first byte, which costs less to see than a call to compare.
            if key.as_bytes().first() != first {
                continue;
            }
            let Some(suffix) = key.strip_prefix(name) else { continue };
            let is_choice = suffix.starts_with(|c: char| c.is_ascii_uppercase());
            if !(suffix.is_empty() || is_choice) || found.key.is_some_and(|k| k != key) {
                continue;
            }
            if found.key.is_none() {
                let Some(property) = model.property(ty.id, key).filter(|p| p.name == name) else {
                    continue;
                };
                found = Found { key: Some(key), ty: Some(property.ty), ..found };
            }
            if is_sibling {
                found.sibling = Some(value);
            } else {
                found.value = Some(value);
            }
        }
        if found.key.is_none() && self.strict && !model.has_element(ty.id, name) {
            return Err(FhirpathError::evaluation(format!("{} has no element '{name}'", ty.name)));
        }
        Ok(found.key.map(|_| Node { value: found.value, sibling: found.sibling, ty: found.ty }))
    }

    /// A primitive has an id and extensions, which JSON puts beside it.
    fn child_of_primitive(&self, node: &Node<'a>, name: &str) -> Result<Option<Node<'a>>, FhirpathError> {
        if !matches!(name, "id" | "extension") {
            if self.strict && node.ty.is_some() && node.value.is_some() {
                return Err(FhirpathError::evaluation(format!("{} has no element '{name}'", type_of(node))));
            }
            return Ok(None);
        }
        let Some(value) = node.sibling.and_then(|s| s.get(name)) else {
            return Ok(None);
        };
        let ty = self.element_property(name);
        Ok(Some(Node { value: Some(value), sibling: None, ty }))
    }

    fn element_property(&self, name: &str) -> Option<Type<'a>> {
        let model = self.ctx.model?;
        let element = model.named("Element")?;
        model.property(element.id, name).map(|p| p.ty)
    }
}

/// What one pass over an object's keys has found.
#[derive(Default)]
struct Found<'a> {
    key: Option<&'a str>,
    ty: Option<Type<'a>>,
    value: Option<&'a Value>,
    sibling: Option<&'a Value>,
}

fn type_of<'a>(node: &Node<'a>) -> &'a str {
    node.type_name().unwrap_or("this value")
}
