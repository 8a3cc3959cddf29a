//! `is`, `as` and `ofType`.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#types>. A name without a namespace is a FHIR type where the model has
//! one, else a system type: `Patient`, `string` are FHIR's, `String`, `Date` the system's.

use super::ast::TypeName;
use super::error::FhirpathError;
use super::item::{Item, Node};
use super::model::{Kind, Model, Type};
use serde_json::Value;

/// A type specifier looked up in the model.
pub(super) enum Wanted<'a> {
    Fhir(Type<'a>),
    System(&'a str),
    /// `Quantity` is a type of both.
    Quantity(Type<'a>),
    /// A name without a model to ask.
    Name(&'a str),
}

const SYSTEM: [&str; 11] =
    ["Any", "Boolean", "Date", "DateTime", "Decimal", "Integer", "Long", "Quantity", "String", "Time", "TypeInfo"];

/// Returns the type of a specifier; an unknown one is an error.
pub(super) fn wanted<'a>(model: Option<&'a dyn Model>, name: &'a TypeName) -> Result<Wanted<'a>, FhirpathError> {
    let is_system = SYSTEM.contains(&&*name.name);
    match (name.namespace.as_deref(), model) {
        (Some("System"), _) => return Ok(Wanted::System(&name.name)),
        (None, None) if is_system => return Ok(Wanted::System(&name.name)),
        (_, None) => return Ok(Wanted::Name(&name.name)),
        (namespace, Some(model)) => match model.named(&name.name) {
            Some(ty) if namespace.is_none() && ty.name == "Quantity" => return Ok(Wanted::Quantity(ty)),
            Some(ty) => return Ok(Wanted::Fhir(ty)),
            None if namespace.is_none() && is_system => return Ok(Wanted::System(&name.name)),
            None => {}
        },
    }
    Err(FhirpathError::evaluation(format!("'{}' is not a type", name.name)))
}

/// Returns whether an item is of the type or of one that derives from it.
pub(super) fn is(model: Option<&dyn Model>, item: &Item<'_>, wanted: &Wanted<'_>) -> bool {
    match (item, wanted) {
        (Item::Node(node), Wanted::Fhir(ty) | Wanted::Quantity(ty)) => match (node.ty, model) {
            (Some(own), _) if own == *ty => true,
            (Some(own), Some(model)) => model.is_subtype(own.id, ty.id),
            _ => false,
        },
        (Item::Node(node), Wanted::System(name)) => node.ty.is_none() && json_type(node) == *name,
        (Item::Node(node), Wanted::Name(name)) => {
            node.object().and_then(|o| o.get("resourceType")).and_then(Value::as_str) == Some(name)
        }
        (_, Wanted::System("Any")) => true,
        (value, Wanted::System(name)) => value.system_type() == Some(name),
        (value, Wanted::Quantity(_)) => matches!(value, Item::Quantity(_)),
        (_, Wanted::Fhir(_) | Wanted::Name(_)) => false,
    }
}

/// Returns whether two nodes are of one type.
pub(super) fn are_alike(a: &Item<'_>, b: &Item<'_>) -> bool {
    match (a, b) {
        (Item::Node(a), Item::Node(b)) => a.ty == b.ty,
        _ => true,
    }
}

/// Returns the system type of plain JSON.
fn json_type(node: &Node<'_>) -> &'static str {
    node.system().and_then(|item| item.system_type()).unwrap_or("Any")
}

/// Returns the namespace and name that `type()` gives for an item.
pub(super) fn type_info<'a>(item: &Item<'a>) -> Item<'a> {
    let (namespace, name) = match item {
        Item::Node(node) => match node.ty {
            Some(ty) if ty.name.contains('.') && ty.kind == Kind::Complex => ("FHIR", "BackboneElement"),
            Some(ty) => ("FHIR", ty.name),
            None => ("System", json_type(node)),
        },
        other => ("System", other.system_type().unwrap_or("Any")),
    };
    Item::TypeInfo { namespace, name: name.into() }
}
