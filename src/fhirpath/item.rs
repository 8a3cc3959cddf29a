//! What a collection holds: a node of the resource, or a value that the expression made.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#collections>; how FHIR primitives become system values:
//! R4 <https://hl7.org/fhir/R4/fhirpath.html#types>.

use super::error::FhirpathError;
use super::model::{Kind, Model, Type};
use super::quantity::Quantity;
use super::temporal::{Temporal, TemporalKind};
use rust_decimal::Decimal;
use serde_json::{Map, Number, Value};
use std::borrow::Cow;

/// One member of a collection.
#[derive(Debug, Clone)]
pub enum Item<'a> {
    Node(Node<'a>),
    Boolean(bool),
    /// 32 bits by the specification; wider only inside of this engine.
    Integer(i64),
    Long(i64),
    Decimal(Decimal),
    String(Cow<'a, str>),
    /// A Date, DateTime or Time.
    Temporal(Temporal),
    Quantity(Quantity<'a>),
    /// What `type()` returns.
    TypeInfo {
        namespace: &'static str,
        name: Cow<'a, str>,
    },
}

/// An element of the resource, borrowed from it.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    /// The JSON value; none for a primitive that has only extensions, and for a resource known by reference alone.
    pub value: Option<&'a Value>,
    /// What `_name` holds beside a primitive: its id and extensions.
    pub sibling: Option<&'a Value>,
    /// None where the model does not know, or where there is no model.
    pub ty: Option<Type<'a>>,
}

impl<'a> Node<'a> {
    /// Returns the node of a whole resource, its type taken from `resourceType`.
    pub fn resource(model: Option<&'a dyn Model>, value: &'a Value) -> Node<'a> {
        let name = value.get("resourceType").and_then(Value::as_str);
        let ty = model.zip(name).and_then(|(model, name)| model.named(name));
        Node { value: Some(value), sibling: None, ty }
    }

    /// Returns the node of a value whose type is known.
    pub fn typed(model: &'a dyn Model, value: &'a Value, ty: &str) -> Node<'a> {
        Node { value: Some(value), sibling: None, ty: model.named(ty) }
    }

    /// Returns the FHIR type: `Patient`, `HumanName`, `code`, `Patient.contact`.
    pub fn type_name(&self) -> Option<&'a str> {
        self.ty.map(|ty| ty.name)
    }

    pub fn object(&self) -> Option<&'a Map<String, Value>> {
        self.value.and_then(Value::as_object)
    }

    /// Returns the text of a JSON string.
    pub fn text(&self) -> Option<&'a str> {
        self.value.and_then(Value::as_str)
    }

    /// Returns whether both are the same place of the same resource.
    pub(super) fn is_same(&self, other: &Node<'a>) -> bool {
        match (self.value, other.value) {
            (Some(a), Some(b)) => std::ptr::eq(a, b),
            (None, None) => match (self.sibling, other.sibling) {
                (Some(a), Some(b)) => std::ptr::eq(a, b),
                _ => false,
            },
            _ => false,
        }
    }

    /// Returns the system value that a primitive or a Quantity holds; none for other nodes and where no value is.
    pub fn system(&self) -> Option<Item<'a>> {
        let value = self.value?;
        match (value, self.ty.map(|ty| ty.kind)) {
            (Value::Bool(b), _) => Some(Item::Boolean(*b)),
            (Value::Number(n), kind) => number(n, kind),
            (Value::String(s), kind) => Some(text(s, kind)),
            (Value::Object(o), Some(Kind::Quantity)) => Quantity::from_fhir(o).map(Item::Quantity),
            _ => None,
        }
    }
}

/// Text that is not what its type says stays text, so that an invalid resource can be looked at too.
fn text(s: &str, kind: Option<Kind>) -> Item<'_> {
    let temporal = match kind {
        Some(Kind::Date) => Temporal::date_or_date_time(s),
        Some(Kind::DateTime) => Temporal::date_or_date_time(s).map(|t| Temporal { kind: TemporalKind::DateTime, ..t }),
        Some(Kind::Time) => Temporal::time(s),
        _ => None,
    };
    temporal.map_or(Item::String(Cow::Borrowed(s)), Item::Temporal)
}

