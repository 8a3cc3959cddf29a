//! Search parameters of this database: stored SearchParameter resources beside those that the binary carries.
//!
//! R4 <https://hl7.org/fhir/R4/searchparameter.html>.

use super::parameter::{self, Origin};
use super::source::{ComponentRow, ParameterRow};
use super::{Catalog, CatalogError, type_names};
use serde_json::Value;
use std::borrow::Cow;

/// A stored SearchParameter that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Own {
    pub origin: Origin,
    /// The resource, or as much of it as [`definition`] leaves.
    pub definition: Value,
}

/// The elements that make a parameter what it is; the others are for people.
const ELEMENTS: [&str; 11] = [
    "url",
    "code",
    "base",
    "type",
    "expression",
    "target",
    "multipleOr",
    "multipleAnd",
    "comparator",
    "modifier",
    "component",
];

/// The elements that decide which index rows a resource has.
const INDEXED: [&str; 4] = ["base", "type", "expression", "component"];

/// Returns the elements of a SearchParameter that make it what it is.
pub fn definition(resource: &Value) -> Value {
    let kept = ELEMENTS.iter().filter_map(|name| Some(((*name).to_string(), resource.get(name)?.clone())));
    Value::Object(kept.collect())
}

/// Returns whether two definitions make the same index rows.
pub fn same_rows(a: &Value, b: &Value) -> bool {
    INDEXED.iter().all(|name| a.get(name) == b.get(name))
}

impl Catalog {
    /// Returns this catalog with further parameters; each takes the place of what came from the same resource.
    pub fn with_own(&self, own: &[Own]) -> Result<Catalog, CatalogError> {
        let names = type_names(&self.types, &self.resources);
        let mut params = self.params.clone();
        let replaced = |origin: &Origin| own.iter().any(|own| own.origin.id == origin.id);
        for params in &mut params {
            params.retain(|param| !param.origin.as_ref().is_some_and(replaced));
        }
        for Own { origin, definition } in own {
            parameter::add(&row(definition), Some(origin), &names, &mut params)?;
        }
        for params in &mut params {
            params.sort_by(|a, b| a.code.cmp(&b.code));
        }
        Ok(Catalog { params, ..self.clone() })
    }
}

/// Returns the definition as a row; what it does not say is empty, which no type has.
fn row(definition: &Value) -> ParameterRow<'_> {
    let component =
        |value| ComponentRow { definition: text(value, "definition"), expression: text(value, "expression").into() };
    let components = definition.get("component").and_then(Value::as_array);
    ParameterRow {
        code: text(definition, "code"),
        url: text(definition, "url"),
        base: texts(definition, "base"),
        kind: text(definition, "type"),
        expression: definition.get("expression").and_then(Value::as_str).map(Cow::Borrowed),
        target: texts(definition, "target"),
        multiple_or: definition.get("multipleOr").and_then(Value::as_bool),
        multiple_and: definition.get("multipleAnd").and_then(Value::as_bool),
        comparator: texts(definition, "comparator"),
        modifier: texts(definition, "modifier"),
        component: components.map_or_else(Vec::new, |all| all.iter().map(component).collect()),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn texts<'a>(value: &'a Value, name: &str) -> Vec<&'a str> {
    let items = value.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::ResourceType;
    use serde_json::json;

    fn own(id: &str, code: &str, base: &[&str]) -> Own {
        let definition = json!({"url": format!("urn:{id}"), "code": code, "base": base, "type": "token", "expression": "Patient.name.use | Person.name.use"});
        Own { origin: Origin { id: id.into(), since: 3 }, definition }
    }

    #[test]
    fn an_own_parameter_stands_beside_the_others_and_replaces_itself() {
        let plain = Catalog::load().unwrap();
        let person = ResourceType::parse("Person").unwrap();
        let with = plain.with_own(&[own("a", "name-use", &["Patient", "Person"])]).unwrap();
        let found = with.param(ResourceType::PATIENT, "name-use").unwrap();
        assert_eq!((&*found.expression_text, found.origin.as_ref().unwrap().since), ("Patient.name.use", 3));
        assert!(with.param(person, "name-use").is_some());
        assert!(with.param(ResourceType::PATIENT, "birthdate").is_some());
        let replaced = with.with_own(&[own("a", "usage", &["Patient"])]).unwrap();
        assert!(replaced.param(ResourceType::PATIENT, "name-use").is_none());
        assert!(replaced.param(ResourceType::PATIENT, "usage").is_some());
        assert!(replaced.param(person, "name-use").is_none());
    }
}