fn number<'a>(n: &'a Number, kind: Option<Kind>) -> Option<Item<'a>> {
    let text = n.as_str();
    if kind != Some(Kind::Decimal)
        && let Ok(i) = text.parse::<i64>()
    {
        return Some(Item::Integer(i));
    }
    decimal(text).map(Item::Decimal)
}

/// Returns the decimal of a JSON number with its digits kept; none beyond 28 digits.
pub(super) fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

impl<'a> Item<'a> {
    /// Returns the node, when the item is one.
    pub fn node(&self) -> Option<&Node<'a>> {
        match self {
            Item::Node(node) => Some(node),
            _ => None,
        }
    }

    /// Returns the system value: itself, or what the primitive or Quantity node holds.
    pub fn system(&self) -> Option<Item<'a>> {
        match self {
            Item::Node(node) => node.system(),
            value => Some(value.clone()),
        }
    }

    /// Returns whether this is a primitive without a value, which operators take for nothing.
    pub(super) fn is_void(&self) -> bool {
        match self {
            Item::Node(Node { value: None, sibling, .. }) => sibling.is_some(),
            Item::Node(Node { value: Some(value), .. }) => value.is_null(),
            _ => false,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Item::Boolean(b) => Some(*b),
            Item::Node(node) => node.value.and_then(Value::as_bool),
            _ => None,
        }
    }

    pub fn as_integer(&self) -> Option<i64> {
        match self.system()? {
            Item::Integer(i) | Item::Long(i) => Some(i),
            _ => None,
        }
    }

    /// Returns the number as a decimal, integers included.
    pub fn as_decimal(&self) -> Option<Decimal> {
        match self.system()? {
            Item::Integer(i) | Item::Long(i) => Some(i.into()),
            Item::Decimal(d) => Some(d),
            _ => None,
        }
    }

    /// Returns the text of a string, or of a FHIR primitive that is a JSON string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Item::String(s) => Some(s),
            Item::Node(node) => node.text(),
            _ => None,
        }
    }

    /// Returns the text with the lifetime of the resource where it can be borrowed.
    pub(super) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Item::String(s) => Some(s),
            Item::Node(node) => node.text().map(Cow::Borrowed),
            _ => None,
        }
    }

    /// Returns the item for as long as it is borrowed, without copying its text.
    pub(super) fn borrow(&'a self) -> Item<'a> {
        match self {
            Item::String(s) => Item::String(Cow::Borrowed(s)),
            Item::Quantity(q) => Item::Quantity(q.borrow()),
            other => other.clone(),
        }
    }

    /// Returns the type as people write it: `System.String`, `FHIR.HumanName`.
    pub fn type_label(&self) -> String {
        match self {
            Item::Node(node) => format!("FHIR.{}", node.type_name().unwrap_or("Element")),
            other => format!("System.{}", other.system_type().unwrap_or("Any")),
        }
    }

    /// Returns the name of the system type, none for a node.
    pub(super) fn system_type(&self) -> Option<&'static str> {
        Some(match self {
            Item::Node(_) => return None,
            Item::Boolean(_) => "Boolean",
            Item::Integer(_) => "Integer",
            Item::Long(_) => "Long",
            Item::Decimal(_) => "Decimal",
            Item::String(_) => "String",
            Item::Temporal(t) => t.type_name(),
            Item::Quantity(_) => "Quantity",
            Item::TypeInfo { .. } => "TypeInfo",
        })
    }
}

impl<'a> From<Node<'a>> for Item<'a> {
    fn from(node: Node<'a>) -> Item<'a> {
        Item::Node(node)
    }
}

/// Returns the truth of a result where one Boolean is wanted: none for empty, true for one item of another type.
///
/// <http://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections>; several items are an error.
pub(super) fn truth(items: &[Item<'_>]) -> Result<Option<bool>, FhirpathError> {
    match items {
        [] => Ok(None),
        [one] if one.is_void() => Ok(None),
        [one] => Ok(Some(one.as_bool().unwrap_or(true))),
        many => Err(FhirpathError::evaluation(format!("{} items where one Boolean is expected", many.len()))),
    }
}
